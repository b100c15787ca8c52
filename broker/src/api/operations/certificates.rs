//! Device certificates.

use super::wire::{listed, without_nulls};
use super::{Call, Family, MARKER_PAGE_DEFAULT, seconds};
use crate::api::error::ApiError;
use crate::api::reply::Reply;
use serde_json::{Value, json};
use things::{Certificate, CertificateStatus};

pub(super) const FAMILY: Family = &[
    ("CreateKeysAndCertificate", create_keys_and_certificate),
    ("CreateCertificateFromCsr", create_certificate_from_csr),
    ("RegisterCertificate", register_certificate),
    (
        "RegisterCertificateWithoutCA",
        register_certificate_without_ca,
    ),
    ("DescribeCertificate", describe_certificate),
    ("ListCertificates", list_certificates),
    ("ListCertificatesByCA", list_certificates_by_ca),
    ("UpdateCertificate", update_certificate),
    ("DeleteCertificate", delete_certificate),
];

fn create_keys_and_certificate(call: &Call) -> Result<Reply, ApiError> {
    let active = call.flag("setAsActive");
    let things = &call.world.things;
    let made = things.create_keys_and_certificate(active, call.now_ms)?;
    Ok(Reply::Json(json!({
        "certificateArn": made.certificate.arn,
        "certificateId": made.certificate.id,
        "certificatePem": made.certificate.pem,
        "keyPair": {"PublicKey": made.public_key, "PrivateKey": made.private_key},
    })))
}

fn create_certificate_from_csr(call: &Call) -> Result<Reply, ApiError> {
    let csr = call.text("certificateSigningRequest")?;
    let active = call.flag("setAsActive");
    let things = &call.world.things;
    let made = things.create_certificate_from_csr(csr, active, call.now_ms)?;
    Ok(Reply::Json(json!({
        "certificateArn": made.arn,
        "certificateId": made.id,
        "certificatePem": made.pem,
    })))
}

/// `setAsActive` is the older way to say ACTIVE.
fn register_certificate(call: &Call) -> Result<Reply, ApiError> {
    let active = call
        .flag("setAsActive")
        .then_some(CertificateStatus::Active);
    let status = status(call, "status")?.or(active);
    let (pem, ca) = (
        call.text("certificatePem")?,
        call.optional("caCertificatePem"),
    );
    let things = &call.world.things;
    let registered = things.register_certificate(pem, ca, status, call.now_ms)?;
    Ok(arn_and_id(&registered))
}

fn register_certificate_without_ca(call: &Call) -> Result<Reply, ApiError> {
    let (pem, status) = (call.text("certificatePem")?, status(call, "status")?);
    let things = &call.world.things;
    let registered = things.register_certificate_without_ca(pem, status, call.now_ms)?;
    Ok(arn_and_id(&registered))
}

fn status(call: &Call, member: &str) -> Result<Option<CertificateStatus>, ApiError> {
    let Some(name) = call.optional(member) else {
        return Ok(None);
    };
    let unknown = || ApiError::invalid(format!("`{name}` is not a certificate status"));
    CertificateStatus::of_name(name)
        .map(Some)
        .ok_or_else(unknown)
}

fn arn_and_id(certificate: &Certificate) -> Reply {
    Reply::Json(json!({"certificateArn": certificate.arn, "certificateId": certificate.id}))
}

fn describe_certificate(call: &Call) -> Result<Reply, ApiError> {
    let things = &call.world.things;
    let found = things.describe_certificate(call.text("certificateId")?)?;
    let shown = without_nulls(json!({
        "certificateArn": found.arn,
        "certificateId": found.id,
        "caCertificateId": found.ca_certificate_id,
        "status": found.status.name(),
        "certificatePem": found.pem,
        "ownedBy": call.world.config.account_id,
        "creationDate": seconds(found.created_ms),
        "lastModifiedDate": seconds(found.modified_ms),
        "customerVersion": found.customer_version,
        "generationId": found.generation_id,
        "validity": {
            "notBefore": seconds(found.not_before_ms),
            "notAfter": seconds(found.not_after_ms),
        },
        "certificateMode": found.mode,
    }));
    Ok(Reply::Json(json!({"certificateDescription": shown})))
}

fn list_certificates(call: &Call) -> Result<Reply, ApiError> {
    let (things, paging) = (&call.world.things, call.paging(MARKER_PAGE_DEFAULT)?);
    let ascending = call.flag("ascendingOrder");
    let page = things.list_certificates(ascending, paging.after.as_deref(), paging.limit);
    Ok(listed(call, "certificates", &page, row))
}

fn list_certificates_by_ca(call: &Call) -> Result<Reply, ApiError> {
    let (things, paging) = (&call.world.things, call.paging(MARKER_PAGE_DEFAULT)?);
    let (ascending, after) = (call.flag("ascendingOrder"), paging.after.as_deref());
    let ca = call.text("caCertificateId")?;
    let page = things.list_certificates_by_ca(ca, ascending, after, paging.limit);
    Ok(listed(call, "certificates", &page, row))
}

fn row(certificate: &Certificate) -> Value {
    json!({
        "certificateArn": certificate.arn,
        "certificateId": certificate.id,
        "status": certificate.status.name(),
        "certificateMode": certificate.mode,
        "creationDate": seconds(certificate.created_ms),
    })
}

fn update_certificate(call: &Call) -> Result<Reply, ApiError> {
    let id = call.text("certificateId")?;
    let missing = || ApiError::invalid("`newStatus` is missing");
    let status = status(call, "newStatus")?.ok_or_else(missing)?;
    call.world
        .things
        .update_certificate(id, status, call.now_ms)?;
    Ok(Reply::Empty)
}

fn delete_certificate(call: &Call) -> Result<Reply, ApiError> {
    let (id, force) = (call.text("certificateId")?, call.flag("forceDelete"));
    call.world.things.delete_certificate(id, force)?;
    Ok(Reply::Empty)
}
