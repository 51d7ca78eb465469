//! Values as Go's templates print them, and `printf`.

use std::fmt::Write;

use serde_json::Value;

/// A value as Go's `%v` prints it: text as it is, lists as `[a b]`, maps as `map[k:v]` with their keys in order.
///
/// Numbers are written as JSON has them. Go's server holds every JSON number as a float and would print a million as
/// `1e+06`, which no kernel argument wants.
pub(super) fn printed(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => {
            number.as_f64().filter(|_| number.is_f64()).map_or(number.to_string(), |n| n.to_string())
        }
        Value::String(text) => text.clone(),
        Value::Array(items) => format!("[{}]", joined(items.iter().map(printed))),
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_unstable_by_key(|(key, _)| *key);
            format!("map[{}]", joined(entries.into_iter().map(|(key, value)| format!("{key}:{}", printed(value)))))
        }
    }
}

fn joined(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(" ")
}

/// Go's `%q`: in double quotes, with what is not printable escaped.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c if c.is_control() => quoted.extend(format!("\\x{:02x}", u32::from(c)).chars()),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// `printf` with the verbs that a kernel line can use: `%s %v %d %x %X %q %t %%`, with width and the flags `-` and `0`.
/// What Go would mark in its output (`%!d(string=a)`) is an error.
pub(super) fn sprintf(format: &str, arguments: &[Value]) -> Result<String, String> {
    let (mut output, mut rest, mut arguments) = (String::new(), format, arguments.iter());
    while let Some((text, after)) = rest.split_once('%') {
        output.push_str(text);
        let (flags, after) = split_where(after, |c| !matches!(c, '-' | '0'));
        let (width, after) = split_where(after, |c| !c.is_ascii_digit());
        let mut characters = after.chars();
        let verb = characters.next().ok_or("printf: the format ends in the middle of a verb")?;
        rest = characters.as_str();
        if verb == '%' {
            output.push('%');
            continue;
        }
        let value = arguments.next().ok_or_else(|| format!("printf: there is no argument for %{verb}"))?;
        let shown = match (verb, value) {
            (_, Value::Null) => return Err(format!("printf: the argument for %{verb} has no value")),
            ('v', value) => printed(value),
            ('s', Value::String(text)) => text.clone(),
            ('q', Value::String(text)) => quoted(text),
            ('t', Value::Bool(flag)) => flag.to_string(),
            ('d', Value::Number(number)) if number.is_i64() || number.is_u64() => number.to_string(),
            ('x', Value::Number(number)) if number.is_u64() => format!("{:x}", number.as_u64().unwrap_or_default()),
            ('X', Value::Number(number)) if number.is_u64() => format!("{:X}", number.as_u64().unwrap_or_default()),
            ('s' | 'q' | 't' | 'd' | 'x' | 'X', value) => {
                return Err(format!(
                    "printf: the argument for %{verb} is {}",
                    crate::machine::params::type_name(value)
                ));
            }
            _ => return Err(format!("printf: the verb %{verb} is not known to this plugin")),
        };
        let width: usize = if width.is_empty() { 0 } else { width.parse().unwrap_or(usize::MAX) };
        if width > 1024 {
            return Err(format!("printf: a width of {width} is more than any kernel line needs"));
        }
        let written = if flags.contains('-') {
            write!(output, "{shown:<width$}")
        } else if flags.contains('0') && value.is_number() {
            write!(output, "{}", zeros(&shown, width))
        } else {
            write!(output, "{shown:>width$}")
        };
        written.map_err(|error| error.to_string())?;
    }
    output.push_str(rest);
    match arguments.next() {
        Some(_) => Err("printf: there are more arguments than verbs".to_owned()),
        None => Ok(output),
    }
}

/// Zeros go between the sign and the digits.
fn zeros(number: &str, width: usize) -> String {
    let (sign, digits) = number.strip_prefix('-').map_or(("", number), |digits| ("-", digits));
    let width = width.saturating_sub(sign.len());
    format!("{sign}{digits:0>width$}")
}

fn split_where(text: &str, ends: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(ends).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{printed, sprintf};

    #[test]
    fn values_are_printed_as_go_prints_them() {
        for (value, expected) in [
            (json!("a b"), "a b"),
            (json!(true), "true"),
            (json!(1_500_000), "1500000"),
            (json!(1.5), "1.5"),
            (json!(9000.0), "9000"),
            (json!(["a", 1, null]), "[a 1 <nil>]"),
            (json!({"b": 1, "a": ["x"]}), "map[a:[x] b:1]"),
        ] {
            assert_eq!(printed(&value), expected);
        }
    }

    #[test]
    fn printf_knows_the_verbs_of_a_kernel_line_and_refuses_the_rest() {
        let ok = |format: &str, arguments: Value| sprintf(format, arguments.as_array().unwrap()).unwrap();
        assert_eq!(ok("ip=%s/%d%%", json!(["10.0.0.1", 24])), "ip=10.0.0.1/24%");
        assert_eq!(
            ok("%03d|%-4s|%4s|%x|%q|%t|%v", json!([-7, "a", "b", 255, "q\"", true, [1]])),
            "-07|a   |   b|ff|\"q\\\"\"|true|[1]"
        );
        for (format, arguments, message) in [
            ("%d", json!(["a"]), "the argument for %d is a string"),
            ("%s", json!([]), "there is no argument for %s"),
            ("a", json!([1]), "more arguments than verbs"),
            ("%5000s", json!(["a"]), "a width of 5000"),
            ("%99999999999999999999999s", json!(["a"]), "more than any kernel line needs"),
            ("%U", json!([1]), "the verb %U is not known"),
            ("%v", json!([null]), "has no value"),
            ("100%", json!([]), "the middle of a verb"),
        ] {
            let error = sprintf(format, arguments.as_array().unwrap()).unwrap_err();
            assert!(error.contains(message), "{format}: {error}");
        }
    }
}
