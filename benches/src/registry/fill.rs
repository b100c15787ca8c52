//! Things with certificates, created over HTTP as a fleet's owner does who has the keys already.

use super::{Connection, RegistryError};
use crate::api::Api;
use rcgen::{CertificateParams, DnType, KeyPair};
use serde_json::json;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

/// What filling took.
pub(crate) struct Filled {
    pub(crate) seconds: f64,
    pub(crate) requests: usize,
}

/// Self-signed certificates, PEM, of P-256 keys.
pub(crate) fn certificates(count: usize) -> Result<Vec<String>, RegistryError> {
    let key = KeyPair::generate()?;
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let share = count.div_ceil(workers).max(1);
    thread::scope(|scope| {
        let parts: Vec<_> = (0..count)
            .step_by(share)
            .map(|from| {
                let key = &key;
                scope.spawn(move || {
                    let numbers = from..count.min(from + share);
                    numbers.map(|number| certificate(key, number)).collect()
                })
            })
            .collect();
        let mut all = Vec::with_capacity(count);
        for part in parts {
            let made: Result<Vec<String>, rcgen::Error> =
                part.join().map_err(|_| rcgen::Error::RemoteKeyError)?;
            all.extend(made?);
        }
        Ok(all)
    })
}

fn certificate(key: &KeyPair, number: usize) -> Result<String, rcgen::Error> {
    let mut params = CertificateParams::default();
    let names = &mut params.distinguished_name;
    names.push(DnType::CommonName, thing(number));
    Ok(params.self_signed(key)?.pem())
}

/// The name of a thing; all differ in their last characters and sort by number.
pub(crate) fn thing(number: usize) -> String {
    format!("sensor-{number:06}")
}

/// The value of a thing's one attribute.
pub(crate) fn serial(number: usize) -> String {
    format!("SN{:08}", number * 37)
}

/// Creates a thing for each certificate, registers the certificate as active and attaches it:
/// three requests each, through so many connections at once.
pub(crate) fn fill(
    api: &Api,
    certificates: &[String],
    connections: usize,
) -> Result<Filled, RegistryError> {
    let next = AtomicUsize::new(0);
    let begun = Instant::now();
    thread::scope(|scope| {
        let workers: Vec<_> = (0..connections)
            .map(|_| {
                let next = &next;
                scope.spawn(move || {
                    let mut connection = Connection::open(api)?;
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        let Some(pem) = certificates.get(number) else {
                            return Ok(());
                        };
                        create(&mut connection, number, pem)?;
                    }
                })
            })
            .collect();
        workers.into_iter().try_for_each(|worker| {
            let panicked = || RegistryError::Start("a worker".into(), "it panicked".into());
            worker.join().unwrap_or_else(|_| Err(panicked()))
        })
    })?;
    Ok(Filled {
        seconds: begun.elapsed().as_secs_f64(),
        requests: certificates.len() * 3,
    })
}

fn create(connection: &mut Connection<'_>, number: usize, pem: &str) -> Result<(), RegistryError> {
    let name = thing(number);
    let thing = json!({"attributePayload": {"attributes": {"serial": serial(number)}}});
    connection.call("POST", &format!("/things/{name}"), &[], &thing.to_string())?;
    let register = json!({"certificatePem": pem, "status": "ACTIVE"}).to_string();
    let made = connection.call("POST", "/certificate/register-no-ca", &[], &register)?;
    let arn = made["certificateArn"].as_str().unwrap_or_default();
    let principal = [("x-amzn-principal", arn)];
    connection.call("PUT", &format!("/things/{name}/principals"), &principal, "")?;
    Ok(())
}
