//! When a job begins and ends, and the hours in which it may reach things.

use super::window::Cron;
use crate::ThingsError;
use serde::{Deserialize, Serialize};
use time::{Date, Month, PrimitiveDateTime, Time};

/// schedulingConfig.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SchedulingConfig {
    /// `YYYY-MM-DDThh:mm`, UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_time: Option<String>,
    /// The same for the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_time: Option<String>,
    /// What becomes of executions at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_behavior: Option<EndBehavior>,
    /// When things may be told.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub maintenance_windows: Vec<MaintenanceWindow>,
}

/// endBehavior.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum EndBehavior {
    /// Nobody else is told.
    StopRollout,
    /// What is queued is canceled too.
    Cancel,
    /// And what is in progress.
    ForceCancel,
}

/// One of maintenanceWindows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MaintenanceWindow {
    /// `cron(minutes hours day-of-month month day-of-week year)`, UTC.
    pub start_time: String,
    /// How long each one is.
    pub duration_in_minutes: u32,
}

const MINUTE_MS: u64 = 60_000;
/// The least time from now to the start, and from the start to the end (API reference,
/// SchedulingConfig).
const NOTICE_MS: u64 = 30 * MINUTE_MS;
const YEAR_MS: u64 = 365 * 24 * 60 * MINUTE_MS;

impl SchedulingConfig {
    /// Checks times and windows. Windows are for continuous jobs alone (developer guide,
    /// "Scheduling jobs").
    pub(super) fn check(&self, continuous: bool, now_ms: u64) -> Result<(), ThingsError> {
        let refused = |why: &str| Err(ThingsError::InvalidRequest(why.to_owned()));
        let start = self.start_time.as_deref().map(moment).transpose()?;
        let end = self.end_time.as_deref().map(moment).transpose()?;
        if let Some(start_ms) = start
            && !(now_ms + NOTICE_MS..=now_ms + YEAR_MS).contains(&start_ms)
        {
            return refused("startTime must be 30 minutes to one year from now");
        }
        if let Some(end_ms) = end {
            let from_ms = start.unwrap_or(now_ms);
            if !(from_ms + NOTICE_MS..=from_ms + 2 * YEAR_MS).contains(&end_ms) {
                return refused("endTime must be 30 minutes to two years after the start");
            }
        }
        if end.is_none() && self.end_behavior.is_some() {
            return refused("endBehavior must be given together with endTime");
        }
        if self.maintenance_windows.is_empty() {
            return Ok(());
        }
        if !continuous {
            return refused("maintenanceWindows can only be used with continuous jobs");
        }
        if start.is_some() {
            return refused("startTime and maintenanceWindows cannot be given together");
        }
        self.maintenance_windows
            .iter()
            .try_for_each(|window| Cron::parse(&window.start_time).map(|_| ()))
    }

    /// When the job begins, if that was set.
    pub(super) fn start_ms(&self) -> Option<u64> {
        moment(self.start_time.as_deref()?).ok()
    }

    /// When it ends, if that was set.
    pub(super) fn end_ms(&self) -> Option<u64> {
        moment(self.end_time.as_deref()?).ok()
    }

    /// Whether things may be told now.
    pub(super) fn is_open(&self, now_ms: u64) -> bool {
        let windows = &self.maintenance_windows;
        windows.is_empty() || windows.iter().any(|window| window.is_open(now_ms))
    }

    /// The starts of the windows that come next, for DescribeJob: one for each window.
    pub fn next_starts(&self, now_ms: u64) -> Vec<String> {
        let windows = self.maintenance_windows.iter();
        let mut starts: Vec<u64> = windows
            .filter_map(|window| Cron::parse(&window.start_time).ok()?.next(now_ms))
            .collect();
        starts.sort_unstable();
        starts.into_iter().map(shown).collect()
    }
}

impl MaintenanceWindow {
    fn is_open(&self, now_ms: u64) -> bool {
        let Ok(cron) = Cron::parse(&self.start_time) else {
            return false;
        };
        let length_ms = u64::from(self.duration_in_minutes) * MINUTE_MS;
        // The window that began last is the first one that begins after one length ago.
        cron.next(now_ms.saturating_sub(length_ms))
            .is_some_and(|start_ms| start_ms <= now_ms)
    }
}

/// Reads `YYYY-MM-DDThh:mm` as milliseconds since the epoch.
fn moment(text: &str) -> Result<u64, ThingsError> {
    read(text).ok_or_else(|| {
        ThingsError::InvalidRequest(format!(
            "1 validation error detected: Provided time {text} UTC must follow the format \
             YYYY-MM-DDThh:mm."
        ))
    })
}

fn read(text: &str) -> Option<u64> {
    let bytes = text.as_bytes();
    let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':')];
    if bytes.len() != 16 || marks.iter().any(|(at, mark)| bytes[*at] != *mark) {
        return None;
    }
    let number = |from: usize, to: usize| {
        let digits = &bytes[from..to];
        let all = digits.iter().all(u8::is_ascii_digit);
        all.then(|| {
            digits
                .iter()
                .fold(0_u16, |n, d| n * 10 + u16::from(d - b'0'))
        })
    };
    let small = |from: usize| u8::try_from(number(from, from + 2)?).ok();
    let month = Month::try_from(small(5)?).ok()?;
    let date = Date::from_calendar_date(i32::from(number(0, 4)?), month, small(8)?).ok()?;
    let time = Time::from_hms(small(11)?, small(14)?, 0).ok()?;
    let seconds = PrimitiveDateTime::new(date, time)
        .assume_utc()
        .unix_timestamp();
    u64::try_from(seconds).ok().map(|seconds| seconds * 1000)
}

/// The inverse of [`moment`].
fn shown(ms: u64) -> String {
    let seconds = i64::try_from(ms / 1000).unwrap_or_default();
    let at = time::OffsetDateTime::from_unix_timestamp(seconds)
        .unwrap_or(time::OffsetDateTime::UNIX_EPOCH);
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}",
        at.year(),
        u8::from(at.month()),
        at.day(),
        at.hour(),
        at.minute()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: u64 = 1_790_000_000_000;

    #[test]
    fn times_are_read_and_shown_to_the_minute() {
        assert_eq!(read("1970-01-02T00:01"), Some(86_460_000));
        assert_eq!(shown(86_460_000), "1970-01-02T00:01");
        for wrong in [
            "",
            "2026-01-01",
            "2026-01-01 00:00",
            "2026-02-30T00:00",
            "2026-01-01T00:00Z",
            "２026-01-01T0:0",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_schedule_keeps_to_its_bounds() {
        let at = |minutes: u64| Some(shown(NOW_MS + minutes * MINUTE_MS + 59_999));
        let check = |start: Option<String>, end: Option<String>, behavior, good: bool| {
            let config = SchedulingConfig {
                start_time: start,
                end_time: end,
                end_behavior: behavior,
                maintenance_windows: Vec::new(),
            };
            assert_eq!(config.check(false, NOW_MS).is_ok(), good, "{config:?}");
        };
        check(None, None, None, true);
        check(at(31), None, None, true);
        check(at(20), None, None, false);
        check(at(366 * 24 * 60), None, None, false);
        check(at(31), at(62), Some(EndBehavior::Cancel), true);
        check(at(31), at(60), None, false);
        check(None, at(31), None, true);
        check(at(31), None, Some(EndBehavior::Cancel), false);
    }
}
