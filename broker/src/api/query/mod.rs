//! The services with AWS's Query protocol: a form goes in, XML comes out.

mod error;
mod form;
mod iam;
mod sts;
mod xml;

pub(in crate::api) use self::error::QueryError;
use self::form::Form;
use self::xml::Xml;
use super::caller::Caller;
use crate::body::{self, BodyRefused};
use crate::world::World;
use axum::body::Body;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use std::sync::Arc;
use things::RoleSession;
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use uuid::Uuid;

/// A form that holds a policy document of 10 KB is well below.
pub(super) const FORM_BYTES_MAX: usize = 256 * 1024;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");

/// A service with this protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum QueryApi {
    Sts,
    Iam,
}

impl QueryApi {
    /// As in a credential's scope.
    fn name(self) -> &'static str {
        match self {
            QueryApi::Sts => "sts",
            QueryApi::Iam => "iam",
        }
    }

    fn handler(self, action: &str) -> Option<(&'static str, Handler)> {
        let families: &[Handlers] = match self {
            QueryApi::Sts => &[sts::HANDLERS],
            QueryApi::Iam => &iam::FAMILIES,
        };
        let mut handlers = families.iter().copied().flatten();
        handlers.find(|(name, _)| *name == action).copied()
    }

    fn namespace(self) -> &'static str {
        match self {
            QueryApi::Sts => "https://sts.amazonaws.com/doc/2011-06-15/",
            QueryApi::Iam => "https://iam.amazonaws.com/doc/2010-05-08/",
        }
    }
}

const TIMESTAMP: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");

/// What a handler answers: the members of the result, or nothing for an operation without one.
type Answered = Result<Option<Xml>, QueryError>;

/// What a handler works with.
struct QueryCall {
    world: Arc<World>,
    form: Form,
    /// The caller's access key.
    access_key: String,
    now_ms: u64,
}

/// What performs an operation.
type Handler = fn(&QueryCall) -> Answered;

/// A handler by the name of its operation.
type Handlers = &'static [(&'static str, Handler)];

/// Answers a request to STS or IAM.
pub(super) async fn answer(
    world: &Arc<World>,
    api: QueryApi,
    caller: Caller,
    request: Request<Body>,
) -> Response<Body> {
    let request_id = Uuid::new_v4();
    let (operation, answered) = perform(world, api, &caller, request).await;
    let error = answered.as_ref().err().cloned();
    let (status, text) = match answered {
        Ok(result) => (
            StatusCode::OK,
            xml::response(api, operation, result, request_id),
        ),
        Err(error) => (error.kind.status(), xml::error(api, &error, request_id)),
    };
    world.metrics.api_request(operation, status.as_u16());
    let source_ip = caller.source_ip;
    let error = error.map(|error| error.to_string());
    tracing::info!(
        api = api.name(),
        operation,
        status = status.as_u16(),
        %source_ip,
        %request_id,
        error = error.as_ref().map(tracing::field::debug),
        "api request"
    );
    respond(status, text, request_id)
}

/// Answers a request that is not let in.
pub(super) fn refuse(world: &World, api: QueryApi, error: &QueryError) -> Response<Body> {
    let (request_id, status) = (Uuid::new_v4(), error.kind.status());
    world.metrics.api_request("unknown", status.as_u16());
    respond(status, xml::error(api, error, request_id), request_id)
}

fn respond(status: StatusCode, text: String, request_id: Uuid) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/xml"));
    if let Ok(id) = HeaderValue::from_str(&request_id.to_string()) {
        headers.insert(REQUEST_ID, id);
    }
    response
}

async fn perform(
    world: &Arc<World>,
    api: QueryApi,
    caller: &Caller,
    request: Request<Body>,
) -> (&'static str, Answered) {
    let (parts, body) = request.into_parts();
    let body = match body::read(body, FORM_BYTES_MAX, &world.budget).await {
        Ok(body) => body.kept(),
        Err(why @ BodyRefused::NoMemory) => {
            return ("unknown", Err(QueryError::unavailable(why.to_string())));
        }
        Err(why) => return ("unknown", Err(QueryError::validation(why.to_string()))),
    };
    let query = parts.uri.query().unwrap_or_default();
    let form = Form::read(query, &body);
    let action = form.optional("Action").unwrap_or_default();
    let Some((operation, handler)) = api.handler(action) else {
        return ("unknown", Err(QueryError::unknown_action(api, action)));
    };
    let call = QueryCall {
        world: Arc::clone(world),
        access_key: caller.access_key().unwrap_or_default().to_owned(),
        now_ms: world.clock.now_ms(),
        form,
    };
    if let Err(denied) = call.authorize(api, operation, caller) {
        return (operation, Err(denied));
    }
    // Roles are kept on disk.
    let answered = tokio::task::spawn_blocking(move || handler(&call)).await;
    (
        operation,
        answered.unwrap_or_else(|why| Err(QueryError::failure(why.to_string()))),
    )
}

impl QueryCall {
    /// The account that everything belongs to.
    fn account_id(&self) -> &str {
        &self.world.config.account_id
    }

    /// The account itself, which its own access keys speak for.
    fn root_arn(&self) -> String {
        format!("arn:aws:iam::{}:root", self.account_id())
    }

    /// The session of AssumeRole whose credentials signed the request.
    fn session(&self) -> Option<RoleSession> {
        self.world
            .things
            .role_session(&self.access_key, self.now_ms)
    }

    /// Holds credentials of AssumeRole to their role.
    fn authorize(&self, api: QueryApi, operation: &str, caller: &Caller) -> Result<(), QueryError> {
        let guard = caller
            .guard(&self.world, self.now_ms)
            .map_err(|why| QueryError::expired(why.message))?;
        let (service, resource) = match api {
            // Everybody may ask who they are.
            QueryApi::Sts if operation == "GetCallerIdentity" => return Ok(()),
            QueryApi::Sts => ("sts", self.form.optional("RoleArn").map(str::to_owned)),
            QueryApi::Iam => {
                let role = self.form.optional("RoleName");
                let account = self.account_id();
                (
                    "iam",
                    role.map(|name| format!("arn:aws:iam::{account}:role/{name}")),
                )
            }
        };
        let action = format!("{service}:{operation}");
        let resource = resource.unwrap_or_else(|| "*".to_owned());
        let verdict = guard.decide(&action, &resource, &policy::VariableMap::new());
        if verdict.allowed {
            return Ok(());
        }
        Err(QueryError::denied(format!(
            "User: {} is not authorized to perform: {action} on resource: {resource} because {}",
            guard.principal(),
            verdict.reason
        )))
    }
}

/// A time as the Query protocol writes it, in whole seconds.
pub(super) fn timestamp(ms: u64) -> String {
    let seconds = i64::try_from(ms / 1000).unwrap_or(i64::MAX);
    let time = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    time.format(TIMESTAMP).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_are_iso_8601() {
        assert_eq!(timestamp(0), "1970-01-01T00:00:00Z");
        assert_eq!(timestamp(1_700_000_000_999), "2023-11-14T22:13:20Z");
        assert_eq!(timestamp(u64::MAX), "1970-01-01T00:00:00Z");
    }
}
