//! Which events a websocket's client wants: `type.action.key` (drp-protocol 5.2, client-side matching code).

use serde_json::Value;

/// One registered selector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Selector {
    text: String,
    parts: [Vec<String>; 3],
}

impl Selector {
    /// Split at the first two dots; each part is `*` or a comma list.
    pub(super) fn parse(text: &str) -> Option<Selector> {
        let mut parts = text.splitn(3, '.').map(|part| part.split(',').map(unescape).collect());
        let parts = [parts.next()?, parts.next()?, parts.next()?];
        Some(Selector { text: text.to_owned(), parts })
    }

    /// As it was registered.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Whether an event is one that it names.
    pub(super) fn takes(&self, event: &Value) -> bool {
        let fields =
            ["Type", "Action", "Key"].map(|field| event.get(field).and_then(Value::as_str).unwrap_or_default());
        self.parts
            .iter()
            .zip(fields)
            .all(|(part, field)| part.iter().any(|word| word == "*" || *word == escaped(field)))
    }
}

/// A literal asterisk stays told apart from the one that means everything.
fn unescape(word: &str) -> String {
    word.replace("\\1", ".").replace("\\2", ",")
}

fn escaped(field: &str) -> String {
    field.replace('*', "\\3")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::Selector;

    #[test]
    fn each_part_is_matched_by_itself() {
        let event = json!({ "Type": "machines", "Action": "update", "Key": "a.b" });
        for (text, takes) in [
            ("machines.update.*", true),
            ("*.*.*", true),
            ("machines.update,save.*", true),
            ("jobs,machines.*.a\\1b", true),
            ("machines.*.a.b", true),
            ("machines.save.*", false),
            ("machine.update.*", false),
            ("machines.*.a", false),
        ] {
            assert_eq!(Selector::parse(text).unwrap().takes(&event), takes, "{text}");
        }
        assert_eq!(Selector::parse("machines.update"), None);
    }

    #[test]
    fn an_escaped_asterisk_is_no_wildcard() {
        let starred = json!({ "Type": "x", "Action": "*", "Key": "1" });
        let plain = json!({ "Type": "x", "Action": "create", "Key": "1" });
        let selector = Selector::parse("x.\\3.1").unwrap();
        assert_eq!((selector.takes(&starred), selector.takes(&plain)), (true, false));
    }
}
