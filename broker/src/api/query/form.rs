//! The members of a Query request: pairs of the form and of the query string.

use super::error::QueryError;
use crate::api::bind::pairs;

/// A request's members by their flattened names (`Tags.member.1.Key`).
#[derive(Debug)]
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    /// Reads both; the query string is asked first.
    pub(super) fn read(query: &str, body: &[u8]) -> Self {
        let mut all = pairs(query);
        all.extend(pairs(&String::from_utf8_lossy(body)));
        Form(all)
    }

    /// A member that may be there.
    pub(super) fn optional(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// A member that must be there.
    pub(super) fn text(&self, name: &str) -> Result<&str, QueryError> {
        self.optional(name)
            .filter(|value| !value.is_empty())
            .ok_or_else(|| {
                let path = first_lower(name);
                QueryError::validation(format!(
                    "1 validation error detected: Value null at '{path}' failed to satisfy \
                 constraint: Member must not be null"
                ))
            })
    }

    /// The texts of a list, `NAME.member.1` and so on.
    pub(super) fn list(&self, name: &str) -> Vec<String> {
        let at = |number: usize| self.optional(&format!("{name}.member.{number}"));
        (1..).map_while(at).map(str::to_owned).collect()
    }

    /// A whole number that may be there.
    pub(super) fn number(&self, name: &str) -> Result<Option<u64>, QueryError> {
        let Some(text) = self.optional(name) else {
            return Ok(None);
        };
        text.parse().map(Some).map_err(|_| {
            QueryError::validation(format!("{name} must be a whole number, not `{text}`"))
        })
    }
}

fn first_lower(name: &str) -> String {
    let mut letters = name.chars();
    let first = letters.next().map(|letter| letter.to_ascii_lowercase());
    first.into_iter().chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_stand_in_the_form_or_in_the_query() {
        let form = Form::read("Action=A", b"RoleName=a%2Fb+c&DurationSeconds=900&Path=");
        assert_eq!(form.optional("Action"), Some("A"));
        assert_eq!(form.text("RoleName"), Ok("a/b c"));
        assert_eq!(form.number("DurationSeconds"), Ok(Some(900)));
        assert_eq!(form.number("Other"), Ok(None));
        let keys = Form::read("", b"K.member.1=a&K.member.2=b&K.member.4=d");
        assert_eq!(keys.list("K"), ["a", "b"]);
        assert!(form.number("RoleName").is_err());
        let missing = form.text("Path").unwrap_err().message;
        assert!(missing.contains("null at 'path'"), "{missing}");
    }
}
