//! XML as the Query protocol has it: elements that hold text or elements, no attributes but the
//! namespace.

use super::QueryApi;
use super::error::{Kind, QueryError};
use crate::xml::escaped;
use std::fmt::Write;
use uuid::Uuid;

/// The children of an element.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Xml(String);

impl Xml {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Adds an element with text in it.
    #[must_use]
    pub(super) fn text(mut self, name: &str, value: impl std::fmt::Display) -> Self {
        let value = escaped(&value.to_string());
        // Writing to a String cannot fail.
        let _ = write!(self.0, "<{name}>{value}</{name}>");
        self
    }

    /// Adds an element with text in it, if there is any.
    #[must_use]
    pub(super) fn optional(self, name: &str, value: Option<impl std::fmt::Display>) -> Self {
        match value {
            Some(value) => self.text(name, value),
            None => self,
        }
    }

    /// Adds an element with children.
    #[must_use]
    pub(super) fn element(mut self, name: &str, children: &Xml) -> Self {
        let _ = write!(self.0, "<{name}>{}</{name}>", children.0);
        self
    }

    /// Adds a list: each item is a `member`.
    #[must_use]
    pub(super) fn list(self, name: &str, items: impl IntoIterator<Item = Xml>) -> Self {
        let members = Xml::new();
        let members = items
            .into_iter()
            .fold(members, |list, item| list.element("member", &item));
        self.element(name, &members)
    }

    /// Adds a list of texts.
    #[must_use]
    pub(super) fn texts(
        self,
        name: &str,
        items: impl IntoIterator<Item = impl std::fmt::Display>,
    ) -> Self {
        let members = items
            .into_iter()
            .fold(Xml::new(), |list, item| list.text("member", item));
        self.element(name, &members)
    }
}

/// A whole answer.
pub(super) fn response(
    api: QueryApi,
    operation: &str,
    result: Option<Xml>,
    request_id: Uuid,
) -> String {
    let body = match result {
        Some(result) => Xml::new().element(&format!("{operation}Result"), &result),
        None => Xml::new(),
    };
    let metadata = Xml::new().text("RequestId", request_id);
    let body = body.element("ResponseMetadata", &metadata);
    document(api, &format!("{operation}Response"), &body)
}

/// A whole error.
pub(super) fn error(api: QueryApi, error: &QueryError, request_id: Uuid) -> String {
    let by = match error.kind {
        Kind::ServiceFailure | Kind::ServiceUnavailable => "Receiver",
        Kind::AccessDenied
        | Kind::DeleteConflict
        | Kind::EntityAlreadyExists
        | Kind::ExpiredToken
        | Kind::IncompleteSignature
        | Kind::InvalidAction
        | Kind::InvalidClientTokenId
        | Kind::LimitExceeded
        | Kind::MalformedPolicyDocument
        | Kind::NoSuchEntity
        | Kind::SignatureDoesNotMatch
        | Kind::ValidationError => "Sender",
    };
    let inner = Xml::new()
        .text("Type", by)
        .text("Code", error.kind.code())
        .text("Message", &error.message);
    let body = Xml::new()
        .element("Error", &inner)
        .text("RequestId", request_id);
    document(api, "ErrorResponse", &body)
}

fn document(api: QueryApi, root: &str, body: &Xml) -> String {
    let namespace = api.namespace();
    format!("<{root} xmlns=\"{namespace}\">{}</{root}>", body.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_have_the_form_of_the_query_protocol() {
        let id = Uuid::from_u128(7);
        let result = Xml::new()
            .text("Account", "000000000000")
            .optional("None", None::<&str>)
            .list("Roles", [Xml::new().text("RoleName", "a<b&\"\u{1}")])
            .texts("PolicyNames", ["p", "q"]);
        let expected = "<ListRolesResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\">\
            <ListRolesResult><Account>000000000000</Account>\
            <Roles><member><RoleName>a&lt;b&amp;&quot;\u{FFFD}</RoleName></member></Roles>\
            <PolicyNames><member>p</member><member>q</member></PolicyNames></ListRolesResult>\
            <ResponseMetadata><RequestId>00000000-0000-0000-0000-000000000007</RequestId>\
            </ResponseMetadata></ListRolesResponse>";
        let found = response(QueryApi::Iam, "ListRoles", Some(result), id);
        assert_eq!(found, expected);
        let expected = "<DeleteRoleResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\">\
            <ResponseMetadata><RequestId>00000000-0000-0000-0000-000000000007</RequestId>\
            </ResponseMetadata></DeleteRoleResponse>";
        assert_eq!(response(QueryApi::Iam, "DeleteRole", None, id), expected);
    }

    #[test]
    fn errors_have_the_form_of_the_query_protocol() {
        let found = error(QueryApi::Sts, &QueryError::denied("no"), Uuid::from_u128(7));
        let expected = "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
            <Error><Type>Sender</Type><Code>AccessDenied</Code><Message>no</Message></Error>\
            <RequestId>00000000-0000-0000-0000-000000000007</RequestId></ErrorResponse>";
        assert_eq!(found, expected);
    }
}
