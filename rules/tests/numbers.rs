//! Numbers: exact in 34 digits, kept as they come, and written as Java writes them.

use rand::SeedableRng;
use rand::rngs::SmallRng;
use rules::sql::{Context, Message, Outcome, SqlVersion, Statement};

fn evaluate(expression: &str, payload: &str, version: SqlVersion) -> String {
    let sql = format!("SELECT VALUE {expression} FROM 'a/b'");
    let statement = Statement::parse(&sql, version);
    let statement = statement.expect("the statement is valid");
    let message = Message::new("a/b", payload.as_bytes());
    let mut rng = SmallRng::seed_from_u64(1);
    match statement.evaluate(&mut Context::new(&message, 0, &mut rng)) {
        Ok(Outcome::Matched(output)) => String::from_utf8_lossy(&output).into_owned(),
        other => format!("{other:?}"),
    }
}

/// The table was made by Python's `decimal`, which rounds 34 digits as Java's DECIMAL128 does.
#[test]
fn decimals_are_computed_as_another_implementation_computes_them() {
    let table = include_str!("data/decimals.tsv");
    let mut wrong = Vec::new();
    for line in table.lines() {
        let [left, operator, right, expected] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("{line} has not four columns");
        };
        let payload = format!("{{\"a\":{left},\"b\":{right}}}");
        // In this version whole Decimals stay Decimals.
        let result = evaluate(&format!("a {operator} b"), &payload, SqlVersion::V2015);
        if result != expected {
            wrong.push(format!(
                "{left} {operator} {right} = {expected}, not {result}"
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(table.lines().count() >= 600);
}

#[test]
fn numbers_are_as_the_data_types_page_has_them() {
    for (expression, payload, version, expected) in NUMBERS {
        let version = *version;
        let result = evaluate(expression, &format!("{{\"a\":{payload}}}"), version);
        assert_eq!(
            result,
            *expected,
            "{expression} with {payload}, {}",
            version.name()
        );
    }
}

const NEW: SqlVersion = SqlVersion::V2016;
const OLD: SqlVersion = SqlVersion::V2015;

/// Expression, the value of `a`, version, result.
const NUMBERS: &[(&str, &str, SqlVersion, &str)] = &[
    // What only passes through stays as it came, whole Decimals apart.
    ("a", "1.10", NEW, "1.10"),
    (
        "a",
        "123456789012345678901234567890123456789012345",
        NEW,
        "123456789012345678901234567890123456789012345",
    ),
    (
        "a",
        "0.12345678901234567890123456789012345678901",
        NEW,
        "0.12345678901234567890123456789012345678901",
    ),
    ("a", "10.0", NEW, "10"),
    ("a", "10.0", OLD, "10.0"),
    ("a", "1.5e3", NEW, "1500"),
    ("a", "1E400", NEW, "1E400"),
    ("a", "[1.0,{\"b\":[2.50,3.0]}]", NEW, "[1,{\"b\":[2.50,3]}]"),
    ("a", "{\"b\":2.0}", OLD, "{\"b\":2.0}"),
    // 34 digits and not one more.
    (
        "a + 1",
        "9999999999999999999999999999999998",
        NEW,
        "9999999999999999999999999999999999",
    ),
    ("a + 1", "9999999999999999999999999999999999", NEW, ""),
    (
        "a * a",
        "99999999999999999",
        NEW,
        "9999999999999999800000000000000001",
    ),
    ("a * a", "999999999999999999", NEW, ""),
    (
        "-a",
        "-9999999999999999999999999999999999",
        NEW,
        "9999999999999999999999999999999999",
    ),
    (
        "a + 0.5",
        "12345678901234567890123456789012345",
        NEW,
        "1.234567890123456789012345678901234E+34",
    ),
    ("a / 3", "1", NEW, "0.3333333333333333333333333333333333"),
    ("a / 4", "1", NEW, "0.25"),
    ("a / 0.5", "3", NEW, "6"),
    ("2 / 3 * 3", "0", NEW, "2"),
    // Beyond 9.99E999 is nothing.
    ("a * 10", "9.99e999", NEW, ""),
    ("a / 10", "1e-999", NEW, ""),
    ("a + a", "4e999", NEW, "8E+999"),
    ("a + 1", "1e1000", NEW, ""),
    ("a = 1", "1e1000", NEW, "false"),
    // Comparisons are exact.
    ("a > 9007199254740992", "9007199254740993", NEW, "true"),
    ("a = 0.1", "0.10000000000000000001", NEW, "false"),
    ("a = 0.1", "0.10", NEW, "true"),
    ("a < 1e-300", "1e-301", NEW, "true"),
    ("a < -1e300", "-1e301", NEW, "true"),
    ("a = 100", "1e2", NEW, "true"),
    // Texts.
    ("'' + a", "1.10", NEW, "\"1.10\""),
    ("'' + a", "10.0", NEW, "\"10\""),
    ("'' + a", "10.0", OLD, "\"10.0\""),
    ("'' + a", "0.0000001", NEW, "\"1E-7\""),
    ("'' + a", "0.000001", NEW, "\"0.000001\""),
    ("'' + a", "1.5e300", NEW, "\"1.5E+300\""),
    ("'' + a", "-0.50", NEW, "\"-0.50\""),
    ("a - 0", "\"1e3\"", OLD, "1000"),
    ("a - 0", "\"1e3\"", NEW, "1000"),
    // Double precision.
    ("cos(0)", "0", NEW, "1"),
    ("cos(0)", "0", OLD, "1.0"),
    ("sqrt(a)", "0.25", OLD, "0.5"),
    ("sqrt(a)", "225", OLD, "15.0"),
    ("power(10, 20)", "0", NEW, "100000000000000000000"),
    ("power(10, 400)", "0", NEW, ""),
    (
        "cast(a AS Double)",
        "0.1234567890123456789",
        NEW,
        "0.12345678901234568",
    ),
    (
        "cast(a AS Decimal)",
        "\"0.1234567890123456789\"",
        NEW,
        "0.1234567890123456789",
    ),
    // Rounding.
    ("floor(a)", "-1e-300", NEW, "-1"),
    ("ceil(a)", "1e-300", NEW, "1"),
    ("round(a)", "-2.5", NEW, "-3"),
    ("round(a)", "0.49999999999999999999", NEW, "0"),
    ("floor(a)", "9999999999999999999999999999999999.5", NEW, ""),
    ("trunc(a, 3)", "-2.34567", NEW, "-2.345"),
    ("trunc(a, 2.9)", "1.5000", NEW, "1.5"),
    ("1 % 0.3", "0", NEW, "0.1"),
    ("a % 7", "1e30", NEW, "1"),
    ("-7.5 % 2", "0", NEW, "-1.5"),
];
