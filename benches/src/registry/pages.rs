//! Pages of listings and searches, one after the other.

use super::fill::{serial, thing};
use super::{Connection, RegistryError};
use crate::api::Api;
use crate::measure::Histogram;
use serde_json::{Value, json};
use std::time::Instant;

/// How long the pages of one question took.
pub(crate) struct Asked {
    pub(crate) what: &'static str,
    pub(crate) pages: u64,
    pub(crate) p50_ms: f64,
    pub(crate) max_ms: f64,
    pub(crate) items: usize,
}

/// Pages that are asked for of one listing: enough for a quantile, not all of a large registry.
const PAGES_MAX: u64 = 100;

/// Times that a question of one page is repeated.
const REPEATS: u64 = 20;

/// Asks for everything that a console or a script asks a registry of so many things.
pub(crate) fn ask(api: &Api, things: usize) -> Result<Vec<Asked>, RegistryError> {
    let mut connection = Connection::open(api)?;
    let index = json!({"thingIndexingConfiguration": {"thingIndexingMode": "REGISTRY"}});
    connection.call("POST", "/indexing/config", &[], &index.to_string())?;
    let middle = things / 2;
    let attribute = format!(
        "/things?maxResults=250&attributeName=serial&attributeValue={}",
        serial(middle)
    );
    let mut all = vec![
        listing(
            &mut connection,
            "ListThings",
            "/things?maxResults=250",
            "things",
        )?,
        listing(
            &mut connection,
            "ListCertificates",
            "/certificates?pageSize=250&isAscendingOrder=true",
            "certificates",
        )?,
        listing(
            &mut connection,
            "ListThings by attribute",
            &attribute,
            "things",
        )?,
    ];
    let name = thing(middle);
    let prefix = &name[..name.len() - 2];
    for (what, query) in [
        ("SearchIndex: everything", "*".to_owned()),
        ("SearchIndex: a name", format!("thingName:{name}")),
        (
            "SearchIndex: names that begin so",
            format!("thingName:{prefix}*"),
        ),
        (
            "SearchIndex: an attribute",
            format!("attributes.serial:{}", serial(middle)),
        ),
        (
            "SearchIndex: nothing",
            "attributes.serial:none AND NOT thingName:sensor-0*".to_owned(),
        ),
    ] {
        all.push(search(&mut connection, what, &query)?);
    }
    Ok(all)
}

fn listing(
    connection: &mut Connection<'_>,
    what: &'static str,
    path: &str,
    list: &str,
) -> Result<Asked, RegistryError> {
    pages(what, list, |token| {
        let name = if list == "things" {
            "nextToken"
        } else {
            "marker"
        };
        let path = match token {
            Some(token) => format!("{path}&{name}={}", escaped(token)),
            None => path.to_owned(),
        };
        connection.call("GET", &path, &[], "")
    })
}

fn search(
    connection: &mut Connection<'_>,
    what: &'static str,
    query: &str,
) -> Result<Asked, RegistryError> {
    pages(what, "things", |token| {
        let mut body = json!({"queryString": query, "maxResults": 100});
        if let Some(token) = token {
            body["nextToken"] = token.into();
        }
        connection.call("POST", "/indices/search", &[], &body.to_string())
    })
}

/// Follows the tokens of a listing; one that has a single page is asked for again.
fn pages(
    what: &'static str,
    list: &str,
    mut call: impl FnMut(Option<&str>) -> Result<Value, RegistryError>,
) -> Result<Asked, RegistryError> {
    let mut latency = Histogram::default();
    let (mut token, mut items) = (None::<String>, 0);
    loop {
        let begun = Instant::now();
        let page = call(token.as_deref())?;
        latency.add(u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX));
        items += page[list].as_array().map_or(0, Vec::len);
        let next = page["nextToken"].as_str().or(page["nextMarker"].as_str());
        token = next.map(str::to_owned);
        let enough = if token.is_some() { PAGES_MAX } else { REPEATS };
        if latency.count() >= enough {
            break;
        }
    }
    let ms = |ns: u64| ns as f64 / 1e6;
    Ok(Asked {
        what,
        pages: latency.count(),
        p50_ms: ms(latency.quantile(0.5)),
        max_ms: ms(latency.max()),
        items,
    })
}

/// Base64 in a query.
fn escaped(token: &str) -> String {
    token
        .replace('+', "%2B")
        .replace('/', "%2F")
        .replace('=', "%3D")
}
