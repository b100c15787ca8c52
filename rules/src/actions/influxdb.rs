//! `influxDB`: writes the result, or each element of it, as a point (developer guide, "InfluxDB").

use super::action::{ActionRefused, Sends};
use super::influx_instance::InfluxWrite;
use super::line_protocol::{KEY, TABLE, put_name, put_value};
use super::params::Params;
use super::rendered::{BatchForm, Batching, Destination, Effect, Input, Rendered, Unrenderable};
use super::text::Text;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::time::Duration;

/// Tags and fields of a point together.
const COLUMNS_MAX: usize = 250;
const TAGS_MAX: usize = 498;
/// The member that is a point's time; no other name will do.
const TIMESTAMP: &str = "timestamp";
/// The API's largest limits, for those that a `batchConfig` leaves out.
const POINTS_MAX: usize = 500;
const OPEN_MAX_MS: u64 = 1000;
const BATCH_BYTES_MAX: usize = 131_072;

struct InfluxDb {
    destination_arn: String,
    role_arn: String,
    database: String,
    organization: Option<String>,
    table: Source,
    tags: Vec<(Text, Source)>,
    unit: &'static str,
    /// Members of the result that are table or tags, and so no fields.
    consumed: Vec<String>,
    batching: Option<Batching>,
}

/// A text for each message, or for each element of its result.
enum Source {
    Message(Text),
    Element {
        before: String,
        field: Vec<String>,
        after: String,
    },
}

/// The members of an element in their order.
type Element<'a> = Vec<(String, &'a RawValue)>;

pub(super) fn parse(params: &mut Params<'_>) -> Result<Box<dyn Sends>, ActionRefused> {
    let destination_arn = params.required_string("destinationArn")?.to_owned();
    let role_arn = params.role_arn()?;
    let database = params.required_string("databaseName")?;
    check_database(database).map_err(|why| params.refused("databaseName", &why))?;
    let organization = params.string("organization")?.map(str::to_owned);
    let mut consumed = Vec::new();
    let table = params.required_string("tableName")?;
    let table = source(params, "tableName", table, &mut consumed)?;
    let mut tags = Vec::new();
    for (key, value) in params.map("tags")? {
        let key = params.compile("tags", key)?;
        let key = key
            .checked(check_key)
            .map_err(|why| params.refused("tags", &why))?;
        tags.push((key, source(params, "tags", value, &mut consumed)?));
    }
    if tags.len() > TAGS_MAX {
        return Err(params.refused("tags", &format!("must have at most {TAGS_MAX} members")));
    }
    let unit = params.choice("timestampUnit", &["s", "ms", "us", "ns"])?;
    Ok(Box::new(InfluxDb {
        destination_arn,
        role_arn,
        database: database.to_owned(),
        organization,
        table,
        tags,
        unit: unit.unwrap_or("ms"),
        consumed,
        batching: batching(params)?,
    }))
}

fn check_database(name: &str) -> Result<(), String> {
    let length = name.chars().count();
    if !(2..=64).contains(&length) || name.starts_with('_') || name.contains('"') {
        return Err(format!("`{name}` is not the name of a database"));
    }
    Ok(())
}

fn check_key(key: &str) -> Result<(), String> {
    if key.is_empty() || key.starts_with('_') {
        return Err(format!("`{key}` is empty or begins with an underscore"));
    }
    Ok(())
}

/// Reads a text with `${...}` or with one `@{...}`, and notes the members that it uses up.
fn source(
    params: &Params<'_>,
    name: &'static str,
    text: &str,
    consumed: &mut Vec<String>,
) -> Result<Source, ActionRefused> {
    let Some((before, rest)) = text.split_once("@{") else {
        let text = params.compile(name, text)?;
        if text.literal() == Some("") {
            return Err(params.refused(name, "must not be empty"));
        }
        consumed.extend(text.attributes().map(str::to_owned));
        return Ok(Source::Message(text));
    };
    let refused = |why: &str| params.refused(name, why);
    if params.is_error_action() {
        return Err(refused("`@{...}` has no meaning in an error action"));
    }
    if text.contains("${") {
        return Err(refused("`${...}` and `@{...}` cannot be in one value"));
    }
    let Some((field, after)) = rest.split_once('}') else {
        return Err(refused("`@{` without a `}`"));
    };
    if after.contains("@{") {
        return Err(refused("has more than one `@{...}`"));
    }
    let field: Vec<String> = field.trim().split('.').map(str::to_owned).collect();
    let plain = |name: &String| {
        let begins = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        begins && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    if !field.iter().all(plain) {
        return Err(refused(
            "between `@{` and `}` only the name of a field may stand",
        ));
    }
    if let [only] = field.as_slice() {
        consumed.push(only.clone());
    }
    Ok(Source::Element {
        before: before.to_owned(),
        field,
        after: after.to_owned(),
    })
}

fn batching(params: &mut Params<'_>) -> Result<Option<Batching>, ActionRefused> {
    let Some(mut config) = params.object("batchConfig")? else {
        return Ok(None);
    };
    if params.is_error_action() {
        return Err(params.refused("batchConfig", "an error action cannot be batched"));
    }
    let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let points = config.integer("maxBatchSize", 1..=POINTS_MAX as u64)?;
    let open_ms = config.integer("maxBatchOpenMs", 5..=OPEN_MAX_MS)?;
    let bytes = config.integer("maxBatchSizeBytes", 100..=BATCH_BYTES_MAX as u64)?;
    let batching = Batching {
        open: Duration::from_millis(open_ms.unwrap_or(OPEN_MAX_MS)),
        messages: points.map_or(POINTS_MAX, size),
        bytes: bytes.map_or(BATCH_BYTES_MAX, size),
        across_topics: config.flag("batchAcrossTopics")?,
        form: BatchForm::Lines,
        weight: 1,
    };
    config.finish()?;
    Ok(Some(batching))
}

impl Source {
    /// The text for an element; empty if it has no such member, or one that is no name.
    fn text(&self, message: &str, element: &Element<'_>) -> String {
        let Self::Element {
            before,
            field,
            after,
        } = self
        else {
            return message.to_owned();
        };
        match member(element, field) {
            Some(found) if !found.is_empty() => format!("{before}{found}{after}"),
            Some(_) | None => String::new(),
        }
    }

    /// What of it is the same for all elements.
    fn of_message(&self, input: &mut Input<'_, '_>) -> Result<String, Unrenderable> {
        match self {
            Self::Message(text) => input.text(text),
            Self::Element { .. } => Ok(String::new()),
        }
    }
}

/// The text of a member that is a string, a number or a Boolean.
fn member(element: &Element<'_>, path: &[String]) -> Option<String> {
    let (first, rest) = path.split_first()?;
    let (_, value) = element.iter().find(|(name, _)| name == first)?;
    if !rest.is_empty() {
        let inner: BTreeMap<String, &RawValue> = serde_json::from_str(value.get()).ok()?;
        return member(&inner.into_iter().collect(), rest);
    }
    match value.get().as_bytes().first()? {
        b'"' => serde_json::from_str(value.get()).ok(),
        b'{' | b'[' | b'n' => None,
        _ => Some(value.get().to_owned()),
    }
}

/// The elements of a result: those of an array, or the object that it is.
fn elements(payload: &[u8]) -> Result<Vec<Element<'_>>, String> {
    let wrong = || "the result must be an object, or an array of objects".to_owned();
    let begin = payload.trim_ascii_start().first();
    let raw: Vec<&RawValue> = match begin {
        Some(b'[') => serde_json::from_slice(payload).map_err(|_| wrong())?,
        _ => vec![serde_json::from_slice(payload).map_err(|_| wrong())?],
    };
    let object = |raw: &&'_ RawValue| -> Result<(), String> {
        match raw.get().starts_with('{') {
            true => Ok(()),
            false => Err(wrong()),
        }
    };
    raw.iter().try_for_each(object)?;
    match raw.is_empty() {
        true => Err("the result is an empty array".to_owned()),
        false => raw
            .into_iter()
            .map(|raw| members(raw).map_err(|_| wrong()))
            .collect(),
    }
}

fn members(raw: &RawValue) -> Result<Element<'_>, serde_json::Error> {
    let members: serde_json::Map<String, serde_json::Value> = serde_json::from_str(raw.get())?;
    let texts: BTreeMap<String, &RawValue> = serde_json::from_str(raw.get())?;
    // The map knows the order, the other one the numbers as they were written.
    let texts = members.into_iter().filter_map(|(name, _)| {
        let text = texts.get(&name)?;
        Some((name, *text))
    });
    Ok(texts.collect())
}

impl InfluxDb {
    fn line(
        &self,
        table: &str,
        tags: &[(String, String)],
        element: &Element<'_>,
        now: &str,
    ) -> Result<String, String> {
        let table = self.table.text(table, element);
        if table.is_empty() {
            return Err("`tableName` has no value for an element".to_owned());
        }
        let mut line = String::new();
        put_name(&mut line, &table, TABLE, "table")?;
        let mut sorted = BTreeMap::new();
        for ((_, source), (key, message)) in self.tags.iter().zip(tags) {
            sorted.insert(key, source.text(message, element));
        }
        // Tags without a value are left out (developer guide, "Naming restrictions").
        sorted.retain(|_, value| !value.is_empty());
        for (key, value) in &sorted {
            line.push(',');
            put_name(&mut line, key, KEY, "tag key")?;
            line.push('=');
            put_name(&mut line, value, KEY, "tag")?;
        }
        let fields = self.put_fields(&mut line, element)?;
        if fields == 0 {
            return Err("the result has no fields beside its table, tags and timestamp".to_owned());
        }
        if fields + sorted.len() > COLUMNS_MAX {
            return Err(format!(
                "a point has more than {COLUMNS_MAX} tags and fields"
            ));
        }
        line.push(' ');
        line.push_str(&self.time(element, now)?);
        Ok(line)
    }

    fn put_fields(&self, line: &mut String, element: &Element<'_>) -> Result<usize, String> {
        let mut fields = 0;
        for (name, value) in element {
            if name == TIMESTAMP || self.consumed.contains(name) {
                continue;
            }
            let begin = line.len();
            line.push(if fields == 0 { ' ' } else { ',' });
            check_key(name).map_err(|why| format!("the field {why}"))?;
            put_name(line, name, KEY, "field key")?;
            line.push('=');
            if put_value(line, value)? {
                fields += 1;
            } else {
                line.truncate(begin);
            }
        }
        Ok(fields)
    }

    fn time(&self, element: &Element<'_>, now: &str) -> Result<String, String> {
        let given = element.iter().find(|(name, _)| name == TIMESTAMP);
        let Some((_, value)) = given else {
            return match now {
                "" => Err("the result has no `timestamp`".to_owned()),
                now => Ok(now.to_owned()),
            };
        };
        match value.get().parse::<i64>() {
            Ok(_) => Ok(value.get().to_owned()),
            Err(_) => Err(format!("`timestamp` is not an integer: {}", value.get())),
        }
    }

    /// The time that the document of an error action gets: it has none of its own.
    fn now(&self, input: &Input<'_, '_>, error_action: bool) -> String {
        if !error_action {
            return String::new();
        }
        let ms = u128::from(input.now_ms);
        let time = match self.unit {
            "s" => ms / 1000,
            "us" => ms * 1000,
            "ns" => ms * 1_000_000,
            _ => ms,
        };
        time.to_string()
    }

    fn lines(&self, input: &mut Input<'_, '_>) -> Result<(String, usize), Unrenderable> {
        let table = self.table.of_message(input)?;
        let mut tags = Vec::with_capacity(self.tags.len());
        for (key, source) in &self.tags {
            tags.push((input.text(key)?, source.of_message(input)?));
        }
        let now = self.now(input, input.is_error_action);
        let elements = elements(input.payload).map_err(Unrenderable::new)?;
        let lines: Result<Vec<String>, String> = elements
            .iter()
            .map(|element| self.line(&table, &tags, element, &now))
            .collect();
        let lines = lines.map_err(Unrenderable::new)?;
        Ok((lines.join("\n"), lines.len()))
    }
}

impl Sends for InfluxDb {
    fn render(&self, input: &mut Input<'_, '_>) -> Result<Rendered, Unrenderable> {
        let (lines, points) = self.lines(input).map_err(|refused| Unrenderable {
            resource: self.database.clone(),
            ..refused
        })?;
        Ok(Rendered {
            // The secret is known with the destination.
            permissions: Vec::new(),
            resource: self.database.clone(),
            effect: Effect::Lines(InfluxWrite {
                role_arn: self.role_arn.clone(),
                organization: self.organization.clone(),
                database: self.database.clone(),
                unit: self.unit,
                lines: lines.into(),
            }),
            failure: "Failed to write InfluxDB points",
            details: format!("Action: influxDB, Database: {}", self.database),
            missing: None,
            destination: Some(Destination::Arn(self.destination_arn.clone())),
            batching: self.batching.map(|batching| Batching {
                weight: points,
                ..batching
            }),
        })
    }
}
