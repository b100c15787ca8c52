use super::*;
use clap::Parser;
use serde_json::{Value, json};
use std::io::BufRead;

fn check(lines: &[&str], expected: &[Value]) {
    let mut output = Vec::new();
    let all_read = answer_lines(lines.join("\n").as_bytes(), &mut output).unwrap();
    let answers: Vec<Value> = output
        .lines()
        .map(|line| serde_json::from_str(&line.unwrap()).unwrap())
        .collect();
    assert_eq!(answers, expected);
    let all_good = answers.iter().all(|answer| !answer["error"].is_string());
    assert_eq!(all_read, all_good);
}

#[test]
fn a_line_is_answered_with_its_id_and_the_output() {
    check(
        &[
            r#"{"id": "a", "sql": "SELECT t FROM 'a/+'", "topic": "a/b", "payload": {"t": 1}}"#,
            r#"{"id": [1], "sql": "SELECT t FROM 'a/#'", "topic": "a", "payload": {"t": 1}}"#,
            r#"{"sql": "SELECT t FROM 'a' WHERE t > 1", "topic": "a", "payload": {"t": 1}}"#,
            r#"{"id": 1, "sql": "SELECT VALUE x FROM 'a'", "topic": "a", "payload": {}, "expect": 7}"#,
            r#"{"id": 2, "sql": "SELECT * FROM 'a'", "topic": "a", "payload_text": "{ }\n"}"#,
            r#"{"id": 3, "sql": "SELECT * FROM 'a'", "topic": "a", "payload_base64": "/wA="}"#,
            r#"{"id": 4, "sql": "SELECT * FROM 'a'", "topic": "a", "payload": null}"#,
            r#"{"id": 5, "sql": "SELECT topic(1) AS t FROM 'a'", "topic": "$aws/rules/R/x/y", "payload": {}}"#,
        ],
        &[
            json!({"id": "a", "matched": true, "output": {"t": 1}}),
            json!({"id": [1], "matched": false}),
            json!({"matched": false}),
            json!({"id": 1, "matched": true, "output_text": ""}),
            json!({"id": 2, "matched": true, "output": {}, "output_text": "{ }\n"}),
            json!({"id": 3, "matched": true, "output_base64": "/wA="}),
            json!({"id": 4, "matched": true, "output": null}),
            json!({"id": 5, "matched": true, "output": {"t": "x"}}),
        ],
    );
}

#[test]
fn what_is_wrong_with_sql_has_a_code_and_a_place() {
    check(
        &[
            r#"{"id": 1, "sql": "SELECT a\nFROM 'a' WHERE uper(a) = 1", "topic": "a", "payload": {}}"#,
            r#"{"id": 2, "sql": "SELECT get_dynamodb('t', 'k', 1, 'r') AS d", "topic": "$aws/rules/r/a", "payload": {}}"#,
            r#"{"id": 3, "sql": "SELECT [1] AS r FROM 'a'", "sql_version": "2015-10-08", "topic": "a", "payload": {}}"#,
            r#"{"id": 4, "template": "${a", "topic": "a", "payload": {}}"#,
            r#"{"id": 5, "template": "x-${a}", "topic": "a", "payload": {}}"#,
        ],
        &[
            json!({"id": 1, "matched": false, "error": {"code": "SqlParseException",
                "message": "there is no function `uper`: did you mean `upper`?", "line": 2, "column": 16}}),
            json!({"id": 2, "matched": false, "error": {"code": "ExternalFunctionFailed",
                "message": "`get_dynamodb` failed: `context.dynamodb` is no item"}}),
            json!({"id": 3, "matched": false, "error": {"code": "SqlParseException",
                "message": "array literals need SQL version 2016-03-23: set `awsIotSqlVersion`", "line": 1, "column": 8}}),
            json!({"id": 4, "error": {"code": "SqlParseException",
                "message": "expected `}` after the expression, found the end", "line": 1, "column": 4}}),
            json!({"id": 5, "error": {"code": "TemplateUndefined",
                "message": "the substitution template `${a}` has no value"}}),
        ],
    );
}

#[test]
fn a_line_that_cannot_be_read_is_answered_in_its_place() {
    check(
        &[
            r#"{"id": 1, "sql": "SELECT * FROM 'a'", "topic": "a"}"#,
            "{",
            "",
            r#"{"id": 2, "sql": "SELECT * FROM 'a'", "payload": 1}"#,
            r#"{"id": 3, "topic": "a", "payload": {}}"#,
            r#"{"id": 4, "sql": "SELECT *", "sql_version": "2017", "topic": "a", "payload": {}}"#,
            r#"{"id": 5, "template": "${x}", "topic": "a", "payload": {"x": 1}}"#,
        ],
        &[
            json!({"id": 1, "error": "missing field `payload`, `payload_text` or `payload_base64`"}),
            json!({"error": "EOF while parsing an object at line 1 column 1"}),
            json!({"id": 2, "error": "missing field `topic` at line 1 column 51"}),
            json!({"id": 3, "error": "missing field `sql` or `template`"}),
            json!({"id": 4, "error": "sql_version: write 2016-03-23, 2015-10-08 or beta"}),
            json!({"id": 5, "text": "1"}),
        ],
    );
}

fn answers(vectors: &[Value]) -> Vec<Value> {
    let lines: String = vectors
        .iter()
        .map(|vector| format!("{vector}\r\n"))
        .collect();
    let mut output = Vec::new();
    assert!(answer_lines(lines.as_bytes(), &mut output).unwrap());
    let read = |line: std::io::Result<String>| serde_json::from_str(&line.unwrap()).unwrap();
    output.lines().map(read).collect()
}

#[test]
fn every_vector_of_the_rules_crate_is_answered_over_lines() {
    let vectors = include_str!("../../../../rules/tests/data/sql.json");
    let vectors: Vec<Value> = serde_json::from_str(vectors).unwrap();
    let answers = answers(&vectors);
    assert_eq!(answers.len(), vectors.len());
    for (vector, answer) in vectors.iter().zip(&answers) {
        let expect = &vector["expect"];
        let code = answer["error"]["code"].as_str();
        assert_eq!(answer["id"], vector["id"]);
        if expect["parse_error"] == true {
            assert_eq!(code, Some("SqlParseException"), "{vector}");
        } else if expect["rule_failed"] == true {
            assert_eq!(code, Some("ExternalFunctionFailed"), "{vector}");
        } else {
            assert_eq!(
                (&answer["matched"], code),
                (&expect["matched"], None),
                "{vector}"
            );
            let strings = expect["output"].to_string();
            // Numbers are compared by the tests of the rules crate.
            if expect.get("output").is_some() && !strings.contains(['.', 'e']) {
                assert_eq!(answer["output"], expect["output"], "{vector}");
            }
        }
    }
}

#[test]
fn every_template_vector_of_the_rules_crate_is_answered_over_lines() {
    let vectors = include_str!("../../../../rules/tests/data/templates.json");
    let mut vectors: Vec<Value> = serde_json::from_str(vectors).unwrap();
    for vector in &mut vectors {
        if vector.get("payload_text").is_some() {
            vector.as_object_mut().unwrap().remove("payload");
        }
    }
    for (vector, answer) in vectors.iter().zip(answers(&vectors)) {
        assert_eq!(answer["id"], vector["id"]);
        if vector["expect"].is_string() {
            assert_eq!(answer["text"], vector["expect"], "{vector}");
        } else if vector["expect"]["action_fails"] == true {
            assert_eq!(answer["error"]["code"], "TemplateUndefined", "{vector}");
        } else {
            assert!(answer["text"].is_string(), "{vector}");
        }
    }
}

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    args: RulesTestArgs,
}

#[test]
fn options_are_answered_like_a_line() {
    let answer = |options: &[&str]| {
        let args = Command::try_parse_from([&["test"], options].concat())
            .ok()?
            .args;
        let mut output = Vec::new();
        let good = answer_options(args, &mut output).unwrap();
        let answer: Value = serde_json::from_slice(&output).unwrap();
        Some((good, answer))
    };
    let message = ["--topic", "a/b", "--payload", r#"{"t": 25}"#];
    let sql = ["--sql", "SELECT t, clientid() AS c FROM 'a/+'"];
    let client = ["--client-id", "c1"];
    let output = json!({"matched": true, "output": {"t": 25, "c": "c1"}});
    assert_eq!(
        answer(&[&message[..], &sql, &client].concat()),
        Some((true, output))
    );
    let template = ["--template", "${topic(2)}-${t}"];
    let text = json!({"text": "b-25"});
    assert_eq!(
        answer(&[&message[..], &template].concat()),
        Some((true, text))
    );
    let wrong = answer(&[&message[..], &["--sql", "SELECT"]].concat()).unwrap();
    assert_eq!((wrong.0, &wrong.1["error"]["line"]), (false, &json!(1)));
    let old = [&message[..], &sql, &["--sql-version", "2015"]].concat();
    for refused in [&message[..], &sql, &[], &["--stdin", "--topic", "a"], &old] {
        assert_eq!(answer(refused), None, "{refused:?}");
    }
}
