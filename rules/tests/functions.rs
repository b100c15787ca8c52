//! The examples of the functions of the rule SQL.

use rand::SeedableRng;
use rand::rngs::SmallRng;
use rules::sql::{Context, Message, Outcome, Properties, SqlVersion, Statement, functions};
use std::collections::BTreeSet;
use std::net::IpAddr;

#[test]
fn every_example_gives_what_it_says() {
    let mut message = Message::new("things/myThings/thingOne", b"{}");
    message.client_id = Some("thing-1");
    message.principal = Some("ba67293af50bf2506f5f93469686da660c7c844e");
    message.account_id = "123456789012";
    message.source_ip = Some(IpAddr::from([192, 158, 1, 38]));
    message.trace_id = Some("12345678-1234-1234-1234-123456789012");
    message.properties = Properties {
        content_type: Some("text/plain"),
        payload_is_utf8: true,
        user: vec![("color", "red"), ("size", "big"), ("color", "blue")],
        ..Properties::default()
    };
    for function in functions() {
        for example in function.examples {
            let sql = format!("SELECT VALUE [{}] FROM '#'", example.call);
            let statement = Statement::parse(&sql, SqlVersion::V2016);
            let statement = statement.unwrap_or_else(|error| panic!("{sql}: {error}"));
            let mut rng = SmallRng::seed_from_u64(1);
            let mut context = Context::new(&message, 1_481_825_251_155, &mut rng);
            // An Undefined element is left out of an array.
            let expected = match example.gives {
                "Undefined" => "[]".to_owned(),
                json => format!("[{json}]"),
            };
            let outcome = statement.evaluate(&mut context);
            assert_eq!(
                outcome,
                Ok(Outcome::Matched(expected.into_bytes())),
                "{sql}"
            );
        }
    }
}

#[test]
fn every_function_is_described_under_a_name_of_its_own() {
    let mut names = BTreeSet::new();
    for function in functions() {
        assert!(
            names.insert(function.name.to_lowercase()),
            "{function:?} is there twice"
        );
        assert!(
            function.summary.ends_with('.'),
            "{function:?} needs a summary"
        );
        let asks = [
            "aws_lambda",
            "get_dynamodb",
            "get_thing_shadow",
            "get_registry_data",
            "get_secret",
            "machinelearning_predict",
        ];
        let shown = !function.examples.is_empty() || asks.contains(&function.name);
        assert!(shown, "{function:?} needs an example");
    }
    assert!(names.len() >= 80, "{}", names.len());
}
