//! Endpoint discovery of Timestream: AWS's own address only tells which address to write to
//! (Amazon Timestream developer guide, "The endpoint discovery pattern").

use super::request::{AwsRequest, Service, json_target};
use parking_lot::Mutex;
use serde::Deserialize;
use std::time::{Duration, Instant};

/// What asks for the address.
pub(super) fn request() -> AwsRequest {
    let target = "Timestream_20181101.DescribeEndpoints";
    json_target(Service::Timestream, target, &serde_json::json!({}))
}

/// The address that was told, for as long as it holds.
#[derive(Default)]
pub(super) struct Discovered(Mutex<Option<(String, Instant)>>);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    endpoints: Vec<Endpoint>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Endpoint {
    address: String,
    cache_period_in_minutes: u64,
}

impl Discovered {
    /// The address, unless it has to be asked for.
    pub(super) fn address(&self, now: Instant) -> Option<String> {
        let known = self.0.lock();
        let (address, until) = known.as_ref()?;
        (now < *until).then(|| address.clone())
    }

    /// Takes the address from an answer.
    ///
    /// # Errors
    /// The answer tells none, in words.
    pub(super) fn learn(&self, answer: &[u8], now: Instant) -> Result<String, String> {
        let answer: Answer = serde_json::from_slice(answer).map_err(|why| why.to_string())?;
        let first = answer.endpoints.into_iter().next();
        let endpoint = first.ok_or("the service told no endpoint")?;
        let address = match endpoint.address.contains("://") {
            true => endpoint.address,
            false => format!("https://{}", endpoint.address),
        };
        let minutes = endpoint.cache_period_in_minutes.min(24 * 60);
        let until = now + Duration::from_secs(60 * minutes);
        *self.0.lock() = Some((address.clone(), until));
        Ok(address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_asked_for_as_timestream_wants_it() {
        let request = request();
        let headers: Vec<_> = request.headers.iter().map(|(_, value)| value).collect();
        let target = "Timestream_20181101.DescribeEndpoints";
        assert_eq!(headers, ["application/x-amz-json-1.0", target]);
        assert_eq!((&*request.path, &*request.body), ("/", &b"{}"[..]));
    }

    #[test]
    fn an_address_holds_for_its_time() {
        let discovered = Discovered::default();
        let now = Instant::now();
        assert_eq!(discovered.address(now), None);
        let answer = r#"{"Endpoints":[{"Address":"ingest-cell1.timestream.us-east-1.amazonaws.com",
            "CachePeriodInMinutes":5}]}"#;
        let address = "https://ingest-cell1.timestream.us-east-1.amazonaws.com".to_owned();
        assert_eq!(
            discovered.learn(answer.as_bytes(), now),
            Ok(address.clone())
        );
        let minute = Duration::from_secs(60);
        assert_eq!(discovered.address(now + 4 * minute), Some(address));
        assert_eq!(discovered.address(now + 5 * minute), None);
    }

    #[test]
    fn an_answer_without_an_address_is_an_error() {
        let discovered = Discovered::default();
        let none = "the service told no endpoint".to_owned();
        assert_eq!(
            discovered.learn(br#"{"Endpoints":[]}"#, Instant::now()),
            Err(none)
        );
        assert!(discovered.learn(b"{}", Instant::now()).is_err());
    }
}
