//! Requests of browsers for the page.

use super::files::{self, File};
use crate::api::sigv4::Signers;
use crate::world::World;
use axum::body::Body;
use bytes::Bytes;
use http::header::{
    ACCEPT, ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH,
    LOCATION, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use serde_json::json;

/// Where the page is.
const HOME: &str = "/console/";

/// Nothing but the page's own files, nothing inline, and no text that becomes markup: the last two
/// directives have browsers refuse what would make a payload a script.
const POLICY: &str = "default-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'; object-src 'none'; \
                      require-trusted-types-for 'script'; trusted-types 'none'";

/// Headers of every answer.
const HEADERS: [(HeaderName, &str); 6] = [
    (CONTENT_SECURITY_POLICY, POLICY),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (REFERRER_POLICY, "no-referrer"),
    // A browser asks whether a file is still the same: the page is never of two versions.
    (CACHE_CONTROL, "no-cache"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
];

/// Answers a request for `/` or below `/console`.
pub(crate) fn answer<B>(world: &World, request: &Request<B>) -> Response<Body> {
    let settings = || settings(world);
    answer_with(&settings, request)
}

/// What the page has to know of the server.
fn settings(world: &World) -> Bytes {
    let signatures = match world.signers {
        Signers::Anybody => "accept",
        Signers::Known(_) => "verify",
    };
    let settings = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "region": world.config.region,
        "signatures": signatures,
    });
    settings.to_string().into()
}

fn answer_with<B>(settings: &dyn Fn() -> Bytes, request: &Request<B>) -> Response<Body> {
    let path = request.uri().path();
    let mut response = if path == "/" && !wants_html(request.headers()) {
        no_page(
            "This is thingcore's AWS API. Point AWS's tools here with --endpoint-url; \
             /_thingcore/health says whether it is ready, and /console/ is a page for people.\n",
        )
    } else if ![Method::GET, Method::HEAD].contains(request.method()) {
        let mut refused = text(
            StatusCode::METHOD_NOT_ALLOWED,
            "The console is only read.\n",
        );
        refused
            .headers_mut()
            .insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        refused
    } else {
        match path.strip_prefix(HOME) {
            None if path == "/" || path == "/console" => to_home(),
            None => no_page("There is no such page; the console is at /console/.\n"),
            Some("settings.json") => with_type("application/json", settings()),
            Some(name) => page(if name.is_empty() { "index.html" } else { name }, request),
        }
    };
    for (name, value) in HEADERS {
        let headers = response.headers_mut();
        headers.insert(name, HeaderValue::from_static(value));
    }
    if request.method() == Method::HEAD {
        return response.map(|_| Body::empty());
    }
    response
}

fn page<B>(name: &str, request: &Request<B>) -> Response<Body> {
    let Some(File {
        kind,
        content,
        etag,
    }) = files::file(name)
    else {
        return no_page("There is no such file; the console is at /console/.\n");
    };
    let mut response = if is_known(request.headers(), &etag) {
        let mut unchanged = Response::new(Body::empty());
        *unchanged.status_mut() = StatusCode::NOT_MODIFIED;
        unchanged
    } else {
        with_type(kind, content)
    };
    // Hexadecimal digits in quotes.
    if let Ok(etag) = HeaderValue::try_from(etag) {
        response.headers_mut().insert(ETAG, etag);
    }
    response
}

/// Whether the browser has this content (RFC 9110 13.1.2).
fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    let tags = headers.get_all(IF_NONE_MATCH).iter();
    let mut tags = tags
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    tags.any(|tag| tag.trim().trim_start_matches("W/") == etag)
}

/// Browsers name HTML when somebody looks in; tools take anything.
fn wants_html(headers: &HeaderMap) -> bool {
    let accepted = headers.get(ACCEPT).and_then(|value| value.to_str().ok());
    accepted.is_some_and(|accepted| accepted.contains("text/html"))
}

fn to_home() -> Response<Body> {
    let mut response = text(StatusCode::FOUND, "The console is at /console/.\n");
    response
        .headers_mut()
        .insert(LOCATION, HeaderValue::from_static(HOME));
    response
}

fn no_page(why: &'static str) -> Response<Body> {
    text(StatusCode::NOT_FOUND, why)
}

fn text(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = with_type(
        "text/plain; charset=utf-8",
        Bytes::from_static(text.as_bytes()),
    );
    *response.status_mut() = status;
    response
}

fn with_type(kind: &'static str, content: Bytes) -> Response<Body> {
    let mut response = Response::new(Body::from(content));
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    const BROWSER: (&str, &str) = ("accept", "text/html,application/xhtml+xml,*/*;q=0.8");

    fn asked(method: &str, path: &str, header: (&str, &str)) -> Response<Body> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header.0, header.1)
            .body(())
            .unwrap();
        answer_with(&|| Bytes::from_static(b"{}"), &request)
    }

    fn header<'a>(response: &'a Response<Body>, name: &str) -> &'a str {
        let value = response.headers().get(name);
        value.map_or("", |value| value.to_str().unwrap())
    }

    #[test]
    fn each_path_has_its_answer() {
        let check = |method: &str, path: &str, accept: (&str, &str), status: u16, kind: &str| {
            let response = asked(method, path, accept);
            let found = (
                response.status().as_u16(),
                header(&response, "content-type"),
            );
            assert_eq!(found, (status, kind), "{method} {path}");
            for (name, value) in HEADERS {
                assert_eq!(header(&response, name.as_str()), value, "{path}");
            }
        };
        let tool = ("accept", "*/*");
        let (plain, script) = (
            "text/plain; charset=utf-8",
            "text/javascript; charset=utf-8",
        );
        let html = "text/html; charset=utf-8";
        check("GET", "/", tool, 404, plain);
        check("POST", "/", tool, 404, plain);
        check("GET", "/", BROWSER, 302, plain);
        check("GET", "/console", tool, 302, plain);
        check("GET", "/console/", tool, 200, html);
        check("HEAD", "/console/", tool, 200, html);
        check("GET", "/console/?x=1", tool, 200, html);
        check("GET", "/console/app.mjs", tool, 200, script);
        check("GET", "/console/mqtt/client.mjs", tool, 200, script);
        check(
            "GET",
            "/console/style.css",
            tool,
            200,
            "text/css; charset=utf-8",
        );
        check("GET", "/console/icon.svg", tool, 200, "image/svg+xml");
        check(
            "GET",
            "/console/settings.json",
            tool,
            200,
            "application/json",
        );
        for missing in ["nothing", "mqtt/", "../mod.rs", "%2e%2e/mod.rs", "app.mjs/"] {
            check("GET", &format!("/console/{missing}"), BROWSER, 404, plain);
        }
        for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
            check(method, "/console/", tool, 405, plain);
        }
    }

    #[tokio::test]
    async fn a_browser_that_has_a_file_is_told_so() {
        let first = asked("GET", "/console/app.mjs", BROWSER);
        let etag = header(&first, "etag").to_owned();
        let length = first.into_body().collect().await.unwrap().to_bytes().len();
        assert!(length > 0);
        for (known, status) in [
            (etag.clone(), 304),
            (format!("\"other\", W/{etag}"), 304),
            ("\"other\"".to_owned(), 200),
        ] {
            let again = asked("GET", "/console/app.mjs", ("if-none-match", &known));
            assert_eq!(
                (again.status().as_u16(), header(&again, "etag")),
                (status, &*etag)
            );
        }
        let head = asked("HEAD", "/console/app.mjs", BROWSER);
        let body = head.into_body().collect().await.unwrap().to_bytes();
        assert!(body.is_empty());
    }
}
