//! The functions that a BootParams template may call: Go's own, and those of sprig (the library that dr-provision adds)
//! that make sense for one line of text. `and` and `or` are the evaluator's, because they do not look at every argument.

use std::cmp::Ordering;

use serde_json::{Map, Number, Value};

use super::text::{printed, quoted, sprintf};
use crate::machine::params::type_name;

type Answer = Result<Value, String>;

/// A function: what it is called, how many arguments it takes at least and at most, and what it does.
struct Function {
    name: &'static str,
    arguments: std::ops::RangeInclusive<usize>,
    call: fn(&[Value]) -> Answer,
}

const ANY: usize = usize::MAX;

/// The longest text that a function builds; a kernel takes 2 to 4 KiB.
const LONGEST: usize = 64 * 1024;

const fn function(name: &'static str, least: usize, most: usize, call: fn(&[Value]) -> Answer) -> Function {
    Function { name, arguments: least..=most, call }
}

/// `and` and `or`, which look at an argument only when the ones before did not decide.
pub(super) const LAZY: [&str; 2] = ["and", "or"];

const FUNCTIONS: &[Function] = &[
    // Go's own.
    function("not", 1, 1, |a| Ok(Value::Bool(!is_true(&a[0])))),
    function("eq", 2, ANY, |a| any_equal(&a[0], &a[1..]).map(Value::Bool)),
    function("ne", 2, 2, |a| equal(&a[0], &a[1]).map(|same| Value::Bool(!same))),
    function("lt", 2, 2, |a| order(a).map(|order| Value::Bool(order.is_lt()))),
    function("le", 2, 2, |a| order(a).map(|order| Value::Bool(order.is_le()))),
    function("gt", 2, 2, |a| order(a).map(|order| Value::Bool(order.is_gt()))),
    function("ge", 2, 2, |a| order(a).map(|order| Value::Bool(order.is_ge()))),
    function("len", 1, 1, |a| length(&a[0])),
    function("index", 2, ANY, |a| a[1..].iter().try_fold(a[0].clone(), |value, key| index(&value, key))),
    function("print", 0, ANY, |a| Ok(print(a))),
    function("printf", 1, ANY, |a| sprintf(text(&a[0])?, &a[1..]).map(Value::String)),
    // Defaults and choices.
    function("default", 1, 2, |a| Ok(a.iter().rev().find(|value| is_true(value)).unwrap_or(&a[0]).clone())),
    function("empty", 1, 1, |a| Ok(Value::Bool(!is_true(&a[0])))),
    function("coalesce", 1, ANY, |a| Ok(a.iter().find(|value| is_true(value)).cloned().unwrap_or_default())),
    function("ternary", 3, 3, |a| flag(&a[2]).map(|yes| a[usize::from(!yes)].clone())),
    // Text.
    function("toString", 1, 1, |a| Ok(Value::String(some_text(&a[0])?))),
    function("trim", 1, 1, |a| Ok(text(&a[0])?.trim().into())),
    function("trimAll", 2, 2, |a| {
        let cut: Vec<char> = text(&a[0])?.chars().collect();
        Ok(text(&a[1])?.trim_matches(&cut[..]).into())
    }),
    function("trimPrefix", 2, 2, |a| {
        let whole = text(&a[1])?;
        Ok(whole.strip_prefix(text(&a[0])?).unwrap_or(whole).into())
    }),
    function("trimSuffix", 2, 2, |a| {
        let whole = text(&a[1])?;
        Ok(whole.strip_suffix(text(&a[0])?).unwrap_or(whole).into())
    }),
    function("lower", 1, 1, |a| Ok(text(&a[0])?.to_lowercase().into())),
    function("upper", 1, 1, |a| Ok(text(&a[0])?.to_uppercase().into())),
    function("nospace", 1, 1, |a| Ok(text(&a[0])?.split_whitespace().collect::<String>().into())),
    function("replace", 3, 3, |a| replace(text(&a[0])?, text(&a[1])?, text(&a[2])?)),
    function("contains", 2, 2, |a| Ok(text(&a[1])?.contains(text(&a[0])?).into())),
    function("hasPrefix", 2, 2, |a| Ok(text(&a[1])?.starts_with(text(&a[0])?).into())),
    function("hasSuffix", 2, 2, |a| Ok(text(&a[1])?.ends_with(text(&a[0])?).into())),
    function("quote", 0, ANY, |a| Ok(each_quoted(a, quoted))),
    function("squote", 0, ANY, |a| Ok(each_quoted(a, |text| format!("'{text}'")))),
    function("cat", 0, ANY, |a| Ok(printed_with_blanks(a))),
    function("join", 2, 2, |a| join(text(&a[0])?, &a[1])),
    function("splitList", 2, 2, |a| Ok(text(&a[1])?.split(text(&a[0])?).map(Value::from).collect())),
    // Numbers.
    function("int", 1, 1, |a| whole(&a[0]).map(Value::from)),
    function("int64", 1, 1, |a| whole(&a[0]).map(Value::from)),
    function("atoi", 1, 1, |a| Ok(text(&a[0])?.parse::<i64>().unwrap_or_default().into())),
    function("add", 1, ANY, |a| {
        a.iter().try_fold(0_i64, |sum, n| sum.checked_add(whole(n)?).ok_or_else(too_big)).map(Value::from)
    }),
    function("sub", 2, 2, |a| whole(&a[0])?.checked_sub(whole(&a[1])?).ok_or_else(too_big).map(Value::from)),
    // Lists.
    function("list", 0, ANY, |a| Ok(a.to_vec().into())),
    function("first", 1, 1, |a| Ok(items(&a[0])?.first().cloned().unwrap_or_default())),
    function("last", 1, 1, |a| Ok(items(&a[0])?.last().cloned().unwrap_or_default())),
    function("rest", 1, 1, |a| Ok(items(&a[0])?.get(1..).unwrap_or_default().to_vec().into())),
    function("has", 2, 2, |a| Ok(items(&a[1])?.contains(&a[0]).into())),
    // Maps.
    function("dict", 0, ANY, dict),
    function("get", 2, 2, |a| Ok(map(&a[0])?.get(text(&a[1])?).cloned().unwrap_or_else(|| "".into()))),
    function("hasKey", 2, 2, |a| Ok(map(&a[0])?.contains_key(text(&a[1])?).into())),
    function("keys", 1, 1, |a| Ok(map(&a[0])?.keys().map(|key| Value::from(key.as_str())).collect())),
    function("kindIs", 2, 2, |a| Ok((text(&a[0])? == kind(&a[1])).into())),
    function("kindOf", 1, 1, |a| Ok(kind(&a[0]).into())),
];

/// Whether a template may call `name`.
pub(super) fn exists(name: &str) -> bool {
    LAZY.contains(&name) || FUNCTIONS.iter().any(|function| function.name == name)
}

/// Calls a function.
///
/// # Errors
/// The number or the type of the arguments is wrong, as a sentence that begins with the function's name.
pub(super) fn call(name: &str, arguments: &[Value]) -> Answer {
    let Some(function) = FUNCTIONS.iter().find(|function| function.name == name) else {
        return Err(format!("{name}: there is no such function"));
    };
    if !function.arguments.contains(&arguments.len()) {
        let (least, most) = (function.arguments.start(), function.arguments.end());
        let wanted = if *most == ANY { format!("at least {least}") } else { format!("{least} to {most}") };
        return Err(format!("{name} has {} arguments, expected {wanted}", arguments.len()));
    }
    let named = |message: String| if message.starts_with(name) { message } else { format!("{name}: {message}") };
    (function.call)(arguments).map_err(named)
}

/// Go's notion of truth: not nothing, not zero, not empty.
pub(super) fn is_true(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(flag) => *flag,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(map) => !map.is_empty(),
    }
}

fn wrong(expected: &str, value: &Value) -> String {
    format!("an argument is {}, expected {expected}", type_name(value))
}

fn text(value: &Value) -> Result<&str, String> {
    value.as_str().ok_or_else(|| wrong("a string", value))
}

/// A value's text, where it has one.
fn some_text(value: &Value) -> Result<String, String> {
    if value.is_null() { Err(wrong("a value", value)) } else { Ok(printed(value)) }
}

fn flag(value: &Value) -> Result<bool, String> {
    value.as_bool().ok_or_else(|| wrong("a boolean", value))
}

fn items(value: &Value) -> Result<&[Value], String> {
    value.as_array().map(Vec::as_slice).ok_or_else(|| wrong("a list", value))
}

fn map(value: &Value) -> Result<&Map<String, Value>, String> {
    value.as_object().ok_or_else(|| wrong("a map", value))
}

/// sprig's `int`: what can be read as a whole number.
fn whole(value: &Value) -> Result<i64, String> {
    let read = match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        Value::Bool(flag) => Some(i64::from(*flag)),
        _ => None,
    };
    read.ok_or_else(|| wrong("a whole number", value))
}

fn too_big() -> String {
    "the result is too big a number".to_owned()
}

fn any_equal(value: &Value, others: &[Value]) -> Result<bool, String> {
    for other in others {
        if equal(value, other)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Numbers are compared as numbers: to Go's server they are all floats, or all integers, and neither shows here.
fn equal(a: &Value, b: &Value) -> Result<bool, String> {
    match (a, b) {
        (Value::Null, _) | (_, Value::Null) => Ok(a.is_null() && b.is_null()),
        (Value::Number(a), Value::Number(b)) => Ok(compare(a, b) == Some(Ordering::Equal)),
        (Value::String(_), Value::String(_)) | (Value::Bool(_), Value::Bool(_)) => Ok(a == b),
        _ => Err(format!("{} and {} cannot be compared", type_name(a), type_name(b))),
    }
}

fn order(arguments: &[Value]) -> Result<Ordering, String> {
    let order = match (&arguments[0], &arguments[1]) {
        (Value::Number(a), Value::Number(b)) => compare(a, b),
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        _ => None,
    };
    order.ok_or_else(|| format!("{} and {} have no order", type_name(&arguments[0]), type_name(&arguments[1])))
}

fn compare(a: &Number, b: &Number) -> Option<Ordering> {
    match (a.as_i64(), b.as_i64()) {
        (Some(a), Some(b)) => Some(a.cmp(&b)),
        _ => a.as_f64()?.partial_cmp(&b.as_f64()?),
    }
}

fn length(value: &Value) -> Answer {
    match value {
        Value::String(text) => Ok(text.len().into()),
        Value::Array(items) => Ok(items.len().into()),
        Value::Object(map) => Ok(map.len().into()),
        _ => Err(wrong("a string, a list or a map", value)),
    }
}

fn index(value: &Value, key: &Value) -> Answer {
    match (value, key) {
        (Value::Array(items), Value::Number(at)) => {
            let item = at.as_u64().and_then(|at| items.get(usize::try_from(at).ok()?));
            item.cloned().ok_or_else(|| format!("the list has {} items, asked for index {at}", items.len()))
        }
        (Value::Object(map), Value::String(key)) => Ok(map.get(key).cloned().unwrap_or_default()),
        _ => Err(format!("{} cannot be indexed by {}", type_name(value), type_name(key))),
    }
}

/// Go's `print`: blanks between two arguments of which neither is text.
fn print(arguments: &[Value]) -> Value {
    let mut line = String::new();
    for (at, value) in arguments.iter().enumerate() {
        if at > 0 && !value.is_string() && !arguments[at - 1].is_string() {
            line.push(' ');
        }
        line.push_str(&printed(value));
    }
    line.into()
}

fn printed_with_blanks(arguments: &[Value]) -> Value {
    arguments.iter().filter(|value| !value.is_null()).map(printed).collect::<Vec<_>>().join(" ").into()
}

fn each_quoted(arguments: &[Value], quote: impl Fn(&str) -> String) -> Value {
    let values = arguments.iter().filter(|value| !value.is_null());
    values.map(|value| quote(&printed(value))).collect::<Vec<_>>().join(" ").into()
}

fn join(separator: &str, value: &Value) -> Answer {
    let items = match value {
        Value::Array(items) => items.iter().map(some_text).collect::<Result<Vec<_>, _>>()?,
        other => vec![some_text(other)?],
    };
    not_too_long(items.len(), separator)?;
    Ok(items.join(separator).into())
}

/// The two functions whose result can be as long as the product of their arguments say so before they build it.
fn not_too_long(times: usize, text: &str) -> Result<(), String> {
    match times.checked_mul(text.len()) {
        Some(length) if length <= LONGEST => Ok(()),
        _ => Err(format!("the result would be longer than {LONGEST} bytes")),
    }
}

/// An empty `old` would put `new` between all characters; nobody means that in a kernel line.
fn replace(old: &str, new: &str, whole: &str) -> Answer {
    if old.is_empty() {
        return Err("the text to replace is empty".to_owned());
    }
    not_too_long(whole.matches(old).count(), new)?;
    Ok(whole.replace(old, new).into())
}

fn dict(arguments: &[Value]) -> Answer {
    let (pairs, rest) = arguments.as_chunks::<2>();
    if !rest.is_empty() {
        return Err("the last key has no value".to_owned());
    }
    let entries = pairs.iter().map(|[key, value]| Ok((text(key)?.to_owned(), value.clone())));
    entries.collect::<Result<Map<_, _>, String>>().map(Value::Object)
}

/// reflect.Kind's name for what JSON became in Go.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "invalid",
        Value::Bool(_) => "bool",
        Value::Number(_) => "float64",
        Value::String(_) => "string",
        Value::Array(_) => "slice",
        Value::Object(_) => "map",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{FUNCTIONS, call};

    fn called(name: &str, arguments: &Value) -> Result<Value, String> {
        call(name, arguments.as_array().unwrap())
    }

    #[test]
    fn functions_answer_as_in_go() {
        for (name, arguments, expected) in [
            ("eq", json!(["a", "b", "a"]), json!(true)),
            ("ne", json!([1, 1.0]), json!(false)),
            ("eq", json!([null, ""]), json!(false)),
            ("lt", json!([2, 10]), json!(true)),
            ("ge", json!(["b", "a"]), json!(true)),
            ("len", json!(["abc"]), json!(3)),
            ("index", json!([{"a": [1, 2]}, "a", 1]), json!(2)),
            ("index", json!([{}, "a"]), json!(null)),
            ("print", json!(["a", 1, 2, "b"]), json!("a1 2b")),
            ("default", json!(["d", ""]), json!("d")),
            ("default", json!(["d", "v"]), json!("v")),
            ("default", json!([0]), json!(0)),
            ("coalesce", json!([null, "", "c"]), json!("c")),
            ("ternary", json!(["y", "n", false]), json!("n")),
            ("trimAll", json!(["/", "//a/b/"]), json!("a/b")),
            ("trimPrefix", json!(["http://", "http://h"]), json!("h")),
            ("replace", json!([":", "-", "a:b"]), json!("a-b")),
            ("hasPrefix", json!(["http", "https://h"]), json!(true)),
            ("contains", json!(["x", "abc"]), json!(false)),
            ("quote", json!(["a", null, 1]), json!("\"a\" \"1\"")),
            ("join", json!([",", ["a", 1]]), json!("a,1")),
            ("splitList", json!([",", "a,b"]), json!(["a", "b"])),
            ("int", json!(["24"]), json!(24)),
            ("add", json!([1, "2", 3]), json!(6)),
            ("first", json!([[]]), json!(null)),
            ("rest", json!([["a", "b"]]), json!(["b"])),
            ("has", json!(["a", ["a"]]), json!(true)),
            ("dict", json!(["a", 1]), json!({"a": 1})),
            ("get", json!([{"a": 1}, "b"]), json!("")),
            ("hasKey", json!([{"a": null}, "a"]), json!(true)),
            ("kindIs", json!(["string", "x"]), json!(true)),
        ] {
            assert_eq!(called(name, &arguments), Ok(expected), "{name} {arguments}");
        }
    }

    #[test]
    fn what_go_would_refuse_is_refused_with_the_functions_name() {
        for (name, arguments, message) in [
            ("eq", json!(["a", 1]), "eq: a string and a number cannot be compared"),
            ("first", json!([{}]), "first: an argument is an object, expected a list"),
            ("hasKey", json!(["a", "b"]), "hasKey: an argument is a string, expected a map"),
            ("index", json!([["a"], 1]), "index: the list has 1 items, asked for index 1"),
            ("index", json!([["a"], -1]), "index: the list has 1 items, asked for index -1"),
            ("ternary", json!([1, 2]), "ternary has 2 arguments, expected 3 to 3"),
            ("len", json!([]), "len has 0 arguments, expected 1 to 1"),
            ("dict", json!(["a"]), "dict: the last key has no value"),
            (
                "replace",
                json!(["a", "b".repeat(9000), "a".repeat(9000)]),
                "replace: the result would be longer than 65536 bytes",
            ),
            ("add", json!([i64::MAX, 1]), "add: the result is too big a number"),
            ("join", json!([",", ["a", null]]), "join: an argument is null, expected a value"),
            ("printf", json!(["%d", "a"]), "printf: the argument for %d is a string"),
        ] {
            assert_eq!(called(name, &arguments), Err(message.to_owned()), "{name} {arguments}");
        }
    }

    #[test]
    fn no_function_is_there_twice() {
        let mut names: Vec<_> = FUNCTIONS.iter().map(|function| function.name).chain(super::LAZY).collect();
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{names:?}");
    }
}
