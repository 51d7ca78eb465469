//! What ipmitool says when something did not work, and what it means.
//!
//! The sentences are those of ipmitool 1.8.18 and 1.8.19; completion codes have their names from the IPMI 2.0 specification,
//! table 5-2, RAKP codes from its table 13-15.

use crate::bmc::error::{Error, Kind, quoted};
use crate::bmc::work::{NO_ANSWER, Work};

/// What was complained about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    Credentials,
    Rights,
    Suite,
    Passing,
    NoAnswer,
    NoSuchHost,
    TooLongPassword,
    State,
    Unsupported,
    Other,
}

/// Words that stand for a meaning, the most telling first: several complaints follow from one.
const MEANINGS: &[(&str, Meaning)] = &[
    ("RAKP 2 HMAC is invalid", Meaning::Credentials),
    ("unauthorized name", Meaning::Credentials),
    ("Invalid user name", Meaning::Credentials),
    ("unauthorized role", Meaning::Rights),
    ("Insufficient privilege level", Meaning::Rights),
    ("no matching cipher suite", Meaning::Suite),
    ("invalid authentication algorithm", Meaning::Suite),
    ("invalid integrity algorithm", Meaning::Suite),
    ("invalid confidentiality algorithm", Meaning::Suite),
    ("Unsupported cipher suite", Meaning::Suite),
    // Passing, as ironic's ipmitool driver has learnt to repeat after them.
    ("insufficient resources for session", Meaning::Passing),
    ("insufficient resources for role", Meaning::Passing),
    ("Node busy", Meaning::Passing),
    ("BMC initialization in progress", Meaning::Passing),
    ("Device firmware in update", Meaning::Passing),
    ("Out of space", Meaning::Passing),
    ("Duplicate request", Meaning::Passing),
    ("password is longer than", Meaning::TooLongPassword),
    ("Address lookup for", Meaning::NoSuchHost),
    ("Get Auth Capabilities error", Meaning::NoAnswer),
    ("Timeout", Meaning::NoAnswer),
    ("timeout", Meaning::NoAnswer),
    ("not supported in present state", Meaning::State),
    ("Invalid command", Meaning::Unsupported),
    ("Parameter not supported", Meaning::Unsupported),
    ("Parameter out of range", Meaning::Unsupported),
    ("Invalid data field", Meaning::Unsupported),
];

/// Beginnings of what `-v` says beside the matter.
const NOISE: &[&str] = &[
    "Loading IANA PEN Registry",
    "Running Get ",
    "Invalid completion code received",
    "Discovered IPMB",
    "Discovered PICMG",
    "Using best available cipher suite",
    "RAW REQ",
    "RAW RSP",
    "Could not open socket",
];

/// The general sentence that ends every failed session.
const NO_SESSION: &str = "Error: Unable to establish IPMI v2 / RMCP+ session";

/// A complaint of ipmitool's.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Complaint {
    meaning: Meaning,
    words: String,
}

impl Complaint {
    /// Reads what a failed ipmitool said.
    pub(super) fn read(stderr: &str, stdout: &str) -> Self {
        // With -v some complaints are marked by a "> ".
        let said = stderr.lines().chain(stdout.lines()).map(|line| line.trim().trim_start_matches("> "));
        let said = said.filter(|line| !line.is_empty() && !NOISE.iter().any(|noise| line.starts_with(noise)));
        let lines: Vec<&str> = said.collect();
        let known = MEANINGS.iter().find(|(words, _)| lines.iter().any(|line| line.contains(words)));
        let meaning = match known {
            Some((_, meaning)) => *meaning,
            // Nothing was wrong with the session but that no answer came to one of its later packets.
            None if lines == [NO_SESSION] => Meaning::NoAnswer,
            None => Meaning::Other,
        };
        let telling: Vec<&str> = lines.iter().copied().filter(|line| *line != NO_SESSION).collect();
        let words = if telling.is_empty() { lines } else { telling };
        Self { meaning, words: quoted(&words.join("; ")) }
    }

    pub(super) fn is_about_the_suite(&self) -> bool {
        self.meaning == Meaning::Suite
    }

    pub(super) fn error(&self, work: &Work<'_>, username: &str) -> Error {
        let words = &self.words;
        let said = || if words.is_empty() { "says nothing more".to_owned() } else { format!("says: {words}") };
        match self.meaning {
            Meaning::Credentials => work.credentials_refused(username, words),
            Meaning::Rights => work
                .error(Kind::Refused, format!("refuses user {username:?} the right: {words}"))
                .advise("give ipmi/username the privilege level Administrator over LAN on this BMC")
                .finally(),
            Meaning::Suite => work
                .error(Kind::Refused, format!("takes neither of the cipher suites 17 and 3: {words}"))
                .advise("allow one of them on the BMC, or set ipmi/mode to redfish where the BMC speaks it")
                .finally(),
            Meaning::Passing => {
                work.error(Kind::Busy, format!("has no time; ipmitool {}", said())).advise("try again in a few minutes")
            }
            Meaning::NoAnswer => {
                work.error(Kind::Timeout, format!("gave ipmitool no answer; it {}", said())).advise(NO_ANSWER)
            }
            Meaning::NoSuchHost => work
                .error(Kind::Refused, format!("is not found; ipmitool {}", said()))
                .advise("check the name in ipmi/address and the server's name resolution")
                .finally(),
            Meaning::TooLongPassword => work
                .error(Kind::Parameter, "cannot have such a password: IPMI 2.0 allows at most 20 bytes")
                .advise("give the BMC a shorter password, or set ipmi/mode to redfish where the BMC speaks it")
                .finally(),
            Meaning::State => work.error(Kind::Conflict, format!("cannot do it now; ipmitool {}", said())),
            Meaning::Unsupported => work
                .error(Kind::Unsupported, format!("does not support it over IPMI; ipmitool {}", said()))
                .advise("set ipmi/mode to redfish where the BMC speaks it"),
            Meaning::Other => {
                work.error(Kind::Refused, format!("did not do it; ipmitool {}", said())).advise(super::BY_HAND)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Complaint, Meaning, NO_SESSION};

    /// Recorded from ipmitool 1.8.19 against `ipmi_sim`, a closed port and a wrong name.
    #[test]
    fn complaints_are_told_apart() {
        let table = [
            ("Loading IANA PEN Registry...\n> RAKP 2 HMAC is invalid\n", Meaning::Credentials),
            ("RAKP 2 message indicates an error : unauthorized name\n", Meaning::Credentials),
            ("Error in open session response message : invalid authentication algorithm\n\n", Meaning::Suite),
            ("Error in open session response message : no matching cipher suite\n", Meaning::Suite),
            ("Error in open session response message : insufficient resources for session\n", Meaning::Passing),
            (
                "Get Auth Capabilities error\nError issuing Get Channel Authentication Capabilities request\n",
                Meaning::NoAnswer,
            ),
            ("Address lookup for no.such.invalid failed\nCould not open socket!\n", Meaning::NoSuchHost),
            ("lanplus: password is longer than 20 bytes.\n", Meaning::TooLongPassword),
            ("", Meaning::NoAnswer),
        ];
        for (said, meaning) in table {
            let complaint = Complaint::read(&format!("{said}{NO_SESSION}\n"), "");
            assert_eq!(complaint.meaning, meaning, "{said}");
        }
        assert_eq!(Complaint::read("> RAKP 2 HMAC is invalid\n", "").words, "RAKP 2 HMAC is invalid");
        let own = "Unable to send RAW command (channel=0x0 netfn=0x2c lun=0x0 cmd=0x3e rsp=0xc0): Node busy";
        assert_eq!(Complaint::read(own, "").meaning, Meaning::Passing);
        assert_eq!(Complaint::read("segmentation fault", "").meaning, Meaning::Other);
    }

    #[test]
    fn what_verbosity_adds_is_neither_judged_nor_quoted() {
        let said = "Running Get VSO Capabilities my_addr 0x20, transit 0, target 0x20\n\
                    Invalid completion code received: Invalid command\nDiscovered IPMB address 0x0\n\
                    Set Chassis Power Control to Up/On failed: Command not supported in present state\n";
        let complaint = Complaint::read(said, "");
        assert_eq!(complaint.meaning, Meaning::State);
        assert_eq!(
            complaint.words,
            "Set Chassis Power Control to Up/On failed: Command not supported in present state"
        );
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(stderr in "(?s).{0,300}", stdout in "(?s).{0,100}") {
            let _read = Complaint::read(&stderr, &stdout);
        }
    }
}
