//! Strings. What is not a string is taken as its text; Null and Undefined have none.

use super::super::SqlVersion;
use super::super::eval::{Arguments, Evaluated, Stop};
use super::super::value::{Text, Type, Value};
use super::function::{Arity, Function, PLAIN, eg};

pub(super) const ALL: &[&Function] = &[
    &CONCAT,
    &LOWER,
    &UPPER,
    &LENGTH,
    &NUMBYTES,
    &SUBSTRING,
    &INDEXOF,
    &STARTSWITH,
    &ENDSWITH,
    &REPLACE,
    &LPAD,
    &RPAD,
    &TRIM,
    &LTRIM,
    &RTRIM,
    &CHR,
];

static CONCAT: Function = Function {
    name: "concat",
    arguments: "value, ...",
    arity: Arity::ANY,
    summary: "One array of all values if one of them is an array, otherwise their texts joined.",
    examples: &[
        eg("concat('con', 'cat')", "\"concat\""),
        eg("concat([1, 2, 3], 'hello')", "[1,2,3,\"hello\"]"),
        eg("concat(1, 'hello')", "\"1hello\""),
        eg("concat()", "Undefined"),
    ],
    body: concat,
    ..PLAIN
};

/// Two and more values of which none is an array or a string are not in the guide's table:
/// Undefined.
fn concat<'v>(call: &mut Arguments<'_, '_, 'v>) -> Evaluated<'v> {
    let values = (0..call.count()).map(|place| call.value(place));
    let mut values = values.collect::<Result<Vec<_>, Stop>>()?;
    if values.len() == 1 {
        return values.pop().ok_or(Stop::Undefined);
    }
    let has = |kind| values.iter().any(|value| value.kind() == kind);
    if has(Type::Array) {
        let mut flat = Vec::new();
        for value in &values {
            call.evaluator.budget.values(value.size())?;
            match value.elements() {
                Some(elements) => flat.extend(elements),
                None => flat.extend((!value.is_undefined()).then(|| value.clone())),
            }
        }
        return Ok(Value::Array(flat.into()));
    }
    if !has(Type::Text) {
        return Err(Stop::Undefined);
    }
    let mut joined = String::new();
    for value in &values {
        let text = call.evaluator.text(value)?.ok_or(Stop::Undefined)?;
        call.evaluator.budget.built(text.len())?;
        joined.push_str(&text);
    }
    Ok(joined.into())
}

static LOWER: Function = Function {
    name: "lower",
    arguments: "text",
    summary: "The text in lower case.",
    examples: &[
        eg("lower('HELLO')", "\"hello\""),
        eg("lower(['HELLO'])", r#""[\"hello\"]""#),
    ],
    body: |call| Ok(call.text(0)?.to_lowercase().into()),
    ..PLAIN
};

static UPPER: Function = Function {
    name: "upper",
    arguments: "text",
    summary: "The text in upper case.",
    examples: &[eg("upper('hello')", "\"HELLO\"")],
    body: |call| Ok(call.text(0)?.to_uppercase().into()),
    ..PLAIN
};

// Whether AWS counts a character outside the basic plane as one or two is not documented.
static LENGTH: Function = Function {
    name: "length",
    arguments: "text",
    since: SqlVersion::V2016,
    summary: "The number of characters.",
    examples: &[eg("length('hi')", "2"), eg("length(false)", "5")],
    body: |call| Ok(count(call.text(0)?.chars().count())),
    ..PLAIN
};

static NUMBYTES: Function = Function {
    name: "numbytes",
    arguments: "text",
    since: SqlVersion::V2016,
    summary: "The number of bytes in UTF-8.",
    examples: &[eg("numbytes('hi')", "2"), eg("numbytes('€')", "3")],
    body: |call| Ok(count(call.text(0)?.len())),
    ..PLAIN
};

fn count<'v>(count: usize) -> Value<'v> {
    Value::Int(i128::try_from(count).unwrap_or(i128::MAX))
}

static SUBSTRING: Function = Function {
    name: "substring",
    arguments: "text, start [, end]",
    arity: Arity::between(2, 3),
    summary: "The characters from start, counted from 0, to before end.",
    examples: &[
        eg("substring('012345', 2)", "\"2345\""),
        eg("substring('012345', 2.745)", "\"2345\""),
        eg("substring('012345', 1, 3)", "\"12\""),
        eg("substring('012345', -50, 50)", "\"012345\""),
        eg("substring('012345', 3, 1)", "\"\""),
    ],
    body: |call| {
        let text = call.text(0)?;
        let start = call.int(1)?;
        let end = match call.count() {
            2 => i128::MAX,
            _ => call.int(2)?,
        };
        let place = |at: i128| usize::try_from(at.max(0)).unwrap_or(usize::MAX);
        let (start, end) = (place(start), place(end));
        let count = end.saturating_sub(start);
        Ok(text
            .chars()
            .skip(start)
            .take(count)
            .collect::<String>()
            .into())
    },
    ..PLAIN
};

static INDEXOF: Function = Function {
    name: "indexof",
    arguments: "text, part",
    arity: Arity::exactly(2),
    since: SqlVersion::V2016,
    summary: "Where the part begins in the text, counted from 0; -1 if it is not in it.",
    examples: &[
        eg("indexof('abcd', 'bc')", "1"),
        eg("indexof('abcd', 'x')", "-1"),
    ],
    body: |call| {
        if call.value(0)?.kind() == Type::Array {
            return Err(Stop::Undefined);
        }
        let (text, part) = (call.text(0)?, call.text(1)?);
        Ok(match text.find(&*part) {
            Some(bytes) => count(text[..bytes].chars().count()),
            None => Value::Int(-1),
        })
    },
    ..PLAIN
};

static STARTSWITH: Function = Function {
    name: "startswith",
    arguments: "text, beginning",
    arity: Arity::exactly(2),
    summary: "Whether the text begins so.",
    examples: &[
        eg("startswith('ranger', 'ran')", "true"),
        eg("startswith('ranger', null)", "Undefined"),
    ],
    body: |call| Ok(call.text(0)?.starts_with(&*call.text(1)?).into()),
    ..PLAIN
};

static ENDSWITH: Function = Function {
    name: "endswith",
    arguments: "text, end",
    arity: Arity::exactly(2),
    summary: "Whether the text ends so.",
    examples: &[
        eg("endswith('cat', 'at')", "true"),
        eg("endswith(42, 2)", "true"),
    ],
    body: |call| Ok(call.text(0)?.ends_with(&*call.text(1)?).into()),
    ..PLAIN
};

static REPLACE: Function = Function {
    name: "replace",
    arguments: "text, part, replacement",
    arity: Arity::exactly(3),
    summary: "The text with every occurrence of the part replaced.",
    examples: &[
        eg("replace('abcd', 'bc', 'x')", "\"axd\""),
        eg("replace('a.b', '.', '-')", "\"a-b\""),
    ],
    body: |call| {
        let (text, part, new) = (call.text(0)?, call.text(1)?, call.text(2)?);
        let growth = text.matches(&*part).count().saturating_mul(new.len());
        call.evaluator.budget.built(growth)?;
        Ok(text.replace(&*part, &new).into())
    },
    ..PLAIN
};

static LPAD: Function = Function {
    name: "lpad",
    arguments: "text, count",
    arity: Arity::exactly(2),
    summary: "The text with so many blanks before it, at most 1000.",
    examples: &[
        eg("lpad('hello', 2)", "\"  hello\""),
        eg("lpad(1, 3)", "\"   1\""),
    ],
    body: |call| {
        let text = call.text(0)?;
        Ok(format!("{}{}", blanks(call)?, &*text).into())
    },
    ..PLAIN
};

static RPAD: Function = Function {
    name: "rpad",
    arguments: "text, count",
    arity: Arity::exactly(2),
    summary: "The text with so many blanks after it, at most 1000.",
    examples: &[
        eg("rpad('hello', 2)", "\"hello  \""),
        eg("rpad(1, 3)", "\"1   \""),
    ],
    body: |call| {
        let text = call.text(0)?;
        Ok(format!("{}{}", &*text, blanks(call)?).into())
    },
    ..PLAIN
};

fn blanks(call: &mut Arguments<'_, '_, '_>) -> Result<String, Stop> {
    let count = call.int(1)?.clamp(0, 1000);
    Ok(" ".repeat(usize::try_from(count).unwrap_or(0)))
}

static TRIM: Function = Function {
    name: "trim",
    arguments: "text",
    summary: "The text without blanks and tabs at both ends.",
    examples: &[eg("trim(' hi ')", "\"hi\"")],
    body: |call| trimmed(call, |text| text.trim_matches([' ', '\t'])),
    ..PLAIN
};

static LTRIM: Function = Function {
    name: "ltrim",
    arguments: "text",
    summary: "The text without blanks and tabs at its beginning.",
    examples: &[eg("ltrim(' h i ')", "\"h i \"")],
    body: |call| trimmed(call, |text| text.trim_start_matches([' ', '\t'])),
    ..PLAIN
};

static RTRIM: Function = Function {
    name: "rtrim",
    arguments: "text",
    summary: "The text without blanks and tabs at its end.",
    examples: &[eg("rtrim(' h i ')", "\" h i\"")],
    body: |call| trimmed(call, |text| text.trim_end_matches([' ', '\t'])),
    ..PLAIN
};

fn trimmed<'v>(call: &mut Arguments<'_, '_, 'v>, trim: fn(&str) -> &str) -> Evaluated<'v> {
    Ok(match call.text(0)? {
        Text::Borrowed(text) => trim(text).into(),
        Text::Shared(text) => trim(&text).to_owned().into(),
    })
}

static CHR: Function = Function {
    name: "chr",
    arguments: "number",
    summary: "The ASCII character of this code.",
    examples: &[eg("chr(65)", "\"A\""), eg("chr(200)", "Undefined")],
    body: |call| match u8::try_from(call.int(0)?) {
        Ok(code) if code.is_ascii() => Ok(String::from(char::from(code)).into()),
        Ok(_) | Err(_) => Err(Stop::Undefined),
    },
    ..PLAIN
};
