//! Pages of listings, and the tokens that lead from one to the next.

use super::call::Call;
use super::error::ApiError;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Map, Value};

/// The page that a caller asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Paging {
    /// The last item of the page before.
    pub(super) after: Option<String>,
    /// Items of the page.
    pub(super) limit: usize,
}

impl Call {
    /// Reads `nextToken` and `maxResults`, or `marker` and `pageSize`.
    ///
    /// # Errors
    /// A token that no page of this operation ended with.
    pub(super) fn paging(&self, limit_default: usize) -> Result<Paging, ApiError> {
        let given = ["nextToken", "marker"]
            .into_iter()
            .find_map(|name| Some((name, self.optional(name)?)));
        let after = match given {
            None => None,
            Some((name, token)) => Some(opened(token, &self.operation.name).ok_or_else(|| {
                let operation = &self.operation.name;
                ApiError::invalid(format!("Invalid {name}: it is not from {operation}"))
            })?),
        };
        let size = self
            .number("maxResults")
            .or_else(|| self.number("pageSize"));
        let limit = size.and_then(|size| usize::try_from(size).ok());
        Ok(Paging {
            after,
            limit: limit.unwrap_or(limit_default).max(1),
        })
    }

    /// Adds the token of the next page to an answer, under the name that the operation has for it.
    pub(super) fn put_token(&self, answer: &mut Map<String, Value>, after: Option<&str>) {
        let Some(after) = after else { return };
        let markers = self.operation.has_member("marker");
        let name = if markers { "nextMarker" } else { "nextToken" };
        let token = sealed(after, &self.operation.name);
        answer.insert(name.to_owned(), token.into());
    }
}

/// Tokens name their operation, so that one from another listing is refused. Standard base64: the
/// model allows nothing else in a marker.
fn sealed(after: &str, operation: &str) -> String {
    BASE64.encode(format!("{operation}\n{after}"))
}

fn opened(token: &str, operation: &str) -> Option<String> {
    let text = String::from_utf8(BASE64.decode(token).ok()?).ok()?;
    let (of, after) = text.split_once('\n')?;
    (of == operation).then(|| after.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_leads_on_in_its_own_listing_alone() {
        let token = sealed("thing\n1", "ListThings");
        assert_eq!(opened(&token, "ListThings").as_deref(), Some("thing\n1"));
        assert_eq!(opened(&token, "ListPolicies"), None);
        for wrong in ["", "AAAA", "not base64!", "/////w=="] {
            assert_eq!(opened(wrong, "ListThings"), None, "{wrong}");
        }
    }
}
