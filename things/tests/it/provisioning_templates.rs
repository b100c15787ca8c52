//! Provisioning templates: what they must be, their versions, hooks, and the authorities that name
//! them.

use crate::provisioning::{
    jit_body, new_template, register, simple, with_authority, with_template,
};
use crate::world::{self, NOW_MS, code};
use serde::Deserialize;
use serde_json::{Value, json};
use things::{ProvisioningHook, ProvisioningTemplateType, ProvisioningTemplateUpdate};

#[derive(Deserialize)]
struct Case {
    types: Vec<String>,
    template: Value,
    /// A part of the error.
    refused: Option<String>,
}

#[test]
fn a_template_must_be_one() {
    let things = world::in_memory();
    let cases = include_str!("../data/provisioning_templates.json");
    let cases: Vec<Case> = serde_json::from_str(cases).unwrap();
    for case in cases {
        for kind in &case.types {
            let mut new = new_template("t", &case.template);
            new.kind = ProvisioningTemplateType::of_name(kind).unwrap();
            let made = things.create_provisioning_template(&new, NOW_MS);
            let Some(part) = &case.refused else {
                made.unwrap();
                things.delete_provisioning_template("t").unwrap();
                continue;
            };
            let why = made.unwrap_err();
            assert_eq!(code(&why), "InvalidRequestException", "{}", case.template);
            let text = why.to_string();
            assert!(text.starts_with("The template body is invalid: "), "{text}");
            assert!(text.contains(part), "{}: {text}", case.template);
        }
    }
}

#[test]
fn versions_are_numbered_and_one_counts() {
    let things = with_template(&simple());
    let add = |set_as_default| {
        let text = simple().to_string();
        things
            .create_provisioning_template_version("t", &text, set_as_default, NOW_MS)
            .map(|(_, version)| (version.number, version.is_default))
    };
    assert_eq!(add(false), Ok((2, false)));
    assert_eq!(add(true), Ok((3, true)));
    assert_eq!(
        things
            .describe_provisioning_template("t")
            .unwrap()
            .default_version,
        3
    );
    let delete = |number| things.delete_provisioning_template_version("t", number);
    let why = delete(3).unwrap_err();
    assert_eq!(code(&why), "InvalidRequestException");
    assert_eq!(
        why.to_string(),
        "Unable to delete template version 3, it is the default version"
    );
    assert_eq!(code(&delete(9).unwrap_err()), "ResourceNotFoundException");
    delete(2).unwrap();
    assert_eq!(
        (add(false), add(false), add(false)),
        (Ok((4, false)), Ok((5, false)), Ok((6, false)))
    );
    assert_eq!(
        code(&add(false).unwrap_err()),
        "VersionsLimitExceededException"
    );
    let page = things
        .list_provisioning_template_versions("t", None, 3)
        .unwrap();
    let numbers = |page: &things::Page<things::ProvisioningTemplateVersionSummary>| {
        page.items
            .iter()
            .map(|version| version.number)
            .collect::<Vec<_>>()
    };
    assert_eq!(numbers(&page), [1, 3, 4]);
    let rest = things.list_provisioning_template_versions("t", page.next.as_deref(), 3);
    assert_eq!(numbers(&rest.unwrap()), [5, 6]);
    let update = ProvisioningTemplateUpdate {
        default_version: Some(1),
        enabled: Some(false),
        ..ProvisioningTemplateUpdate::default()
    };
    things
        .update_provisioning_template("t", &update, NOW_MS + 1)
        .unwrap();
    let now = things.describe_provisioning_template("t").unwrap();
    assert_eq!(
        (now.default_version, now.enabled, now.modified_ms),
        (1, false, NOW_MS + 1)
    );
    let owned = things.create_owned_keys(NOW_MS).unwrap();
    let why = register(&things, &owned.token, &[], NOW_MS).unwrap_err();
    assert_eq!(why.code(), "InvalidTemplate");
}

#[test]
fn hooks_are_for_fleet_provisioning() {
    let things = world::in_memory();
    let hook = |version: &str| ProvisioningHook {
        payload_version: Some(version.to_owned()),
        target_arn: "arn:aws:lambda:eu-west-1:123456789012:function:f".to_owned(),
    };
    let mut new = new_template("t", &simple());
    new.hook = Some(hook("2020-04-01"));
    things.create_provisioning_template(&new, NOW_MS).unwrap();
    new.name = "u".to_owned();
    new.hook = Some(hook("2019-01-01"));
    let why = things
        .create_provisioning_template(&new, NOW_MS)
        .unwrap_err();
    assert_eq!(code(&why), "InvalidRequestException");
    new.hook = Some(hook("2020-04-01"));
    new.kind = ProvisioningTemplateType::JustInTime;
    let why = things
        .create_provisioning_template(&new, NOW_MS)
        .unwrap_err();
    assert_eq!(code(&why), "InvalidRequestException");
}

#[test]
fn a_registration_config_must_make_sense() {
    let check = |config: Value, expected: &str| {
        let things = with_template(&simple());
        let refused = with_authority(&things, config.clone()).err();
        assert_eq!(
            refused.as_ref().map(code),
            Some(expected),
            "{config}: {refused:?}"
        );
    };
    let invalid = "InvalidRequestException";
    check(json!({"templateName": "none"}), "ResourceNotFoundException");
    // That one is for fleet provisioning.
    check(json!({"templateName": "t"}), invalid);
    check(json!({"templateName": "t", "templateBody": "{}"}), invalid);
    check(json!({"templateBody": jit_body().to_string()}), invalid);
    check(
        json!({"templateBody": "{}", "roleArn": "arn:aws:iam::1:role/jitp"}),
        invalid,
    );
}

#[test]
fn a_template_that_an_authority_names_stays() {
    let things = with_template(&simple());
    let mut named = new_template("jit", &jit_body());
    named.kind = ProvisioningTemplateType::JustInTime;
    things.create_provisioning_template(&named, NOW_MS).unwrap();
    with_authority(&things, json!({"templateName": "jit"})).unwrap();
    let why = things.delete_provisioning_template("jit").unwrap_err();
    assert_eq!(code(&why), "DeleteConflictException");
    things.delete_provisioning_template("t").unwrap();
    let why = things.delete_provisioning_template("t").unwrap_err();
    assert_eq!(
        why.to_string(),
        "Unable to delete template, template not found"
    );
}
