//! The cron expressions of maintenance windows ("Schedule expressions" in the Amazon EventBridge
//! user guide): six fields, one of the two fields for days is `?`, all in UTC.

use crate::ThingsError;
use time::{Date, Duration, OffsetDateTime};

/// A schedule to the minute.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Cron {
    minutes: Set,
    hours: Set,
    days: Days,
    months: Set,
    years: Set,
}

/// Values of a field by number.
#[derive(Debug, PartialEq, Eq)]
struct Set(Vec<u16>);

#[derive(Debug, PartialEq, Eq)]
enum Days {
    /// Days of the month.
    Month(Set),
    /// The last day of the month (`L`).
    Last,
    /// Days of the week, Sunday is 1.
    Week(Set),
}

const MONTHS: [&str; 12] = [
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// How far a start is looked for: a day in February every four years, with a century between.
const DAYS_MAX: u16 = 9 * 366;

impl Cron {
    /// Reads `cron(0 18 ? * MON *)`.
    ///
    /// # Errors
    /// InvalidRequest that names the field.
    pub(super) fn parse(text: &str) -> Result<Self, ThingsError> {
        let refused = |why: &str| {
            ThingsError::InvalidRequest(format!(
                "`{text}` is not a cron expression such as cron(0 18 ? * MON *): {why}"
            ))
        };
        let inner = text
            .strip_prefix("cron(")
            .and_then(|rest| rest.strip_suffix(')'));
        let fields: Vec<&str> = inner.unwrap_or_default().split_whitespace().collect();
        let [minutes, hours, month_days, months, week_days, years] = fields[..] else {
            return Err(refused("six fields in cron(...) are needed"));
        };
        let set = |name: &str, field: &str, from: u16, to: u16, names: &[&str]| {
            Set::parse(field, from, to, names)
                .ok_or_else(|| refused(&format!("`{field}` is not valid for {name}")))
        };
        let days = match (month_days, week_days) {
            ("L", "?") => Days::Last,
            (days, "?") => Days::Month(set("day of month", days, 1, 31, &[])?),
            ("?", days) => Days::Week(set("day of week", days, 1, 7, &WEEKDAYS)?),
            _ => return Err(refused("one of day of month and day of week must be ?")),
        };
        Ok(Self {
            minutes: set("minutes", minutes, 0, 59, &[])?,
            hours: set("hours", hours, 0, 23, &[])?,
            days,
            months: set("month", months, 1, 12, &MONTHS)?,
            years: set("year", years, 1970, 2199, &[])?,
        })
    }

    /// The first start after a moment, in milliseconds since the epoch.
    pub(super) fn next(&self, after_ms: u64) -> Option<u64> {
        let after_s = i64::try_from(after_ms / 1000).ok()?;
        let after = OffsetDateTime::from_unix_timestamp(after_s).ok()?;
        let mut date = after.date();
        for _ in 0..DAYS_MAX {
            if self.includes(date) {
                let midnight = date.midnight().assume_utc();
                let starts = self.hours.0.iter().flat_map(|hour| {
                    let minutes = self.minutes.0.iter();
                    minutes.map(move |minute| u32::from(*hour) * 60 + u32::from(*minute))
                });
                let mut starts =
                    starts.map(|minutes| midnight + Duration::minutes(i64::from(minutes)));
                if let Some(start) = starts.find(|start| *start > after) {
                    return u64::try_from(start.unix_timestamp()).ok().map(|s| s * 1000);
                }
            }
            date = date.next_day()?;
        }
        None
    }

    fn includes(&self, date: Date) -> bool {
        let year = u16::try_from(date.year()).unwrap_or_default();
        let (month, day) = (u8::from(date.month()), date.day());
        let weekday = date.weekday().number_from_sunday();
        let day_fits = match &self.days {
            Days::Month(days) => days.has(day.into()),
            Days::Last => date.month().length(date.year()) == day,
            Days::Week(days) => days.has(weekday.into()),
        };
        day_fits && self.months.has(month.into()) && self.years.has(year)
    }
}

impl Set {
    /// Reads `*`, `a`, `a-b`, `a/n`, `*/n`, and lists of them.
    fn parse(field: &str, from: u16, to: u16, names: &[&str]) -> Option<Self> {
        let number = |text: &str| {
            let named = names
                .iter()
                .position(|name| name.eq_ignore_ascii_case(text));
            let number = match named {
                Some(at) => u16::try_from(at).ok()? + from,
                None => text.parse().ok()?,
            };
            (from..=to).contains(&number).then_some(number)
        };
        let mut values = Vec::new();
        for part in field.split(',') {
            let (range, step) = match part.split_once('/') {
                Some((range, step)) => (range, Some(step.parse::<u16>().ok().filter(|n| *n > 0)?)),
                None => (part, None),
            };
            let (first, last) = match range.split_once('-') {
                _ if range == "*" => (from, to),
                Some((first, last)) => (number(first)?, number(last)?),
                None => {
                    let first = number(range)?;
                    (first, if step.is_some() { to } else { first })
                }
            };
            values.extend((first..=last).step_by(step.unwrap_or(1).into()));
        }
        values.sort_unstable();
        values.dedup();
        (!values.is_empty()).then_some(Self(values))
    }

    fn has(&self, value: u16) -> bool {
        self.0.binary_search(&value).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn the_next_start_is_found() {
        let check = |expression: &str, after: OffsetDateTime, expected: OffsetDateTime| {
            let ms = |at: OffsetDateTime| u64::try_from(at.unix_timestamp()).unwrap() * 1000;
            let found = Cron::parse(expression).unwrap().next(ms(after));
            assert_eq!(found, Some(ms(expected)), "{expression}");
        };
        let monday = datetime!(2026-11-30 16:00 UTC);
        check(
            "cron(0 18 ? * MON *)",
            monday,
            datetime!(2026-11-30 18:00 UTC),
        );
        check(
            "cron(0 16 ? * MON *)",
            monday,
            datetime!(2026-12-07 16:00 UTC),
        );
        check(
            "cron(*/20 * * * ? *)",
            monday,
            datetime!(2026-11-30 16:20 UTC),
        );
        check(
            "cron(30 1-3,5 1 JAN,FEB ? *)",
            monday,
            datetime!(2027-01-01 01:30 UTC),
        );
        check(
            "cron(0 0 L FEB ? 2028)",
            monday,
            datetime!(2028-02-29 00:00 UTC),
        );
        assert_eq!(Cron::parse("cron(0 0 31 2 ? *)").unwrap().next(0), None);
    }

    #[test]
    fn what_is_no_expression_is_refused() {
        for wrong in [
            "",
            "0 18 ? * MON *",
            "cron(0 18 * * MON *)",
            "cron(60 0 ? * MON *)",
            "cron(0 0 ? * FOO *)",
            "cron(0 0 1 * ?)",
            "cron(*/0 0 1 * ? *)",
            "cron(5-1 0 1 * ? *)",
        ] {
            assert!(Cron::parse(wrong).is_err(), "{wrong}");
        }
    }
}
