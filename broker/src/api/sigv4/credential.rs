//! The credential that a request names, in a header or in the query.

use crate::api::bind::pairs;
use http::HeaderMap;
use http::header::AUTHORIZATION;

/// Access key and scope: `AKID/20260101/us-east-1/iot/aws4_request`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Credential {
    pub(crate) access_key: String,
    pub(crate) date: String,
    pub(crate) region: String,
    /// The name that the client signs for, such as `iotdata`.
    pub(crate) service: String,
}

impl Credential {
    /// The credential of a request, whether or not its signature holds; `None` if it is unsigned.
    pub(crate) fn of(headers: &HeaderMap, query: &str) -> Option<Self> {
        let header = headers
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok());
        match header.and_then(Authorization::parse) {
            Some(authorization) => Credential::parse(authorization.credential),
            None => {
                let query = pairs(query);
                let value = query.iter().find(|(name, _)| name == "X-Amz-Credential");
                value.and_then(|(_, text)| Credential::parse(text))
            }
        }
    }

    /// An access key may hold slashes, so the scope is read from the end.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.rsplitn(5, '/');
        let end = parts.next()?;
        let (service, region) = (parts.next()?, parts.next()?);
        let (date, access_key) = (parts.next()?, parts.next()?);
        let owned = |text: &str| text.to_owned();
        (end == "aws4_request" && !access_key.is_empty()).then(|| Credential {
            access_key: owned(access_key),
            date: owned(date),
            region: owned(region),
            service: owned(service),
        })
    }
}

/// The parts of an `Authorization` header.
pub(super) struct Authorization<'a> {
    pub(super) credential: &'a str,
    pub(super) signed_headers: &'a str,
    pub(super) signature: &'a str,
}

impl<'a> Authorization<'a> {
    pub(super) fn parse(header: &'a str) -> Option<Self> {
        let rest = header.trim().strip_prefix("AWS4-HMAC-SHA256")?;
        let part = |name: &str| {
            let mut parts = rest.split(',').map(str::trim);
            parts.find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
        };
        Some(Authorization {
            credential: part("Credential")?,
            signed_headers: part("SignedHeaders").unwrap_or_default(),
            signature: part("Signature").unwrap_or_default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn check(header: Option<&str>, query: &str, expected: Option<[&str; 4]>) {
        let mut headers = HeaderMap::new();
        if let Some(text) = header {
            headers.insert(AUTHORIZATION, HeaderValue::from_str(text).unwrap());
        }
        let found = Credential::of(&headers, query);
        let found = found.map(|c| [c.access_key, c.date, c.region, c.service]);
        let expected = expected.map(|parts| parts.map(str::to_owned));
        assert_eq!(found, expected, "{header:?} {query}");
    }

    #[test]
    fn the_credential_stands_in_the_header_or_in_the_query() {
        let header = "AWS4-HMAC-SHA256 Credential=AK/20260101/eu-west-1/iot/aws4_request, \
            SignedHeaders=host, Signature=00";
        check(
            Some(header),
            "",
            Some(["AK", "20260101", "eu-west-1", "iot"]),
        );
        let tight = "AWS4-HMAC-SHA256 Credential=AK/d/r/iotdata/aws4_request,SignedHeaders=host";
        check(Some(tight), "", Some(["AK", "d", "r", "iotdata"]));
        let query = "a=b&X-Amz-Credential=a%2Fk%2Fd%2Fr%2Fiotdevicegateway%2Faws4_request";
        check(None, query, Some(["a/k", "d", "r", "iotdevicegateway"]));
        check(None, "X-Amz-Credential=AK", None);
        check(Some("Basic dTpw"), "", None);
        check(
            Some("AWS4-HMAC-SHA256 Credential=/d/r/s/aws4_request"),
            "",
            None,
        );
        check(None, "", None);
    }
}
