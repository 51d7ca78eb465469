//! Requests that got no answer: why, and what an operator can do about it.

use std::time::Duration;

use reqwest::Method;

use super::client::{Client, LARGEST};
use crate::bmc::error::{Error, Kind, quoted};
use crate::bmc::limits::spoken;
use crate::bmc::tls::{LegacyFailure, TlsFailure, Unanswered, root_cause, tls_failure, told};

/// Advice where what answers is no Redfish service, or not in its senses.
pub(super) const NOT_REDFISH: &str =
    "check that address and port lead to a Redfish service; if they do, restart the BMC";

/// Why there is no answer.
pub(super) enum Failure {
    Unconnected(Unconnected),
    /// No complete answer within this time.
    Silent(Duration),
    Broken(String),
    TooLong,
}

pub(super) enum Unconnected {
    Late,
    Tcp(String),
    Tls(TlsFailure),
}

impl From<reqwest::Error> for Failure {
    fn from(error: reqwest::Error) -> Self {
        let error = error.without_url();
        if let Some(failure) = tls_failure(&error).filter(|_| error.is_connect()) {
            return Self::Unconnected(Unconnected::Tls(failure));
        }
        match (error.is_connect(), error.is_timeout()) {
            (true, true) => Self::Unconnected(Unconnected::Late),
            (true, false) => Self::Unconnected(Unconnected::Tcp(root_cause(&error))),
            _ => Self::Broken(told(&error)),
        }
    }
}

impl From<Unanswered> for Failure {
    fn from(cause: Unanswered) -> Self {
        match cause {
            Unanswered::Http(error) => error.into(),
            Unanswered::Legacy(LegacyFailure::Late) => Self::Unconnected(Unconnected::Late),
            Unanswered::Legacy(LegacyFailure::Tcp(cause)) => Self::Unconnected(Unconnected::Tcp(cause)),
            Unanswered::Legacy(LegacyFailure::Tls(failure)) => Self::Unconnected(Unconnected::Tls(failure)),
            Unanswered::Legacy(LegacyFailure::Broken(cause)) => Self::Broken(cause),
        }
    }
}

impl Client {
    /// The error that a failed request is. A request that may have had an effect is marked as lost.
    pub(super) fn failed(&self, method: &Method, path: &str, failure: &Failure) -> Error {
        let request = format!("{method} {path}");
        let error = match failure {
            Failure::Silent(limit) if *limit < self.limits().request => {
                return self.out_of_time(&format!("the answer to {request}"));
            }
            Failure::Silent(limit) => self
                .error(Kind::Timeout, format!("did not answer {request} within {}", spoken(*limit)))
                .advise("it accepts connections but its web service hangs: restart the BMC if that lasts"),
            Failure::Unconnected(cause) => return self.unconnected(cause),
            Failure::Broken(cause) => self
                .error(Kind::Refused, format!("broke off its answer to {request}: {}", quoted(cause)))
                .advise("restart the BMC if that lasts"),
            Failure::TooLong => self
                .error(Kind::Refused, format!("sent more than {} MiB in answer to {request}", LARGEST >> 20))
                .advise(NOT_REDFISH),
        };
        if method == Method::GET { error } else { error.lost() }
    }

    fn unconnected(&self, cause: &Unconnected) -> Error {
        let refused = |answer: String| self.error(Kind::Refused, answer);
        let error = match cause {
            Unconnected::Late => {
                let answer = format!("did not accept a TLS connection within {}", spoken(self.limits().connect));
                self.error(Kind::Timeout, answer).advise("check the address and port, and the way to the BMC's network")
            }
            Unconnected::Tcp(cause) => refused(format!("could not be connected to: {}", quoted(cause)))
                .advise("check the address (a name must resolve here) and port, and that the BMC is on"),
            Unconnected::Tls(TlsFailure::Changed { pinned, seen }) => refused(format!(
                "shows a certificate with SHA-256 {seen}; pinned is {pinned}"
            ))
            .advise("if the BMC's certificate was renewed, pin the new fingerprint; if not, somebody stands between"),
            Unconnected::Tls(TlsFailure::NothingInCommon(cause)) if self.allows_old_tls() => self
                .error(Kind::Unsupported, format!("offers no TLS that is spoken here, old TLS included ({cause})"))
                .advise("update the BMC's firmware, or use another ipmi/mode for this machine"),
            Unconnected::Tls(TlsFailure::NothingInCommon(cause)) => self
                .error(
                    Kind::Unsupported,
                    format!("offers only TLS versions or cipher suites that are refused here ({cause})"),
                )
                .advise(
                    "update the BMC's firmware; where there is none, set virtual-media/tls-legacy to true for this machine, \
                     or use another ipmi/mode",
                ),
            Unconnected::Tls(TlsFailure::Certificate(cause)) => {
                refused(format!("shows a certificate that the TLS policy does not accept: {}", quoted(cause)))
                    .advise("give the CA that signed it, pin its fingerprint, or accept any certificate")
            }
            Unconnected::Tls(TlsFailure::Other(cause)) => {
                refused(format!("failed in the TLS handshake: {}", quoted(cause)))
                    .advise("check that the port is the BMC's HTTPS port")
            }
        };
        // One that has answered before may come back: its web service restarts while its machine or its media change.
        let may_come_back = self.fingerprint().is_some() && !matches!(cause, Unconnected::Tls(_));
        if may_come_back { error } else { error.finally() }
    }
}
