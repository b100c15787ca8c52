//! Functions of the account that AWS IoT asks before it decides: custom authorizers and
//! pre-provisioning hooks.

use bytes::Bytes;
use rules::target::{AwsRequest, Service, Target, Via, encode_segment};
use serde_json::Value;
use std::time::Duration;

/// How long a function may take: the developer guide has the same five seconds for both.
const PATIENCE: Duration = Duration::from_secs(5);

/// Calls a function, here or at a Lambda endpoint, with an event, and gives what it answers.
///
/// # Errors
/// In words: there is no such function, it failed, took too long, or did not answer with JSON.
pub(crate) async fn invoke(
    lambda: &dyn Target,
    function_arn: &str,
    event: &Value,
) -> Result<Value, String> {
    let name = function_arn.split(':').nth(6).unwrap_or(function_arn);
    let body = Bytes::from(event.to_string());
    let mut request = AwsRequest::post(Service::Lambda, "application/json", body);
    request.path = format!("/2015-03-31/functions/{}/invocations", encode_segment(name));
    let route = lambda.route(&request);
    if route.via == Via::Recorded {
        return Err(format!(
            "there is no function {name}: add it with `thingcore function add`, or set AWS_ENDPOINT_URL_LAMBDA"
        ));
    }
    let sent = lambda.send(&route, &request);
    let answer = match tokio::time::timeout(PATIENCE, sent).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(why)) => return Err(why.message),
        Err(_) => return Err("it took more than 5 seconds".to_owned()),
    };
    let text = || String::from_utf8_lossy(&answer.body).into_owned();
    if !answer.status.is_success() {
        return Err(format!("status {}: {}", answer.status, text()));
    }
    if answer.function_failed {
        return Err(format!("function {name} failed: {}", text()));
    }
    serde_json::from_slice(&answer.body).map_err(|why| why.to_string())
}
