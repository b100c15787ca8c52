//! Statements and messages that are meant to do harm: nothing panics, overflows or runs away.

use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::SmallRng;
use rules::sql::{Context, EvalError, Message, Outcome, SqlVersion, Statement};
use rules::template::Template;

const NOW_MS: i64 = 1_481_825_251_155;
/// Half of what the threads of the runtime have.
const STACK_BYTES: usize = 1 << 20;

fn on_a_small_stack(work: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
    let thread = thread.spawn(work).expect("a thread can be started");
    thread.join().expect("the work does not panic");
}

fn run(sql: &str, payload: &[u8]) -> Option<Result<Outcome, EvalError>> {
    let statement = Statement::parse(sql, SqlVersion::V2016).ok()?;
    let message = Message::new("a/b", payload);
    let mut rng = SmallRng::seed_from_u64(1);
    Some(statement.evaluate(&mut Context::new(&message, NOW_MS, &mut rng)))
}

#[test]
fn nesting_is_bounded_however_it_is_made() {
    on_a_small_stack(|| {
        let shapes: [fn(usize) -> String; 12] = [
            |n| format!("{}1{}", "(".repeat(n), ")".repeat(n)),
            |n| format!("{}1{}", "[".repeat(n), "]".repeat(n)),
            |n| format!("{}1{}", "{'a':".repeat(n), "}".repeat(n)),
            |n| format!("{}1{}", "abs(".repeat(n), ")".repeat(n)),
            |n| format!("{}1{}", "cast(".repeat(n), " AS Int)".repeat(n)),
            |n| format!("{}x", "NOT ".repeat(n)),
            |n| format!("{}x", "- ".repeat(n)),
            |n| format!("x{}", " + 1".repeat(n)),
            |n| format!("x{}", " AND x".repeat(n)),
            |n| format!("{}1{}", "(SELECT VALUE ".repeat(n), " FROM a)".repeat(n)),
            |n| format!("{}1{}", "CASE x WHEN ".repeat(n), " THEN 1 END".repeat(n)),
            |n| {
                format!(
                    "{}1{}",
                    "CASE 1 WHEN 2 THEN 3 ELSE ".repeat(n),
                    " END".repeat(n)
                )
            },
        ];
        for shape in shapes {
            for depth in [1, 10, 40] {
                let sql = format!("SELECT {} AS r FROM 'a/b'", shape(depth));
                assert!(matches!(run(&sql, b"{}"), Some(Ok(_))), "{sql}");
            }
            for depth in 41..260 {
                let sql = format!("SELECT {} AS r FROM 'a/b'", shape(depth));
                assert!(
                    run(&sql, b"{\"a\":[{\"a\":1}],\"x\":1}").is_none_or(|outcome| outcome.is_ok())
                );
            }
            for depth in [260, 5000] {
                let sql = format!("SELECT {} AS r FROM 'a/b'", shape(depth));
                assert!(
                    Statement::parse(&sql, SqlVersion::V2016).is_err(),
                    "{}",
                    shape(260)
                );
            }
        }
        let path = format!("SELECT a{} AS r FROM 'a/b'", ".a".repeat(30_000));
        assert!(matches!(run(&path, b"{}"), Some(Ok(_))));
    });
}

#[test]
fn a_deep_payload_is_no_json_and_harms_nobody() {
    on_a_small_stack(|| {
        for (depth, json) in [(100, true), (120_000, false)] {
            let payload = format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
            let outcome = run("SELECT a AS r FROM 'a/b'", payload.as_bytes());
            let Some(Ok(Outcome::Matched(output))) = outcome else {
                panic!("{outcome:?}");
            };
            assert_eq!(output.len() > 2, json);
            let outcome = run(
                "SELECT a = a AS r, a IN a AS s FROM 'a/b'",
                payload.as_bytes(),
            );
            assert!(matches!(outcome, Some(Ok(_))));
        }
    });
}

#[test]
fn work_and_memory_are_bounded() {
    let array = format!(
        "{{\"a\":[{}1],\"s\":\"{}\"}}",
        "1,".repeat(5_000),
        "x".repeat(40_000)
    );
    for (sql, limited) in [
        (
            "SELECT (SELECT VALUE (SELECT VALUE 1 FROM a) FROM a) AS r",
            true,
        ),
        ("SELECT (SELECT VALUE a IN a FROM a) AS r", true),
        ("SELECT (SELECT VALUE get(a, 4999) FROM a) AS r", false),
        ("SELECT a IN [a, 1, a] AS r", false),
        ("SELECT replace(s, '', s) AS r", true),
        (
            "SELECT replace(replace(s, 'x', 'xxxxxxxx'), 'x', s) AS r",
            true,
        ),
        (
            "SELECT regexp_replace(s, 'x', 'xxxxxxxxxxxxxxxxxxxx') AS r",
            false,
        ),
        (
            "SELECT regexp_replace(regexp_replace(s, 'x', s), 'x', s) AS r",
            true,
        ),
        ("SET @a = s + s, @b = @a + @a SELECT @b AS r", true),
        ("SET @a = s + s, @b = 'x' + @a SELECT @b AS r", true),
        (
            "SELECT concat(s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s) AS r",
            true,
        ),
        (
            "SELECT {'0': *, '1': *, '2': *, '3': *, '4': *, '5': *, '6': *, '7': *, '8': *, '9': *, '10': *, '11': *, '12': *, '13': *, '14': *, '15': *, '16': *, '17': *, '18': *, '19': *, '20': *, '21': *, '22': *, '23': *, '24': *, '25': *, '26': *, '27': *, '28': *, '29': *, '30': *, '31': *} AS r",
            true,
        ),
        ("SELECT (SELECT VALUE s + s FROM a) AS r", true),
        ("SELECT length((SELECT VALUE md5(s) FROM a)) AS r", true),
        ("SELECT regexp_matches(s, '(x+x+)+y') AS r", false),
        ("SELECT regexp_matches(s, '(?=(x+x+)+y)x') AS r", true),
        (
            "SELECT regexp_matches(s, '((((x{1,99}){1,99}){1,99}){1,99})') AS r",
            false,
        ),
    ] {
        let started = std::time::Instant::now();
        let outcome = run(&format!("{sql} FROM 'a/b'"), array.as_bytes());
        let outcome = outcome.unwrap_or_else(|| panic!("{sql} is not read"));
        assert_eq!(outcome.is_err(), limited, "{sql}: {:?}", outcome.err());
        let seconds = started.elapsed().as_secs();
        assert!(seconds < 20, "{sql} took {seconds} s");
    }
}

/// Pieces of statements; rows of them get further than any text.
const PIECES: [&str; 64] = [
    "SELECT",
    "VALUE",
    "FROM",
    "WHERE",
    "AS",
    "SET",
    "@a",
    "AND",
    "OR",
    "NOT",
    "IN",
    "CASE",
    "WHEN",
    "THEN",
    "ELSE",
    "END",
    "EXISTS",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    ".",
    ":",
    "*",
    "+",
    "-",
    "/",
    "%",
    "=",
    "<>",
    "<",
    ">=",
    "'a/b'",
    "'x'",
    "\"k\"",
    "1",
    "2.50",
    "1e999",
    "99999999999999999999999999999999999",
    "TRUE",
    "NULL",
    "a",
    "b",
    "s",
    "abs(",
    "concat(",
    "substring(",
    "get(",
    "cast(",
    "AS Int)",
    "AS Decimal)",
    "trunc(",
    "parse_time(",
    "time_to_epoch(",
    "regexp_replace(",
    "decode(",
    "encode(*, 'base64')",
    "topic(",
    "round(",
    "-1e-999",
    "timestamp()",
];

fn soup() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(PIECES.to_vec());
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.join(" "))
}

/// An expression of functions and operators that parses.
fn expression() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec![
        "a",
        "b",
        "s",
        "n",
        "missing",
        "1",
        "-7",
        "2.50",
        "1e30",
        "9.99e999",
        "1e-999",
        "'12'",
        "'x'",
        "''",
        "TRUE",
        "NULL",
        "[1, 'x', {'k': 2}]",
        "topic(2)",
        "arr",
        "o.k",
        "9999999999999999999999999999999999",
        "'[a-z]*'",
        "'yyyy-MM-dd'",
    ]);
    let functions: Vec<&'static rules::sql::Function> = rules::sql::functions();
    let names: Vec<&'static str> = functions
        .iter()
        .map(|function| function.name)
        .filter(|name| *name != "get_registry_data")
        .collect();
    leaf.prop_map(str::to_owned)
        .prop_recursive(4, 32, 3, move |inner| {
            let operators = vec![
                "+", "-", "*", "/", "%", "=", "<>", "<", ">=", "AND", "OR", "IN",
            ];
            let call = (
                prop::sample::select(names.clone()),
                prop::collection::vec(inner.clone(), 0..4),
            );
            prop_oneof![
                call.prop_map(|(name, arguments)| format!("{name}({})", arguments.join(", "))),
                (
                    inner.clone(),
                    prop::sample::select(operators),
                    inner.clone()
                )
                    .prop_map(|(left, operator, right)| format!("(({left}) {operator} ({right}))")),
                inner
                    .clone()
                    .prop_map(|inner| format!("cast({inner} AS Int)")),
                inner.prop_map(|inner| format!(
                    "(SELECT VALUE {inner} FROM arr AS e WHERE e <> {inner})"
                )),
            ]
        })
}

const PAYLOAD: &[u8] =
    br#"{"a":1.50,"b":true,"s":"abc\u00e9\ud83d","n":null,"arr":[1,{"k":2},"x"],"o":{"k":10.0}}"#;

proptest! {
    #[test]
    fn any_text_is_refused_or_read(text in ".{0,80}") {
        let _ = Statement::parse(&text, SqlVersion::V2016);
        let _ = Template::parse(&text, SqlVersion::V2015);
        let _ = Template::parse(&format!("${{{text}}}"), SqlVersion::V2016);
    }

    #[test]
    fn any_row_of_words_is_refused_or_evaluated(text in soup()) {
        let _ = run(&text, PAYLOAD);
        let _ = run(&format!("SELECT {text} FROM 'a/b'"), PAYLOAD);
        let _ = run(&format!("SELECT * FROM 'a/b' WHERE {text}"), PAYLOAD);
    }

    #[test]
    fn any_expression_is_evaluated_to_json(expression in expression()) {
        let sql = format!("SELECT VALUE [{expression}] FROM 'a/b'");
        match run(&sql, PAYLOAD) {
            Some(Ok(Outcome::Matched(output))) => {
                let json: Result<Vec<serde_json::Value>, _> = serde_json::from_slice(&output);
                // serde_json has no numbers beyond a double.
                let text = String::from_utf8_lossy(&output);
                prop_assert!(json.is_ok() || text.contains('E'), "{sql} gives {text}");
            }
            Some(Err(EvalError::External { .. } | EvalError::CalledTooOften { .. })) => {}
            other => prop_assert!(false, "{sql}: {other:?}"),
        }
    }

    #[test]
    fn any_payload_is_json_as_others_read_it(payload in "[\\[\\]{}\",:0-9a-z.+\\-\\\\ ]{0,24}") {
        let sql = "SELECT VALUE {'p': *} FROM 'a/b'";
        let Some(Ok(Outcome::Matched(output))) = run(sql, payload.as_bytes()) else {
            return Err(TestCaseError::fail("the statement is valid"));
        };
        let theirs: Option<serde_json::Value> = serde_json::from_str(&payload).ok();
        let theirs = theirs.filter(|json| json.is_object() || json.is_array());
        prop_assert_eq!(output != b"{}", theirs.is_some(), "{}", payload);
    }
}
