//! The query of an admin request.

use crate::api::pairs;
use std::str::FromStr;
use std::time::Duration;

/// The longest that a request may wait.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// Decoded pairs.
#[derive(Debug)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn read(query: &str) -> Self {
        Query(pairs(query))
    }

    /// A text that may be there.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// A value that may be there.
    ///
    /// # Errors
    /// What is there is not of its type, in words.
    pub(super) fn value<T: FromStr>(&self, name: &str) -> Result<Option<T>, String> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        let refused = |_| format!("`{name}`: `{text}` is not what it takes");
        text.parse().map(Some).map_err(refused)
    }

    /// `wait`, in seconds.
    ///
    /// # Errors
    /// It is not a number of seconds.
    pub(super) fn wait(&self) -> Result<Duration, String> {
        let seconds: f64 = self.value("wait")?.unwrap_or(0.0);
        let wait = Duration::try_from_secs_f64(seconds)
            .map_err(|_| format!("`wait`: `{seconds}` is not a number of seconds"))?;
        Ok(wait.min(WAIT_MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_as_their_type_or_refused() {
        let query = Query::read("after=7&follow=true&wait=0.5&filter=a%2F%2B&limit=x");
        assert_eq!(query.value("after"), Ok(Some(7)));
        assert_eq!(query.value("follow"), Ok(Some(true)));
        assert_eq!(query.value::<u64>("missing"), Ok(None));
        assert_eq!(query.text("filter"), Some("a/+"));
        assert_eq!(query.wait(), Ok(Duration::from_millis(500)));
        assert!(query.value::<u64>("limit").is_err());
        for (text, seconds) in [("", 0), ("wait=1000", 60)] {
            assert_eq!(Query::read(text).wait(), Ok(Duration::from_secs(seconds)));
        }
        for wrong in ["wait=-1", "wait=NaN", "wait=inf", "wait=x"] {
            assert!(Query::read(wrong).wait().is_err(), "{wrong}");
        }
    }
}
