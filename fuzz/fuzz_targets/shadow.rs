//! Shadow documents: a line each is a request to one shadow, `-` deletes it and `?` gets it.
//! Nothing panics; answers are JSON; an update raises the version by one; what is too large or too
//! deep is refused and changes nothing.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use std::sync::OnceLock;
use things::{Settings, ShadowName, Things};

const NOW_MS: u64 = 1_700_000_000_000;

/// Opened once: it makes keys.
fn things() -> &'static Things {
    static THINGS: OnceLock<Things> = OnceLock::new();
    THINGS.get_or_init(|| {
        let settings = Settings {
            region: "us-east-1".to_owned(),
            account_id: "000000000000".to_owned(),
            directory: None,
        };
        Things::open(&settings).expect("it is in memory")
    })
}

fuzz_target!(|data: &[u8]| {
    let shadows = things().shadows();
    let name = ShadowName::new("thing", Some("shadow")).expect("a valid name");
    // What an earlier input left is deleted; only its version goes on.
    drop(shadows.delete(&name, b"", NOW_MS));
    assert_eq!(shadows.count(), 0);
    let mut now_ms = NOW_MS;
    for request in data.split(|byte| *byte == b'\n').take(20) {
        now_ms += 1000;
        let before = shadows.document("thing", Some("shadow"), now_ms);
        match request.split_first() {
            Some((b'-', rest)) => {
                if let Ok(answer) = shadows.delete(&name, rest, now_ms) {
                    parsed(&answer);
                    assert_eq!(shadows.count(), 0);
                }
            }
            Some((b'?', rest)) => {
                let answer = shadows.get(&name, rest, now_ms);
                answer.iter().for_each(|answer| drop(parsed(answer)));
            }
            Some(_) | None => match shadows.update(&name, request, now_ms) {
                Ok(update) => {
                    let accepted = parsed(&update.accepted);
                    let after = shadows.document("thing", Some("shadow"), now_ms);
                    let after = after.expect("it was just made");
                    assert_eq!(accepted["version"], after["version"]);
                    if let Some(before) = before {
                        let version = before["version"].as_u64().expect("it has one");
                        assert_eq!(after["version"].as_u64(), Some(version + 1));
                    }
                    assert!(after.to_string().len() < 64 * 1024);
                }
                Err(why) => {
                    assert!(why.error.code() >= 400);
                    assert_eq!(shadows.document("thing", Some("shadow"), now_ms), before);
                }
            },
        }
    }
});

fn parsed(answer: &str) -> Value {
    serde_json::from_str(answer).expect("answers are JSON")
}
