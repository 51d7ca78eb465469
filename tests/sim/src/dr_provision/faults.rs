//! Requests that are held back, or answered with an error.

use super::error::Error;

/// What is done with requests whose `METHOD path?query` contains a text.
#[derive(Default)]
pub(super) struct Faults {
    held: Vec<String>,
    refused: Vec<Refusal>,
}

struct Refusal {
    pattern: String,
    times: usize,
    error: Error,
}

impl Faults {
    pub(super) fn hold(&mut self, pattern: &str) {
        self.held.push(pattern.to_owned());
    }

    pub(super) fn refuse(&mut self, pattern: &str, times: usize, error: Error) {
        self.refused.push(Refusal { pattern: pattern.to_owned(), times, error });
    }

    pub(super) fn clear(&mut self) {
        *self = Faults::default();
    }

    /// Whether a request waits.
    pub(super) fn holds(&self, request: &str) -> bool {
        self.held.iter().any(|pattern| request.contains(pattern))
    }

    /// The error that is this request's, which uses it up.
    pub(super) fn refusal(&mut self, request: &str) -> Option<Error> {
        let mut left = self.refused.iter_mut().filter(|refusal| refusal.times > 0);
        let refusal = left.find(|refusal| request.contains(&refusal.pattern))?;
        refusal.times -= 1;
        Some(refusal.error.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::Faults;
    use crate::dr_provision::error::Error;

    #[test]
    fn a_refusal_is_used_up_and_a_hold_stays() {
        let mut faults = Faults::default();
        faults.hold("PATCH machines");
        faults.refuse("GET info", 2, Error::new(503, "GET", "", "info", "busy"));
        let codes: Vec<_> = (0..3).map(|_| faults.refusal("GET info?x").map(|error| error.code)).collect();
        assert_eq!(codes, [Some(503), Some(503), None]);
        assert!(faults.holds("PATCH machines/u") && !faults.holds("GET machines/u"));
        faults.clear();
        assert!(!faults.holds("PATCH machines/u"));
    }
}
