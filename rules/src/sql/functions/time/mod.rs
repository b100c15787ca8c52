//! Time.

mod joda;
mod pattern;
mod resolve;
mod time_parser;
mod zone;

use super::super::SqlVersion;
use super::super::eval::Stop;
use super::super::number::Number;
use super::super::value::Value;
use super::function::{Arity, Function, PLAIN, eg};
use jiff::Timestamp;

pub(super) const ALL: &[&Function] = &[&TIMESTAMP, &PARSE_TIME, &TIME_TO_EPOCH];

/// Longer patterns are no patterns.
const PATTERN_BYTES_MAX: usize = 1024;

static TIMESTAMP: Function = Function {
    name: "timestamp",
    arguments: "",
    arity: Arity::exactly(0),
    summary: "The time in milliseconds since 1970.",
    examples: &[eg("timestamp()", "1481825251155")],
    body: |call| Ok(Value::Int(i128::from(call.evaluator.now_ms))),
    ..PLAIN
};

static PARSE_TIME: Function = Function {
    name: "parse_time",
    arguments: "pattern, milliseconds [, timeZone]",
    arity: Arity::between(2, 3),
    since: SqlVersion::V2016,
    summary: "A time as text, by a pattern of Joda-Time; the time zone is UTC if none is named.",
    examples: &[
        eg(
            "parse_time(\"yyyy.MM.dd G 'at' HH:mm:ss z\", 100000000, 'America/Belize')",
            "\"1970.01.01 AD at 21:46:40 CST\"",
        ),
        eg("parse_time('yyyy-MM-dd', 1481825251155)", "\"2016-12-15\""),
    ],
    body: |call| {
        let pattern = call.text(0)?;
        let milliseconds = i64::try_from(call.int(1)?).map_err(|_| Stop::Undefined)?;
        let zone = match call.count() {
            2 => zone::Zone::utc(),
            _ => zone::Zone::joda(&call.text(2)?).ok_or(Stop::Undefined)?,
        };
        if pattern.len() > PATTERN_BYTES_MAX {
            return Err(Stop::Undefined);
        }
        let time = Timestamp::from_millisecond(milliseconds).map_err(|_| Stop::Undefined)?;
        let text = joda::format(&pattern, time, &zone);
        text.map(Value::from).ok_or(Stop::Undefined)
    },
    ..PLAIN
};

static TIME_TO_EPOCH: Function = Function {
    name: "time_to_epoch",
    arguments: "text, pattern",
    arity: Arity::exactly(2),
    since: SqlVersion::V2016,
    summary: "The milliseconds since 1970 of a time in text, by a pattern of Java's \
              DateTimeFormatter; the time zone is UTC if the text has none.",
    examples: &[
        eg(
            "time_to_epoch('2020-04-03 09:45:18 UTC+01:00', 'yyyy-MM-dd HH:mm:ss VV')",
            "1585903518000",
        ),
        eg(
            "time_to_epoch('18 December 2015', 'dd MMMM yyyy')",
            "1450396800000",
        ),
        eg("time_to_epoch('nope', 'yyyy-MM-dd')", "Undefined"),
    ],
    body: |call| {
        let (text, pattern) = (call.text(0)?, call.text(1)?);
        if pattern.len() > PATTERN_BYTES_MAX {
            return Err(Stop::Undefined);
        }
        call.evaluator.budget.step(100)?;
        let items = pattern::parse_jdk(&pattern).ok_or(Stop::Undefined)?;
        let fields = time_parser::parse(&text, &items).ok_or(Stop::Undefined)?;
        let milliseconds = resolve::epoch_ms(&fields).ok_or(Stop::Undefined)?;
        call.give(Number::int(i128::from(milliseconds)))
    },
    ..PLAIN
};

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

const WEEKDAYS: [&str; 7] = [
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
];

#[cfg(test)]
mod tests;
