//! From method and path to an operation.

use super::model::{MODEL, Operation, Service};
use http::Method;
use percent_encoding::percent_decode_str;
use serde::{Deserialize, Deserializer};

/// An operation that a request asks for, with the labels of its path.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) operation: &'static Operation,
    /// Decoded values in the order of the template.
    pub(super) labels: Vec<(&'static str, String)>,
}

/// What is known about a path that leads to no operation.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NoRoute {
    /// No operation has this path.
    Path,
    /// Operations have it, with other methods.
    Method,
    /// The path is not UTF-8 after decoding.
    Encoding,
}

/// Finds the operation among those of `services`; the first service that has one decides.
pub(crate) fn resolve(
    services: &[Service],
    method: &Method,
    raw_path: &str,
) -> Result<Route, NoRoute> {
    let segments: Vec<&str> = raw_path
        .strip_prefix('/')
        .unwrap_or(raw_path)
        .split('/')
        .collect();
    let mut other_method = false;
    for service in services {
        let operations = MODEL.operations.iter().filter(|op| op.service == *service);
        for operation in operations.filter(|op| op.template.fits(&segments)) {
            if operation.method == *method {
                let labels = operation
                    .template
                    .bind(&segments)
                    .ok_or(NoRoute::Encoding)?;
                return Ok(Route { operation, labels });
            }
            other_method = true;
        }
    }
    Err(if other_method {
        NoRoute::Method
    } else {
        NoRoute::Path
    })
}

/// A path with labels, such as `/policies/{policyName}/version`.
#[derive(Debug)]
pub(crate) struct Template(Vec<Part>);

#[derive(Debug)]
enum Part {
    Literal(String),
    Label(String),
    /// Takes the rest of the path.
    Greedy(String),
}

impl Template {
    fn parse(uri: &str) -> Self {
        let part = |segment: &str| {
            let label = segment
                .strip_prefix('{')
                .and_then(|rest| rest.strip_suffix('}'));
            match label.map(|label| (label, label.strip_suffix('+'))) {
                None => Part::Literal(segment.to_owned()),
                Some((label, None)) => Part::Label(label.to_owned()),
                Some((_, Some(greedy))) => Part::Greedy(greedy.to_owned()),
            }
        };
        Template(uri.trim_start_matches('/').split('/').map(part).collect())
    }

    /// The names of its labels.
    pub(super) fn labels(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            Part::Literal(_) => None,
            Part::Label(name) | Part::Greedy(name) => Some(name.as_str()),
        })
    }

    /// The path with these values for its labels, encoded as AWS's tools do.
    #[cfg(test)]
    pub(super) fn fill(&self, value: impl Fn(&str) -> String) -> String {
        use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
        let encode = |name: &String| {
            let value = value(name);
            utf8_percent_encode(&value, NON_ALPHANUMERIC).to_string()
        };
        let part = |part: &Part| match part {
            Part::Literal(text) => format!("/{text}"),
            Part::Label(name) | Part::Greedy(name) => format!("/{}", encode(name)),
        };
        self.0.iter().map(part).collect()
    }

    /// Whether a raw path, split at its slashes, has this form. Literals are compared undecoded:
    /// no literal of the model needs encoding.
    fn fits(&self, segments: &[&str]) -> bool {
        let greedy = matches!(self.0.last(), Some(Part::Greedy(_)));
        // The model has a slash behind `/authorizers/`; AWS's SDK for JavaScript sends none.
        let slash = matches!(self.0.last(), Some(Part::Literal(text)) if text.is_empty());
        let least = self.0.len() - usize::from(slash);
        if segments.len() < least || (!greedy && segments.len() > self.0.len()) {
            return false;
        }
        self.0
            .iter()
            .zip(segments)
            .enumerate()
            .all(|(at, (part, segment))| match part {
                Part::Literal(literal) => literal == segment,
                Part::Label(_) => !segment.is_empty(),
                Part::Greedy(_) => segments[at..].iter().any(|segment| !segment.is_empty()),
            })
    }

    /// Decodes the labels of a path that fits; `None` if one is not UTF-8.
    fn bind(&'static self, segments: &[&str]) -> Option<Vec<(&'static str, String)>> {
        let decode = |raw: &str| percent_decode_str(raw).decode_utf8().ok().map(String::from);
        let parts = self.0.iter().enumerate();
        let labels = parts.filter_map(|(at, part)| match part {
            Part::Literal(_) => None,
            Part::Label(name) => Some((name, decode(segments[at]))),
            Part::Greedy(name) => Some((name, decode(&segments[at..].join("/")))),
        });
        labels
            .map(|(name, value)| Some((name.as_str(), value?)))
            .collect()
    }
}

impl<'de> Deserialize<'de> for Template {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Template::parse(&String::deserialize(deserializer)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Service; 3] = [Service::IotData, Service::IotJobsData, Service::Iot];

    fn check(services: &[Service], method: &str, path: &str, expected: Result<&str, &NoRoute>) {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let found = resolve(services, &method, path).map(|route| {
            let labels: Vec<String> = route
                .labels
                .iter()
                .map(|(name, value)| format!(" {name}={value}"))
                .collect();
            format!("{}{}", route.operation.name, labels.concat())
        });
        assert_eq!(found.as_deref(), expected, "{method} {path}");
    }

    #[test]
    fn labels_are_decoded_after_the_path_is_split() {
        check(&ALL, "POST", "/topics/a%2Fb", Ok("Publish topic=a/b"));
        check(&ALL, "POST", "/topics/a/b%20c", Ok("Publish topic=a/b c"));
        check(&ALL, "POST", "/topics/a/", Ok("Publish topic=a/"));
        check(&ALL, "POST", "/topics//a", Ok("Publish topic=/a"));
        check(&ALL, "GET", "/retainedMessage", Ok("ListRetainedMessages"));
        check(&ALL, "GET", "/authorizers", Ok("ListAuthorizers"));
        check(&ALL, "GET", "/authorizers/", Ok("ListAuthorizers"));
        check(
            &ALL,
            "GET",
            "/things/a%3Ab",
            Ok("DescribeThing thingName=a:b"),
        );
        check(
            &ALL,
            "PATCH",
            "/thing-groups/g",
            Ok("UpdateThingGroup thingGroupName=g"),
        );
        check(
            &ALL,
            "PUT",
            "/thing-groups/addThingToThingGroup",
            Ok("AddThingToThingGroup"),
        );
        let token = "/confirmdestination/abc/def%2Bg";
        check(
            &ALL,
            "GET",
            token,
            Ok("ConfirmTopicRuleDestination confirmationToken=abc/def+g"),
        );
    }

    #[test]
    fn a_path_without_an_operation_says_what_is_wrong() {
        check(&ALL, "GET", "/", Err(&NoRoute::Path));
        check(&ALL, "GET", "/nothing/here", Err(&NoRoute::Path));
        check(&ALL, "PUT", "/things/a", Err(&NoRoute::Method));
        check(&ALL, "GET", "/things/%ff", Err(&NoRoute::Encoding));
        check(&ALL, "POST", "/topics/", Err(&NoRoute::Path));
        check(
            &[Service::IotData],
            "POST",
            "/policies/p",
            Err(&NoRoute::Path),
        );
    }

    #[test]
    fn the_service_decides_where_two_have_the_same_path() {
        let jobs = "/things/t/jobs";
        check(
            &[Service::Iot],
            "GET",
            jobs,
            Ok("ListJobExecutionsForThing thingName=t"),
        );
        check(
            &[Service::IotJobsData, Service::IotData],
            "GET",
            jobs,
            Ok("GetPendingJobExecutions thingName=t"),
        );
    }
}
