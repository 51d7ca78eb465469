//! What went wrong with a BMC, said so that an operator can act on it.
//!
//! One sentence: what was being done, which BMC, what came back, what to do next. Whatever a BMC sent is cut
//! to length and stripped of control characters before it gets here, and no secret ever does.

use std::fmt::{self, Display, Formatter};

use secrecy::{ExposeSecret, SecretString};

use super::limits::{Deadline, spoken};
pub(crate) use crate::words::quoted;

/// A BMC or a program may repeat what it was given. A password shorter than this could not be told from ordinary text.
pub(crate) fn without_secret(text: &str, secret: &SecretString) -> String {
    let secret = secret.expose_secret();
    if secret.len() < 4 { text.to_owned() } else { text.replace(secret, "***") }
}

/// What kind of trouble it is; the kinds are the plugin's error codes (design, section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Something the caller gave is missing or wrong.
    Parameter,
    /// This BMC cannot do it.
    Unsupported,
    /// The state of the BMC or of its machine forbids it.
    Conflict,
    /// The BMC answered with an error, rejected the credentials, or could not be connected to.
    Refused,
    /// The BMC, or our own turn on it, is taken.
    Busy,
    /// The BMC did not answer, or did not get there, in time.
    Timeout,
}

impl Kind {
    /// The plugin's error code.
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::Parameter => 400,
            Self::Unsupported => 404,
            Self::Conflict => 409,
            Self::Refused => 502,
            Self::Busy => 503,
            Self::Timeout => 504,
        }
    }
}

/// What a caller inside the engine may still try after an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outlook {
    /// Another way to the same effect may work.
    Open,
    /// The request may have reached the BMC: its effect has to be looked at.
    Lost,
    /// No other way can work; credentials refused, time used up, certificate changed, nobody there.
    Final,
}

/// An operation on a BMC that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    kind: Kind,
    outlook: Outlook,
    doing: String,
    bmc: String,
    answer: String,
    advice: Option<String>,
}

impl Error {
    /// `doing` starts with a gerund, `answer` with a verb whose subject is the BMC.
    pub(crate) fn new(kind: Kind, doing: impl Into<String>, bmc: impl Into<String>, answer: impl Into<String>) -> Self {
        let (doing, bmc, answer) = (doing.into(), bmc.into(), answer.into());
        Self { kind, outlook: Outlook::Open, doing, bmc, answer, advice: None }
    }

    /// The operation's time is used up; `awaited` is what it waited for last.
    pub(crate) fn out_of_time(
        doing: impl Into<String>,
        bmc: impl Into<String>,
        deadline: Deadline,
        awaited: &str,
    ) -> Self {
        let total = spoken(deadline.total());
        let answer = format!("used up the {total} that the whole operation may take, last waiting for {awaited}");
        Self::new(Kind::Timeout, doing, bmc, answer)
            .advise("allow it more time (virtual-media/action-timeout) if it is only slow; restart the BMC if it hangs")
            .finally()
    }

    pub(crate) fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    pub(crate) fn finally(mut self) -> Self {
        self.outlook = Outlook::Final;
        self
    }

    pub(crate) fn lost(mut self) -> Self {
        self.outlook = Outlook::Lost;
        self
    }

    pub(crate) fn is_final(&self) -> bool {
        self.outlook == Outlook::Final
    }

    pub(crate) fn is_lost(&self) -> bool {
        self.outlook == Outlook::Lost
    }

    /// What kind of trouble it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The plugin's error code: 400, 404, 409, 502, 503 or 504.
    #[must_use]
    pub fn code(&self) -> u16 {
        self.kind.code()
    }

    /// What the operator can do next, where that is known.
    #[must_use]
    pub fn advice(&self) -> Option<&str> {
        self.advice.as_deref()
    }

    /// One error out of several ways tried to the same effect, each under its name, in the order tried.
    ///
    /// The first that was more than "cannot do that" decides kind and advice.
    pub(crate) fn of_ways(doing: &str, bmc: &str, mut ways: Vec<(String, Error)>) -> Self {
        if ways.len() == 1 {
            let (_, only) = ways.remove(0);
            return only;
        }
        let telling = ways.iter().map(|(_, error)| error).find(|error| error.kind != Kind::Unsupported);
        let telling = telling.or_else(|| ways.first().map(|(_, error)| error));
        let kind = telling.map_or(Kind::Unsupported, |error| error.kind);
        let advice = telling.and_then(|error| error.advice.clone());
        let outlook = if ways.iter().any(|(_, error)| error.is_final()) { Outlook::Final } else { Outlook::Open };
        let answer = if ways.is_empty() {
            "offers no way to do it".to_owned()
        } else {
            let told: Vec<String> =
                ways.iter().enumerate().map(|(n, (way, e))| format!("({}) {way}: {}", n + 1, e.answer)).collect();
            format!("refused each of {} ways: {}", told.len(), told.join(" "))
        };
        Self { kind, outlook, doing: doing.to_owned(), bmc: bmc.to_owned(), answer, advice }
    }
}

impl Display for Error {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}: BMC {} ", self.doing, self.bmc)?;
        match &self.advice {
            // A BMC's own words end as sentences do.
            Some(advice) => write!(f, "{}; {advice}", self.answer.trim_end_matches('.')),
            None => f.write_str(&self.answer),
        }
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::{Error, Kind};

    #[test]
    fn a_full_stop_of_the_bmcs_does_not_end_our_sentence() {
        let error = Error::new(Kind::Refused, "reading", "10.0.0.1", "says: Not now.");
        assert_eq!(error.clone().advise("wait").to_string(), "reading: BMC 10.0.0.1 says: Not now; wait");
        assert_eq!(error.to_string(), "reading: BMC 10.0.0.1 says: Not now.");
    }

    #[test]
    fn several_ways_are_told_in_order_and_the_telling_one_decides() {
        let ways = vec![
            ("settings".to_owned(), Error::new(Kind::Unsupported, "a", "b", "has none")),
            ("system".to_owned(), Error::new(Kind::Conflict, "a", "b", "answered 409").advise("wait")),
        ];
        let error = Error::of_ways("setting boot once", "10.0.0.1", ways);
        assert_eq!(error.code(), 409);
        assert_eq!(
            error.to_string(),
            "setting boot once: BMC 10.0.0.1 refused each of 2 ways: (1) settings: has none (2) system: answered 409; wait"
        );
    }
}
