//! Requests that nobody should send: each is refused in words, none is a failure of the server.

use super::request::{send, signed_by};
use super::world::world;
use axum::body::Body;
use http::Request;
use http::header::AUTHORIZATION;

/// `service` is what the request is signed for, or `-`.
async fn check(cases: &[(&str, &str, &str, String, u16, &str)]) {
    let world = world(None);
    for (method, target, service, body, status, part) in cases {
        let mut request = Request::builder().method(*method).uri(*target);
        if *service != "-" {
            request = request.header(AUTHORIZATION, signed_by("AK", service));
        }
        let request = request.body(Body::from(body.clone())).unwrap();
        let answered = send(&world, request).await;
        let what = format!("{method} {target} {service}: {answered:?}");
        assert_eq!(answered.status, *status, "{what}");
        assert!(answered.text.contains(part), "{what}");
    }
}

#[tokio::test]
async fn paths_are_decoded_once_and_never_lead_elsewhere() {
    let none = String::new;
    check(&[
        ("GET", "/things/%ff", "iot", none(), 400, "UTF-8"),
        (
            "GET",
            "/things/a%2525",
            "iot",
            none(),
            400,
            "'a%25' at 'thingName'",
        ),
        (
            "GET",
            "/things/..%2F..%2Fetc",
            "iot",
            none(),
            400,
            "'../../etc'",
        ),
        (
            "GET",
            "/things/../policies",
            "iot",
            none(),
            404,
            "no operation",
        ),
        (
            "POST",
            "/topics/a%00b",
            "iotdata",
            none(),
            400,
            "zero character",
        ),
        (
            "POST",
            "/topics/a%2F%2B",
            "iotdata",
            none(),
            400,
            "wildcard",
        ),
        (
            "POST",
            "/topics/%24SYS",
            "iotdata",
            none(),
            400,
            "start with $",
        ),
        ("POST", "/topics/a%252Fb", "iotdata", none(), 200, "OK"),
        ("GET", "/_thingcore%2Fhealth", "-", none(), 403, "Missing"),
        ("PUT", "/things/a", "iot", none(), 405, "PUT /things/a"),
        (
            "GET",
            "/things/a",
            "-",
            none(),
            403,
            "Missing Authentication Token",
        ),
        ("GET", "/things/a", "sqs", none(), 404, "does not emulate"),
        ("GET", "/console/", "-", none(), 404, "AWS API"),
    ])
    .await;
}

#[tokio::test]
async fn bodies_and_members_of_every_wrong_kind_are_refused() {
    let text = str::to_owned;
    let deep = format!("{{\"attributePayload\":{}", "[".repeat(100_000));
    check(&[
        (
            "POST",
            "/things/a",
            "iot",
            text("not json"),
            400,
            "not JSON",
        ),
        ("POST", "/things/a", "iot", text("[1]"), 400, "JSON object"),
        ("POST", "/things/a", "iot", deep, 400, "not JSON"),
        (
            "POST",
            "/things/a",
            "iot",
            "x".repeat(1024 * 1024 + 1),
            413,
            "bytes",
        ),
        (
            "POST",
            "/topics/a",
            "iotdata",
            "x".repeat(128 * 1024),
            200,
            "OK",
        ),
        (
            "POST",
            "/topics/a",
            "iotdata",
            "x".repeat(128 * 1024 + 1),
            413,
            "bytes",
        ),
        ("POST", "/topics/a?qos=2", "iotdata", text(""), 400, "'qos'"),
        ("POST", "/topics/a?qos=x", "iotdata", text(""), 400, "qos"),
        (
            "POST",
            "/topics/a?messageExpiry=-1",
            "iotdata",
            text(""),
            400,
            "messageExpiry",
        ),
        (
            "GET",
            "/things?maxResults=0",
            "iot",
            text(""),
            400,
            "maxResults",
        ),
        (
            "GET",
            "/things?maxResults=99999999999",
            "iot",
            text(""),
            400,
            "maxResults",
        ),
        (
            "GET",
            "/things?nextToken=x",
            "iot",
            text(""),
            400,
            "nextToken",
        ),
        (
            "GET",
            "/policies?marker=AAAA",
            "iot",
            text(""),
            400,
            "marker",
        ),
        (
            "GET",
            "/things/t/shadow",
            "iotdata",
            text(""),
            501,
            "not implemented",
        ),
        (
            "GET",
            "/audit/configuration",
            "iot",
            text(""),
            501,
            "not implemented",
        ),
    ])
    .await;
}

#[tokio::test]
async fn forms_of_every_wrong_kind_are_refused() {
    let text = str::to_owned;
    let many: String = (1..=51)
        .map(|n| format!("&Tags.member.{n}.Key=k{n}"))
        .collect();
    let role = "Action=CreateRole&RoleName=r&AssumeRolePolicyDocument=%7B%7D";
    let session = "Action=AssumeRole&RoleArn=arn&RoleSessionName=";
    check(&[
        ("POST", "/", "sts", text(""), 400, "no Action"),
        (
            "POST",
            "/",
            "sts",
            text("Action=Nope"),
            400,
            "does not implement the action Nope",
        ),
        ("POST", "/", "iam", text("Action=%3C%26"), 400, "&lt;&amp;"),
        (
            "POST",
            "/",
            "iam",
            text("Action=GetRole"),
            400,
            "'roleName'",
        ),
        (
            "POST",
            "/",
            "iam",
            text("Action=GetRole&RoleName=gone"),
            404,
            "NoSuchEntity",
        ),
        (
            "POST",
            "/",
            "iam",
            text(role),
            400,
            "MalformedPolicyDocument",
        ),
        (
            "POST",
            "/",
            "iam",
            format!("{role}{many}"),
            400,
            "at most 50",
        ),
        (
            "POST",
            "/",
            "iam",
            text("Action=ListRoles&MaxItems=x"),
            400,
            "MaxItems",
        ),
        (
            "POST",
            "/",
            "sts",
            format!("{session}a+b"),
            400,
            "roleSessionName",
        ),
        (
            "POST",
            "/",
            "sts",
            format!("{session}ab&DurationSeconds=1"),
            400,
            "durationSeconds",
        ),
        (
            "POST",
            "/",
            "sts",
            format!("{session}ab&Policy=x"),
            400,
            "session policies",
        ),
        (
            "POST",
            "/",
            "sts",
            format!("{session}ab"),
            403,
            "AccessDenied",
        ),
        ("POST", "/", "sts", "x".repeat(256 * 1024 + 1), 400, "bytes"),
    ])
    .await;
}
