//! Which API a request belongs to: by its listener, its path, and the service that it is signed
//! for.

use super::answer::Door;
use super::credentials;
use super::error::{ApiError, Code};
use super::model::Service;
use super::query::QueryApi;

/// Where a request is answered.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Lead {
    /// `/_thingcore/`.
    Admin,
    /// Credentials by this role alias.
    Credentials(String),
    /// What a browser asks for.
    Page,
    /// The services with JSON over REST; the first that has the path decides.
    Rest(&'static [Service]),
    /// The services with the Query protocol.
    Query(QueryApi),
    S3,
    Lambda,
    Refused(ApiError),
}

const CONTROL: &[Service] = &[Service::Iot];
const DATA: &[Service] = &[Service::IotData, Service::IotJobsData];
const JOBS: &[Service] = &[Service::IotJobsData, Service::IotData];

/// `signed_for` is the service in the scope of the signature; without one it is the data plane.
pub(super) fn lead(door: Door, path: &str, signed_for: Option<&str>) -> Lead {
    let below = |prefix: &str| {
        let rest = path.strip_prefix(prefix);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let alias = credentials::alias(path).filter(|_| door == Door::Data && signed_for.is_none());
    if let Some(alias) = alias {
        return Lead::Credentials(alias);
    }
    match (door, signed_for) {
        (Door::Api, _) if below("/_thingcore") => Lead::Admin,
        (Door::Api, None) if path == "/" || below("/console") => Lead::Page,
        // The owner of an endpoint follows the link that he was sent; he has no credentials.
        (Door::Api, None) if below("/confirmdestination") => Lead::Rest(CONTROL),
        (_, None | Some("iotdata" | "iotdevicegateway")) => Lead::Rest(DATA),
        (_, Some("iot-jobs-data")) => Lead::Rest(JOBS),
        (Door::Data, Some(other)) => Lead::Refused(data_plane_only(other)),
        (Door::Api, Some("iot" | "execute-api")) => Lead::Rest(CONTROL),
        (Door::Api, Some("sts")) => Lead::Query(QueryApi::Sts),
        (Door::Api, Some("iam")) => Lead::Query(QueryApi::Iam),
        (Door::Api, Some("s3")) => Lead::S3,
        (Door::Api, Some("lambda")) => Lead::Lambda,
        (Door::Api, Some(other)) => Lead::Refused(not_emulated(other)),
    }
}

fn data_plane_only(service: &str) -> ApiError {
    let message = format!(
        "Credential should be scoped to correct service: 'iotdata', not '{service}'. This port \
         answers the data plane; everything else is on the API port"
    );
    ApiError::new(Code::Forbidden, message)
}

fn not_emulated(service: &str) -> ApiError {
    let message = format!(
        "thingcore does not emulate the service `{service}`; it answers iot, iotdata, \
         iot-jobs-data, sts, iam, s3 and lambda. Give the clients of other services an endpoint \
         of their own"
    );
    ApiError::new(Code::UnknownOperation, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_s_service_decides_and_unsigned_means_the_data_plane() {
        let cases = [
            (Door::Api, "/_thingcore/health", None, "Admin"),
            (Door::Api, "/_thingcore/health", Some("iot"), "Admin"),
            (
                Door::Api,
                "/_thingcorex",
                None,
                "Rest([IotData, IotJobsData])",
            ),
            (Door::Api, "/console/", None, "Page"),
            (Door::Api, "/", None, "Page"),
            (Door::Api, "/", Some("s3"), "S3"),
            (Door::Api, "/", Some("sts"), "Query(Sts)"),
            (Door::Api, "/", Some("iam"), "Query(Iam)"),
            (Door::Api, "/things/t", Some("iot"), "Rest([Iot])"),
            (Door::Api, "/topics/t", None, "Rest([IotData, IotJobsData])"),
            (
                Door::Data,
                "/topics/t",
                Some("iotdevicegateway"),
                "Rest([IotData, IotJobsData])",
            ),
            (
                Door::Data,
                "/things/t/jobs",
                Some("iot-jobs-data"),
                "Rest([IotJobsData, IotData])",
            ),
            (
                Door::Data,
                "/role-aliases/a/credentials",
                None,
                "Credentials(\"a\")",
            ),
            (
                Door::Data,
                "/_thingcore/reset",
                None,
                "Rest([IotData, IotJobsData])",
            ),
        ];
        for (door, path, service, expected) in cases {
            assert_eq!(
                format!("{:?}", lead(door, path, service)),
                expected,
                "{door:?} {path} {service:?}"
            );
        }
    }

    #[test]
    fn another_service_is_refused_by_name() {
        let code = |door, service| match lead(door, "/", Some(service)) {
            Lead::Refused(error) => Some(error.code),
            _ => None,
        };
        assert_eq!(code(Door::Api, "sqs"), Some(Code::UnknownOperation));
        assert_eq!(code(Door::Data, "iot"), Some(Code::Forbidden));
        assert_eq!(code(Door::Data, "s3"), Some(Code::Forbidden));
    }
}
