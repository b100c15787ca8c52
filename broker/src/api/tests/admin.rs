//! The admin paths.

use super::request::{Answered, send, signed};
use super::world::world;
use crate::api::model::Service;
use crate::world::World;
use axum::body::Body;
use http::Request;
use http::header::{HOST, ORIGIN};
use serde_json::{Value, json};
use std::sync::Arc;

async fn admin(world: &Arc<World>, method: &str, path: &str, body: &str) -> Answered {
    let request = Request::builder()
        .method(method)
        .uri(format!("/_thingcore{path}"))
        .body(Body::from(body.to_owned()));
    send(world, request.unwrap()).await
}

async fn call(world: &Arc<World>, service: Service, name: &str, params: Value) -> Answered {
    let request = signed(service, name, params.as_object().unwrap());
    send(world, request).await
}

#[tokio::test]
async fn each_path_answers_in_its_form() {
    let world = world(None);
    let check = async |method: &str, path: &str, body: &str, status: u16, part: &str| {
        let answered = admin(&world, method, path, body).await;
        assert_eq!(answered.status, status, "{method} {path} {answered:?}");
        assert!(answered.text.contains(part), "{method} {path} {answered:?}");
    };
    check("GET", "/health", "", 200, "\"status\":\"ok\"").await;
    check("GET", "/health/", "", 200, "\"version\"").await;
    check("GET", "/metrics", "", 200, "thingcore_connections 0").await;
    check("GET", "/ca", "", 200, "BEGIN CERTIFICATE").await;
    check(
        "GET",
        "/actions?wait=0",
        "",
        200,
        "{\"records\":[],\"next\":0}",
    )
    .await;
    check("GET", "/actions?limit=x", "", 400, "limit").await;
    check("GET", "/messages?filter=a%23", "", 400, "filter").await;
    check("GET", "/functions", "", 200, "{\"functions\":[]}").await;
    check("POST", "/clock", "{}", 400, "advance_ms").await;
    check(
        "POST",
        "/clock",
        "{\"advance_ms\": 99999999999999}",
        400,
        "at most",
    )
    .await;
    check("POST", "/health", "", 404, "GET /health").await;
    check("GET", "/nothing", "", 404, "/_thingcore/nothing").await;
}

#[tokio::test]
async fn the_clock_moves_and_what_is_due_happens() {
    let world = world(None);
    let before = world.clock.now_ms();
    let answered = admin(&world, "POST", "/clock", "{\"advance_ms\": 3600000}").await;
    assert_eq!(answered.status, 200, "{answered:?}");
    assert!(answered.body["now_ms"].as_u64().unwrap() >= before + 3_600_000);
}

#[tokio::test]
async fn a_reset_leaves_nothing_but_the_ca() {
    let world = world(None);
    let ca = world.things.root_ca_pem();
    call(
        &world,
        Service::Iot,
        "CreateThing",
        json!({"thingName": "t"}),
    )
    .await;
    let kept = json!({"topic": "a", "retain": true, "payload": "x"});
    call(&world, Service::IotData, "Publish", kept).await;
    let answered = admin(&world, "POST", "/reset", "").await;
    assert_eq!(answered.status, 200, "{answered:?}");
    let gone = call(
        &world,
        Service::Iot,
        "DescribeThing",
        json!({"thingName": "t"}),
    )
    .await;
    assert_eq!(gone.status, 404);
    let gone = json!({"topic": "a"});
    let gone = call(&world, Service::IotData, "GetRetainedMessage", gone).await;
    assert_eq!(gone.status, 404);
    assert_eq!(world.things.root_ca_pem(), ca);
}

#[tokio::test]
async fn messages_are_remembered_from_the_first_question_on() {
    let world = world(None);
    let publish = async |topic: &str| {
        let params = json!({"topic": topic, "payload": "{\"n\": 1}"});
        call(&world, Service::IotData, "Publish", params).await
    };
    publish("a/before").await;
    let answered = admin(&world, "GET", "/messages", "").await;
    assert_eq!(answered.body, json!({"events": [], "next": 0}));
    publish("a/1").await;
    publish("b/1").await;
    publish("a/2").await;
    let path = "/messages?filter=a/%2B&wait=10";
    let first = admin(&world, "GET", path, "").await;
    let event = &first.body["events"][0];
    assert_eq!(event["topic"], "a/1");
    assert_eq!(event["payload"], json!({"n": 1}));
    assert_eq!(event["protocol"], "http");
    let path = format!("{path}&after={}", event["seq"]);
    let second = admin(&world, "GET", &path, "").await;
    assert_eq!(second.body["events"][0]["topic"], "a/2");
}

#[tokio::test]
async fn pages_of_another_origin_may_not_administer() {
    let world = world(None);
    let request = Request::builder()
        .method("POST")
        .uri("/_thingcore/reset")
        .header(HOST, "localhost:9883")
        .header(ORIGIN, "http://evil.example")
        .body(Body::empty());
    assert_eq!(send(&world, request.unwrap()).await.status, 403);
}
