//! Forms that the families of IAM share.

use super::super::error::QueryError;
use super::super::form::Form;
use super::super::xml::Xml;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use things::Tags;

/// Everything but the unreserved characters of RFC 3986.
const RESERVED: AsciiSet = NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The API's limit for the tags of one resource.
const TAGS_MAX: usize = 50;

/// IAM's default for MaxItems.
const PAGE_DEFAULT: u64 = 100;

/// The API's limit for MaxItems.
const PAGE_MAX: u64 = 1000;

/// A policy document as IAM gives it back: percent-encoded.
pub(super) fn encoded(document: &str) -> String {
    utf8_percent_encode(document, &RESERVED).to_string()
}

/// `Tags.member.N.Key` and `.Value`.
pub(super) fn tags(form: &Form) -> Result<Tags, QueryError> {
    let mut tags = Tags::new();
    for number in 1.. {
        let Some(key) = form.optional(&format!("Tags.member.{number}.Key")) else {
            break;
        };
        if number > TAGS_MAX {
            let why = format!("a resource has at most {TAGS_MAX} tags");
            return Err(QueryError::validation(why));
        }
        let value = form.optional(&format!("Tags.member.{number}.Value"));
        tags.insert(key.to_owned(), value.unwrap_or_default().to_owned());
    }
    Ok(tags)
}

/// Tags as an answer has them.
pub(super) fn shown_tags(tags: &Tags) -> impl Iterator<Item = Xml> + '_ {
    tags.iter()
        .map(|(key, value)| Xml::new().text("Key", key).text("Value", value))
}

/// The page that a caller asks for: where to go on, and how many.
pub(super) fn paging(form: &Form) -> Result<(Option<&str>, usize), QueryError> {
    let items = form.number("MaxItems")?.unwrap_or(PAGE_DEFAULT);
    let limit = usize::try_from(items.clamp(1, PAGE_MAX)).unwrap_or(1);
    Ok((form.optional("Marker"), limit))
}

/// Ends a listing.
pub(super) fn ended(listing: Xml, next: Option<String>) -> Xml {
    listing
        .text("IsTruncated", next.is_some())
        .optional("Marker", next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_and_tags_travel_as_iam_has_them() {
        assert_eq!(encoded("{\"a\": [1]}"), "%7B%22a%22%3A%20%5B1%5D%7D");
        let form = "Tags.member.1.Key=k&Tags.member.1.Value=v&Tags.member.2.Key=l";
        let tags = tags(&Form::read("", form.as_bytes())).unwrap();
        let expected = [("k", "v"), ("l", "")].map(|(k, v)| (k.to_owned(), v.to_owned()));
        assert_eq!(tags, expected.into());
        let many: String = (1..=51)
            .map(|n| format!("Tags.member.{n}.Key=k{n}&"))
            .collect();
        assert!(super::tags(&Form::read("", many.as_bytes())).is_err());
    }
}
