//! What statements make of messages where the vectors do not look: names, order, regular
//! expressions, variables.

use rand::SeedableRng;
use rand::rngs::SmallRng;
use rules::sql::{Context, Message, Outcome, SqlVersion, Statement};
use rules::template::Template;

const PAYLOAD: &str = r#"{"a":1,"o":{"x":1,"y":{"z":"deep"}},"e":[{"n":"t","v":1},{"n":"u","v":2},7],
"s":"caf\u00e9 \ud83d\ude00","b":true,"n":null,"key with \"quotes\"":[],"nested":{"e":[{"n":"q"}]}}"#;

fn evaluate(sql: &str, payload: &str) -> String {
    let statement = Statement::parse(sql, SqlVersion::V2016);
    let statement = statement.expect("the statement is valid");
    let message = Message::new("x/dev/y", payload.as_bytes());
    let mut rng = SmallRng::seed_from_u64(1);
    match statement.evaluate(&mut Context::new(&message, 0, &mut rng)) {
        Ok(Outcome::Matched(output)) => String::from_utf8_lossy(&output).into_owned(),
        Ok(Outcome::NotMatched) => "no match".to_owned(),
        Err(error) => error.to_string(),
    }
}

fn check(payload: &str, table: &[(&str, &str)]) {
    for (sql, expected) in table {
        assert_eq!(evaluate(sql, payload), *expected, "{sql}");
    }
}

#[test]
fn members_come_in_their_order_and_under_their_names() {
    check(
        r#"{"b":1,"a":{"y":1.50,"x":[2.0]},"c":"\u0041\n"}"#,
        &[
            (
                "SELECT *, 5 AS a, 6 AS d FROM 'x'",
                r#"{"b":1,"a":5,"c":"A\n","d":6}"#,
            ),
            (
                "SELECT 5 AS d, * FROM 'x'",
                r#"{"d":5,"b":1,"a":{"y":1.50,"x":[2]},"c":"A\n"}"#,
            ),
            ("SELECT a.*, c AS y FROM 'x'", r#"{"y":"A\n","x":[2]}"#),
            (
                "SELECT a AS p.q, b AS p.r, b AS s FROM 'x'",
                r#"{"p":{"q":{"y":1.50,"x":[2]},"r":1},"s":1}"#,
            ),
            (
                "SELECT *, b AS a.z FROM 'x'",
                r#"{"b":1,"a":{"y":1.50,"x":[2],"z":1},"c":"A\n"}"#,
            ),
            ("SELECT b, a.y AS b FROM 'x'", r#"{"b":1.50}"#),
            (
                "SELECT b + 1, upper(c), a.x FROM 'x'",
                r#"{"b + 1":2,"upper":"A\n","x":[2]}"#,
            ),
            (
                "SELECT {'k': b, 'm': {'n': missing}}, b FROM 'x'",
                r#"{"k":1,"m":{},"b":1}"#,
            ),
            ("SELECT missing, a.missing.more FROM 'x'", "{}"),
            (
                "SELECT VALUE {'all': *} FROM 'x'",
                r#"{"all":{"b":1,"a":{"y":1.50,"x":[2]},"c":"\u0041\n"}}"#,
            ),
            ("SELECT VALUE a.x AS ignored FROM 'x'", "[2]"),
            (
                "SELECT * FROM 'x'",
                r#"{"b":1,"a":{"y":1.50,"x":[2.0]},"c":"\u0041\n"}"#,
            ),
        ],
    );
    check(
        r#"{"a":1,"a":2}"#,
        &[
            ("SELECT a FROM 'x'", r#"{"a":2}"#),
            ("SELECT *, 1 AS b FROM 'x'", r#"{"a":2,"b":1}"#),
        ],
    );
    let many: Vec<String> = (0..100).map(|n| format!("\"k{n}\":{n}")).collect();
    let many = format!("{{{}}}", many.join(","));
    let mut expected = many.replace("\"k50\":50", "\"k50\":\"x\"");
    expected.insert_str(expected.len() - 1, ",\"k100\":1");
    assert_eq!(
        evaluate("SELECT *, 'x' AS k50, 1 AS k100 FROM 'x'", &many),
        expected
    );
}

#[test]
fn names_in_nested_selects_are_those_of_the_innermost_element_first() {
    check(
        PAYLOAD,
        &[
            (
                "SELECT VALUE (SELECT VALUE n FROM e) FROM 'x'",
                r#"["t","u",null]"#,
            ),
            (
                "SELECT VALUE (SELECT VALUE i FROM e AS i WHERE i = 7) FROM 'x'",
                "[7]",
            ),
            (
                "SELECT VALUE (SELECT n, a FROM e WHERE v > 1) FROM 'x'",
                r#"[{"n":"u","a":1}]"#,
            ),
            (
                "SELECT VALUE (SELECT VALUE i.v FROM e AS i) FROM 'x'",
                "[1,2]",
            ),
            (
                "SELECT VALUE (SELECT y.z AS d FROM o) FROM 'x'",
                r#"{"d":"deep"}"#,
            ),
            (
                "SELECT VALUE (SELECT VALUE (SELECT VALUE n FROM e) FROM nested) FROM 'x'",
                r#"["q"]"#,
            ),
            (
                "SELECT VALUE (SELECT *, a AS r FROM e WHERE v = 2) FROM 'x'",
                r#"[{"n":"u","v":2,"r":1}]"#,
            ),
            ("SELECT VALUE (SELECT x FROM o WHERE x > 1) FROM 'x'", ""),
            (
                "SELECT VALUE get((SELECT v FROM e WHERE n = 'u'), 0).v FROM 'x'",
                "2",
            ),
            (
                "SELECT a FROM 'x' WHERE EXISTS (SELECT * FROM o WHERE x = 1)",
                r#"{"a":1}"#,
            ),
            (
                "SELECT a FROM 'x' WHERE EXISTS (SELECT * FROM e AS i WHERE i IN [7])",
                r#"{"a":1}"#,
            ),
            (
                "SELECT a FROM 'x' WHERE EXISTS (SELECT VALUE missing FROM e)",
                "no match",
            ),
            (
                "SELECT a FROM 'x' WHERE NOT EXISTS (SELECT * FROM a)",
                r#"{"a":1}"#,
            ),
        ],
    );
}

#[test]
fn texts_are_counted_in_characters() {
    check(
        PAYLOAD,
        &[
            (
                "SELECT VALUE [length(s), numbytes(s), upper(s)] FROM 'x'",
                r#"[6,10,"CAFÉ 😀"]"#,
            ),
            (
                "SELECT VALUE [substring(s, 3), get(s, 5), indexof(s, ' ')] FROM 'x'",
                r#"["é 😀","😀",4]"#,
            ),
            ("SELECT VALUE get(o, 'x') FROM 'x'", "1"),
            (
                "SELECT VALUE 'it''s' + \" \"\"q\"\"\\n\" FROM 'x'",
                r#""it's \"q\"\\n""#,
            ),
        ],
    );
}

#[test]
fn regular_expressions_are_javas() {
    check(
        r#"{"t":"a1 \u0661 B\nline"}"#,
        &[
            // Predefined classes are ASCII.
            (
                r"SELECT VALUE regexp_replace(t, '\d', '#') FROM 'x'",
                r##""a# ١ B\nline""##,
            ),
            (
                r"SELECT VALUE regexp_replace(t, '[^\w\s]', '#') FROM 'x'",
                r##""a1 # B\nline""##,
            ),
            (
                r"SELECT VALUE regexp_replace('a.b*c', '\Q.b*\E', '-') FROM 'x'",
                r#""a-c""#,
            ),
            (
                r"SELECT VALUE regexp_substr('xABy', '\p{Upper}+') FROM 'x'",
                r#""AB""#,
            ),
            (
                r"SELECT VALUE regexp_substr('foobar', '(?<=foo)b\w') FROM 'x'",
                r#""ba""#,
            ),
            (
                r"SELECT VALUE regexp_matches('abab', '^(ab)\1$') FROM 'x'",
                "true",
            ),
            (
                r"SELECT VALUE regexp_matches('ABC', '(?i)abc') FROM 'x'",
                "true",
            ),
            (
                r"SELECT VALUE regexp_substr('a-b', '[a-c&&[^a]]') FROM 'x'",
                r#""b""#,
            ),
            (
                r"SELECT VALUE regexp_replace('2024-01', '(\d+)-(\d+)', '$2/$1') FROM 'x'",
                r#""01/2024""#,
            ),
            (
                r"SELECT VALUE regexp_replace('ab', '(?<x>a)', '${x}${x}\$') FROM 'x'",
                r#""aa$b""#,
            ),
            (r"SELECT VALUE regexp_replace('ab', 'a', '$1') FROM 'x'", ""),
            (
                r"SELECT VALUE regexp_replace('abc', '', '-') FROM 'x'",
                r#""-a-b-c-""#,
            ),
            (r"SELECT VALUE regexp_matches('a', t) FROM 'x'", "false"),
            (r"SELECT VALUE regexp_matches('a', '*') FROM 'x'", ""),
            (r"SELECT VALUE regexp_matches(']', '[]]') FROM 'x'", "true"),
        ],
    );
}

#[test]
fn variables_are_set_once_and_seen_by_all() {
    check(
        PAYLOAD,
        &[
            (
                "SET @v = a + 1, @w = {'p': @v, 'q': e} SELECT @v, @w.p AS p, get(@w.q, 2) AS q FROM 'x' WHERE @v = 2",
                r#"{"v":2,"p":2,"q":7}"#,
            ),
            (
                "SET @min = 1 SELECT VALUE (SELECT VALUE v FROM e WHERE v > @min) FROM 'x'",
                "[2]",
            ),
            (
                "SET @all = * SELECT @all.o.y.z AS z FROM 'x'",
                r#"{"z":"deep"}"#,
            ),
            (
                "SET @u = missing SELECT @u AS u, isUndefined(@u) AS i FROM 'x'",
                r#"{"i":true}"#,
            ),
        ],
    );
    let statement = Statement::parse(
        "SET @v = {'d': 1.50, 'l': [a, missing], 't': s}, @u = missing SELECT a FROM 'x'",
        SqlVersion::V2016,
    );
    let statement = statement.expect("the statement is valid");
    let template = "${@v}|${@v.d}|${get(@v.l, 0) + 1}|${isUndefined(@u)}|${o.y.z}";
    let template = Template::parse_for(template, &statement).expect("the template is valid");
    let message = Message::new("x/dev/y", PAYLOAD.as_bytes());
    let mut rng = SmallRng::seed_from_u64(1);
    let mut context = Context::new(&message, 0, &mut rng);
    assert!(statement.evaluate(&mut context).is_ok());
    let expected = "{\"d\":1.50,\"l\":[1],\"t\":\"café 😀\"}|1.50|2|true|deep";
    assert_eq!(template.render(&mut context), Ok(expected.to_owned()));
}

#[test]
fn what_where_does_not_need_is_not_evaluated() {
    // `replace` of every blank of a long text by it would be far too large.
    let payload = format!("{{\"a\":1,\"s\":\"{}\"}}", " ".repeat(20_000));
    assert_eq!(
        evaluate(
            "SELECT replace(s, ' ', s) AS r FROM 'x' WHERE a = 2",
            &payload
        ),
        "no match"
    );
}

#[test]
fn payloads_that_are_no_objects_are_taken_as_the_guide_says() {
    for (payload, sql, expected) in [
        ("80", "SELECT *, 1 AS x FROM 'x'", r#"{"x":1}"#),
        (
            "80",
            "SELECT decode(encode(*, 'base64'), 'base64') AS v FROM 'x'",
            r#"{"v":80}"#,
        ),
        ("80", "SELECT * FROM 'x'", "80"),
        ("", "SELECT *, topic(2) AS t FROM 'x'", r#"{"t":"dev"}"#),
        ("text", "SELECT * AS t, a FROM 'x'", "{}"),
        ("[1,{\"a\":2.0}]", "SELECT * FROM 'x'", "[1,{\"a\":2.0}]"),
        (
            "[1,{\"a\":2.0}]",
            "SELECT * AS all, a FROM 'x'",
            "{\"all\":[1,{\"a\":2}]}",
        ),
        ("[1,2]", "SELECT *, 1 AS x FROM 'x'", r#"{"x":1}"#),
        ("{\"a\":1}garbage", "SELECT a FROM 'x'", "{}"),
        ("{\"a\":01}", "SELECT a FROM 'x'", "{}"),
        (" {\"a\" : 1 }\r\n", "SELECT a FROM 'x'", "{\"a\":1}"),
    ] {
        assert_eq!(evaluate(sql, payload), expected, "{sql} of {payload}");
    }
}

/// The parts of WHERE that do not hold, with their values and sides.
fn check_unmet(condition: &str, payload: &str, expected: &[&str]) {
    let sql = format!("SET @v = 5 SELECT * FROM 'a' WHERE {condition}");
    let statement = Statement::parse(&sql, SqlVersion::V2016).expect("rule SQL");
    let message = Message::new("a", payload.as_bytes());
    let mut rng = SmallRng::seed_from_u64(1);
    let mut context = Context::new(&message, 0, &mut rng);
    let unmet = statement.unmet(&mut context).expect("a WHERE");
    let text = |json: &Option<String>| json.clone().unwrap_or_else(|| "Undefined".to_owned());
    let shown: Vec<String> = unmet
        .iter()
        .map(|unmet| {
            let sides = unmet.sides.as_ref();
            let sides = sides.map(|[l, r]| format!(" of {} and {}", text(l), text(r)));
            let (part, value) = (&unmet.part, text(&unmet.value));
            format!("{part} is {value}{}", sides.unwrap_or_default())
        })
        .collect();
    assert_eq!(shown, expected, "{condition}");
}

#[test]
fn parts_of_where_that_do_not_hold_are_named() {
    let payload = r#"{"t": 19, "on": true, "s": "off"}"#;
    check_unmet("t > 10", payload, &[]);
    check_unmet("t > 20", payload, &["t > 20 is false of 19 and 20"]);
    check_unmet(
        "t > 10 AND s = 'on' AND x < @v",
        payload,
        &[
            r#"s = 'on' is false of "off" and "on""#,
            "x < @v is Undefined of Undefined and 5",
        ],
    );
    check_unmet(
        "(t > 20 OR NOT on) AND on",
        payload,
        &["t > 20 is false of 19 and 20", "NOT on is false"],
    );
    check_unmet("y", payload, &["y is Undefined"]);
}
