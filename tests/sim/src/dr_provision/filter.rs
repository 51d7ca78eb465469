//! Lists: filters by index or param, sort, limit and offset (drp-protocol 5.3).

use std::cmp::Ordering;

use serde_json::Value;

use super::call::Call;
use super::defaults;
use super::error::Error;

/// Keys of a query that are no filters.
const NO_FILTERS: [&str; 13] = [
    "force",
    "reduced",
    "limit",
    "offset",
    "sort",
    "reverse",
    "slim",
    "params",
    "decode",
    "aggregate",
    "compose",
    "token",
    "commented",
];

/// The objects that a list asks for, and how many there are without limit and offset.
pub(super) fn list<'a>(call: &Call, prefix: &str, all: Vec<&'a Value>) -> Result<(Vec<&'a Value>, usize), Error> {
    let mut found = all;
    for (key, value) in &call.query {
        if !NO_FILTERS.contains(&key.as_str()) {
            let filter = Filter::parse(value)
                .ok_or_else(|| Error::new(406, call.verb(), prefix, "", format!("{key}: {value} is no filter")))?;
            found.retain(|object| field(prefix, object, key).is_some_and(|value| filter.takes(value)));
        }
    }
    for (_, by) in call.query.iter().filter(|(key, _)| key == "sort") {
        found.sort_by(|left, right| compare(field(prefix, left, by), field(prefix, right, by)));
    }
    if call.asks("reverse") {
        found.reverse();
    }
    let count = found.len();
    let number = |key| match call.query(key).map(str::parse::<usize>) {
        None => Ok(None),
        Some(Ok(number)) => Ok(Some(number)),
        Some(Err(_)) => Err(Error::new(406, call.verb(), prefix, "", format!("{key} is no number"))),
    };
    let found = found.into_iter().skip(number("offset")?.unwrap_or_default());
    // The vendor's Python client says that a limit of 0 is none.
    let limit = number("limit")?.filter(|limit| *limit > 0).unwrap_or(usize::MAX);
    Ok((found.take(limit).collect(), count))
}

/// A field of the object; what its type has no field of is a param.
fn field<'a>(prefix: &str, object: &'a Value, name: &str) -> Option<&'a Value> {
    let known = defaults::complete(prefix, &Value::Null);
    let name = if name == "Key" { defaults::key_field(prefix) } else { name };
    if known.get(name).is_some() { object.get(name) } else { object.get("Params")?.get(name) }
}

enum Filter {
    Compare(Ordering, bool, String),
    In(Vec<String>, bool),
    Between(String, String, bool),
}

impl Filter {
    /// `Eq(v)`, `Ne(v)`, …; a bare value is `Eq`. `Re` is not here: nothing that we know of asks for it.
    fn parse(text: &str) -> Option<Filter> {
        let inner = text.split_once('(').and_then(|(op, rest)| Some((op, rest.strip_suffix(')')?)));
        let Some((op, inner)) = inner else { return Some(Filter::Compare(Ordering::Equal, true, text.to_owned())) };
        let list = || inner.split(',').map(|item| item.trim().to_owned()).collect();
        let pair = || inner.split_once(',').map(|(low, high)| (low.trim().to_owned(), high.trim().to_owned()));
        Some(match op {
            "Eq" => Filter::Compare(Ordering::Equal, true, inner.to_owned()),
            "Ne" => Filter::Compare(Ordering::Equal, false, inner.to_owned()),
            "Lt" => Filter::Compare(Ordering::Less, true, inner.to_owned()),
            "Gte" => Filter::Compare(Ordering::Less, false, inner.to_owned()),
            "Gt" => Filter::Compare(Ordering::Greater, true, inner.to_owned()),
            "Lte" => Filter::Compare(Ordering::Greater, false, inner.to_owned()),
            "In" => Filter::In(list(), true),
            "Nin" => Filter::In(list(), false),
            "Between" => pair().map(|(low, high)| Filter::Between(low, high, true))?,
            "Except" => pair().map(|(low, high)| Filter::Between(low, high, false))?,
            _ => return None,
        })
    }

    fn takes(&self, value: &Value) -> bool {
        let against = |text: &str| compare(Some(value), Some(&typed(value, text)));
        match self {
            Filter::Compare(ordering, holds, text) => (against(text) == *ordering) == *holds,
            Filter::In(list, holds) => list.iter().any(|text| against(text) == Ordering::Equal) == *holds,
            Filter::Between(low, high, holds) => {
                (against(low) != Ordering::Less && against(high) != Ordering::Greater) == *holds
            }
        }
    }
}

/// The text of a query as a value of the same type.
fn typed(like: &Value, text: &str) -> Value {
    if like.is_string() { Value::String(text.to_owned()) } else { serde_json::from_str(text).unwrap_or_default() }
}

fn compare(left: Option<&Value>, right: Option<&Value>) -> Ordering {
    let number = |value: Option<&Value>| value.and_then(Value::as_f64);
    let text = |value: Option<&Value>| match value {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    };
    match (number(left), number(right)) {
        (Some(left), Some(right)) => left.total_cmp(&right),
        _ => text(left).cmp(&text(right)),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use bytes::Bytes;
    use hyper::{HeaderMap, Method};
    use serde_json::{Value, json};
    use url::form_urlencoded;

    use super::list;
    use crate::dr_provision::auth::Principal;
    use crate::dr_provision::call::Call;

    fn names(query: &str) -> Result<Vec<String>, u16> {
        let machines: Vec<Value> = [("a", "local", 1), ("b", "sledgehammer", 10), ("c", "local", 9)]
            .map(|(name, bootenv, number)| json!({ "Name": name, "BootEnv": bootenv, "Params": { "my/n": number } }))
            .into();
        let call = Call {
            method: Method::GET,
            path: "machines".to_owned(),
            query: form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
            principal: Principal::System,
        };
        let found = list(&call, "machines", machines.iter().collect()).map_err(|error| error.code)?;
        Ok(found.0.into_iter().map(|machine| machine["Name"].as_str().unwrap().to_owned()).collect())
    }

    #[test]
    fn lists_are_filtered_sorted_and_cut() {
        for (query, expected) in [
            ("", &["a", "b", "c"] as &[_]),
            ("BootEnv=local", &["a", "c"]),
            ("BootEnv=Eq(local)&Name=Ne(a)", &["c"]),
            ("my/n=Gt(1)", &["b", "c"]),
            ("my/n=Between(1,9)", &["a", "c"]),
            ("Name=In(a,b)", &["a", "b"]),
            ("Name=Nin(a,b)", &["c"]),
            ("sort=my/n&reverse=true", &["b", "c", "a"]),
            ("sort=Name&offset=1&limit=1", &["b"]),
            ("no/such=1", &[]),
        ] {
            assert_eq!(names(query).unwrap(), expected, "{query}");
        }
        assert_eq!(names("limit=many"), Err(406));
    }
}
