//! A rule: SQL, and behind zero bytes a topic, a payload and a template. Parsing and evaluating
//! never panic, an error says something, and the same input gives the same output.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rand::SeedableRng;
use rand::rngs::SmallRng;
use rules::sql::{Context, Message, Outcome, SqlVersion, Statement};
use rules::template::Template;

const NOW_MS: i64 = 1_481_825_251_155;

fuzz_target!(|data: &[u8]| {
    let mut parts = data.splitn(4, |byte| *byte == 0);
    let mut next = || parts.next().unwrap_or_default();
    let (sql, topic, payload, template) = (next(), next(), next(), next());
    let Ok(sql) = std::str::from_utf8(sql) else {
        return;
    };
    let topic = std::str::from_utf8(topic).unwrap_or("a/b");
    for version in [SqlVersion::default(), SqlVersion::V2016] {
        match Statement::parse(sql, version) {
            Err(why) => assert!(!why.to_string().is_empty()),
            Ok(statement) => {
                let first = run(&statement, topic, payload);
                assert_eq!(first, run(&statement, topic, payload));
            }
        }
        if let Ok(template) = std::str::from_utf8(template)
            && let Ok(template) = Template::parse(template, version)
        {
            let message = Message::new(topic, payload);
            let mut rng = SmallRng::seed_from_u64(1);
            drop(template.render(&mut Context::new(&message, NOW_MS, &mut rng)));
        }
    }
});

fn run(statement: &Statement, topic: &str, payload: &[u8]) -> String {
    let mut message = Message::new(topic, payload);
    message.client_id = Some("client");
    let mut rng = SmallRng::seed_from_u64(1);
    let outcome = statement.evaluate(&mut Context::new(&message, NOW_MS, &mut rng));
    match outcome {
        Ok(Outcome::NotMatched) => "not matched".to_owned(),
        Ok(outcome) => format!("{outcome:?}"),
        Err(why) => why.to_string(),
    }
}
