//! Requests that nobody should send: each is refused in words, none is a failure of the server.

use super::request::{send, signed_by};
use super::world::world;
use axum::body::Body;
use http::Request;
use http::header::AUTHORIZATION;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(untagged)]
enum Row {
    Title((String,)),
    Case(Case),
}

/// Method, target, the service that it is signed for or `-`, body, expected status, and a part
/// of the expected answer.
type Case = (String, String, String, Sent, u16, String);

#[derive(Deserialize)]
#[serde(untagged)]
enum Sent {
    Text(String),
    Repeated { repeat: String, times: usize },
}

#[tokio::test]
async fn odd_requests_are_refused_in_words() {
    let rows: Vec<Row> = serde_json::from_str(include_str!("hostile.json")).unwrap();
    let world = world(None);
    let mut title = String::new();
    for row in rows {
        let (method, target, service, body, status, part) = match row {
            Row::Title((text,)) => {
                title = text;
                continue;
            }
            Row::Case(case) => case,
        };
        let mut request = Request::builder().method(&*method).uri(&*target);
        if service != "-" {
            request = request.header(AUTHORIZATION, signed_by("AK", &service));
        }
        let body = match body {
            Sent::Text(text) => text,
            Sent::Repeated { repeat, times } => repeat.repeat(times),
        };
        let answered = send(&world, request.body(Body::from(body)).unwrap()).await;
        let what = format!("{title}: {method} {target} {service}: {answered:?}");
        assert_eq!(answered.status, status, "{what}");
        assert!(answered.text.contains(&part), "{what}");
    }
}
