//! An InfluxDB as a topic rule destination describes it (developer guide, "InfluxDB action
//! destination"), and the requests that it takes.

use crate::target::{AwsRequest, Secret, Service, Signing, encode_segment};
use bytes::Bytes;
use http::{Method, Uri};
use serde_json::Value;

/// Points in line protocol for one database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InfluxWrite {
    /// The role that reads the token.
    pub role_arn: String,
    /// The organization, which V2 wants.
    pub organization: Option<String>,
    /// Bucket (V2) or database (V3).
    pub database: String,
    /// What timestamps are counted in: `s`, `ms`, `us`, `ns`.
    pub unit: &'static str,
    /// The points, a line each.
    pub lines: Bytes,
}

/// The API that an instance has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    V2,
    V3,
}

/// An instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InfluxInstance {
    endpoint: String,
    version: Version,
    /// Where its token is.
    pub(crate) secret: Secret,
}

impl InfluxInstance {
    /// Reads `influxDBConfiguration`. AWS wants https on one of four ports; a server on one's own
    /// machine rarely has either, so that http and any port are taken.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn of(configuration: &Value) -> Result<Self, String> {
        let text = |name: &str| configuration.get(name).and_then(Value::as_str);
        let needed = |name: &str| {
            text(name)
                .filter(|value| !value.is_empty())
                .ok_or_else(|| format!("the destination is none of InfluxDB: no `{name}`"))
        };
        let endpoint = needed("endpoint")?;
        let uri: Option<Uri> = endpoint.parse().ok();
        let is_address = uri.is_some_and(|uri| {
            matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some()
        });
        if !is_address {
            return Err(format!("`endpoint`: `{endpoint}` is not an https address"));
        }
        let version = match needed("influxDBVersion")? {
            "V2" => Version::V2,
            "V3" => Version::V3,
            other => return Err(format!("`influxDBVersion`: `{other}` is neither V2 nor V3")),
        };
        let binary = match text("secretType") {
            None | Some("SecretString") => false,
            Some("SecretBinary") => true,
            Some(other) => {
                return Err(format!(
                    "`secretType`: `{other}` is neither SecretString nor SecretBinary"
                ));
            }
        };
        Ok(Self {
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            version,
            secret: Secret {
                id: needed("secretId")?.to_owned(),
                binary,
                key: text("secretKey").map(str::to_owned),
            },
        })
    }

    /// What shows that the token is one of the instance.
    #[must_use]
    pub fn validation(&self) -> AwsRequest {
        match self.version {
            Version::V2 => self.request(Method::GET, "/api/v2/me", None),
            Version::V3 => {
                // InfluxDB 3 has no format that goes without saying.
                let query = "format=json".to_owned();
                self.request(Method::GET, "/api/v3/configure/database", Some(query))
            }
        }
    }

    /// The request that writes points: all of them, or none ("InfluxDB does not partially commit
    /// points").
    pub(crate) fn write(&self, write: &InfluxWrite) -> Result<AwsRequest, String> {
        let database = encode_segment(&write.database);
        let (path, query) = match self.version {
            Version::V2 => {
                let organization = write
                    .organization
                    .as_ref()
                    .ok_or("`organization` is missing, which InfluxDB V2 wants")?;
                let organization = encode_segment(organization);
                let unit = write.unit;
                let query = format!("org={organization}&bucket={database}&precision={unit}");
                ("/api/v2/write", query)
            }
            Version::V3 => {
                let precision = match write.unit {
                    "s" => "second",
                    "us" => "microsecond",
                    "ns" => "nanosecond",
                    _ => "millisecond",
                };
                let query = format!("db={database}&precision={precision}&accept_partial=false");
                ("/api/v3/write_lp", query)
            }
        };
        let mut request = self.request(Method::POST, path, Some(query));
        request.headers = vec![(
            http::header::CONTENT_TYPE,
            http::HeaderValue::from_static("text/plain; charset=utf-8"),
        )];
        request.body = write.lines.clone();
        Ok(request)
    }

    fn request(&self, method: Method, path: &str, query: Option<String>) -> AwsRequest {
        AwsRequest {
            service: Service::InfluxDb,
            signing: Signing::Token {
                scheme: match self.version {
                    Version::V2 => "Token",
                    Version::V3 => "Bearer",
                },
                secret: self.secret.clone(),
            },
            address: Some(self.endpoint.clone()),
            region: None,
            method,
            path: path.to_owned(),
            query,
            headers: Vec::new(),
            body: Bytes::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn configuration(version: &str) -> Value {
        json!({"endpoint": "https://i.test:8086/", "influxDBVersion": version, "secretId": "s"})
    }

    /// Where points in milliseconds are written to.
    fn check(version: &str, organization: Option<&str>, expected: Result<&str, &str>) {
        let write = InfluxWrite {
            role_arn: String::new(),
            organization: organization.map(str::to_owned),
            database: "a b".to_owned(),
            unit: "ms",
            lines: Bytes::from_static(b"m v=1i 1"),
        };
        let instance = InfluxInstance::of(&configuration(version)).unwrap();
        let request = instance.write(&write);
        let address = request.map(|request| {
            assert_eq!(
                (request.method.as_str(), &*request.body),
                ("POST", &*write.lines)
            );
            format!(
                "{}{}",
                request.address.clone().unwrap(),
                request.path_and_query()
            )
        });
        let expected = expected.map(str::to_owned).map_err(str::to_owned);
        assert_eq!(address, expected);
    }

    #[test]
    fn points_are_written_by_the_api_of_the_version() {
        check(
            "V2",
            Some("o&o"),
            Ok("https://i.test:8086/api/v2/write?org=o%26o&bucket=a%20b&precision=ms"),
        );
        check(
            "V2",
            None,
            Err("`organization` is missing, which InfluxDB V2 wants"),
        );
        check(
            "V3",
            Some("ignored"),
            Ok(
                "https://i.test:8086/api/v3/write_lp?db=a%20b&precision=millisecond\
                &accept_partial=false",
            ),
        );
    }

    #[test]
    fn what_is_no_instance_is_refused() {
        let rows = [
            (
                "endpoint",
                "ftp://i",
                "`endpoint`: `ftp://i` is not an https address",
            ),
            (
                "influxDBVersion",
                "V1",
                "`influxDBVersion`: `V1` is neither V2 nor V3",
            ),
            (
                "secretId",
                "",
                "the destination is none of InfluxDB: no `secretId`",
            ),
            (
                "secretType",
                "x",
                "`secretType`: `x` is neither SecretString nor SecretBinary",
            ),
        ];
        for (member, value, expected) in rows {
            let mut configuration = configuration("V2");
            configuration[member] = value.into();
            assert_eq!(InfluxInstance::of(&configuration), Err(expected.to_owned()));
        }
    }
}
