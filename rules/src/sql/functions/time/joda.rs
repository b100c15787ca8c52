//! Formats times by a pattern of Joda-Time's `DateTimeFormat`.

use super::pattern::{Item, parse_joda};
use super::zone::{Zone, offset_text};
use super::{MONTHS, WEEKDAYS};
use jiff::Timestamp;
use jiff::civil::DateTime;
use std::fmt::Write;

/// Digits that one field may have.
const WIDTH_MAX: usize = 64;

/// The time in a zone; nothing if the pattern is not one.
pub(super) fn format(pattern: &str, time: Timestamp, zone: &Zone) -> Option<String> {
    let civil = zone.civil(time);
    let mut out = String::new();
    for item in parse_joda(pattern)? {
        match item {
            Item::Literal(text) => out.push_str(&text),
            Item::Field(letter, count) => {
                if count > WIDTH_MAX {
                    return None;
                }
                field(letter, count, civil, &mut out)
                    .or_else(|| zone_field(letter, count, time, zone, &mut out))?;
            }
            Item::OptionalStart | Item::OptionalEnd => return None,
        }
    }
    Some(out)
}

/// Appends what a letter stands for, if it is one of date or time of day.
fn field(letter: char, count: usize, civil: DateTime, out: &mut String) -> Option<()> {
    let year = i64::from(civil.year());
    let era_year = if year > 0 { year } else { 1 - year };
    let hour = i64::from(civil.hour());
    let week = civil.date().iso_week_date();
    let value = match letter {
        'G' => return text(if year > 0 { "AD" } else { "BC" }, out),
        'C' => era_year / 100,
        'Y' | 'y' | 'x' => {
            let value = match letter {
                'Y' => era_year,
                'y' => year,
                _ => i64::from(week.year()),
            };
            if count == 2 {
                return number(value.rem_euclid(100), 2, out);
            }
            value
        }
        'w' => i64::from(week.week()),
        'e' => i64::from(civil.weekday().to_monday_one_offset()),
        'E' => {
            let day = civil.weekday().to_monday_zero_offset();
            return name(&WEEKDAYS, usize::try_from(day).ok()?, count >= 4, out);
        }
        'D' => i64::from(civil.day_of_year()),
        'M' if count >= 3 => {
            let month = usize::try_from(civil.month() - 1).ok()?;
            return name(&MONTHS, month, count >= 4, out);
        }
        'M' => i64::from(civil.month()),
        'd' => i64::from(civil.day()),
        'a' => return text(if hour < 12 { "AM" } else { "PM" }, out),
        'K' => hour % 12,
        'h' => (hour + 11) % 12 + 1,
        'H' => hour,
        'k' => (hour + 23) % 24 + 1,
        'm' => i64::from(civil.minute()),
        's' => i64::from(civil.second()),
        'S' => return fraction(civil, count, out),
        _ => return None,
    };
    number(value, count, out)
}

/// Appends what a letter of the time zone stands for.
fn zone_field(
    letter: char,
    count: usize,
    time: Timestamp,
    zone: &Zone,
    out: &mut String,
) -> Option<()> {
    match (letter, count) {
        // The long names of zones are not in the time zone data.
        ('z', 4..) if zone.id() == "UTC" => text("Coordinated Universal Time", out),
        ('z', _) => text(&zone.abbreviation(time), out),
        ('Z', 1) => text(&offset_text(zone.offset_at(time), false), out),
        ('Z', 2) => text(&offset_text(zone.offset_at(time), true), out),
        ('Z', _) => text(zone.id(), out),
        _ => None,
    }
}

fn text(text: &str, out: &mut String) -> Option<()> {
    out.push_str(text);
    Some(())
}

fn name(names: &[&str], index: usize, full: bool, out: &mut String) -> Option<()> {
    let name = names.get(index)?;
    text(if full { name } else { &name[..3] }, out)
}

fn number(value: i64, width: usize, out: &mut String) -> Option<()> {
    let sign = if value < 0 { "-" } else { "" };
    let digits = value.unsigned_abs();
    write!(out, "{sign}{digits:0width$}").ok()
}

/// As many leading digits of the milliseconds as the pattern has letters.
fn fraction(civil: DateTime, count: usize, out: &mut String) -> Option<()> {
    let digits = format!("{:03}", civil.millisecond());
    out.extend(digits.chars().chain(std::iter::repeat('0')).take(count));
    Some(())
}
