//! AWS's own description of its API, as far as requests go: every operation of the services
//! `iot`, `iot-data` and `iot-jobs-data`, with the constraints of its members.
//!
//! `operations.json` is the part of AWS's public service models (botocore 1.44.5) that describes
//! requests. Two things were changed: one line is one operation or shape, and the topic of a
//! data-plane path takes the rest of the path, because AWS also takes it with plain slashes
//! (developer guide, "HTTP message URL").

use super::pattern::Pattern;
use super::route::Template;
use http::Method;
use serde::{Deserialize, Deserializer};
use std::collections::HashMap;
use std::sync::LazyLock;

/// The description, read at the first request.
pub(crate) static MODEL: LazyLock<Model> = LazyLock::new(Model::load);

/// A service whose operations are in the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Service {
    /// The control plane.
    Iot,
    /// Publish, retained messages, shadows, connections.
    IotData,
    /// Jobs as devices see them.
    IotJobsData,
}

impl Service {
    /// Whether devices may call it: it is answered on the TLS port too.
    pub(crate) fn is_data_plane(self) -> bool {
        match self {
            Service::Iot => false,
            Service::IotData | Service::IotJobsData => true,
        }
    }
}

/// All operations and the shapes that their requests use.
#[derive(Deserialize)]
pub(crate) struct Model {
    pub(super) operations: Vec<Operation>,
    shapes: HashMap<String, Shape>,
}

impl Model {
    fn load() -> Self {
        serde_json::from_str(include_str!("operations.json"))
            .expect("the file is part of the program, and a test reads it")
    }

    /// The shape that a member refers to.
    pub(super) fn shape(&self, name: &str) -> &Shape {
        self.shapes
            .get(name)
            .expect("a test proves that each reference has its shape")
    }

    /// All shapes, in no order.
    #[cfg(test)]
    pub(super) fn shapes(&self) -> impl Iterator<Item = &Shape> {
        self.shapes.values()
    }

    /// An operation by name.
    pub(crate) fn operation(&self, service: Service, name: &str) -> Option<&Operation> {
        self.operations
            .iter()
            .find(|op| op.service == service && op.name == name)
    }
}

/// One operation.
#[derive(Debug, Deserialize)]
pub(crate) struct Operation {
    pub(crate) service: Service,
    pub(crate) name: String,
    #[serde(deserialize_with = "method")]
    pub(crate) method: Method,
    #[serde(rename = "uri")]
    pub(crate) template: Template,
    /// The member that the body is, if the body is not an object of members.
    pub(super) payload: Option<String>,
    pub(super) input: Vec<Member>,
}

impl Operation {
    /// The member that is the body as it came, if there is one.
    pub(super) fn raw_payload(&self) -> Option<&str> {
        let name = self.payload.as_deref()?;
        let member = self.input.iter().find(|member| member.name == name)?;
        matches!(MODEL.shape(&member.shape).kind, Kind::Blob).then_some(name)
    }

    /// Whether its request has a member.
    pub(super) fn has_member(&self, name: &str) -> bool {
        self.input.iter().any(|member| member.name == name)
    }
}

/// A member of an operation's request.
#[derive(Debug, Deserialize)]
pub(super) struct Member {
    pub(super) name: String,
    #[serde(default, rename = "in")]
    pub(super) location: Location,
    wire: Option<String>,
    #[serde(default)]
    pub(super) required: bool,
    pub(super) shape: String,
}

impl Member {
    /// Its name in the query, header or body.
    pub(super) fn wire(&self) -> &str {
        self.wire.as_deref().unwrap_or(&self.name)
    }
}

/// Where a member travels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Location {
    Uri,
    Querystring,
    Header,
    #[default]
    Body,
}

/// A type with its constraints.
#[derive(Debug, Deserialize)]
pub(super) struct Shape {
    #[serde(flatten)]
    pub(super) kind: Kind,
    pub(super) min: Option<f64>,
    pub(super) max: Option<f64>,
    pub(super) pattern: Option<Pattern>,
    #[serde(rename = "enum")]
    pub(super) values: Option<Vec<String>>,
}

/// What a type is made of; strings name other shapes.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(super) enum Kind {
    String,
    Boolean,
    Integer,
    Long,
    Double,
    Timestamp,
    Blob,
    List {
        member: String,
    },
    Map {
        key: String,
        value: String,
    },
    Structure {
        #[serde(default)]
        required: Vec<String>,
        members: Vec<(String, String)>,
    },
}

fn method<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Method, D::Error> {
    let name = String::deserialize(deserializer)?;
    Method::from_bytes(name.as_bytes()).map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reference_has_its_shape_and_every_label_its_member() {
        for operation in &MODEL.operations {
            for member in &operation.input {
                MODEL.shape(&member.shape);
            }
            for label in operation.template.labels() {
                let found = operation.input.iter().find(|member| member.wire() == label);
                let location = found.map(|member| member.location);
                assert_eq!(location, Some(Location::Uri), "{} {label}", operation.name);
            }
        }
        for shape in MODEL.shapes() {
            match &shape.kind {
                Kind::List { member } => drop(MODEL.shape(member)),
                Kind::Map { key, value } => drop((MODEL.shape(key), MODEL.shape(value))),
                Kind::Structure { required, members } => {
                    for (_, shape) in members {
                        MODEL.shape(shape);
                    }
                    let known = |name| members.iter().any(|(member, _)| member == name);
                    assert!(required.iter().all(known));
                }
                Kind::String
                | Kind::Boolean
                | Kind::Integer
                | Kind::Long
                | Kind::Double
                | Kind::Timestamp
                | Kind::Blob => {}
            }
        }
    }

    #[test]
    fn the_model_holds_every_operation_once() {
        let count = |service| {
            MODEL
                .operations
                .iter()
                .filter(|op| op.service == service)
                .count()
        };
        let counts = [Service::Iot, Service::IotData, Service::IotJobsData].map(count);
        assert_eq!(counts, [272, 11, 5]);
    }
}
