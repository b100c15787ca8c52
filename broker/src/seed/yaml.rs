//! YAML, of which JSON is a part, as JSON values. The short forms of CloudFormation's functions
//! (`!Ref`, `!Sub`) become the long ones.

use super::SeedError;
use saphyr_parser::{Event, Parser, ScalarStyle, Tag};
use serde_json::{Map, Value, json};
use std::borrow::Cow;
use std::collections::HashMap;

/// Values of a document, those of repeated anchors counted each time.
const VALUES_MAX: usize = 1_000_000;
/// Lists and mappings inside each other.
const DEPTH_MAX: usize = 100;

/// Reads the first document of a text.
pub(super) fn read(text: &str) -> Result<Value, SeedError> {
    let mut reader = Reader {
        parser: Parser::new_from_str(text),
        anchors: HashMap::new(),
        values: 0,
        depth: 0,
    };
    reader.document()
}

struct Reader<'t, I: saphyr_parser::Input> {
    parser: Parser<'t, I>,
    /// Values and how many values are in them.
    anchors: HashMap<usize, (Value, usize)>,
    values: usize,
    depth: usize,
}

fn failed(reason: impl Into<String>) -> SeedError {
    SeedError::new("the seed", reason)
}

impl<'t, I: saphyr_parser::Input> Reader<'t, I> {
    fn next(&mut self) -> Result<Event<'t>, SeedError> {
        match self.parser.next() {
            Some(Ok((event, _))) => Ok(event),
            Some(Err(error)) => Err(failed(format!("it is neither YAML nor JSON: {error}"))),
            None => Ok(Event::StreamEnd),
        }
    }

    fn document(&mut self) -> Result<Value, SeedError> {
        loop {
            match self.next()? {
                Event::Nothing | Event::StreamStart | Event::DocumentStart(_) => {}
                Event::StreamEnd | Event::DocumentEnd => return Ok(Value::Null),
                event => return self.value(event),
            }
        }
    }

    fn value(&mut self, event: Event<'t>) -> Result<Value, SeedError> {
        let before = self.values;
        self.count(1)?;
        let (value, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                (scalar(&text, style, tag.as_deref()), anchor)
            }
            Event::SequenceStart(anchor, tag) => {
                let items = self.sequence()?;
                (tagged(tag, Value::Array(items)), anchor)
            }
            Event::MappingStart(anchor, tag) => {
                let members = self.mapping()?;
                (tagged(tag, Value::Object(members)), anchor)
            }
            Event::Alias(anchor) => {
                let found = self.anchors.get(&anchor).cloned();
                let (value, values) = found.ok_or_else(|| failed("an alias has no anchor"))?;
                self.count(values)?;
                return Ok(value);
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd
            | Event::SequenceEnd
            | Event::MappingEnd => return Err(failed("a value is missing")),
        };
        if anchor > 0 {
            let values = self.values - before;
            self.anchors.insert(anchor, (value.clone(), values));
        }
        Ok(value)
    }

    fn count(&mut self, values: usize) -> Result<(), SeedError> {
        self.values += values;
        if self.values > VALUES_MAX {
            return Err(failed(format!("it has more than {VALUES_MAX} values")));
        }
        Ok(())
    }

    fn enter(&mut self) -> Result<(), SeedError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(failed(format!("it is more than {DEPTH_MAX} levels deep")));
        }
        Ok(())
    }

    fn sequence(&mut self) -> Result<Vec<Value>, SeedError> {
        self.enter()?;
        let mut items = Vec::new();
        loop {
            match self.next()? {
                Event::SequenceEnd => break,
                event => items.push(self.value(event)?),
            }
        }
        self.depth -= 1;
        Ok(items)
    }

    fn mapping(&mut self) -> Result<Map<String, Value>, SeedError> {
        self.enter()?;
        let mut members = Map::new();
        loop {
            let name = match self.next()? {
                Event::MappingEnd => break,
                Event::Scalar(text, ..) => text.into_owned(),
                _ => return Err(failed("the name of a member must be a text")),
            };
            let event = self.next()?;
            let value = self.value(event)?;
            members.insert(name, value);
        }
        self.depth -= 1;
        Ok(members)
    }
}

/// The core schema of YAML 1.2; whatever is quoted is text.
fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Value {
    if let Some(tag) = tag.filter(|tag| tag.handle == "!") {
        return function(&tag.suffix, Value::from(text));
    }
    let is_text = tag.is_some_and(|tag| tag.is_yaml_core_schema() && tag.suffix == "str");
    if style != ScalarStyle::Plain || is_text {
        return text.into();
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => true.into(),
        "false" | "False" | "FALSE" => false.into(),
        _ => number(text).unwrap_or_else(|| text.into()),
    }
}

fn number(text: &str) -> Option<Value> {
    let begins = text.trim_start_matches(['-', '+', '.']);
    if !begins.starts_with(|char: char| char.is_ascii_digit()) {
        return None;
    }
    if let Ok(whole) = text.parse::<i64>() {
        return Some(whole.into());
    }
    // A version such as 2012-10-17 is no number, and neither is an account id with zeros before.
    let number = text
        .parse::<f64>()
        .ok()
        .filter(|number| number.is_finite())?;
    serde_json::Number::from_f64(number).map(Value::Number)
}

fn tagged(tag: Option<Cow<'_, Tag>>, value: Value) -> Value {
    match tag {
        Some(tag) if tag.handle == "!" => function(&tag.suffix, value),
        Some(_) | None => value,
    }
}

/// `!Name value` is `{"Fn::Name": value}`.
fn function(name: &str, value: Value) -> Value {
    match (name, value) {
        ("", value) => value,
        ("Ref" | "Condition", value) => json!({name: value}),
        ("GetAtt", Value::String(text)) => {
            let (resource, attribute) = text.split_once('.').unwrap_or((&text, ""));
            json!({"Fn::GetAtt": [resource, attribute]})
        }
        (name, value) => json!({format!("Fn::{name}"): value}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yaml_and_json_are_read_as_json() {
        let check = |text: &str, expected: Value| assert_eq!(read(text), Ok(expected), "{text}");
        check("", Value::Null);
        check(
            r#"{"a": [1, 2.5, true, null, "1"]}"#,
            json!({"a": [1, 2.5, true, null, "1"]}),
        );
        check(
            "a:\n  - b: 1\n    c: '1'\n  - x\n",
            json!({"a": [{"b": 1, "c": "1"}, "x"]}),
        );
        check("v: 2012-10-17", json!({"v": "2012-10-17"}));
        check("v: 1.5.2", json!({"v": "1.5.2"}));
        check("a: &x {b: 1}\nc: *x", json!({"a": {"b": 1}, "c": {"b": 1}}));
        check("t: |\n  one\n  two\n", json!({"t": "one\ntwo\n"}));
        check("r: !Ref Thing", json!({"r": {"Ref": "Thing"}}));
        check(
            "r: !GetAtt A.Arn",
            json!({"r": {"Fn::GetAtt": ["A", "Arn"]}}),
        );
        check("r: !Sub '${A}/x'", json!({"r": {"Fn::Sub": "${A}/x"}}));
        check(
            "r: !Join ['', [a, b]]",
            json!({"r": {"Fn::Join": ["", ["a", "b"]]}}),
        );
    }

    #[test]
    fn what_would_fill_the_memory_is_refused() {
        let mut bomb = "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n".to_owned();
        for level in 1..9 {
            let of = vec![format!("*a{}", level - 1); 10].join(", ");
            bomb.push_str(&format!("a{level}: &a{level} [{of}]\n"));
        }
        assert!(read(&bomb).is_err());
        assert!(read(&"[".repeat(100_000)).is_err());
        assert!(read("a: [1").is_err());
        assert!(read("a: *none").is_err());
    }
}
