//! JSON as policies need it: members in their order, and none named twice.

use crate::error::{Place, PolicyError, Problem};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// A JSON value. Numbers and booleans keep only their text: in a policy they stand for it.
#[derive(Debug)]
pub(crate) enum Node {
    Null,
    Scalar(String),
    Text(String),
    List(Vec<Node>),
    Object(Vec<(String, Node)>),
}

impl Node {
    pub(crate) fn parse(json: &str) -> Result<Self, PolicyError> {
        serde_json::from_str(json).map_err(|error| PolicyError::Json(error.to_string()))
    }

    pub(crate) fn object(&self, at: &Place<'_>) -> Result<&[(String, Node)], PolicyError> {
        match self {
            Node::Object(members) => Ok(members),
            Node::Null | Node::Scalar(_) | Node::Text(_) | Node::List(_) => {
                Err(at.wrong(Problem::Type("an object")))
            }
        }
    }

    pub(crate) fn text(&self, at: &Place<'_>) -> Result<&str, PolicyError> {
        match self {
            Node::Text(text) => Ok(text),
            Node::Null | Node::Scalar(_) | Node::List(_) | Node::Object(_) => {
                Err(at.wrong(Problem::Type("a string")))
            }
        }
    }

    /// One value or a list of them: `"a"` is the same as `["a"]` throughout the policy grammar.
    pub(crate) fn items(&self) -> &[Node] {
        match self {
            Node::List(items) => items,
            Node::Null | Node::Scalar(_) | Node::Text(_) | Node::Object(_) => {
                std::slice::from_ref(self)
            }
        }
    }

    /// A string or a list of strings, not empty.
    pub(crate) fn texts<'n>(&'n self, at: &Place<'_>) -> Result<Vec<&'n str>, PolicyError> {
        let items = self.items();
        if items.is_empty() {
            return Err(at.wrong(Problem::Empty));
        }
        let text = |item: &'n Node| match item {
            Node::Text(text) => Ok(text.as_str()),
            Node::Null | Node::Scalar(_) | Node::List(_) | Node::Object(_) => {
                Err(at.wrong(Problem::Type("a string or a list of strings")))
            }
        };
        items.iter().map(text).collect()
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Scalar(value.to_string()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Scalar(value.to_string()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Scalar(value.to_string()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Scalar(value.to_string()))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Node::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Node, A::Error> {
        let mut members: Vec<(String, Node)> = Vec::new();
        while let Some(member) = object.next_entry()? {
            members.push(member);
        }
        // Readers differ in which of two they keep, and a policy must not depend on it.
        let mut names: Vec<&str> = members.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(A::Error::custom(format_args!(
                "member `{}` is named twice",
                twice[0]
            )));
        }
        Ok(Node::Object(members))
    }
}
