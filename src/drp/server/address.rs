//! Where an object of the API is: its path with names quoted as the server reads them.

use url::Url;

/// The endpoint without what is not part of it. `None` where it is no HTTP address.
pub(super) fn base(endpoint: &Url) -> Option<Url> {
    if !matches!(endpoint.scheme(), "http" | "https") || !endpoint.has_host() {
        return None;
    }
    let mut base = endpoint.clone();
    base.set_query(None);
    base.set_fragment(None);
    base.set_username("").ok()?;
    base.set_password(None).ok()?;
    Some(base)
}

/// The endpoint as a message may show it.
pub(super) fn shown(endpoint: &Url) -> String {
    base(endpoint)
        .map_or_else(|| endpoint.scheme().to_owned() + ":", |base| base.as_str().trim_end_matches('/').to_owned())
}

/// An address of the API. Each of `names` is one part of the path whatever it holds; `None` where one cannot be, because it
/// is empty or would lead elsewhere.
pub(super) fn of(base: &Url, names: &[&str], query: &[(&str, &str)]) -> Option<Url> {
    if names.iter().any(|name| matches!(*name, "" | "." | "..")) {
        return None;
    }
    let mut url = base.clone();
    url.path_segments_mut().ok()?.pop_if_empty().extend(["api", "v3"]).extend(names);
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(query);
    }
    Some(url)
}

/// A parameter's key as parts of a path: its slashes stay what they are, as the server wants them.
pub(super) fn key_parts(key: &str) -> impl Iterator<Item = &str> {
    key.split('/')
}

/// A JSON pointer (RFC 6901) to one member of an object.
pub(super) fn pointer(member: &str) -> String {
    format!("/{}", member.replace('~', "~0").replace('/', "~1"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;
    use url::Url;

    use super::{base, key_parts, of, pointer, shown};

    fn endpoint() -> Url {
        Url::parse("https://10.0.0.5:8092").unwrap()
    }

    fn path(names: &[&str]) -> String {
        of(&endpoint(), names, &[]).unwrap().path().to_owned()
    }

    #[test]
    fn keys_keep_their_slashes_and_names_lose_their_blanks() {
        let key: Vec<&str> = ["machines", "u", "params"].into_iter().chain(key_parts("ipmi/mode")).collect();
        assert_eq!(path(&key), "/api/v3/machines/u/params/ipmi/mode");
        assert_eq!(path(&["bootenvs", "my own env"]), "/api/v3/bootenvs/my%20own%20env");
        assert_eq!(path(&["bootenvs", "a/b?c#d%2f"]), "/api/v3/bootenvs/a%2Fb%3Fc%23d%252f");
    }

    #[test]
    fn an_endpoint_may_end_in_a_slash_or_have_a_path() {
        for (endpoint, expected) in [
            ("https://h:8092/", "https://h:8092/api/v3/info"),
            ("https://h/drp", "https://h/drp/api/v3/info"),
            ("https://user:hunter2@h:1?x#y", "https://h:1/api/v3/info"),
        ] {
            let base = base(&Url::parse(endpoint).unwrap()).unwrap();
            assert_eq!(of(&base, &["info"], &[]).unwrap().as_str(), expected);
        }
        assert_eq!(shown(&Url::parse("https://user:hunter2@h:1/").unwrap()), "https://h:1");
        for other in ["file:///etc/passwd", "mailto:hunter2"] {
            let url = Url::parse(other).unwrap();
            assert!(base(&url).is_none() && !shown(&url).contains("hunter2"));
        }
    }

    proptest! {
        #[test]
        fn every_name_is_one_part_of_the_path_and_no_two_are_the_same(
            name in "\\PC{1,12}|[./ ~%?#a-z0-9]{1,6}", other in "[./ ~%?#a-z0-9]{1,6}",
        ) {
            let address = |name: &str| of(&endpoint(), &["bootenvs", name, "x"], &[("aggregate", "true")]);
            let Some(url) = address(&name) else {
                prop_assert!(matches!(name.as_str(), "." | ".."));
                return Ok(());
            };
            let parts: Vec<&str> = url.path_segments().unwrap().collect();
            prop_assert_eq!(parts.len(), 5, "{}", url);
            prop_assert_eq!((parts[2], parts[4], url.query()), ("bootenvs", "x", Some("aggregate=true")));
            prop_assert_eq!(address(&other).is_some_and(|address| address == url), name == other);
        }

        #[test]
        fn a_pointer_leads_to_its_member_alone(member in "[~/01a ]{0,8}|\\PC{0,8}", other in "[~/01a ]{0,4}") {
            let mut object = json!({});
            object[&member] = json!(1);
            prop_assert_eq!(object.pointer(&pointer(&member)), Some(&json!(1)));
            prop_assert_eq!(object.pointer(&pointer(&other)).is_some(), other == member);
        }
    }
}
