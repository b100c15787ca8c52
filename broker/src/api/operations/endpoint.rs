//! Where devices find the server.

use super::{Call, Family};
use crate::api::error::ApiError;
use crate::api::reply::Reply;
use serde_json::json;

pub(super) const FAMILY: Family = &[("DescribeEndpoint", describe_endpoint)];

/// Answers a bare host name: device SDKs cannot take one with a port. AWS has retired `iot:Data`
/// and `iot:Jobs` and refuses them; older tutorials still ask for them, so they are answered.
fn describe_endpoint(call: &Call) -> Result<Reply, ApiError> {
    let kind = call.optional("endpointType").unwrap_or("iot:Data");
    let known = [
        "iot:Data",
        "iot:Data-ATS",
        "iot:Data-Beta",
        "iot:CredentialProvider",
        "iot:Jobs",
    ];
    if !known.contains(&kind) {
        let all = known.join(", ");
        return Err(ApiError::invalid(format!(
            "Endpoint type {kind} is not one of {all}"
        )));
    }
    let names = &call.world.config.hostnames;
    let name = names.first().map_or("localhost", String::as_str);
    Ok(Reply::Json(json!({"endpointAddress": name})))
}
