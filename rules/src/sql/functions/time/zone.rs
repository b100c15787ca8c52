//! Time zones by their names in Joda-Time and in Java, from data that is compiled in.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone, TimeZoneDatabase};
use std::sync::LazyLock;

static DATABASE: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// A time zone.
#[derive(Clone, Debug)]
pub(super) struct Zone {
    id: String,
    zone: TimeZone,
}

/// Abbreviations that Java reads where a pattern has `z`.
const ABBREVIATIONS: [(&str, &str); 14] = [
    ("UTC", "UTC"),
    ("GMT", "UTC"),
    ("EST", "America/New_York"),
    ("EDT", "America/New_York"),
    ("CST", "America/Chicago"),
    ("CDT", "America/Chicago"),
    ("MST", "America/Denver"),
    ("MDT", "America/Denver"),
    ("PST", "America/Los_Angeles"),
    ("PDT", "America/Los_Angeles"),
    ("CET", "Europe/Paris"),
    ("CEST", "Europe/Paris"),
    ("BST", "Europe/London"),
    ("JST", "Asia/Tokyo"),
];

impl Zone {
    pub(super) fn utc() -> Self {
        Self {
            id: "UTC".to_owned(),
            zone: TimeZone::UTC,
        }
    }

    pub(super) fn offset(seconds: i32) -> Option<Self> {
        let offset = Offset::from_seconds(seconds).ok()?;
        Some(Self {
            id: offset_text(seconds, true),
            zone: TimeZone::fixed(offset),
        })
    }

    fn named(name: &str) -> Option<Self> {
        let zone = DATABASE.get(name).ok()?;
        Some(Self {
            id: zone.iana_name().unwrap_or(name).to_owned(),
            zone,
        })
    }

    /// As `DateTimeZone.forID` of Joda-Time reads it.
    pub(super) fn joda(id: &str) -> Option<Self> {
        match id {
            "UTC" => Some(Self::utc()),
            signed if signed.starts_with(['+', '-']) => {
                let (seconds, rest) = read_offset(signed)?;
                rest.is_empty().then(|| Self::offset(seconds))?
            }
            name => Self::named(name),
        }
    }

    /// A zone id of Java at the beginning of a text, and what follows it.
    pub(super) fn read_id(text: &str) -> Option<(Self, &str)> {
        if let Some(rest) = text.strip_prefix('Z') {
            return Some((Self::utc(), rest));
        }
        if text.starts_with(['+', '-']) {
            let (seconds, rest) = read_offset(text)?;
            return Some((Self::offset(seconds)?, rest));
        }
        let end = text
            .find(|c: char| {
                !(c.is_ascii_alphanumeric() || matches!(c, '/' | '_' | '-' | '+' | '.'))
            })
            .unwrap_or(text.len());
        for prefix in ["UTC", "GMT", "UT"] {
            if let Some(signed) = text.strip_prefix(prefix)
                && signed.starts_with(['+', '-'])
                && let Some((seconds, rest)) = read_offset(signed)
            {
                return Some((Self::offset(seconds)?, rest));
            }
        }
        // The longest name that is one.
        let ends = (1..=end).rev().filter(|end| text.is_char_boundary(*end));
        let mut zones = ends.filter_map(|end| Some((Self::named(&text[..end])?, &text[end..])));
        zones.next()
    }

    /// A zone id or one of the usual abbreviations.
    pub(super) fn read_name(text: &str) -> Option<(Self, &str)> {
        let end = text
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(text.len());
        let known = ABBREVIATIONS.iter().find(|(name, _)| *name == &text[..end]);
        match known {
            Some((_, zone)) if !text[end..].starts_with(['+', '-', '/']) => {
                Some((Self::named(zone)?, &text[end..]))
            }
            _ => Self::read_id(text),
        }
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn offset_at(&self, time: Timestamp) -> i32 {
        self.zone.to_offset(time).seconds()
    }

    pub(super) fn civil(&self, time: Timestamp) -> DateTime {
        self.zone.to_datetime(time)
    }

    /// Its short name at a time; the offset where it has none.
    pub(super) fn abbreviation(&self, time: Timestamp) -> String {
        let name = self.zone.to_offset_info(time).abbreviation().to_owned();
        if name.starts_with(['+', '-']) {
            return offset_text(self.offset_at(time), true);
        }
        name
    }

    /// The moment at which its clocks show a time: of two the earlier, of none what the offset
    /// before the gap gives, as in Java.
    pub(super) fn timestamp(&self, civil: DateTime) -> Option<Timestamp> {
        self.zone.to_timestamp(civil).ok()
    }
}

/// `+08:00` or `+0800`.
pub(super) fn offset_text(seconds: i32, colon: bool) -> String {
    let sign = if seconds < 0 { '-' } else { '+' };
    let minutes = seconds.unsigned_abs() / 60;
    let colon = if colon { ":" } else { "" };
    format!("{sign}{:02}{colon}{:02}", minutes / 60, minutes % 60)
}

/// Reads `+h`, `+hh`, `+hhmm`, `+hh:mm`, `+hhmmss` or `+hh:mm:ss`, in seconds.
pub(super) fn read_offset(text: &str) -> Option<(i32, &str)> {
    let negative = text.starts_with('-');
    let mut rest = text.strip_prefix(['+', '-'])?;
    let mut seconds = 0;
    let mut colon = false;
    for (place, unit) in [3600, 60, 1].into_iter().enumerate() {
        let part = match place {
            0 => rest,
            _ => match rest.strip_prefix(':') {
                Some(after) if place == 1 || colon => {
                    colon = true;
                    after
                }
                None if !colon => rest,
                Some(_) | None => break,
            },
        };
        let digits = part.bytes().take(2).take_while(u8::is_ascii_digit).count();
        if digits < 2 && (place > 0 || digits == 0) {
            if place > 0 {
                break;
            }
            return None;
        }
        let value: i32 = part[..digits].parse().ok()?;
        if place > 0 && value > 59 {
            return None;
        }
        seconds += value * unit;
        rest = &part[digits..];
    }
    // Java's limit.
    if seconds > 18 * 3600 {
        return None;
    }
    Some((if negative { -seconds } else { seconds }, rest))
}
