//! Makes a moment of what a text says, as Java's SMART resolving does.

use super::time_parser::Fields;
use super::zone::Zone;
use jiff::civil::{Date, DateTime, Time};
use jiff::{Timestamp, ToSpan};

/// Milliseconds since 1970. A time of day may be missing, a date may not.
pub(super) fn epoch_ms(fields: &Fields) -> Option<i64> {
    let date = date(fields)?;
    if let Some(weekday) = fields.weekday
        && i64::from(date.weekday().to_monday_one_offset()) != weekday
    {
        return None;
    }
    let (time, next_day) = time(fields)?;
    let date = if next_day {
        date.tomorrow().ok()?
    } else {
        date
    };
    let civil = DateTime::from_parts(date, time);
    let zone = fields.zone.clone().unwrap_or_else(Zone::utc);
    zone.timestamp(civil).map(Timestamp::as_millisecond)
}

fn date(fields: &Fields) -> Option<Date> {
    let year = match fields.before_christ {
        Some(true) => 1 - fields.year?,
        Some(false) | None => fields.year?,
    };
    let year = i16::try_from(year).ok()?;
    if let (Some(day), None) = (fields.day_of_year, fields.month) {
        let first = Date::new(year, 1, 1).ok()?;
        let date = first.checked_add((day - 1).days()).ok()?;
        return (date.year() == year).then_some(date);
    }
    let month = i8::try_from(fields.month?).ok()?;
    let first = Date::new(year, month, 1).ok()?;
    // A day that the month does not have is its last one.
    let day = i8::try_from(fields.day?).ok()?.min(first.days_in_month());
    Date::new(year, month, day).ok()
}

/// The time of day, and whether it is midnight at the day's end.
fn time(fields: &Fields) -> Option<(Time, bool)> {
    if let Some(nanoseconds) = fields.nanosecond_of_day {
        return Some((
            Time::midnight()
                .checked_add(nanoseconds.nanoseconds())
                .ok()?,
            false,
        ));
    }
    let hour = match (fields.hour, fields.half_day_hour, fields.afternoon) {
        (Some(hour), _, _) => Some(hour),
        (None, Some(hour), Some(afternoon)) => Some(hour + 12 * i64::from(afternoon)),
        (None, Some(_), None) => return None,
        (None, None, _) => None,
    };
    let (minute, second) = (fields.minute, fields.second);
    let Some(hour) = hour else {
        let nothing = minute.is_none() && second.is_none() && fields.nanosecond.is_none();
        return nothing.then_some((Time::midnight(), false));
    };
    let rest = [minute, second, fields.nanosecond].map(Option::unwrap_or_default);
    if hour == 24 {
        return (rest == [0; 3]).then_some((Time::midnight(), true));
    }
    let [minute, second, nanosecond] = rest;
    let time = Time::new(
        i8::try_from(hour).ok()?,
        i8::try_from(minute).ok()?,
        i8::try_from(second).ok()?,
        i32::try_from(nanosecond).ok()?,
    );
    Some((time.ok()?, false))
}
