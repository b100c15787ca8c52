//! CA certificates of the account, and the registration code.

use super::wire::{listed, nothing, tags, without_nulls};
use super::{Call, Family, MARKER_PAGE_DEFAULT, seconds};
use crate::api::error::ApiError;
use crate::api::reply::Reply;
use serde_json::json;
use things::{CaUpdate, CertificateStatus, NewCaCertificate};

pub(super) const FAMILY: Family = &[
    ("GetRegistrationCode", get_registration_code),
    ("DeleteRegistrationCode", delete_registration_code),
    ("RegisterCACertificate", register_ca_certificate),
    ("DescribeCACertificate", describe_ca_certificate),
    ("ListCACertificates", list_ca_certificates),
    ("UpdateCACertificate", update_ca_certificate),
    ("DeleteCACertificate", delete_ca_certificate),
];

fn get_registration_code(call: &Call) -> Result<Reply, ApiError> {
    let code = call.world.things.registration_code()?;
    Ok(Reply::Json(json!({"registrationCode": code})))
}

fn delete_registration_code(call: &Call) -> Result<Reply, ApiError> {
    call.world.things.delete_registration_code()?;
    Ok(nothing())
}

fn register_ca_certificate(call: &Call) -> Result<Reply, ApiError> {
    let new = NewCaCertificate {
        pem: call.text("caCertificate")?.to_owned(),
        verification_pem: call.owned("verificationCertificate"),
        sni_only: call.optional("certificateMode") == Some("SNI_ONLY"),
        set_as_active: call.flag("setAsActive"),
        auto_registration: call.flag("allowAutoRegistration"),
        registration_config: call.member("registrationConfig").cloned(),
        tags: tags(call)?,
    };
    let things = &call.world.things;
    let registered = things.register_ca_certificate(&new, call.now_ms)?;
    Ok(Reply::Json(json!({
        "certificateArn": registered.arn,
        "certificateId": registered.id,
    })))
}

fn switch(on: bool) -> &'static str {
    if on { "ENABLE" } else { "DISABLE" }
}

fn describe_ca_certificate(call: &Call) -> Result<Reply, ApiError> {
    let things = &call.world.things;
    let found = things.describe_ca_certificate(call.text("certificateId")?)?;
    Ok(Reply::Json(without_nulls(json!({
        "certificateDescription": {
            "certificateArn": found.arn,
            "certificateId": found.id,
            "status": found.status.name(),
            "certificatePem": found.pem,
            "ownedBy": call.world.config.account_id,
            "creationDate": seconds(found.created_ms),
            "autoRegistrationStatus": switch(found.auto_registration),
            "lastModifiedDate": seconds(found.modified_ms),
            "customerVersion": found.customer_version,
            "generationId": found.generation_id,
            "validity": {
                "notBefore": seconds(found.not_before_ms),
                "notAfter": seconds(found.not_after_ms),
            },
            "certificateMode": found.mode,
        },
        "registrationConfig": found.registration_config,
    }))))
}

fn list_ca_certificates(call: &Call) -> Result<Reply, ApiError> {
    let (things, paging) = (&call.world.things, call.paging(MARKER_PAGE_DEFAULT)?);
    let ascending = call.flag("ascendingOrder");
    let page = things.list_ca_certificates(ascending, paging.after.as_deref(), paging.limit);
    Ok(listed(call, "certificates", &page, |certificate| {
        json!({
            "certificateArn": certificate.arn,
            "certificateId": certificate.id,
            "status": certificate.status.name(),
            "creationDate": seconds(certificate.created_ms),
        })
    }))
}

fn update_ca_certificate(call: &Call) -> Result<Reply, ApiError> {
    let update = CaUpdate {
        status: call
            .optional("newStatus")
            .and_then(CertificateStatus::of_name),
        auto_registration: call
            .optional("newAutoRegistrationStatus")
            .map(|status| status == "ENABLE"),
        registration_config: call.member("registrationConfig").cloned(),
        remove_registration_config: call.flag("removeAutoRegistration"),
    };
    let id = call.text("certificateId")?;
    let things = &call.world.things;
    things.update_ca_certificate(id, &update, call.now_ms)?;
    Ok(Reply::Empty)
}

fn delete_ca_certificate(call: &Call) -> Result<Reply, ApiError> {
    let things = &call.world.things;
    things.delete_ca_certificate(call.text("certificateId")?)?;
    Ok(nothing())
}
