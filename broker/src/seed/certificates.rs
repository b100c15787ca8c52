//! Certificates of seeds: given as PEM, or made here with files for the device.

use super::SeedError;
use super::calls::{Target, text, texts};
use crate::api::{ApiError, Code};
use crate::certs_folder::{CertsFolder, Contents};
use serde_json::{Map, Value, json};

/// `{name?, certificatePem?, caCertificatePem?, certs?, status?, policies?, things?,
/// thingPrincipalType?}`: with a PEM it is registered, below its CA if that is given; without, it is made, and its files go to the folder `certs`, where a later
/// start finds it.
pub(super) fn apply(
    target: &Target<'_>,
    at: &str,
    members: &Map<String, Value>,
) -> Result<Value, SeedError> {
    let status = members
        .get("status")
        .cloned()
        .unwrap_or_else(|| "ACTIVE".into());
    let folder = match members.get("certs") {
        Some(_) => Some(CertsFolder::of(
            &target.path(at, text(at, members, "certs")?)?,
        )),
        None => None,
    };
    let kept = folder.as_ref().filter(|folder| folder.certificate.exists());
    let given = match (members.get("certificatePem"), kept) {
        (Some(Value::String(pem)), _) => Some(pem.clone()),
        (Some(_), _) => return Err(SeedError::new(at, "`certificatePem` must be a text")),
        (None, Some(folder)) => {
            let read = std::fs::read_to_string(&folder.certificate);
            Some(read.map_err(|why| SeedError::new(at, why.to_string()))?)
        }
        (None, None) => None,
    };
    let mut answer = match given {
        Some(pem) => register(target, at, &pem, members.get("caCertificatePem"), &status)?,
        None => make(target, at, &status, folder.as_ref())?,
    };
    if let Some(name) = members.get("name") {
        answer["name"] = name.clone();
    }
    if let Some(folder) = &folder {
        answer["certs"] = folder.folder.display().to_string().into();
    }
    let arn = &answer["certificateArn"];
    for policy in texts(at, members, "policies")? {
        target.call(
            at,
            "AttachPolicy",
            json!({"policyName": policy, "target": arn}),
        )?;
    }
    for thing in texts(at, members, "things")? {
        let mut attach = json!({"thingName": thing, "principal": arn});
        if let Some(kind) = members.get("thingPrincipalType") {
            attach["thingPrincipalType"] = kind.clone();
        }
        target.call(at, "AttachThingPrincipal", attach)?;
    }
    Ok(answer)
}

/// Registers a certificate, or finds it registered and sets its status.
fn register(
    target: &Target<'_>,
    at: &str,
    pem: &str,
    ca: Option<&Value>,
    status: &Value,
) -> Result<Value, SeedError> {
    let mut asked = json!({"certificatePem": pem, "status": status});
    let operation = match ca {
        Some(ca) => {
            asked["caCertificatePem"] = ca.clone();
            "RegisterCertificate"
        }
        None => "RegisterCertificateWithoutCA",
    };
    match target.try_call(operation, asked) {
        Err(ApiError {
            code: Code::ResourceAlreadyExists,
            resource: Some(found),
            ..
        }) => {
            let update = json!({"certificateId": found.id, "newStatus": status});
            target.call(at, "UpdateCertificate", update)?;
            Ok(json!({"certificateId": found.id, "certificateArn": found.arn}))
        }
        outcome => outcome.map_err(|error| SeedError::refused(at, &error)),
    }
}

fn pem(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn make(
    target: &Target<'_>,
    at: &str,
    status: &Value,
    folder: Option<&CertsFolder>,
) -> Result<Value, SeedError> {
    let asked = json!({"setAsActive": status == "ACTIVE"});
    let mut made = target.call(at, "CreateKeysAndCertificate", asked)?;
    let ca = target.world.things.root_ca_pem();
    let Some(folder) = folder else {
        made["caPem"] = ca.into();
        return Ok(made);
    };
    folder
        .write(Contents {
            ca: &ca,
            certificate: pem(&made["certificatePem"]),
            private_key: pem(&made["keyPair"]["PrivateKey"]),
            public_key: pem(&made["keyPair"]["PublicKey"]),
        })
        .map_err(|why| SeedError::new(at, why))?;
    if let Some(made) = made.as_object_mut() {
        made.shift_remove("keyPair");
    }
    Ok(made)
}
