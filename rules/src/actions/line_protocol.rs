//! InfluxDB's line protocol (InfluxDB documentation, "Line protocol"): points as lines of text.

use serde_json::value::RawValue;
use std::fmt::Write;

/// What line protocol escapes in the name of a table.
pub(super) const TABLE: &[char] = &[',', ' '];
/// What it escapes in keys and in values of tags.
pub(super) const KEY: &[char] = &[',', '=', ' '];

/// Appends a name, escaped.
///
/// # Errors
/// A name that no escape can save.
pub(super) fn put_name(
    out: &mut String,
    name: &str,
    escaped: &[char],
    what: &str,
) -> Result<(), String> {
    if name.contains(['\n', '\r']) {
        return Err(format!(
            "the {what} `{}` has a line break",
            name.escape_debug()
        ));
    }
    // A backslash at the end would escape what comes after it.
    if name.ends_with('\\') {
        return Err(format!("the {what} `{name}` ends with a backslash"));
    }
    for character in name.chars() {
        if escaped.contains(&character) {
            out.push('\\');
        }
        out.push(character);
    }
    Ok(())
}

/// Appends a field's value, of the type that the developer guide's table has for its JSON; false
/// for null, which is no field.
///
/// # Errors
/// A number that InfluxDB cannot hold.
pub(super) fn put_value(out: &mut String, json: &RawValue) -> Result<bool, String> {
    let text = json.get();
    match text.as_bytes().first() {
        None | Some(b'n') => return Ok(false),
        Some(b't') => out.push('t'),
        Some(b'f') => out.push('f'),
        Some(b'"') => {
            let text: String = serde_json::from_str(text).map_err(|why| why.to_string())?;
            put_text(out, &text);
        }
        Some(b'{' | b'[') => put_text(out, &compact(text)),
        Some(_) => put_number(out, text)?,
    }
    Ok(true)
}

fn put_number(out: &mut String, text: &str) -> Result<(), String> {
    if text.contains(['.', 'e', 'E']) {
        let number: Result<f64, _> = text.parse();
        if !number.is_ok_and(f64::is_finite) {
            return Err(format!("the number {text} does not fit into 64 bits"));
        }
        out.push_str(text);
        return Ok(());
    }
    let suffix = match (text.parse::<i64>(), text.parse::<u64>()) {
        (Ok(_), _) => 'i',
        (Err(_), Ok(_)) => 'u',
        (Err(_), Err(_)) => return Err(format!("the integer {text} does not fit into 64 bits")),
    };
    // Writing to a String cannot fail.
    let _ = write!(out, "{text}{suffix}");
    Ok(())
}

fn put_text(out: &mut String, text: &str) {
    out.push('"');
    for character in text.chars() {
        if matches!(character, '"' | '\\') {
            out.push('\\');
        }
        out.push(character);
    }
    out.push('"');
}

/// JSON without the blanks between its tokens.
fn compact(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let (mut quoted, mut escaped) = (false, false);
    for character in json.chars() {
        if !quoted && character.is_ascii_whitespace() {
            continue;
        }
        out.push(character);
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            _ => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A field's value in line protocol; nothing for null.
    fn check(json: &str, expected: Result<Option<&str>, &str>) {
        let value = RawValue::from_string(json.to_owned()).unwrap();
        let mut out = String::new();
        let put = put_value(&mut out, &value).map(|is_field| is_field.then_some(&*out));
        assert_eq!(put, expected.map_err(str::to_owned), "{json}");
    }

    #[test]
    fn values_have_the_types_of_the_developer_guide() {
        check("42", Ok(Some("42i")));
        check("-9223372036854775808", Ok(Some("-9223372036854775808i")));
        check("9223372036854775808", Ok(Some("9223372036854775808u")));
        check("18446744073709551615", Ok(Some("18446744073709551615u")));
        check(
            "18446744073709551616",
            Err("the integer 18446744073709551616 does not fit into 64 bits"),
        );
        check("23.5", Ok(Some("23.5")));
        check("1E3", Ok(Some("1E3")));
        check("1e400", Err("the number 1e400 does not fit into 64 bits"));
        check("true", Ok(Some("t")));
        check("false", Ok(Some("f")));
        check(r#""active""#, Ok(Some(r#""active""#)));
        check(r#""a\"\\\n""#, Ok(Some("\"a\\\"\\\\\n\"")));
        check("null", Ok(None));
        check(
            r#"{ "a" : [1, "b c"] }"#,
            Ok(Some(r#""{\"a\":[1,\"b c\"]}""#)),
        );
    }

    #[test]
    fn names_are_escaped_or_refused() {
        let put = |name: &str, escaped| {
            let mut out = String::new();
            put_name(&mut out, name, escaped, "tag").map(|()| out)
        };
        assert_eq!(put("a b,c=d", TABLE), Ok(r"a\ b\,c=d".to_owned()));
        assert_eq!(put("a b,c=d", KEY), Ok(r"a\ b\,c\=d".to_owned()));
        assert_eq!(
            put("a\nb", KEY),
            Err(r"the tag `a\nb` has a line break".to_owned())
        );
        assert_eq!(
            put(r"a\", KEY),
            Err(r"the tag `a\` ends with a backslash".to_owned())
        );
    }
}
