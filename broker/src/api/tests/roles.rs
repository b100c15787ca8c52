//! Roles by the Query protocol, and what their credentials may do.

use super::request::{Answered, send, signed_by, unsigned};
use super::world::world;
use crate::api::model::Service;
use crate::world::World;
use axum::body::Body;
use http::Request;
use http::header::AUTHORIZATION;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use std::sync::Arc;

const TRUST: &str = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
    "Principal": {"Service": "iot.amazonaws.com", "AWS": "000000000000"},
    "Action": "sts:AssumeRole"}]}"#;

const MAY_DESCRIBE: &str = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
    "Action": ["iot:DescribeThing", "iot:Publish"], "Resource": [
    "arn:aws:iot:us-east-1:000000000000:thing/mine-*",
    "arn:aws:iot:us-east-1:000000000000:topic/mine/*"]}]}"#;

/// Sends a form, signed by an access key.
async fn form(world: &Arc<World>, key: &str, service: &str, pairs: &[(&str, &str)]) -> Answered {
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let pairs = pairs
        .iter()
        .map(|(k, v)| format!("{}={}", encoded(k), encoded(v)));
    let request = Request::builder()
        .method("POST")
        .uri("/")
        .header(AUTHORIZATION, signed_by(key, service))
        .body(Body::from(pairs.collect::<Vec<_>>().join("&")));
    send(world, request.unwrap()).await
}

async fn iam(world: &Arc<World>, pairs: &[(&str, &str)]) -> String {
    let answered = form(world, "AKIATEST", "iam", pairs).await;
    assert_eq!(answered.status, 200, "{pairs:?} {answered:?}");
    answered.text
}

/// The text of the first element of a name.
fn element(xml: &str, name: &str) -> String {
    let (_, rest) = xml.split_once(&format!("<{name}>")).expect(name);
    rest.split_once("</").unwrap().0.to_owned()
}

async fn role(world: &Arc<World>) {
    let role = ("RoleName", "r");
    let trust = ("AssumeRolePolicyDocument", TRUST);
    let made = iam(world, &[("Action", "CreateRole"), role, trust]).await;
    assert_eq!(element(&made, "Arn"), "arn:aws:iam::000000000000:role/r");
    let policy = [("PolicyName", "p"), ("PolicyDocument", MAY_DESCRIBE)];
    iam(
        world,
        &[("Action", "PutRolePolicy"), role, policy[0], policy[1]],
    )
    .await;
}

/// The access key of a session of the role.
async fn session(world: &Arc<World>) -> String {
    let arn = ("RoleArn", "arn:aws:iam::000000000000:role/r");
    let pairs = [("Action", "AssumeRole"), arn, ("RoleSessionName", "me")];
    let answered = form(world, "AKIATEST", "sts", &pairs).await;
    assert_eq!(answered.status, 200, "{answered:?}");
    let id = element(&answered.text, "AssumedRoleId");
    assert!(id.starts_with("AROA") && id.ends_with(":me"), "{id}");
    element(&answered.text, "AccessKeyId")
}

#[tokio::test]
async fn roles_and_policies_are_kept_and_shown() {
    let world = world(None);
    role(&world).await;
    let role = ("RoleName", "r");
    let shown = iam(&world, &[("Action", "GetRole"), role]).await;
    assert!(element(&shown, "AssumeRolePolicyDocument").starts_with("%7B%22Version"));
    let policy = ("PolicyName", "p");
    let shown = iam(&world, &[("Action", "GetRolePolicy"), role, policy]).await;
    assert!(element(&shown, "PolicyDocument").contains("iot%3ADescribeThing"));
    let document = ("PolicyDocument", MAY_DESCRIBE);
    let made = iam(
        &world,
        &[("Action", "CreatePolicy"), ("PolicyName", "m"), document],
    )
    .await;
    let arn = element(&made, "Arn");
    let arn = ("PolicyArn", arn.as_str());
    iam(&world, &[("Action", "AttachRolePolicy"), role, arn]).await;
    let listed = iam(&world, &[("Action", "ListAttachedRolePolicies"), role]).await;
    assert_eq!(element(&listed, "PolicyName"), "m");
    for (action, element_is) in [
        ("ListRolePolicies", "<member>p</member>"),
        (
            "ListInstanceProfilesForRole",
            "<InstanceProfiles></InstanceProfiles>",
        ),
        ("ListRoleTags", "<Tags></Tags>"),
    ] {
        let shown = iam(&world, &[("Action", action), role]).await;
        assert!(shown.contains(element_is), "{shown}");
        assert_eq!(element(&shown, "IsTruncated"), "false");
    }
    let refused = form(&world, "AK", "iam", &[("Action", "DeleteRole"), role]).await;
    assert_eq!(refused.status, 409, "{refused:?}");
    assert_eq!(element(&refused.text, "Code"), "DeleteConflict");
    let version = ("VersionId", "v1");
    let shown = iam(&world, &[("Action", "GetPolicyVersion"), arn, version]).await;
    assert_eq!(element(&shown, "IsDefaultVersion"), "true");
    for pairs in [
        &[("Action", "DetachRolePolicy"), role, arn][..],
        &[("Action", "DeletePolicy"), arn],
        &[("Action", "DeleteRolePolicy"), role, policy],
        &[("Action", "DeleteRole"), role],
    ] {
        iam(&world, pairs).await;
    }
    let listed = iam(&world, &[("Action", "ListRoles")]).await;
    assert!(listed.contains("<Roles></Roles>"), "{listed}");
}

#[tokio::test]
async fn what_a_role_says_of_itself_can_be_changed() {
    let world = world(None);
    role(&world).await;
    let role = ("RoleName", "r");
    let tag = |key| [("Tags.member.1.Key", key), ("Tags.member.1.Value", "v")];
    for [key, value] in [tag("a"), tag("b")] {
        iam(&world, &[("Action", "TagRole"), role, key, value]).await;
    }
    let keys = ("TagKeys.member.1", "a");
    iam(&world, &[("Action", "UntagRole"), role, keys]).await;
    let duration = ("MaxSessionDuration", "7200");
    iam(&world, &[("Action", "UpdateRole"), role, duration]).await;
    let described = ("Description", "d");
    iam(
        &world,
        &[("Action", "UpdateRoleDescription"), role, described],
    )
    .await;
    let shown = iam(&world, &[("Action", "GetRole"), role]).await;
    assert_eq!(element(&shown, "Description"), "d");
    assert_eq!(element(&shown, "MaxSessionDuration"), "7200");
    let tags = "<Tags><member><Key>b</Key><Value>v</Value></member></Tags>";
    assert!(shown.contains(tags), "{shown}");
    let too_long = [("Action", "UpdateRole"), role, ("MaxSessionDuration", "1")];
    assert_eq!(form(&world, "AK", "iam", &too_long).await.status, 400);
}

#[tokio::test]
async fn everybody_learns_who_they_are() {
    let world = world(None);
    role(&world).await;
    let check = async |key: &str, arn: &str| {
        let pairs = [("Action", "GetCallerIdentity")];
        let answered = form(&world, key, "sts", &pairs).await;
        assert_eq!(answered.status, 200, "{answered:?}");
        assert_eq!(element(&answered.text, "Arn"), arn);
        assert_eq!(element(&answered.text, "Account"), "000000000000");
    };
    check("AKIATEST", "arn:aws:iam::000000000000:root").await;
    let key = session(&world).await;
    check(&key, "arn:aws:sts::000000000000:assumed-role/r/me").await;
    let user = iam(&world, &[("Action", "GetUser")]).await;
    assert_eq!(element(&user, "Arn"), "arn:aws:iam::000000000000:root");
    let answered = form(&world, &key, "iam", &[("Action", "GetUser")]).await;
    assert_ne!(answered.status, 200);
}

#[tokio::test]
async fn credentials_of_a_role_are_held_to_its_policies() {
    let world = world(None);
    role(&world).await;
    let key = session(&world).await;
    let check = async |service, scope: &str, name, params: Value, code: Option<&str>| {
        let mut request = unsigned(service, name, params.as_object().unwrap());
        let header = signed_by(&key, scope).parse().unwrap();
        request.headers_mut().insert(AUTHORIZATION, header);
        let answered = send(&world, request).await;
        assert_eq!(
            answered.error.as_deref(),
            code,
            "{name} {params} {answered:?}"
        );
    };
    let (control, data) = ((Service::Iot, "iot"), (Service::IotData, "iotdata"));
    let not_found = Some("ResourceNotFoundException");
    let denied = Some("AccessDeniedException");
    let mine = json!({"thingName": "mine-1"});
    check(
        control.0,
        control.1,
        "DescribeThing",
        mine.clone(),
        not_found,
    )
    .await;
    check(
        control.0,
        control.1,
        "DescribeThing",
        json!({"thingName": "x"}),
        denied,
    )
    .await;
    check(control.0, control.1, "CreateThing", mine, denied).await;
    check(control.0, control.1, "ListThings", json!({}), denied).await;
    check(data.0, data.1, "Publish", json!({"topic": "mine/a"}), None).await;
    let forbidden = Some("ForbiddenException");
    check(data.0, data.1, "Publish", json!({"topic": "a"}), forbidden).await;
    let refused = form(&world, &key, "iam", &[("Action", "ListRoles")]).await;
    assert_eq!(element(&refused.text, "Code"), "AccessDenied");
    world.clock.advance_ms(3_601_000);
    check(
        data.0,
        data.1,
        "Publish",
        json!({"topic": "mine/a"}),
        forbidden,
    )
    .await;
}
