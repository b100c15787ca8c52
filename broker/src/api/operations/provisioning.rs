//! Provisioning by callers of the API: claims for devices, and RegisterThing.

use super::{Call, Family, seconds};
use crate::api::error::ApiError;
use crate::api::reply::Reply;
use serde_json::{Map, json};
use things::{ProvisioningError, ProvisioningParameters, ThingsError};

pub(super) const FAMILY: Family = &[
    ("CreateProvisioningClaim", create_provisioning_claim),
    ("RegisterThing", register_thing),
];

fn create_provisioning_claim(call: &Call) -> Result<Reply, ApiError> {
    let (things, name) = (&call.world.things, call.text("templateName")?);
    let made = things.create_provisioning_claim(name, call.now_ms)?;
    Ok(Reply::Json(json!({
        "certificateId": made.certificate.id,
        "certificatePem": made.certificate.pem,
        "keyPair": {"PublicKey": made.public_key, "PrivateKey": made.private_key},
        "expiration": seconds(made.certificate.not_after_ms),
    })))
}

fn register_thing(call: &Call) -> Result<Reply, ApiError> {
    let parameters: ProvisioningParameters = call.read("parameters")?;
    let body = call.text("templateBody")?;
    let things = &call.world.things;
    let refused = |error: ProvisioningError| ApiError::from(ThingsError::from(error));
    let plan = things
        .plan_registration(body, &parameters)
        .map_err(refused)?;
    let done = things.provision(&plan, call.now_ms).map_err(refused)?;
    let mut answer = Map::new();
    if let Some(pem) = done.certificate_pem {
        answer.insert("certificatePem".to_owned(), pem.into());
    }
    answer.insert("resourceArns".to_owned(), json!(done.resource_arns));
    Ok(Reply::Json(answer.into()))
}
