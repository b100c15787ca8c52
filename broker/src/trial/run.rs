//! What SQL and templates make of a message.

use super::answer::{Answer, Failure, TextAnswer};
use super::message::{Line, Outside, Published};
use crate::clock::Clock;
use ::rules::sql::{Context, EvalError, Outcome, SqlVersion, Statement};
use ::rules::template::Template;
use anyhow::bail;
use mqtt::profile::Profile;
use mqtt::topic::TopicFilter;
use rand::SeedableRng;
use rand::rngs::SmallRng;

/// The version of this name.
///
/// # Errors
/// There is none, in words.
pub(crate) fn version(name: &str) -> Result<SqlVersion, String> {
    SqlVersion::from_name(name).ok_or_else(|| "write 2016-03-23, 2015-10-08 or beta".to_owned())
}

/// Appends the answer for a message as an object of JSON, and says whether there was no error in
/// SQL or template.
///
/// # Errors
/// What is asked cannot be read.
pub(crate) fn answer(line: &Line<'_>, answer: &mut Vec<u8>) -> anyhow::Result<bool> {
    let published = Published::of(line)?;
    let version = match line.sql_version.as_deref() {
        None => SqlVersion::V2016,
        Some(name) => version(name).map_err(|why| anyhow::anyhow!("sql_version: {why}"))?,
    };
    if let Some(template) = &line.template {
        let text = render(line, template, version, &published);
        let good = text.is_ok();
        serde_json::to_writer(answer, &TextAnswer::of(line.id, text))?;
        return Ok(good);
    }
    let Some(sql) = &line.sql else {
        bail!("missing field `sql` or `template`");
    };
    let outcome = evaluate(sql, version, &published);
    let good = outcome.is_ok();
    serde_json::to_writer(answer, &Answer::of(line.id, &outcome)?)?;
    Ok(good)
}

/// Why a message does not fire the rule, a line for each reason; nothing if it does, or if
/// something is wrong with the SQL, which the answer says.
///
/// # Errors
/// What is asked cannot be read.
pub(crate) fn reasons(line: &Line<'_>) -> anyhow::Result<Vec<String>> {
    let (Some(sql), None) = (&line.sql, &line.template) else {
        return Ok(Vec::new());
    };
    let published = Published::of(line)?;
    let version = line.sql_version.as_deref().and_then(SqlVersion::from_name);
    // What is wrong with the statement is in the answer already.
    let Ok(statement) = Statement::parse(sql, version.unwrap_or(SqlVersion::V2016)) else {
        return Ok(Vec::new());
    };
    let message = published.message();
    if message.basic_ingest_rule.is_none()
        && let Some(filter) = statement.topic_filter()
        && !matches(filter, message.published_topic())
    {
        let topic = message.published_topic();
        return Ok(vec![format!(
            "FROM '{filter}' does not match the topic {topic}"
        )]);
    }
    let unmet = with_context(&published, |context| Ok(statement.unmet(context)?));
    let reasons = unmet.unwrap_or_default().into_iter().map(|unmet| {
        let text = |json: &Option<String>| json.clone().unwrap_or_else(|| "Undefined".to_owned());
        let sides = unmet.sides.as_ref();
        let sides = sides.map(|[left, right]| format!(": {} and {}", text(left), text(right)));
        let (part, value) = (&unmet.part, text(&unmet.value));
        format!("WHERE {part} is {value}{}", sides.unwrap_or_default())
    });
    Ok(reasons.collect())
}

/// What the rules engine would do: nothing at all if the filter does not match.
fn evaluate(sql: &str, version: SqlVersion, published: &Published<'_>) -> Result<Outcome, Failure> {
    let statement = Statement::parse(sql, version)?;
    let message = published.message();
    // Basic Ingest names its rule: the filter is not asked.
    if message.basic_ingest_rule.is_none()
        && let Some(filter) = statement.topic_filter()
        && !matches(filter, message.published_topic())
    {
        return Ok(Outcome::NotMatched);
    }
    with_context(published, |context| Ok(statement.evaluate(context)?))
}

/// `a/#` does not match `a` in rules, whatever the profile of a server.
fn matches(filter: &str, topic: &str) -> bool {
    let filter = TopicFilter::parse(filter, &Profile::mqtt());
    filter.is_ok_and(|filter| filter.matches(topic, false))
}

fn with_context<T>(
    published: &Published<'_>,
    work: impl FnOnce(&mut Context<'_>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let message = published.message();
    let now_ms = i64::try_from(Clock::default().now_ms()).unwrap_or(i64::MAX);
    let mut rng = SmallRng::from_os_rng();
    let mut outside = Outside(published.context);
    work(&mut Context::new(&message, now_ms, &mut rng).with_external(&mut outside))
}

/// The text of a template in a rule, whose variables it sees.
fn render(
    line: &Line<'_>,
    template: &str,
    version: SqlVersion,
    published: &Published<'_>,
) -> Result<String, Failure> {
    let sql = match (&line.sql, &line.set) {
        (Some(sql), _) => sql.clone(),
        (None, None) => "SELECT *".into(),
        (None, Some(set)) => {
            let set = set.iter().map(|(name, value)| {
                let value = value
                    .as_str()
                    .map_or_else(|| value.to_string(), str::to_owned);
                format!("{name} = {value}")
            });
            let set: Vec<String> = set.collect();
            format!("SET {} SELECT *", set.join(", ")).into()
        }
    };
    let statement = Statement::parse(&sql, version)?;
    let template = Template::parse_for(template, &statement)?;
    let text = with_context(published, |context| {
        let _: Result<Outcome, EvalError> = statement.evaluate(context);
        Ok(template.render(context)?)
    })?;
    // A leading `$$` stands for `$` in the topic of a republish action.
    Ok(match line.field.as_deref() {
        Some("republish.topic") if text.starts_with("$$") => text[1..].to_owned(),
        Some(_) | None => text,
    })
}
