//! What racadm says when something did not work, and what it means.
//!
//! A failure is told on stdout or stderr, in a line that starts with `ERROR`, and by the exit code; old releases leave out
//! one of the two. The codes are from Dell's Event and Error Message Reference and the places named in `vendors/dell`.

use crate::bmc::command::Output;
use crate::bmc::error::{Error, Kind, quoted};
use crate::bmc::work::Work;

/// Beginnings of lines that are beside the matter.
const NOISE: &[&str] = &["Security Alert", "Continuing execution", "RAC1169"];

/// What a call says that fails without a word.
const SILENCE: &str = "nothing";

/// The error that a failed call stands for; none for one that worked.
pub(super) fn read(output: &Output, work: &Work<'_>, username: &str) -> Option<Error> {
    let words = complaint(output)?;
    let says = |some: &[&str]| some.iter().any(|some| words.contains(some));
    let said = format!("racadm says: {words}");
    let error = if says(&["Login failed", "invalid username or password", "Invalid username"]) {
        work.credentials_refused(username, &words)
    } else if says(&["Unable to connect to RAC", "Could not connect", "unable to connect"]) {
        work.error(Kind::Refused, format!("cannot be reached; {said}"))
            .advise(
                "check ipmi/address, ipmi/port-racadm and the route; remote racadm may be switched off on the iDRAC",
            )
            .finally()
    } else if says(&[
        "insufficient privilege",
        "Insufficient privilege",
        "not have sufficient",
        "does not have permission",
    ]) {
        work.error(Kind::Refused, format!("refuses user {username:?} the right; {said}"))
            .advise("give ipmi/username the rights Server Control, Virtual Media and Configure on this iDRAC")
            .finally()
    // The same that Redfish's answers are repeated after: out of sessions, Lifecycle Controller busy.
    } else if says(&[
        "RAC0218",
        "RAC0679",
        "SYS518",
        "maximum number of",
        "is busy",
        "in use by another",
        "try again later",
    ]) {
        work.error(Kind::Busy, format!("has no time; {said}")).advise("try again in a few minutes")
    } else if says(&["license", "License"]) {
        work.error(Kind::Unsupported, format!("has no licence for it; {said}"))
            .advise("remote file share needs an iDRAC Enterprise or Datacenter licence")
            .finally()
    } else if says(&["Certificate is invalid"]) {
        work.error(Kind::Refused, format!("shows a certificate that the TLS policy does not accept; {said}"))
            .advise("give the iDRAC a certificate that the system trusts, or set virtual-media/tls-policy to accept")
            .finally()
    } else if says(&["nvalid subcommand", "not supported", "nvalid object", "does not support"]) {
        work.error(Kind::Unsupported, format!("does not know it; {said}"))
    } else if words == SILENCE {
        work.error(Kind::Refused, format!("did not do it; {said}")).advise(super::BY_HAND)
    } else {
        work.error(Kind::Refused, format!("did not do it; {said}"))
    };
    Some(error)
}

/// What a failed call said of it.
fn complaint(output: &Output) -> Option<String> {
    let lines = || output.stdout.lines().chain(output.stderr.lines()).map(str::trim).filter(|line| !line.is_empty());
    let errors: Vec<&str> = lines().filter(|line| line.starts_with("ERROR")).collect();
    if output.success && errors.is_empty() {
        return None;
    }
    let telling: Vec<&str> = lines().filter(|line| !NOISE.iter().any(|noise| line.starts_with(noise))).collect();
    // With -S, the alert is the complaint.
    let words = if telling.is_empty() { lines().collect() } else { telling };
    Some(if words.is_empty() { SILENCE.to_owned() } else { quoted(&words.join(" ")) })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::complaint;
    use crate::bmc::command::Output;

    fn output(success: bool, stdout: &str, stderr: &str) -> Output {
        Output { success, stdout: stdout.to_owned(), stderr: stderr.to_owned() }
    }

    #[test]
    fn an_error_is_known_by_its_line_or_by_the_exit_code() {
        let alert = "Security Alert: Certificate is invalid - self signed certificate\n\
                     Continuing execution. Use -S option for racadm to stop execution on certificate-related errors.\n";
        assert_eq!(complaint(&output(true, "Server power status: ON", alert)), None);
        let error = "ERROR: Login failed - invalid username or password";
        for (success, stdout, stderr) in [(true, error, alert), (false, error, ""), (false, alert, error)] {
            assert_eq!(complaint(&output(success, stdout, stderr)).as_deref(), Some(error));
        }
        assert_eq!(complaint(&output(false, "", "")).as_deref(), Some("nothing"));
        assert!(complaint(&output(false, alert, "")).unwrap().contains("Certificate is invalid"));
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(success: bool, stdout in "(?s).{0,200}", stderr in "(?s).{0,200}") {
            let _read = complaint(&output(success, &stdout, &stderr));
        }
    }
}
