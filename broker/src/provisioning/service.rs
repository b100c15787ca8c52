//! Requests of the MQTT API ("Device provisioning MQTT API" in the AWS IoT developer guide).

use super::{format, hook};
use crate::clock::Clock;
use crate::dispatch::StoredRoles;
use bytes::Bytes;
use mqtt::reserved::{ProvisioningOperation, ProvisioningRequest};
use rules::target::Target;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use things::{
    OwnedCertificate, Provisioned, ProvisioningError, ProvisioningParameters, ProvisioningPlan,
    Things,
};
use tokio::sync::Semaphore;

/// Requests that are worked on or wait; one more is refused.
const REQUESTS_MAX: usize = 1000;

/// Threads that make keys and sign at a time: it is all work for the processor.
const WORKERS_MAX: usize = 2;

/// A request of a device.
#[derive(Debug)]
pub(crate) struct Asked {
    topic: String,
    payload: Bytes,
    client_id: Arc<str>,
    /// The id of the certificate that the client is connected with.
    principal: Arc<str>,
}

/// What a device is told.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) topic: String,
    pub(crate) payload: Vec<u8>,
}

/// Provisions devices.
pub(crate) struct Provisioner {
    pub(super) things: Arc<Things>,
    roles: Arc<StoredRoles>,
    lambda: Arc<dyn Target>,
    clock: Arc<Clock>,
    requests: Semaphore,
    workers: Semaphore,
}

type Answer = Result<Value, ProvisioningError>;

impl Asked {
    pub(crate) fn new(
        topic: &str,
        payload: &[u8],
        client_id: &Arc<str>,
        principal: &Arc<str>,
    ) -> Self {
        Self {
            topic: topic.to_owned(),
            payload: Bytes::copy_from_slice(payload),
            client_id: Arc::clone(client_id),
            principal: Arc::clone(principal),
        }
    }
}

impl Provisioner {
    pub(crate) fn new(
        things: Arc<Things>,
        roles: Arc<StoredRoles>,
        lambda: Arc<dyn Target>,
        clock: Arc<Clock>,
    ) -> Self {
        Self {
            things,
            roles,
            lambda,
            clock,
            requests: Semaphore::new(REQUESTS_MAX),
            workers: Semaphore::new(WORKERS_MAX),
        }
    }

    /// Does what a device asks for; `None` if the topic is no request.
    pub(crate) async fn answer(self: &Arc<Self>, asked: Asked) -> Option<Told> {
        let request = ProvisioningRequest::parse(&asked.topic)?;
        let (operation, format) = (request.operation, request.format);
        let answer = match self.requests.try_acquire() {
            Ok(_counted) => self.ask(&request, &asked).await,
            Err(_) => Err(ProvisioningError::RequestThrottled(
                "Too many requests wait: try again later".to_owned(),
            )),
        };
        let client_id = &asked.client_id;
        let (last, document) = match answer {
            Ok(document) => {
                tracing::info!(?client_id, ?operation, "provisioning request accepted");
                ("accepted", document)
            }
            Err(error) => {
                let code = error.code();
                tracing::warn!(?client_id, ?operation, code, %error, "provisioning request rejected");
                ("rejected", rejection(&error))
            }
        };
        Some(Told {
            topic: format!("{}/{last}", asked.topic),
            payload: format::write(format, &document),
        })
    }

    async fn ask(self: &Arc<Self>, request: &ProvisioningRequest<'_>, asked: &Asked) -> Answer {
        let document = format::read(request.format, &asked.payload)?;
        let now_ms = self.clock.now_ms();
        match request.operation {
            ProvisioningOperation::CreateKeysAndCertificate => {
                let made = self.work(move |this| this.things.create_owned_keys(now_ms));
                Ok(created(made.await?))
            }
            ProvisioningOperation::CreateCertificateFromCsr => {
                let csr = text(&document, "certificateSigningRequest")?.ok_or_else(|| {
                    let why = "certificateSigningRequest is missing".to_owned();
                    ProvisioningError::InvalidPayload(why)
                })?;
                let made = self.work(move |this| this.things.create_owned_from_csr(&csr, now_ms));
                Ok(created(made.await?))
            }
            ProvisioningOperation::RegisterThing { template } => {
                self.register_thing(template, &document, asked, now_ms)
                    .await
            }
        }
    }

    async fn register_thing(
        self: &Arc<Self>,
        template: &str,
        document: &Map<String, Value>,
        asked: &Asked,
        now_ms: u64,
    ) -> Answer {
        let token = text(document, "certificateOwnershipToken")?.unwrap_or_default();
        let parameters = parameters(document)?;
        let request = self.things.owned_request(template, &token, now_ms)?;
        let parameters = match &request.template.hook {
            Some(hook) => {
                let who = (&*asked.client_id, &*asked.principal);
                hook::ask(&*self.lambda, hook, &request, who, parameters).await?
            }
            None => parameters,
        };
        let plan = self.things.plan_owned(&request, &parameters)?;
        let (arn, role_arn) = (&request.template.arn, &request.template.role_arn);
        self.check_role(arn, role_arn, &plan)?;
        let done = self.work(move |this| this.things.provision(&plan, now_ms));
        Ok(registered(done.await?))
    }

    /// Whether a role lets a plan be done, on behalf of a template or a CA certificate.
    pub(super) fn check_role(
        &self,
        source_arn: &str,
        role_arn: &str,
        plan: &ProvisioningPlan,
    ) -> Result<(), ProvisioningError> {
        for (action, resource) in self.things.provisioning_actions(plan) {
            let decided = self.roles.decide(source_arn, role_arn, action, &resource);
            decided.map_err(|denied| ProvisioningError::AccessDenied(denied.reason))?;
        }
        Ok(())
    }

    /// Does something that takes the processor or waits for a disk, away from the connections.
    async fn work<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> Result<T, ProvisioningError> + Send + 'static,
    ) -> Result<T, ProvisioningError> {
        let stopping = || ProvisioningError::InternalError("the server is stopping".to_owned());
        let _worker = self.workers.acquire().await.map_err(|_| stopping())?;
        let this = Arc::clone(self);
        let done = tokio::task::spawn_blocking(move || work(&this)).await;
        done.map_err(|_| stopping())?
    }
}

fn created(made: OwnedCertificate) -> Value {
    let mut document = json!({
        "certificateId": made.certificate.id,
        "certificatePem": made.certificate.pem,
        "certificateOwnershipToken": made.token,
    });
    if let Some(key) = made.private_key {
        document["privateKey"] = key.into();
    }
    document
}

fn registered(done: Provisioned) -> Value {
    let mut document = json!({"deviceConfiguration": done.device_configuration});
    if let Some(name) = done.thing_name {
        document["thingName"] = name.into();
    }
    document
}

fn rejection(error: &ProvisioningError) -> Value {
    json!({
        "statusCode": error.status(),
        "errorCode": error.code(),
        "errorMessage": error.to_string(),
    })
}

/// A member that is a text if it is there.
fn text(document: &Map<String, Value>, name: &str) -> Result<Option<String>, ProvisioningError> {
    match document.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => {
            let why = format!("{name} must be a string");
            Err(ProvisioningError::InvalidPayload(why))
        }
    }
}

fn parameters(document: &Map<String, Value>) -> Result<ProvisioningParameters, ProvisioningError> {
    match document.get("parameters") {
        None | Some(Value::Null) => Ok(ProvisioningParameters::new()),
        Some(given) => serde_json::from_value(given.clone()).map_err(|_| {
            let why = "parameters must be an object of strings".to_owned();
            ProvisioningError::InvalidPayload(why)
        }),
    }
}
