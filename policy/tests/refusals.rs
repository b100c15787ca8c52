//! What is refused, with which words; and that nothing at all makes the parser panic.

use policy::{DOCUMENT_CHARS_MAX, Document, TrustDocument, document_chars};
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::{Value, json};

/// One of the first four members says what is parsed.
#[derive(Deserialize)]
struct Case {
    text: Option<String>,
    document: Option<Value>,
    statement: Option<Value>,
    condition: Option<Value>,
    error: String,
}

impl Case {
    fn text(&self) -> String {
        if let Some(text) = &self.text {
            return text.clone();
        }
        if let Some(document) = &self.document {
            return document.to_string();
        }
        let statement = self.statement.clone().unwrap_or_else(|| {
            json!({
                "Effect": "Allow", "Action": "iot:a", "Resource": "*", "Condition": self.condition })
        });
        json!({ "Version": "2012-10-17", "Statement": statement }).to_string()
    }
}

#[test]
fn a_refusal_says_what_is_wrong_and_where() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("data/refusals.json")).unwrap();
    for case in cases {
        let text = case.text();
        let error = Document::parse(&text)
            .map(drop)
            .map_err(|error| error.to_string());
        assert_eq!(error, Err(case.error), "{text}");
    }
}

#[test]
fn the_size_limit_does_not_count_white_space() {
    let sized = |chars: usize| {
        let frame = r#"{ "Version": "2012-10-17", "Id": "é ", "Statement": [ ] }"#;
        frame.replace('é', &"é".repeat(chars + 1 - document_chars(frame)))
    };
    assert!(Document::parse_within_limit(&sized(DOCUMENT_CHARS_MAX)).is_ok());
    let error = Document::parse_within_limit(&sized(DOCUMENT_CHARS_MAX + 1)).unwrap_err();
    let expected = "policy: 2049 characters without white space, at most 2048 are allowed";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn deep_nesting_is_refused() {
    let text = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(Document::parse(&text).is_err());
}

/// JSON that resembles a policy often enough to get far into the parser.
fn policy_like() -> impl Strategy<Value = Value> {
    let name = prop::sample::select(vec![
        "Version",
        "Id",
        "Statement",
        "Sid",
        "Effect",
        "Action",
        "NotAction",
        "Resource",
        "Principal",
        "NotResource",
        "Condition",
        "StringLike",
        "ForAnyValue:ArnEquals",
        "Bool",
        "DateLessThanIfExists",
        "IpAddress",
        "NumericEquals",
        "Null",
        "BinaryEquals",
        "AWS",
    ]);
    let word = prop_oneof![
        prop::sample::select(vec![
            "2012-10-17",
            "Allow",
            "Deny",
            "iot:*",
            "*",
            "arn:aws:iot:eu:1:topic/${iot:ClientId}",
            "true",
            "10.0.0.0/8",
            "2026-01-31",
            "5",
        ])
        .prop_map(str::to_owned),
        "[a${}*?:/é+-9]{0,12}",
        any::<String>(),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word.prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((name.clone(), inner), 0..8)
                .prop_map(|members| members.into_iter().collect::<Value>()),
        ]
    })
}

proptest! {
    #[test]
    fn no_json_makes_the_parser_panic(value in policy_like()) {
        let whole = value.to_string();
        let statement = json!({ "Version": "2012-10-17", "Statement": value }).to_string();
        let condition = json!({ "Version": "2012-10-17", "Statement": {
            "Effect": "Allow", "Action": "*", "Resource": value, "Condition": value } }).to_string();
        for text in [whole, statement, condition] {
            let _ = Document::parse(&text);
            let _ = TrustDocument::parse(&text);
        }
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in any::<String>()) {
        let _ = Document::parse(&text);
    }
}
