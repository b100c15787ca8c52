//! Which address a service has: overrides from the environment, then from the configuration file,
//! then AWS itself or nothing.

use super::request::Service;
use http::Uri;
use std::collections::BTreeMap;
use thiserror::Error;

/// Endpoint overrides from one source. Keys are `Service::endpoint_key`; the key `""` is for all
/// services.
pub type EndpointTable = BTreeMap<String, String>;

/// An override that is not a usable address.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("the endpoint `{url}` for `{key}` is not an http or https address")]
pub struct EndpointRefused {
    /// The service key.
    pub key: String,
    /// What was given.
    pub url: String,
}

/// The addresses of all services.
#[derive(Clone, Debug, Default)]
pub struct Endpoints {
    overrides: BTreeMap<Service, Uri>,
    aws: bool,
}

impl Endpoints {
    /// Resolves the overrides: `AWS_ENDPOINT_URL_<SERVICE>`, then `AWS_ENDPOINT_URL` (both in
    /// `environment`), then the same two from `file`. With `aws`, services without an override
    /// are AWS's own. An override for which `is_own` holds is the server's own API door: it is
    /// left out, since the service inside is meant (a shell that exports `AWS_ENDPOINT_URL` for
    /// the AWS CLI also exports it to the server).
    ///
    /// # Errors
    /// An override that is not an absolute http or https address.
    pub fn resolve(
        environment: &EndpointTable,
        file: &EndpointTable,
        aws: bool,
        is_own: impl Fn(&Uri) -> bool,
    ) -> Result<Self, EndpointRefused> {
        let mut overrides = BTreeMap::new();
        for service in Service::ALL {
            let key = service.endpoint_key();
            let given = [environment, file].into_iter().find_map(|table| {
                // What answers for AWS's services is no Kafka broker.
                let all = (service != Service::Kafka).then_some("");
                let own = table.get_key_value(key);
                own.or_else(|| all.and_then(|all| table.get_key_value(all)))
            });
            let Some((key, url)) = given else { continue };
            let uri = parse(key, url)?;
            if !is_own(&uri) {
                overrides.insert(service, uri);
            }
        }
        Ok(Self { overrides, aws })
    }

    /// The override of a service.
    #[must_use]
    pub fn overridden(&self, service: Service) -> Option<&Uri> {
        self.overrides.get(&service)
    }

    /// Whether services without an override are AWS's own.
    #[must_use]
    pub fn aws(&self) -> bool {
        self.aws
    }
}

/// Whether a host name is one of AWS.
pub(super) fn is_aws_host(host: &str) -> bool {
    host.ends_with(".amazonaws.com") || host.ends_with(".amazonaws.com.cn")
}

fn parse(key: &str, url: &str) -> Result<Uri, EndpointRefused> {
    let refused = || EndpointRefused {
        key: key.to_owned(),
        url: url.to_owned(),
    };
    let uri: Uri = url.parse().map_err(|_| refused())?;
    let known = matches!(uri.scheme_str(), Some("http" | "https"));
    if known && uri.host().is_some_and(|host| !host.is_empty()) {
        Ok(uri)
    } else {
        Err(refused())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(pairs: &[(&str, &str)]) -> EndpointTable {
        pairs
            .iter()
            .map(|&(k, v)| (k.to_owned(), v.to_owned()))
            .collect()
    }

    /// The address of S3 with these overrides, when 127.0.0.1:9883 is the server itself.
    fn check(environment: &[(&str, &str)], file: &[(&str, &str)], expected: Option<&str>) {
        let own = |uri: &Uri| uri.port_u16() == Some(9883);
        let got = Endpoints::resolve(&table(environment), &table(file), false, own).unwrap();
        let got = got.overridden(Service::S3).map(ToString::to_string);
        assert_eq!(got.as_deref(), expected, "{environment:?} {file:?}");
    }

    #[test]
    fn the_environment_wins_over_the_file_and_the_service_over_all() {
        check(&[], &[], None);
        check(&[("sns", "http://a:1")], &[], None);
        check(
            &[("s3", "http://a:1"), ("", "http://b:2")],
            &[("s3", "http://c:3")],
            Some("http://a:1/"),
        );
        check(
            &[("", "http://b:2")],
            &[("s3", "http://c:3")],
            Some("http://b:2/"),
        );
        check(
            &[],
            &[("s3", "https://c:3/base"), ("", "http://d:4")],
            Some("https://c:3/base"),
        );
        check(&[], &[("", "http://d:4")], Some("http://d:4/"));
    }

    #[test]
    fn an_endpoint_for_all_services_is_not_one_of_kafka() {
        let all = table(&[("", "http://b:2"), ("kafka", "http://k:9092")]);
        let kafka = |table: &EndpointTable| {
            let found = Endpoints::resolve(table, &EndpointTable::new(), false, |_| false).unwrap();
            found.overridden(Service::Kafka).map(ToString::to_string)
        };
        assert_eq!(kafka(&all).as_deref(), Some("http://k:9092/"));
        assert_eq!(kafka(&table(&[("", "http://b:2")])), None);
    }

    #[test]
    fn the_servers_own_address_is_no_override() {
        check(&[("", "http://127.0.0.1:9883")], &[], None);
    }

    #[test]
    fn addresses_without_scheme_or_host_are_refused() {
        for url in ["", "localhost:4566", "ftp://a", "/path"] {
            let refused = Endpoints::resolve(&table(&[("s3", url)]), &table(&[]), false, |_| false);
            let expected = EndpointRefused {
                key: "s3".to_owned(),
                url: url.to_owned(),
            };
            assert_eq!(refused.map(|_| ()), Err(expected));
        }
    }
}
