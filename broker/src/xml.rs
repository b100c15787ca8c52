//! Text inside XML.

/// Text without what XML reads as markup or cannot hold.
pub(crate) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            // XML 1.0 section 2.2: these cannot be written at all.
            '\0'..='\u{8}' | '\u{B}' | '\u{C}' | '\u{E}'..='\u{1F}' | '\u{FFFE}' | '\u{FFFF}' => {
                safe.push('\u{FFFD}');
            }
            '\r' => safe.push_str("&#13;"),
            other => safe.push(other),
        }
    }
    safe
}
