//! IAM roles and what they allow to the rules engine.

use crate::world::{self, ACCOUNT, NOW_MS, code};
use serde_json::{Value, json};
use things::{AssumeRole, NewManagedPolicy, NewRole, Role, RoleDecision, Things, ThingsError};

const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"iot.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;

fn create(things: &Things, name: &str, trust: &str) -> Role {
    let new = NewRole {
        name: name.to_owned(),
        trust_policy: trust.to_owned(),
        ..NewRole::default()
    };
    things.create_role(&new, NOW_MS).unwrap()
}

fn document(statement: &Value) -> String {
    json!({"Version": "2012-10-17", "Statement": statement}).to_string()
}

/// Decisions of roles: the role's trust policy, its inline and attached policies, the request, and
/// what the reason must say; no reason means allowed.
#[test]
fn rules_may_what_their_role_allows() {
    let file: Value = serde_json::from_str(include_str!("../data/roles.json")).unwrap();
    let cases = file.as_array().unwrap();
    assert!(cases.len() >= 12);
    for (number, case) in cases.iter().enumerate() {
        let things = world::in_memory();
        let trust = case["trust"].as_object();
        let trust = trust.map_or(TRUST.to_owned(), |_| document(&case["trust"]));
        let name = format!("role{number}");
        let role = create(&things, &name, &trust);
        for (number, statement) in case["inline"].as_array().into_iter().flatten().enumerate() {
            let policy = format!("inline{number}");
            let text = document(statement);
            things.put_role_policy(&name, &policy, &text).unwrap();
        }
        for arn in case["attached"].as_array().into_iter().flatten() {
            things
                .attach_role_policy(&name, arn.as_str().unwrap())
                .unwrap();
        }
        let text = |member: &str| case[member].as_str().unwrap();
        let decision = things.authorize_role_for(
            &role.arn,
            text("action"),
            text("resource"),
            case["source"].as_str(),
        );
        let Some(reasons) = case["denied"].as_array() else {
            assert_eq!(decision, RoleDecision::Allowed, "{}", case["case"]);
            continue;
        };
        let RoleDecision::Denied(reason) = decision else {
            panic!("{}: {decision:?}", case["case"]);
        };
        assert!(reason.contains(&role.arn), "{reason}");
        for part in reasons {
            let part = part.as_str().unwrap();
            assert!(
                reason.contains(part),
                "{}: {part} in {reason}",
                case["case"]
            );
        }
    }
}

#[test]
fn roles_are_found_by_their_whole_arn() {
    let things = world::in_memory();
    let new = NewRole {
        name: "writer".to_owned(),
        path: Some("/service-role/".to_owned()),
        trust_policy: TRUST.to_owned(),
        ..NewRole::default()
    };
    let role = things.create_role(&new, NOW_MS).unwrap();
    assert_eq!(
        role.arn,
        format!("arn:aws:iam::{ACCOUNT}:role/service-role/writer")
    );
    let unknown = [
        format!("arn:aws:iam::{ACCOUNT}:role/writer"),
        "arn:aws:iam::999999999999:role/service-role/writer".to_owned(),
        format!("arn:aws:iam::{ACCOUNT}:role/service-role/other"),
        "nonsense".to_owned(),
    ];
    for arn in unknown {
        let decision = things.authorize_role(&arn, "s3:PutObject", "*");
        assert_eq!(decision, RoleDecision::UnknownRole, "{arn}");
    }
}

#[test]
fn taking_a_permission_away_counts_at_once() {
    let things = world::in_memory();
    let role = create(&things, "writer", TRUST);
    let statement = json!({"Effect": "Allow", "Action": "s3:PutObject", "Resource": "*"});
    let may = || {
        let decision = things.authorize_role(&role.arn, "s3:PutObject", "arn:aws:s3:::b/k");
        decision == RoleDecision::Allowed
    };
    assert!(!may());
    things
        .put_role_policy("writer", "p", &document(&statement))
        .unwrap();
    assert!(may());
    let before = things.epoch();
    things.delete_role_policy("writer", "p").unwrap();
    assert!(!may());
    assert!(things.epoch() > before);
    things
        .attach_role_policy("writer", "arn:aws:iam::aws:policy/AmazonS3FullAccess")
        .unwrap();
    assert!(may());
    let other = TRUST.replace("iot.amazonaws.com", "lambda.amazonaws.com");
    things.update_assume_role_policy("writer", &other).unwrap();
    assert!(!may());
}

#[test]
fn roles_and_policies_have_a_life() {
    let things = world::in_memory();
    let role = create(&things, "writer", TRUST);
    assert!(role.id.starts_with("AROA"), "{}", role.id);
    let refusal = |outcome: Result<(), ThingsError>| code(&outcome.unwrap_err());
    let again = NewRole {
        name: "writer".to_owned(),
        trust_policy: TRUST.to_owned(),
        ..NewRole::default()
    };
    let again = things.create_role(&again, NOW_MS).map(|_| ());
    assert_eq!(refusal(again), "ResourceAlreadyExistsException");
    let malformed = things.put_role_policy("writer", "p", "{");
    assert_eq!(refusal(malformed), "MalformedPolicyException");
    let new = NewManagedPolicy {
        name: "mine".to_owned(),
        path: Some("/team/".to_owned()),
        document: document(&json!({"Effect": "Allow", "Action": "sns:*", "Resource": "*"})),
        ..NewManagedPolicy::default()
    };
    let policy = things.create_managed_policy(&new, NOW_MS).unwrap();
    assert_eq!(
        policy.arn,
        format!("arn:aws:iam::{ACCOUNT}:policy/team/mine")
    );
    things.attach_role_policy("writer", &policy.arn).unwrap();
    things.attach_role_policy("writer", &policy.arn).unwrap();
    let attached = things
        .list_attached_role_policies("writer", None, 10)
        .unwrap();
    assert_eq!(attached.items.len(), 1);
    assert_eq!(attached.items[0].arn, policy.arn);
    assert_eq!(things.managed_policy(&policy.arn).unwrap().attachments, 1);
    let sns = things.authorize_role(&role.arn, "sns:Publish", "arn:aws:sns:x:1:t");
    assert_eq!(sns, RoleDecision::Allowed);
    let conflict = "DeleteConflictException";
    assert_eq!(refusal(things.delete_managed_policy(&policy.arn)), conflict);
    assert_eq!(refusal(things.delete_role("writer")), conflict);
    things.detach_role_policy("writer", &policy.arn).unwrap();
    let twice = things.detach_role_policy("writer", &policy.arn);
    assert_eq!(refusal(twice), "ResourceNotFoundException");
    things.delete_managed_policy(&policy.arn).unwrap();
    things.delete_role("writer").unwrap();
    assert_eq!(
        refusal(things.delete_role("writer")),
        "ResourceNotFoundException"
    );
    let unknown = things.attach_role_policy("writer", "arn:aws:iam::aws:policy/Nothing");
    assert_eq!(refusal(unknown), "ResourceNotFoundException");
}

#[test]
fn sessions_end() {
    let things = world::in_memory();
    let trust = json!({"Effect": "Allow", "Action": "sts:AssumeRole",
        "Principal": {"AWS": format!("arn:aws:iam::{ACCOUNT}:user/ann")}});
    let role = create(&things, "writer", &document(&trust));
    let mut request = AssumeRole {
        role_arn: role.arn.clone(),
        session_name: "s".to_owned(),
        duration_s: Some(900),
        caller_arn: Some(format!("arn:aws:iam::{ACCOUNT}:user/bob")),
    };
    let error = things.assume_role(&request, NOW_MS).unwrap_err();
    assert_eq!(code(&error), "AccessDeniedException");
    request.caller_arn = Some(format!("arn:aws:iam::{ACCOUNT}:user/ann"));
    let session = things.assume_role(&request, NOW_MS).unwrap();
    assert!(session.access_key_id.starts_with("ASIA"));
    assert_eq!(session.access_key_id.len(), 20);
    assert_eq!(session.secret_access_key.len(), 40);
    assert_eq!(session.user_id, format!("{}:s", role.id));
    assert_eq!(session.expires_ms, NOW_MS + 900_000);
    let now = |ms| things.role_session(&session.access_key_id, ms);
    assert!(now(NOW_MS + 899_999).unwrap().policies.is_empty());
    assert!(now(NOW_MS + 900_000).is_none());
    let statement = json!({"Effect": "Allow", "Action": "iot:*", "Resource": "*"});
    things
        .put_role_policy("writer", "p", &document(&statement))
        .unwrap();
    assert_eq!(
        now(NOW_MS).unwrap().policies.len(),
        1,
        "policies are today's"
    );
    request.duration_s = Some(60);
    let error = things.assume_role(&request, NOW_MS).unwrap_err();
    assert_eq!(code(&error), "InvalidRequestException");
}
