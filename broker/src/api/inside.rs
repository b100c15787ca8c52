//! What a request to the services inside needs of the caller's policies. An account's own keys may
//! do everything; credentials of AssumeRole and of the credentials endpoint are held to their role.

use super::bind::pairs;
use super::caller::Caller;
use super::error::{ApiError, Code};
use super::lead::Lead;
use super::signature;
use super::sigv4::SignatureError;
use crate::embedded::lambda::Route;
use crate::world::World;
use axum::body::Body;
use http::{HeaderMap, Method, Request, Response};
use percent_encoding::percent_decode_str;
use policy::VariableMap;
use rules::actions::Place;
use std::sync::Arc;

/// An action of IAM on a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Wanted {
    action: &'static str,
    resource: String,
}

/// The answer, in the form of the service, to a request to S3 or Lambda that its caller may not
/// make; `None` for one that may go ahead.
pub(super) fn refusal(
    world: &Arc<World>,
    lead: &Lead,
    caller: &Caller,
    request: &Request<Body>,
) -> Option<Response<Body>> {
    let uri = request.uri();
    let path = percent_decode_str(uri.path()).decode_utf8_lossy();
    let (wanted, variables) = match lead {
        Lead::S3 => {
            let query = pairs(uri.query().unwrap_or_default());
            let headers = request.headers();
            let place = Place {
                region: world.things.region().to_owned(),
                account_id: world.things.account_id().to_owned(),
            };
            let arns = Arns(place.partition());
            let wanted = s3(request.method(), &path, &query, headers, &arns);
            (wanted, s3_variables(&query))
        }
        Lead::Lambda => {
            // What leads nowhere is refused by the service itself.
            let route = Route::of(request.method(), &path)?;
            let resource = match route.function.as_str() {
                "" => "*".to_owned(),
                name => world.functions.place().function_arn(name),
            };
            let action = route.operation.action();
            (vec![Wanted { action, resource }], VariableMap::new())
        }
        Lead::Admin
        | Lead::Credentials(_)
        | Lead::Page
        | Lead::Rest(_)
        | Lead::Query(_)
        | Lead::Refused(_) => return None,
    };
    let Ok(guard) = caller.guard(world, world.clock.now_ms()) else {
        let why = SignatureError::TokenExpired;
        return Some(signature::refuse_signature(world, lead, request, &why));
    };
    for Wanted { action, resource } in &wanted {
        let verdict = guard.decide(action, resource, &variables);
        if !verdict.allowed {
            let (principal, why) = (guard.principal(), &verdict.reason);
            world.hub.refused(None, principal, action, resource, why);
            let message = format!(
                "User: {principal} is not authorized to perform: {action} on resource: \
                 {resource} because {why}"
            );
            let error = ApiError::new(Code::AccessDenied, message);
            return Some(signature::refuse(world, lead, request, error));
        }
    }
    None
}

/// S3's ARNs name neither region nor account.
struct Arns(&'static str);

impl Arns {
    fn of(&self, resource: &str) -> String {
        format!("arn:{}:s3:::{resource}", self.0)
    }
}

/// Parts of the query that ask for something else than the bucket or the object itself. The server
/// inside has none of them, so that they are for callers who may do everything.
const SUBRESOURCES: [&str; 24] = [
    "accelerate",
    "acl",
    "analytics",
    "attributes",
    "cors",
    "encryption",
    "intelligent-tiering",
    "inventory",
    "legal-hold",
    "lifecycle",
    "logging",
    "metrics",
    "notification",
    "object-lock",
    "ownershipControls",
    "policy",
    "publicAccessBlock",
    "replication",
    "restore",
    "retention",
    "tagging",
    "versioning",
    "versions",
    "website",
];

/// The actions of a request (Service Authorization Reference, "Actions defined by Amazon S3").
fn s3(
    method: &Method,
    path: &str,
    query: &[(String, String)],
    headers: &HeaderMap,
    arns: &Arns,
) -> Vec<Wanted> {
    let path = path.trim_start_matches('/');
    let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
    let asks = |name: &str| query.iter().any(|(given, _)| given == name);
    let one = |action, resource: &str| {
        vec![Wanted {
            action,
            resource: arns.of(resource),
        }]
    };
    let method = if method == Method::HEAD {
        &Method::GET
    } else {
        method
    };
    if bucket.is_empty() {
        return one("s3:ListAllMyBuckets", "*");
    }
    let whole = if key.is_empty() { bucket } else { path };
    if SUBRESOURCES.iter().any(|name| asks(name)) {
        return one("s3:*", whole);
    }
    if key.is_empty() {
        return match *method {
            Method::PUT => one("s3:CreateBucket", bucket),
            Method::DELETE => one("s3:DeleteBucket", bucket),
            // Several objects at once: their names stand in the body. AWS decides about each;
            // here the caller must be allowed to delete all of the bucket.
            Method::POST if asks("delete") => one("s3:DeleteObject", &format!("{bucket}/*")),
            Method::GET if asks("location") => one("s3:GetBucketLocation", bucket),
            Method::GET if asks("uploads") => one("s3:ListBucketMultipartUploads", bucket),
            Method::GET => one("s3:ListBucket", bucket),
            _ => one("s3:*", bucket),
        };
    }
    match *method {
        Method::GET if asks("uploadId") => one("s3:ListMultipartUploadParts", path),
        Method::GET if asks("versionId") => one("s3:GetObjectVersion", path),
        Method::GET => one("s3:GetObject", path),
        Method::DELETE if asks("uploadId") => one("s3:AbortMultipartUpload", path),
        Method::DELETE => one("s3:DeleteObject", path),
        Method::PUT | Method::POST => {
            let mut wanted = one("s3:PutObject", path);
            if let Some(source) = copied(headers) {
                wanted.extend(one("s3:GetObject", &source));
            }
            wanted
        }
        _ => one("s3:*", path),
    }
}

/// The bucket and key that an object is copied from.
fn copied(headers: &HeaderMap) -> Option<String> {
    let source = headers.get("x-amz-copy-source")?;
    let source = percent_decode_str(std::str::from_utf8(source.as_bytes()).ok()?);
    let source = source.decode_utf8_lossy();
    let source = source.split("?versionId=").next().unwrap_or_default();
    Some(source.trim_start_matches('/').to_owned())
}

/// The condition keys that a listing has.
fn s3_variables(query: &[(String, String)]) -> VariableMap {
    let known = query.iter().filter_map(|(name, value)| {
        let key = match name.as_str() {
            "prefix" => "s3:prefix",
            "delimiter" => "s3:delimiter",
            "max-keys" => "s3:max-keys",
            _ => return None,
        };
        Some((key, value.as_str()))
    });
    known.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn check(request: &str, source: Option<&'static str>, expected: &[&str]) {
        let (method, target) = request.split_once(' ').unwrap();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut headers = HeaderMap::new();
        if let Some(source) = source {
            headers.insert("x-amz-copy-source", HeaderValue::from_static(source));
        }
        let method = method.parse().unwrap();
        let wanted = s3(&method, path, &pairs(query), &headers, &Arns("aws"));
        let wanted = wanted
            .iter()
            .map(|w| format!("{} {}", w.action, w.resource));
        let expected: Vec<String> = expected
            .iter()
            .map(|text| text.replace(" ", " arn:aws:s3:::"))
            .collect();
        assert_eq!(wanted.collect::<Vec<_>>(), expected, "{request}");
    }

    #[test]
    fn requests_to_s3_are_actions_on_buckets_and_objects() {
        let table = [
            ("GET /", "s3:ListAllMyBuckets *"),
            ("PUT /b", "s3:CreateBucket b"),
            ("DELETE /b", "s3:DeleteBucket b"),
            ("HEAD /b", "s3:ListBucket b"),
            ("GET /b/", "s3:ListBucket b"),
            ("GET /b?list-type=2&prefix=p", "s3:ListBucket b"),
            ("GET /b?location", "s3:GetBucketLocation b"),
            ("GET /b?uploads", "s3:ListBucketMultipartUploads b"),
            ("POST /b?delete", "s3:DeleteObject b/*"),
            ("PUT /b?policy", "s3:* b"),
            ("PATCH /b", "s3:* b"),
            ("GET /b/k/l", "s3:GetObject b/k/l"),
            ("HEAD /b/k", "s3:GetObject b/k"),
            ("GET /b/k?versionId=1", "s3:GetObjectVersion b/k"),
            ("GET /b/k?uploadId=1", "s3:ListMultipartUploadParts b/k"),
            ("PUT /b/k?x-id=PutObject", "s3:PutObject b/k"),
            ("PUT /b/k?partNumber=1&uploadId=1", "s3:PutObject b/k"),
            ("POST /b/k?uploads", "s3:PutObject b/k"),
            ("POST /b/k?uploadId=1", "s3:PutObject b/k"),
            ("DELETE /b/k", "s3:DeleteObject b/k"),
            ("DELETE /b/k?uploadId=1", "s3:AbortMultipartUpload b/k"),
            ("GET /b/k?acl", "s3:* b/k"),
        ];
        for (request, expected) in table {
            check(request, None, &[expected]);
        }
        let both = ["s3:PutObject b/k", "s3:GetObject a/x+y"];
        check("PUT /b/k", Some("/a/x%2By?versionId=1"), &both);
    }
}
