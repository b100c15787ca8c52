//! The files of the page.

use bytes::Bytes;
use rust_embed::{Embed, EmbeddedFile};
use std::borrow::Cow;
use std::fmt::Write as _;

/// What is below `page/`.
#[derive(Embed)]
#[folder = "src/console/page"]
struct Page;

/// One file of the page.
pub(super) struct File {
    /// Its media type.
    pub(super) kind: &'static str,
    pub(super) content: Bytes,
    /// Another one for any other content.
    pub(super) etag: String,
}

/// The file of this name, `mqtt/client.mjs`.
pub(super) fn file(name: &str) -> Option<File> {
    let EmbeddedFile { data, metadata } = Page::get(name)?;
    let kind = media_type(name)?;
    let content = match data {
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => Bytes::from(bytes),
    };
    Some(File {
        kind,
        content,
        etag: etag(&metadata.sha256_hash()),
    })
}

fn media_type(name: &str) -> Option<&'static str> {
    match name.rsplit_once('.')?.1 {
        "html" => Some("text/html; charset=utf-8"),
        "css" => Some("text/css; charset=utf-8"),
        "mjs" => Some("text/javascript; charset=utf-8"),
        "svg" => Some("image/svg+xml"),
        _ => None,
    }
}

fn etag(hash: &[u8]) -> String {
    let mut tag = String::from("\"");
    for byte in &hash[..16] {
        // Writing to a String does not fail.
        let _ = write!(tag, "{byte:02x}");
    }
    tag.push('"');
    tag
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_has_a_type_and_a_tag_of_its_own() {
        let names: Vec<_> = Page::iter().collect();
        assert!(names.iter().any(|name| name == "index.html"), "{names:?}");
        let mut tags: Vec<_> = names
            .iter()
            .map(|name| file(name).unwrap_or_else(|| panic!("{name}")).etag)
            .collect();
        tags.sort();
        tags.dedup();
        assert_eq!(tags.len(), names.len());
    }

    #[test]
    fn nothing_is_fetched_from_elsewhere_or_written_inline() {
        for name in Page::iter() {
            let content = file(&name).unwrap().content;
            let text = std::str::from_utf8(&content).unwrap();
            let urls = text.replace("http://www.w3.org/2000/svg", "");
            let urls = urls.replace("http://localhost:PORT/console/", "");
            assert!(!urls.contains("://"), "{name} names another server");
            for wrong in ["innerHTML", "outerHTML", "insertAdjacentHTML", "eval("] {
                assert!(!text.contains(wrong), "{name} has {wrong}");
            }
            if name.ends_with(".html") {
                let inline = |word: &str| {
                    let word = word.trim_start_matches('<');
                    let handler = word.starts_with("on") && word.contains('=');
                    handler || word.starts_with("style=") || word.starts_with("style>")
                };
                let found: Vec<_> = text.split_whitespace().filter(|w| inline(w)).collect();
                assert!(found.is_empty(), "{name} has {found:?} inline");
            }
        }
    }

    #[test]
    fn there_is_nothing_beside_the_page() {
        for name in ["", "nothing", "mqtt", "mqtt/", "../mod.rs", "/index.html"] {
            assert!(file(name).is_none(), "{name}");
        }
    }
}
