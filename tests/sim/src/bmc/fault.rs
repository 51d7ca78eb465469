//! Faults on demand: which requests they hit, and what becomes of those.

use std::time::Duration;

/// What happens to a request that a [`Matcher`] takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Answers after a while.
    Delay(Duration),
    /// Never answers; the request has no effect.
    Hang,
    /// Has its effect, and never answers.
    HangAfter,
    /// The connection is reset; the request has no effect.
    Reset,
    /// The request has its effect, and the connection is reset before the answer.
    ResetAfter,
    /// Bytes that are not HTTP.
    Garbage,
    /// The true answer, its JSON cut in half under a head that agrees with the half.
    HalfJson,
    /// The true answer's head, then half of the body, then the end of the connection.
    WrongLength,
    /// The true answer's head, then half of the body, then silence.
    Stall,
    /// This status with this body, sent as JSON.
    Status(u16, String),
    /// This status with a page of HTML.
    Html(u16),
    /// 308 to another URL.
    Redirect(String),
}

impl Fault {
    /// This status with an ordinary Redfish error.
    #[must_use]
    pub fn status(status: u16) -> Fault {
        let body = serde_json::json!({"error": {
            "code": "Base.1.15.GeneralError",
            "message": "A fault was switched on.",
            "@Message.ExtendedInfo": [{"MessageId": "Base.1.15.GeneralError", "Message": "A fault was switched on."}],
        }});
        Fault::Status(status, body.to_string())
    }

    /// Whether the request is worked on, so that it can have an effect.
    pub(super) fn has_effect(&self) -> bool {
        !matches!(
            self,
            Fault::Hang | Fault::Reset | Fault::Garbage | Fault::Status(..) | Fault::Html(_) | Fault::Redirect(_)
        )
    }
}

/// Which requests a fault hits. Every condition must hold; without any, every request is hit.
#[derive(Clone, Debug, Default)]
pub struct Matcher {
    method: Option<&'static str>,
    ends: Option<String>,
    contains: Option<String>,
    skip: usize,
    count: Option<usize>,
}

impl Matcher {
    /// Every request.
    #[must_use]
    pub fn any() -> Matcher {
        Matcher::default()
    }

    /// Requests of this method alone.
    #[must_use]
    pub fn method(mut self, method: &'static str) -> Matcher {
        self.method = Some(method);
        self
    }

    /// Paths that end so; a slash at a path's end does not count.
    #[must_use]
    pub fn path_ends(mut self, end: &str) -> Matcher {
        self.ends = Some(end.trim_end_matches('/').to_owned());
        self
    }

    /// Paths that contain this.
    #[must_use]
    pub fn path_contains(mut self, part: &str) -> Matcher {
        self.contains = Some(part.to_owned());
        self
    }

    /// From the `n`th such request on; the first is 1.
    #[must_use]
    pub fn nth(mut self, n: usize) -> Matcher {
        self.skip = n.saturating_sub(1);
        self
    }

    /// So many requests, and no more.
    #[must_use]
    pub fn times(mut self, count: usize) -> Matcher {
        self.count = Some(count);
        self
    }

    fn fits(&self, method: &str, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        self.method.is_none_or(|wanted| wanted.eq_ignore_ascii_case(method))
            && self.ends.as_deref().is_none_or(|end| path.ends_with(end))
            && self.contains.as_deref().is_none_or(|part| path.contains(part))
    }
}

/// The faults that are switched on, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<(Matcher, Fault)>);

impl Faults {
    pub(super) fn add(&mut self, matcher: Matcher, fault: Fault) {
        self.0.push((matcher, fault));
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// The first fault that hits this request; its counts go on.
    pub(super) fn hit(&mut self, method: &str, path: &str) -> Option<Fault> {
        for (matcher, fault) in &mut self.0 {
            if !matcher.fits(method, path) {
                continue;
            }
            if matcher.skip > 0 {
                matcher.skip -= 1;
                continue;
            }
            match &mut matcher.count {
                Some(0) => continue,
                Some(left) => *left -= 1,
                None => {}
            }
            return Some(fault.clone());
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nth_and_times_take_a_window_of_the_requests() {
        let mut faults = Faults::default();
        faults.add(Matcher::any().method("GET").path_ends("/Systems/").nth(2).times(2), Fault::Hang);
        let hits: Vec<bool> = (0..5).map(|_| faults.hit("GET", "/redfish/v1/Systems").is_some()).collect();
        assert_eq!(hits, [false, true, true, false, false]);
        assert!(faults.hit("POST", "/redfish/v1/Systems").is_none());
    }

    #[test]
    fn the_oldest_fault_that_fits_wins_and_a_spent_one_gives_way() {
        let mut faults = Faults::default();
        faults.add(Matcher::any().times(1), Fault::Hang);
        faults.add(Matcher::any().path_contains("Media"), Fault::Reset);
        assert_eq!(faults.hit("GET", "/VirtualMedia/1"), Some(Fault::Hang));
        assert_eq!(faults.hit("GET", "/VirtualMedia/1"), Some(Fault::Reset));
        assert_eq!(faults.hit("GET", "/Systems"), None);
    }
}
