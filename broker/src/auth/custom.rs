//! Custom authentication: a function of the account says who a client is and what it may do
//! ("Custom authentication and authorization" in the AWS IoT developer guide).

use crate::dispatch::invoke;
use arc_swap::ArcSwap;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use percent_encoding::percent_decode_str;
use policy::Document;
use rules::target::Target;
use serde_json::{Map, Value, json};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use things::{Authorizer, Things};
use uuid::Uuid;

/// Policies that a function may return, and characters of each.
const POLICIES_MAX: usize = 10;
const POLICY_CHARS_MAX: usize = 2048;
/// Bounds of the times that a function may set, in seconds.
const SECONDS_MIN: u64 = 300;
const SECONDS_MAX: u64 = 86_400;

const NAME: &str = "x-amz-customauthorizer-name";
const SIGNATURE: &str = "x-amz-customauthorizer-signature";

/// What a client shows of itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct Showing {
    /// SNI; `None` without TLS.
    pub(crate) server_name: Option<String>,
    pub(crate) http: Option<HttpShown>,
    pub(crate) mqtt: Option<MqttShown>,
}

/// The request, or the one that became a WebSocket.
#[derive(Clone, Debug, Default)]
pub(crate) struct HttpShown {
    pub(crate) headers: Vec<(String, String)>,
    /// Without the question mark.
    pub(crate) query: String,
}

/// The CONNECT.
#[derive(Clone, Debug, Default)]
pub(crate) struct MqttShown {
    pub(crate) client_id: String,
    pub(crate) username: Option<String>,
    pub(crate) password: Option<Vec<u8>>,
}

/// What a function has granted.
pub(crate) struct Granted {
    /// principalId.
    pub(crate) principal: Arc<str>,
    pub(crate) policies: ArcSwap<Vec<Arc<Document>>>,
    /// When the connection ends.
    pub(crate) ends_ms: u64,
    /// When the function is asked again; `u64::MAX` for never.
    refresh_at_ms: AtomicU64,
    showing: Showing,
}

/// Why a client is not let in; the names are those of AWS's logs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CustomRefused {
    #[error("CUSTOM_AUTHORIZER_NOT_FOUND")]
    NotFound,
    #[error("CUSTOM_AUTHORIZER_PARAMETER_INVALID: {0}")]
    Parameter(&'static str),
    #[error("CUSTOM_AUTHORIZER_LAMBDA_EXECUTION_ERROR: {0}")]
    Execution(String),
    /// The function says no.
    #[error("NOT_AUTHENTICATED")]
    NotAuthenticated,
}

/// Asks authorizers.
pub(crate) struct CustomAuth {
    things: Arc<Things>,
    lambda: Arc<dyn Target>,
}

impl CustomAuth {
    pub(crate) fn new(things: Arc<Things>, lambda: Arc<dyn Target>) -> Self {
        Self { things, lambda }
    }

    /// Whether there is anything to ask.
    pub(crate) fn is_open(&self) -> bool {
        self.things.has_authorizers()
    }

    /// Lets a client in, or not.
    pub(crate) async fn authenticate(
        &self,
        showing: Showing,
        now_ms: u64,
    ) -> Result<Arc<Granted>, CustomRefused> {
        let answer = self.ask(&showing).await?;
        let at = |seconds: Option<u64>| seconds.map_or(u64::MAX, |s| now_ms + s * 1000);
        Ok(Arc::new(Granted {
            ends_ms: at(Some(answer.disconnect_s)),
            refresh_at_ms: AtomicU64::new(at(answer.refresh_s)),
            principal: answer.principal,
            policies: ArcSwap::from_pointee(answer.policies),
            showing,
        }))
    }

    /// Asks again for a client that is there; one that is refused now may do nothing more.
    pub(crate) async fn refresh(&self, granted: &Granted, now_ms: u64) {
        match self.ask(&granted.showing).await {
            Ok(answer) => {
                let next = answer.refresh_s.map_or(u64::MAX, |s| now_ms + s * 1000);
                granted.refresh_at_ms.store(next, Ordering::Relaxed);
                granted.policies.store(Arc::new(answer.policies));
            }
            Err(error) => {
                tracing::warn!(error = error.to_string(), principal = ?granted.principal, "refreshed policies");
                granted.policies.store(Arc::default());
            }
        }
        self.things.decisions_changed();
    }

    async fn ask(&self, showing: &Showing) -> Result<Answer, CustomRefused> {
        let parameters = Parameters::of(showing);
        let authorizer = match &parameters.name {
            Some(name) => self.things.authorizer(name),
            None => self.things.default_authorizer(),
        };
        let authorizer = authorizer.map_err(|_| CustomRefused::NotFound)?;
        if !authorizer.active {
            return Err(CustomRefused::NotFound);
        }
        let token = authorizer
            .token_key_name
            .as_deref()
            .and_then(|key| parameters.value(key));
        check_signature(
            &authorizer,
            token.as_deref(),
            parameters.signature.as_deref(),
        )?;
        let event = event(showing, &authorizer, token.as_deref());
        let answer = self.invoke(&authorizer.function_arn, &event).await?;
        Answer::read(&answer)
    }

    /// Calls an authorizer's function with an event.
    pub(crate) async fn invoke(
        &self,
        function_arn: &str,
        event: &Value,
    ) -> Result<Value, CustomRefused> {
        let answer = invoke(&*self.lambda, function_arn, event).await;
        answer.map_err(CustomRefused::Execution)
    }
}

impl Granted {
    /// Whether the function is to be asked again; true once, until it has been.
    pub(crate) fn takes_refresh(&self, now_ms: u64) -> bool {
        let due = self.refresh_at_ms.load(Ordering::Relaxed) <= now_ms;
        if due {
            self.refresh_at_ms.store(u64::MAX, Ordering::Relaxed);
        }
        due
    }
}

impl fmt::Debug for Granted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Granted")
            .field("principal", &self.principal)
            .finish_non_exhaustive()
    }
}

/// Signed tokens are verified before the function runs.
pub(crate) fn check_signature(
    authorizer: &Authorizer,
    token: Option<&str>,
    signature: Option<&str>,
) -> Result<(), CustomRefused> {
    if authorizer.signing_disabled {
        return Ok(());
    }
    let (Some(token), Some(signature)) = (token, signature) else {
        let why = "the token or its signature is missing";
        return Err(CustomRefused::Parameter(why));
    };
    if authorizer.has_signed(token, signature) {
        return Ok(());
    }
    let why = "the signature is not the token's";
    Err(CustomRefused::Parameter(why))
}

/// What a client says to the authorizer, in MQTT's user name, the query or headers.
#[derive(Debug, Default)]
struct Parameters {
    name: Option<String>,
    signature: Option<String>,
    pairs: Vec<(String, String)>,
}

impl Parameters {
    fn of(showing: &Showing) -> Self {
        let mut pairs = Vec::new();
        let username = showing
            .mqtt
            .iter()
            .filter_map(|mqtt| mqtt.username.as_deref());
        for username in username {
            // `user?name=value&...`; the SDK's own part begins with another question mark.
            for part in username.split('?').skip(1) {
                read_pairs(part, &mut pairs);
            }
        }
        if let Some(http) = &showing.http {
            read_pairs(&http.query, &mut pairs);
            pairs.extend(http.headers.iter().cloned());
        }
        let mut parameters = Self {
            pairs,
            ..Self::default()
        };
        parameters.name = parameters.value(NAME);
        parameters.signature = parameters.value(SIGNATURE);
        parameters
    }

    fn value(&self, name: &str) -> Option<String> {
        let mut pairs = self.pairs.iter();
        let found = pairs.find(|(found, _)| found.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.clone())
    }
}

/// Not a form: a `+` is one, as signatures have it.
fn read_pairs(text: &str, into: &mut Vec<(String, String)>) {
    let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        into.push((decode(name), decode(value)));
    }
}

/// The event that the function gets.
fn event(showing: &Showing, authorizer: &Authorizer, token: Option<&str>) -> Value {
    let (mut protocols, mut data) = (Vec::new(), Map::new());
    if let Some(name) = &showing.server_name {
        protocols.push("tls");
        data.insert("tls".into(), json!({"serverName": name}));
    }
    if let Some(http) = &showing.http {
        protocols.push("http");
        let headers: Map<String, Value> = http
            .headers
            .iter()
            .map(|(name, value)| (name.clone(), value.as_str().into()))
            .collect();
        let query = format!("?{}", http.query);
        data.insert(
            "http".into(),
            json!({"headers": headers, "queryString": query}),
        );
    }
    if let Some(mqtt) = &showing.mqtt {
        protocols.push("mqtt");
        let mut shown = json!({"clientId": mqtt.client_id});
        if let Some(username) = &mqtt.username {
            shown["username"] = username.as_str().into();
        }
        if let Some(password) = &mqtt.password {
            shown["password"] = BASE64.encode(password).into();
        }
        data.insert("mqtt".into(), shown);
    }
    let mut event = json!({
        "signatureVerified": !authorizer.signing_disabled,
        "protocols": protocols,
        "protocolData": data,
        "connectionMetadata": {"id": Uuid::new_v4().to_string()},
    });
    if let Some(token) = token {
        event["token"] = token.into();
    }
    event
}

/// What a function answers.
struct Answer {
    principal: Arc<str>,
    policies: Vec<Arc<Document>>,
    disconnect_s: u64,
    refresh_s: Option<u64>,
}

impl Answer {
    fn read(answer: &Value) -> Result<Self, CustomRefused> {
        let failed = |why: &str| CustomRefused::Execution(why.to_owned());
        if answer["isAuthenticated"] != true {
            return Err(CustomRefused::NotAuthenticated);
        }
        let principal = answer["principalId"].as_str().unwrap_or_default();
        let fits = (1..=128).contains(&principal.len())
            && principal.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !fits {
            return Err(failed("principalId must be 1 to 128 letters and digits"));
        }
        let documents = answer["policyDocuments"].as_array();
        let documents = documents.map(Vec::as_slice).unwrap_or_default();
        if documents.len() > POLICIES_MAX {
            return Err(failed("policyDocuments must be at most 10"));
        }
        let policies: Result<Vec<Arc<Document>>, CustomRefused> = documents
            .iter()
            .map(|document| {
                let text = match document {
                    Value::String(text) => text.clone(),
                    other => other.to_string(),
                };
                if text.chars().count() > POLICY_CHARS_MAX {
                    return Err(failed("a policy has more than 2048 characters"));
                }
                let read = Document::parse(&text).map(Arc::new);
                read.map_err(|why| failed(&format!("a policy cannot be read: {why}")))
            })
            .collect();
        let seconds = |name: &str| {
            let seconds = answer[name].as_u64();
            seconds.map(|seconds| seconds.clamp(SECONDS_MIN, SECONDS_MAX))
        };
        Ok(Self {
            principal: principal.into(),
            policies: policies?,
            disconnect_s: seconds("disconnectAfterInSeconds").unwrap_or(SECONDS_MAX),
            refresh_s: seconds("refreshAfterInSeconds"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_in_the_user_name_the_query_or_headers() {
        let check = |showing: Showing| {
            let parameters = Parameters::of(&showing);
            assert_eq!(parameters.name.as_deref(), Some("a b"), "{showing:?}");
            assert_eq!(parameters.signature.as_deref(), Some("x+/="), "{showing:?}");
            assert_eq!(
                parameters.value("token").as_deref(),
                Some("t"),
                "{showing:?}"
            );
        };
        let text =
            "x-amz-customauthorizer-name=a%20b&x-amz-customauthorizer-signature=x%2B/%3D&token=t";
        check(Showing {
            mqtt: Some(MqttShown {
                username: Some(format!("bob?{text}&SDK=x?SDK=IoT&Platform=Unix")),
                ..MqttShown::default()
            }),
            ..Showing::default()
        });
        check(Showing {
            http: Some(HttpShown {
                query: text.to_owned(),
                ..HttpShown::default()
            }),
            ..Showing::default()
        });
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        check(Showing {
            http: Some(HttpShown {
                headers: vec![
                    header("X-Amz-CustomAuthorizer-Name", "a b"),
                    header("x-amz-customauthorizer-signature", "x+/="),
                    header("token", "t"),
                ],
                query: String::new(),
            }),
            ..Showing::default()
        });
    }

    #[test]
    fn an_answer_must_have_the_documented_form() {
        let check = |answer: Value, expected: Result<(usize, u64, Option<u64>), &str>| {
            let found = Answer::read(&answer);
            let found = found
                .map(|answer| (answer.policies.len(), answer.disconnect_s, answer.refresh_s))
                .map_err(|why| why.to_string());
            match expected {
                Ok(expected) => assert_eq!(found, Ok(expected), "{answer}"),
                Err(part) => assert!(found.unwrap_err().contains(part), "{answer}"),
            }
        };
        let document = json!({"Version": "2012-10-17",
            "Statement": {"Effect": "Allow", "Action": "iot:*", "Resource": "*"}});
        let good = json!({"isAuthenticated": true, "principalId": "p1",
            "policyDocuments": [document, document.to_string()],
            "disconnectAfterInSeconds": 1, "refreshAfterInSeconds": 600});
        check(good.clone(), Ok((2, 300, Some(600))));
        let with = |name: &str, value: Value| {
            let mut answer = good.clone();
            answer[name] = value;
            answer
        };
        check(
            with("isAuthenticated", "true".into()),
            Err("NOT_AUTHENTICATED"),
        );
        check(with("principalId", "a b".into()), Err("principalId"));
        check(
            with("policyDocuments", json!(["{}"])),
            Err("a policy cannot be read"),
        );
        check(
            with("policyDocuments", json!(vec![document; 11])),
            Err("at most 10"),
        );
        check(Value::Null, Err("NOT_AUTHENTICATED"));
    }
}
