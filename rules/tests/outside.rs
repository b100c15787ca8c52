//! Functions that ask the outside: what they ask, what they make of the answer, what a failure
//! does.

use rand::SeedableRng;
use rand::rngs::SmallRng;
use rules::sql::{Context, External, Lookup, Message, Outcome, SqlVersion, Statement};
use rules::template::Template;

/// Answers by what is asked, and keeps the questions.
#[derive(Default)]
struct Outside(Vec<String>);

impl External for Outside {
    fn look_up(&mut self, lookup: &Lookup<'_>) -> Result<Vec<u8>, String> {
        let (question, answer) = match lookup {
            Lookup::Lambda {
                function_arn,
                payload,
            } => {
                let payload = String::from_utf8_lossy(payload);
                (
                    format!("lambda {function_arn} {payload}"),
                    r#"{"answer":1.50}"#,
                )
            }
            Lookup::DynamoDb {
                table,
                partition_key,
                sort_key,
                role_arn,
            } => (
                format!("dynamodb {table} {partition_key:?} {sort_key:?} {role_arn}"),
                r#"{"mode":"eco","n":5}"#,
            ),
            Lookup::ThingShadow {
                thing_name,
                shadow_name,
                role_arn,
            } => (
                format!("shadow {thing_name} {shadow_name:?} {role_arn}"),
                r#"{"state":{"reported":{"alarm":"ON"}}}"#,
            ),
            Lookup::RegistryData {
                operation,
                thing_name,
                role_arn,
            } => (
                format!("registry {operation} {thing_name} {role_arn}"),
                r#"{"thingTypeName":"lamp"}"#,
            ),
            Lookup::Secret {
                secret_id,
                binary,
                role_arn,
            } => (
                format!("secret {secret_id} {binary} {role_arn}"),
                r#"{"user":"me"}"#,
            ),
            Lookup::Prediction {
                model_id,
                role_arn,
                record,
            } => {
                let record = String::from_utf8_lossy(record);
                (
                    format!("predict {model_id} {role_arn} {record}"),
                    r#"{"predictedLabel":"x"}"#,
                )
            }
            Lookup::S3Object { bucket, key } => (format!("s3 {bucket} {key}"), "no descriptor"),
        };
        let fails = question.contains("nobody");
        let garbled = question.contains("garbled");
        self.0.push(question);
        match (fails, garbled) {
            (true, _) => Err("nobody is there".to_owned()),
            (false, true) => Ok(b"<html>".to_vec()),
            (false, false) => Ok(answer.into()),
        }
    }
}

/// Evaluates `SELECT VALUE expression` and gives its output or error, and what was asked.
fn evaluate(expression: &str) -> (Result<String, String>, Vec<String>) {
    let sql = format!("SELECT VALUE [{expression}] FROM 'a/b'");
    let statement = Statement::parse(&sql, SqlVersion::V2016);
    let statement = statement.expect("the statement is valid");
    let message = Message::new("a/b", br#"{"id":"x","n":10.0,"k":null}"#);
    let mut rng = SmallRng::seed_from_u64(1);
    let mut outside = Outside::default();
    let mut context = Context::new(&message, 0, &mut rng).with_external(&mut outside);
    let outcome = match statement.evaluate(&mut context) {
        Ok(Outcome::Matched(output)) => Ok(String::from_utf8_lossy(&output).into_owned()),
        Ok(Outcome::NotMatched) => Err("not matched".to_owned()),
        Err(error) => Err(format!("{}: {error}", error.code())),
    };
    (outcome, outside.0)
}

#[test]
fn a_lookup_has_what_the_arguments_say_and_its_answer_is_a_value() {
    for (expression, output, question) in [
        (
            "aws_lambda('arn:f', {'i': id}).answer",
            "[1.50]",
            r#"lambda arn:f {"i":"x"}"#,
        ),
        (
            "aws_lambda('arn:f', *).answer * 2",
            "[3]",
            r#"lambda arn:f {"id":"x","n":10.0,"k":null}"#,
        ),
        (
            "get_dynamodb('t', 'pk', id, 'r').mode",
            "[\"eco\"]",
            r#"dynamodb t ("pk", "\"x\"") None r"#,
        ),
        (
            "get_dynamodb('t', 'pk', n, 'sk', id, 'r').n",
            "[5]",
            r#"dynamodb t ("pk", "10") Some(("sk", "\"x\"")) r"#,
        ),
        (
            "get_thing_shadow(id, 'r').state.reported.alarm = 'ON'",
            "[true]",
            "shadow x None r",
        ),
        (
            "get_thing_shadow(id, 'named', 'r').state.none",
            "[]",
            "shadow x Some(\"named\") r",
        ),
        (
            "get_registry_data('DescribeThing', id, 'r').thingTypeName",
            "[\"lamp\"]",
            "registry DescribeThing x r",
        ),
        (
            "get_secret(id, 'SecretString', 'r')",
            r#"["{\"user\":\"me\"}"]"#,
            "secret x false r",
        ),
        (
            "get_secret(id, 'SecretString', 'user', 'r')",
            "[\"me\"]",
            "secret x false r",
        ),
        (
            "get_secret(id, 'SecretBinary', 'r')",
            "[\"eyJ1c2VyIjoibWUifQ==\"]",
            "secret x true r",
        ),
        (
            "machinelearning_predict('m', 'r', {'n': n}).predictedLabel",
            "[\"x\"]",
            r#"predict m r {"n":10}"#,
        ),
    ] {
        let expected = (Ok(output.to_owned()), vec![question.to_owned()]);
        assert_eq!(evaluate(expression), expected, "{expression}");
    }
}

#[test]
fn a_failure_fails_the_rule_unless_a_default_catches_it() {
    for (expression, expected) in [
        (
            "get_thing_shadow('nobody', 'r')",
            Err("ExternalFunctionFailed: `get_thing_shadow` failed: nobody is there"),
        ),
        (
            "aws_lambda('garbled', 1)",
            Err("ExternalFunctionFailed: `aws_lambda` failed: the answer is not JSON"),
        ),
        (
            "get_secret('s', 'SecretBinary', 'user', 'r')",
            Err(
                "ExternalFunctionFailed: `get_secret` failed: a key needs a SecretString that is JSON",
            ),
        ),
        (
            "decode(*, 'proto', 'b', 'k', 'f', 'm')",
            Err("ExternalFunctionFailed: `decode` failed: the bytes are no protobuf message"),
        ),
        (
            "get_or_default(get_thing_shadow('nobody', 'r').state, 'none')",
            Ok("[\"none\"]"),
        ),
        ("get_or_default(get_thing_shadow('nobody', 'r'))", Ok("[]")),
        (
            "get_or_default(get_thing_shadow(id, 'r').state.none, 1)",
            Ok("[1]"),
        ),
        // More calls than a statement may make.
        (
            "get_dynamodb('t', 'p', 1, 'r'), get_dynamodb('t', 'p', 2, 'r')",
            Err(
                "ExternalFunctionLimitExceeded: `get_dynamodb` may be called 1 times by one statement",
            ),
        ),
        (
            "get_or_default(get_dynamodb('nobody', 'p', 1, 'r'), 1), get_or_default(get_dynamodb('t', 'p', 2, 'r'), 1)",
            Err(
                "ExternalFunctionLimitExceeded: `get_dynamodb` may be called 1 times by one statement",
            ),
        ),
        (
            "get_thing_shadow('a', 'r').state.reported.alarm, get_thing_shadow('b', 'r').x",
            Ok("[\"ON\"]"),
        ),
    ] {
        let expected = expected.map(str::to_owned).map_err(str::to_owned);
        assert_eq!(evaluate(expression).0, expected, "{expression}");
    }
}

#[test]
fn nobody_is_asked_without_need() {
    for expression in [
        "CASE id WHEN 'x' THEN 1 ELSE get_thing_shadow('nobody', 'r') END",
        "id = 'x' OR get_thing_shadow('nobody', 'r') = 1",
        "id = 'y' AND get_thing_shadow('nobody', 'r') = 1",
        "nanvl(id, get_thing_shadow('nobody', 'r'))",
        "get_thing_shadow(missing, 'r')",
        "get_dynamodb('t', 'p', missing, 'r')",
        "get_thing_shadow('nobody')",
    ] {
        let (outcome, asked) = evaluate(expression);
        assert!(outcome.is_ok(), "{expression}: {outcome:?}");
        assert_eq!(asked, Vec::<String>::new(), "{expression}");
    }
}

#[test]
fn templates_may_ask_too() {
    let template = Template::parse(
        "s-${get_thing_shadow(id, 'r').state.reported.alarm}",
        SqlVersion::V2016,
    );
    let template = template.expect("the template is valid");
    let message = Message::new("a/b", br#"{"id":"x"}"#);
    let mut rng = SmallRng::seed_from_u64(1);
    let mut outside = Outside::default();
    let mut context = Context::new(&message, 0, &mut rng).with_external(&mut outside);
    assert_eq!(template.render(&mut context), Ok("s-ON".to_owned()));
    let mut context = Context::new(&message, 0, &mut rng);
    let error = template
        .render(&mut context)
        .map_err(|error| error.to_string());
    let expected = "`get_thing_shadow` failed: there is nobody to ask here";
    assert_eq!(error, Err(expected.to_owned()));
}
