//! What is refused when a rule is created, where, and in which words.

use rules::sql::{SqlVersion, Statement};
use rules::template::Template;

fn check_all(read: fn(&str) -> Result<(), rules::sql::SqlError>, table: &[(&str, &str)]) {
    for (text, expected) in table {
        match read(text) {
            Ok(()) => assert_eq!("", *expected, "{text} is accepted"),
            Err(error) => {
                let found = format!("{}:{} {}", error.line, error.column, error.message);
                assert_eq!(found, *expected, "{text}");
            }
        }
    }
}

#[test]
fn a_statement_is_refused_with_place_and_advice() {
    let read = |sql: &str| Statement::parse(sql, SqlVersion::V2016).map(drop);
    check_all(read, STATEMENTS);
}

#[test]
fn functions_and_their_arguments_are_checked_when_a_rule_is_created() {
    let read = |sql: &str| Statement::parse(sql, SqlVersion::V2016).map(drop);
    check_all(read, FUNCTIONS);
}

#[test]
fn set_case_and_literals_are_checked_when_a_rule_is_created() {
    let read = |sql: &str| Statement::parse(sql, SqlVersion::V2016).map(drop);
    check_all(read, SET_CASE_AND_LITERALS);
}

#[test]
fn the_old_version_refuses_what_it_does_not_have() {
    let read = |sql: &str| Statement::parse(sql, SqlVersion::V2015).map(drop);
    check_all(read, OLD_VERSION);
}

#[test]
fn a_template_is_refused_with_place_and_advice() {
    let read = |text: &str| Template::parse(text, SqlVersion::V2016).map(drop);
    check_all(read, TEMPLATES);
}

const STATEMENTS: &[(&str, &str)] = &[
    ("", "1:1 expected SELECT, found the end"),
    ("UPDATE x", "1:1 expected SELECT, found `UPDATE`"),
    (
        "SELEC a FROM 'x'",
        "1:1 expected SELECT, found `SELEC`: did you mean SELECT?",
    ),
    (
        "SELECT a FRM 'x'",
        "1:10 expected `,`, FROM or the end of the statement, found `FRM`: did you mean FROM?",
    ),
    (
        "SELECT a FROM 'x' WHER b = 1",
        "1:19 expected WHERE or the end of the statement, found `WHER`: did you mean WHERE?",
    ),
    (
        "SELECT a FROM 'x' WHERE b == 1",
        "1:28 expected an expression, found `=`: equality is one `=`",
    ),
    ("SELECT", "1:7 expected an expression, found the end"),
    (
        "SELECT a b FROM 'x'",
        "1:10 expected `,`, FROM or the end of the statement, found `b`",
    ),
    (
        "SELECT a,, b FROM 'x'",
        "1:10 expected an expression, found `,`",
    ),
    (
        "SELECT a AS FROM 'x'",
        "1:13 expected a name after AS, found `FROM`",
    ),
    (
        "SELECT a FROM",
        "1:14 expected a topic filter in single quotes, found the end",
    ),
    (
        "SELECT a FROM x/y",
        "1:15 expected a topic filter in single quotes, as in FROM 'a/b', found `x`",
    ),
    (
        "SELECT a FROM \"x\"",
        "1:15 put the topic filter in single quotes: FROM 'a/b'",
    ),
    (
        "SELECT a FROM 'x/#/y'",
        "1:15 `#` must be alone in the last level of a topic filter, not as in `x/#/y`",
    ),
    (
        "SELECT a FROM 'x+'",
        "1:15 `+` must be alone in its level of a topic filter, not as in `x+`",
    ),
    (
        "SELECT a FROM 'x' WHERE",
        "1:24 expected an expression, found the end",
    ),
    (
        "SELECT a FROM 'x' WHERE a IS NULL",
        "1:27 expected an operator or the end of the statement, found `IS`: write isNull(x) or isUndefined(x)",
    ),
    (
        "SELECT a FROM 'x' WHERE a IN (1, 2)",
        "1:32 write a list in brackets: [1, 2]",
    ),
    (
        "SELECT a FROM 'x' WHERE 1 < a < 3",
        "1:31 comparisons cannot be chained: join them by AND",
    ),
    (
        "SELECT a FROM 'x' WHERE a && b",
        "1:27 `&` has no meaning in rule SQL: write AND",
    ),
    (
        "SELECT a FROM 'x' ORDER BY a",
        "1:19 expected WHERE or the end of the statement, found `ORDER`: rule SQL has no ORDER BY",
    ),
    (
        "SELECT a FROM 'x'\n  WHERE b =\n\t'é' ++ c",
        "3:7 expected an expression, found `+`",
    ),
    (
        "SELECT a[0] FROM 'x'",
        "1:9 there is no `[...]` access: write get(array, index)",
    ),
    (
        "SELECT a.0 FROM 'x'",
        "1:10 expected a name after `.` (for other keys write get(object, 'key')), found `0`",
    ),
    (
        "SELECT `a` FROM 'x'",
        "1:8 names have no quotes in rule SQL: for such keys write get(object, 'key')",
    ),
    (
        "SELECT 1a FROM 'x'",
        "1:9 `1` runs into a name: names begin with a letter",
    ),
    ("SELECT 'a", "1:8 the string has no closing '"),
    (
        "SELECT 1e1000 AS n",
        "1:8 `1e1000` is beyond the largest Decimal, 9.99E999",
    ),
];

const FUNCTIONS: &[(&str, &str)] = &[
    (
        "SELECT uper(a)",
        "1:8 there is no function `uper`: did you mean `upper`?",
    ),
    (
        "SELECT Starts_With(a, b)",
        "1:8 there is no function `Starts_With`: did you mean `startswith`?",
    ),
    ("SELECT qqqqqqqq(a)", "1:8 there is no function `qqqqqqqq`"),
    ("SELECT abs(* 1)", "1:14 expected `,` or `)`, found `1`"),
    ("SELECT abs(1", "1:13 expected `,` or `)`, found the end"),
    (
        "SELECT cast(a AS Strng)",
        "1:18 expected Int, Decimal, Double, Boolean or String, found `Strng`: did you mean \
         String?",
    ),
    (
        "SELECT cast(a AS Float)",
        "1:18 expected Int, Decimal, Double, Boolean or String, found `Float`",
    ),
    (
        "SELECT get_or_default(a, get_thing_shadow('a', 'b'))",
        "1:52 the default may not call functions that fetch data",
    ),
    (
        "SET @r = 'x' SELECT get_thing_shadow('a', @r)",
        "1:21 `get_thing_shadow`: the role may not be a variable",
    ),
    (
        "SET @m = 'enrichArray' SELECT transform(@m, a, b)",
        "1:41 the first argument of `transform` may not be the variable `@m`",
    ),
    (
        "SELECT get_registry_data('Nope', 'b', 'r')",
        "1:8 `get_registry_data`: the first argument must be 'DescribeThing' or 'ListThingGroupsForThing'",
    ),
];

const SET_CASE_AND_LITERALS: &[(&str, &str)] = &[
    ("SELECT @a", "1:8 `@a` is not set: SET it before it is used"),
    (
        "SET @a = @a SELECT 1",
        "1:10 `@a` is not set: SET it before it is used",
    ),
    (
        "SET @a = 1, @a = 2 SELECT 1",
        "1:13 `@a` is set already: a variable gets one value",
    ),
    (
        "SET a = 1 SELECT 1",
        "1:5 expected a variable such as `@name`, found `a`",
    ),
    (
        "SET @a = 1 SET @b = 1 SELECT 1",
        "1:12 there is one SET only: separate its variables by commas",
    ),
    (
        "SELECT CASE WHEN a > 1 THEN 2 END",
        "1:13 expected what to compare: CASE value WHEN constant THEN ...",
    ),
    ("SELECT CASE a END", "1:15 expected WHEN, found `END`"),
    (
        "SELECT CASE a WHEN 1 THEN 2",
        "1:28 expected WHEN, ELSE or END, found the end",
    ),
    ("SELECT [1, 2", "1:13 expected `,` or `]`, found the end"),
    (
        "SELECT {a: 1}",
        "1:9 expected the name of a member in quotes, or `}`, found `a`",
    ),
    ("SELECT VALUE a, b", "1:15 SELECT VALUE has one item only"),
    (
        "SELECT EXISTS (a)",
        "1:16 expected SELECT, as in EXISTS (SELECT * FROM array WHERE ...), found `a`",
    ),
    (
        "SELECT (SELECT a FROM 'x')",
        "1:23 a nested SELECT is FROM an array or an object, not a topic",
    ),
];

const OLD_VERSION: &[(&str, &str)] = &[
    (
        "SELECT [1]",
        "1:8 array literals need SQL version 2016-03-23: set `awsIotSqlVersion`",
    ),
    (
        "SELECT {'a': 1}",
        "1:8 object literals need SQL version 2016-03-23: set `awsIotSqlVersion`",
    ),
    (
        "SELECT (SELECT a FROM b)",
        "1:8 nested SELECT clauses need SQL version 2016-03-23: set `awsIotSqlVersion`",
    ),
    (
        "SELECT encode(a, 'base64')",
        "1:8 calls of `encode` need SQL version 2016-03-23: set `awsIotSqlVersion`",
    ),
    (
        "SELECT cast(a AS Bool)",
        "1:18 casts to Bool need SQL version 2016-03-23: set `awsIotSqlVersion`",
    ),
    (
        "SELECT isNull(a), cast(a AS Int), get(a, 0), CASE a WHEN 1 THEN 2 END",
        "",
    ),
];

const TEMPLATES: &[(&str, &str)] = &[
    ("${", "1:3 expected an expression, found the end"),
    ("${}", "1:3 expected an expression, found `}`"),
    (
        "${a",
        "1:4 expected `}` after the expression, found the end",
    ),
    (
        "a\nb${a b}",
        "2:6 expected `}` after the expression, found `b`",
    ),
    (
        "x ${uper(a)}",
        "1:5 there is no function `uper`: did you mean `upper`?",
    ),
    ("${@v}", "1:3 `@v` is not set: SET it before it is used"),
    (
        "${a}@{b}",
        "1:5 `@{...}` is for the InfluxDB action only: write ${...}",
    ),
    (
        "${decode(*, 'proto', 'b', 'k', 'f', 'm')}",
        "1:3 templates cannot decode protobuf: do it in SET or SELECT",
    ),
    ("$ $$a } ${'}'} ${{'a': 1}.a} ${*}", ""),
];
