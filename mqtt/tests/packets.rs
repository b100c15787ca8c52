//! The codec against packets with verdicts: a table of our own, and the large one that is kept
//! beside the project.

use mqtt::codec::{DecodeError, Packet, Version, decode, frame};
use std::path::Path;

/// Whether the bytes are exactly one packet that a peer of `version` may send.
fn verdict(version: Version, bytes: &[u8]) -> Result<(), String> {
    let frame = frame(bytes, usize::MAX).map_err(|error| error.to_string())?;
    let frame = frame.ok_or("not whole")?;
    if frame.bytes.len() != bytes.len() {
        return Err("bytes behind the packet".to_owned());
    }
    match decode(&frame, version).map_err(|error: DecodeError| error.to_string())? {
        Packet::Connect(connect) if connect.version != version => Err("another version".into()),
        _ => Ok(()),
    }
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(&text[i..i + 2], 16).expect("the table holds hex"))
        .collect()
}

/// Checks rows of `version packet verdict category hex`; returns how many there were.
fn check(table: &str) -> usize {
    let mut wrong = Vec::new();
    let mut rows = 0;
    for row in table.lines().filter(|row| row.starts_with(['4', '5'])) {
        let mut columns = row.split('\t');
        let mut next = || columns.next().unwrap_or_default();
        let (version, _, expected, _, hex) = (next(), next(), next(), next(), next());
        let version = if version == "4" {
            Version::V311
        } else {
            Version::V5
        };
        let found = verdict(version, &unhex(hex));
        if found.is_ok() != (expected == "ok") {
            wrong.push(format!("{row}: {found:?}"));
        }
        rows += 1;
    }
    assert!(
        wrong.is_empty(),
        "{} of {rows} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    rows
}

#[test]
fn packets_are_accepted_and_refused_as_the_standard_says() {
    assert!(check(include_str!("data/packets.tsv")) > 50);
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the table is too large to be kept here"
)]
fn the_large_table_agrees_where_it_is_kept() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/vectors/packets.tsv");
    match std::fs::read_to_string(&path) {
        Ok(table) => assert!(check(&table) > 12_000),
        Err(_) => println!(
            "no packets at {}: only the project's own were checked",
            path.display()
        ),
    }
}
