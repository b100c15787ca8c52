//! S3 objects that jobs name: documents are read from them, and links to them are signed.

use bytes::Bytes;
use http::{Method, Uri};
use parking_lot::Mutex;
use percent_encoding::percent_decode_str;
use rules::target::{
    AwsRequest, Client, Credentials, Service, Signing, Target, Via, encode_path, encode_segment,
    presigned,
};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};
use things::{LinkToSign, RoleDecision, RoleSession, Things};

/// An object in a bucket.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct S3Object {
    bucket: String,
    key: String,
}

impl S3Object {
    /// Reads the address of an object in the forms of the Amazon S3 user guide ("Methods for
    /// accessing a bucket"): with the bucket in the host name of AWS, or before the key, there or
    /// on any other host.
    pub(crate) fn of_url(url: &str) -> Option<Self> {
        let uri: Uri = url.parse().ok()?;
        let host = uri.host()?;
        let path = percent_decode_str(uri.path()).decode_utf8().ok()?;
        let path = path.strip_prefix('/')?;
        let (bucket, key) = match bucket_of_host(host) {
            Some(bucket) => (bucket, path),
            None => path.split_once('/')?,
        };
        let object = Self {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
        };
        (!bucket.is_empty() && !key.is_empty()).then_some(object)
    }

    fn arn(&self) -> String {
        format!("arn:aws:s3:::{}/{}", self.bucket, self.key)
    }

    fn get(&self) -> AwsRequest {
        AwsRequest {
            service: Service::S3,
            signing: Signing::Own,
            address: None,
            region: None,
            method: Method::GET,
            path: format!(
                "/{}/{}",
                encode_segment(&self.bucket),
                encode_path(&self.key)
            ),
            query: None,
            headers: Vec::new(),
            body: Bytes::new(),
        }
    }

    /// Reads the object.
    ///
    /// # Errors
    /// It is not there, or cannot be reached, in words.
    pub(crate) async fn read(&self, target: &Client) -> Result<Bytes, String> {
        let request = self.get();
        let route = target.route(&request);
        if route.via == Via::Recorded {
            return Err("no S3 endpoint is configured".to_owned());
        }
        let answer = target.send(&route, &request).await;
        let answer = answer.map_err(|failure| failure.message)?;
        if answer.status.is_success() {
            return Ok(answer.body);
        }
        Err(format!("S3 answers {}", answer.status))
    }
}

/// The bucket before `s3.REGION.amazonaws.com` and the older forms of it.
fn bucket_of_host(host: &str) -> Option<&str> {
    let name = host
        .strip_suffix(".amazonaws.com")
        .or_else(|| host.strip_suffix(".amazonaws.com.cn"))?;
    let is_s3 = |label: &str| label == "s3" || label.starts_with("s3-");
    let mut from = 0;
    for label in name.split('.') {
        if is_s3(label) && from > 0 {
            return Some(&name[..from - 1]);
        }
        from += label.len() + 1;
    }
    None
}

/// Signs links in job documents, for their roles.
pub(crate) struct Links {
    target: Arc<Client>,
    /// Where devices find the S3 server inside.
    base: String,
    /// Sessions of roles that links were signed with.
    sessions: Mutex<HashMap<String, RoleSession>>,
    /// Whether roles must have been created here.
    strict: bool,
}

/// How long a session is; a link ends with its session.
const SESSION_S: u32 = 12 * 3600;
/// Roles whose sessions are kept.
const ROLES_MAX: usize = 1000;

impl Links {
    /// Signs for objects that `target` reads, or at `base` for those of the server inside.
    pub(crate) fn new(target: Arc<Client>, base: String, strict: bool) -> Self {
        Self {
            target,
            base,
            sessions: Mutex::default(),
            strict,
        }
    }

    /// A signed link in place of the address of an object.
    ///
    /// # Errors
    /// Why it is not signed, in words.
    pub(crate) fn sign(&self, things: &Things, link: &LinkToSign<'_>) -> Result<String, String> {
        let object = S3Object::of_url(link.url)
            .ok_or_else(|| format!("`{}` is not the address of an S3 object", link.url))?;
        let role = link.role_arn;
        match things.authorize_role(role, "s3:GetObject", &object.arn()) {
            RoleDecision::Denied(why) => return Err(why),
            RoleDecision::UnknownRole if self.strict => {
                return Err(format!("role {role} does not exist here"));
            }
            RoleDecision::Allowed | RoleDecision::UnknownRole => {}
        }
        let request = object.get();
        let route = self.target.route(&request);
        let (url, credentials) = match route.via {
            Via::Local => {
                let url = format!("{}{}", self.base, request.path_and_query());
                (url, self.session(things, link))
            }
            Via::Network => {
                let own = self.target.credentials().cloned();
                (route.url, own.ok_or("there are no AWS credentials")?)
            }
            Via::Recorded => return Err("no S3 endpoint is configured".to_owned()),
        };
        let at = UNIX_EPOCH + Duration::from_millis(link.now_ms);
        let expires = Duration::from_secs(link.expires_s);
        presigned(&url, things.region(), &credentials, at, expires)
    }

    /// Credentials of the link's role that are good for as long as the link.
    fn session(&self, things: &Things, link: &LinkToSign<'_>) -> Credentials {
        let ends_ms = link.now_ms + link.expires_s * 1000;
        let mut sessions = self.sessions.lock();
        let kept = sessions.get(link.role_arn);
        let kept = kept.filter(|session| {
            let known = things.role_session(&session.access_key_id, link.now_ms);
            known.is_some() && session.expires_ms >= ends_ms
        });
        let session = match kept {
            Some(session) => session.clone(),
            None => {
                let name = "AWSIoTJobs";
                things.service_credentials(link.role_arn, name, SESSION_S, link.now_ms)
            }
        };
        if sessions.len() >= ROLES_MAX {
            sessions.clear();
        }
        sessions.insert(link.role_arn.to_owned(), session.clone());
        Credentials {
            access_key_id: session.access_key_id,
            secret_access_key: session.secret_access_key,
            session_token: Some(session.session_token),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_found_in_every_form_of_its_address() {
        let check = |url: &str, expected: Option<(&str, &str)>| {
            let found = S3Object::of_url(url);
            let found = found
                .as_ref()
                .map(|it| (it.bucket.as_str(), it.key.as_str()));
            assert_eq!(found, expected, "{url}");
        };
        let object = Some(("my.bucket", "a b/c.json"));
        for host in [
            "s3",
            "s3.eu-west-1",
            "s3-us-west-2",
            "s3.dualstack.eu-west-1",
        ] {
            check(
                &format!("https://{host}.amazonaws.com/my.bucket/a%20b/c.json"),
                object,
            );
            check(
                &format!("https://my.bucket.{host}.amazonaws.com/a%20b/c.json"),
                object,
            );
        }
        check("http://127.0.0.1:9883/my.bucket/a%20b/c.json", object);
        for wrong in [
            "",
            "nothing",
            "https://s3.amazonaws.com/b",
            "https://b.s3.amazonaws.com/",
        ] {
            check(wrong, None);
        }
    }
}
