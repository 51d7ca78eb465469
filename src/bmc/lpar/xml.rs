//! The little XML that the console is spoken with.

use quick_xml::Reader;
use quick_xml::escape::{escape, unescape};
use quick_xml::events::Event;

const NAMESPACE: &str = "http://www.ibm.com/xmlns/systems/power/firmware/web/mc/2012_10/";

/// The text of the first element of this name that holds text alone, whatever its namespace. What is no XML has none.
pub(super) fn text(document: &str, name: &str) -> Option<String> {
    let mut reader = Reader::from_str(document);
    loop {
        match reader.read_event().ok()? {
            Event::Start(element) if element.local_name().as_ref() == name => {
                let inner = reader.read_text(element.name()).ok()?.into_inner();
                if !inner.contains('<') {
                    return unescape(inner.trim()).ok().map(Into::into);
                }
            }
            Event::Eof => return None,
            _ => {}
        }
    }
}

/// The request that opens a session.
pub(super) fn logon(username: &str, password: &str) -> String {
    format!(
        "<LogonRequest xmlns=\"{NAMESPACE}\" schemaVersion=\"V1_0\"><UserID>{}</UserID><Password>{}</Password>\
         </LogonRequest>",
        escape(username),
        escape(password)
    )
}

/// The request for a job on a partition. The attributes are the console's schema's: who may change what, and since when.
pub(super) fn job(operation: &str, parameters: &[(&str, &str)]) -> String {
    const FIXED: &str = "kb=\"ROR\" kxe=\"false\"";
    let parameters: Vec<String> = parameters
        .iter()
        .map(|(name, value)| {
            format!(
                "<JobParameter schemaVersion=\"V1_0\"><Metadata><Atom/></Metadata><ParameterName {FIXED}>{name}\
                 </ParameterName><ParameterValue kb=\"CUR\" kxe=\"false\">{value}</ParameterValue></JobParameter>"
            )
        })
        .collect();
    format!(
        "<JobRequest xmlns=\"{NAMESPACE}\" schemaVersion=\"V1_0\"><Metadata><Atom/></Metadata>\
         <RequestedOperation kb=\"CUR\" kxe=\"false\" schemaVersion=\"V1_0\"><Metadata><Atom/></Metadata>\
         <OperationName {FIXED}>{operation}</OperationName><GroupName {FIXED}>LogicalPartition</GroupName>\
         <ProgressType {FIXED}>DISCRETE</ProgressType></RequestedOperation>\
         <JobParameters kb=\"CUR\" kxe=\"false\" schemaVersion=\"V1_0\"><Metadata><Atom/></Metadata>{}</JobParameters>\
         </JobRequest>",
        parameters.concat()
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{job, logon, text};

    #[test]
    fn an_elements_text_is_found_in_any_namespace_and_depth() {
        let document = "<?xml version=\"1.0\"?><entry xmlns:x=\"urn:x\"><id>1</id><content><x:LogicalPartition>\
                        <PartitionState kb=\"ROR\">not activated</PartitionState><x:Name> a &amp; b </x:Name>\
                        </x:LogicalPartition></content></entry>";
        assert_eq!(text(document, "PartitionState").as_deref(), Some("not activated"));
        assert_eq!(text(document, "Name").as_deref(), Some("a & b"));
        for missing in ["PartitionStat", "content", "kb"] {
            assert_eq!(text(document, missing), None, "{missing}");
        }
    }

    #[test]
    fn a_job_holds_its_parameters() {
        let request = job("PowerOff", &[("immediate", "true")]);
        assert_eq!(text(&request, "OperationName").as_deref(), Some("PowerOff"));
        assert_eq!(text(&request, "ParameterName").as_deref(), Some("immediate"));
    }

    proptest! {
        #[test]
        fn any_document_is_read_without_panic(document in "(?s)[<>/&;a-c\"= \\PC]{0,120}", name in "[a-c]{1,2}") {
            let _read = text(&document, &name);
        }

        #[test]
        fn whatever_a_password_holds_the_request_means_it(name in "[!-~]{1,20}", password in "[!-~]{1,20}") {
            let request = logon(&name, &password);
            prop_assert_eq!(text(&request, "UserID"), Some(name));
            prop_assert_eq!(text(&request, "Password"), Some(password));
        }
    }
}
