//! What the tutorial sets up in the cloud besides the device: bucket, role and rule.

use crate::cli::client::{Call, Client};
use crate::cli::thing::{iot, is_there};
use anyhow::Context;
use bytes::Bytes;
use http::Method;
use rules::target::{encode_path, encode_segment};
use serde_json::{Value, json};

/// The bucket that the rule writes to.
pub(super) const BUCKET: &str = "quickstart-hot-rooms";
/// The rule.
pub(super) const RULE: &str = "hot_rooms";
/// Its role.
const ROLE: &str = "quickstart-rule-role";
/// Its SQL: what it lets through and what of it.
pub(super) const SQL: &str =
    "SELECT temperature, topic(2) AS room FROM 'sensors/+' WHERE temperature > 30";
/// The object that it writes.
const KEY: &str = "${topic(2)}/${timestamp()}.json";

/// Makes a bucket, or finds it there.
pub(super) async fn create_bucket(client: &Client) -> anyhow::Result<()> {
    let made = s3(client, Method::PUT, &format!("/{BUCKET}")).await;
    already(made.map(drop)).with_context(|| format!("cannot create the bucket `{BUCKET}`"))
}

/// Removes what earlier runs left in the bucket.
pub(super) async fn empty_bucket(client: &Client) -> anyhow::Result<()> {
    for key in keys(client).await? {
        s3(client, Method::DELETE, &object(&key)).await?;
    }
    Ok(())
}

/// The keys in the bucket.
pub(super) async fn keys(client: &Client) -> anyhow::Result<Vec<String>> {
    let list = s3(client, Method::GET, &format!("/{BUCKET}?list-type=2")).await?;
    let list = std::str::from_utf8(&list)?;
    let keys = list.split("<Key>").skip(1);
    let keys = keys.filter_map(|rest| rest.split("</Key>").next());
    Ok(keys.map(str::to_owned).collect())
}

/// One object.
pub(super) async fn object_text(client: &Client, key: &str) -> anyhow::Result<String> {
    let body = s3(client, Method::GET, &object(key)).await?;
    Ok(String::from_utf8(body.to_vec())?)
}

fn object(key: &str) -> String {
    format!("/{BUCKET}/{}", encode_path(key))
}

async fn s3(client: &Client, method: Method, path: &str) -> anyhow::Result<Bytes> {
    client
        .call(Call {
            service: Some("s3"),
            method,
            path,
            ..Call::default()
        })
        .await
}

/// Makes a role that the rules engine may take to write into the bucket. Gives its ARN.
pub(super) async fn create_role(client: &Client, account_id: &str) -> anyhow::Result<String> {
    let trust = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow",
        "Principal": {"Service": "iot.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }]});
    let policy = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow",
        "Action": "s3:PutObject",
        "Resource": format!("arn:aws:s3:::{BUCKET}/*"),
    }]});
    let made = iam(
        client,
        &[
            ("Action", "CreateRole"),
            ("RoleName", ROLE),
            ("AssumeRolePolicyDocument", &trust.to_string()),
        ],
    )
    .await;
    already(made).with_context(|| format!("cannot create the role `{ROLE}`"))?;
    iam(
        client,
        &[
            ("Action", "PutRolePolicy"),
            ("RoleName", ROLE),
            ("PolicyName", "write-objects"),
            ("PolicyDocument", &policy.to_string()),
        ],
    )
    .await?;
    Ok(format!("arn:aws:iam::{account_id}:role/{ROLE}"))
}

async fn iam(client: &Client, parameters: &[(&str, &str)]) -> anyhow::Result<()> {
    let version = ("Version", "2010-05-08");
    let pairs = parameters.iter().chain([&version]);
    let pairs = pairs.map(|(name, value)| format!("{name}={}", encode_segment(value)));
    let form = pairs.collect::<Vec<_>>().join("&");
    client
        .call(Call {
            service: Some("iam"),
            method: Method::POST,
            headers: &[("content-type", "application/x-www-form-urlencoded")],
            body: form.into(),
            ..Call::default()
        })
        .await?;
    Ok(())
}

/// Makes the rule, or puts it in the place of the one that is there.
pub(super) async fn create_rule(client: &Client, role_arn: &str) -> anyhow::Result<()> {
    let rule = json!({
        "sql": SQL,
        "awsIotSqlVersion": "2016-03-23",
        "actions": [{"s3": {"roleArn": role_arn, "bucketName": BUCKET, "key": KEY}}],
    })
    .to_string();
    let path = format!("/rules/{RULE}");
    match iot(client, Method::POST, &path, &rule).await {
        Ok(_) => Ok(()),
        Err(error) if is_there(&error) => {
            iot(client, Method::PATCH, &path, &rule).await?;
            Ok(())
        }
        Err(error) => Err(error.context(format!("cannot create the rule `{RULE}`"))),
    }
}

/// The number of the newest action that ran.
pub(super) async fn newest_action(client: &Client) -> anyhow::Result<u64> {
    let path = format!("/_thingcore/actions?rule={RULE}&limit=1000");
    let answer = actions(client, &path).await?;
    Ok(answer.get("next").and_then(Value::as_u64).unwrap_or(0))
}

/// Waits until the rule's action ran once more, and gives the record of it.
pub(super) async fn next_action(client: &Client, after: u64) -> anyhow::Result<Value> {
    let path = format!("/_thingcore/actions?rule={RULE}&after={after}&wait=5");
    let answer = actions(client, &path).await?;
    let first = answer.get("records").and_then(|records| records.get(0));
    first
        .cloned()
        .context("the rule did not run within 5 seconds")
}

async fn actions(client: &Client, path: &str) -> anyhow::Result<Value> {
    client
        .json(Call {
            path,
            ..Call::default()
        })
        .await
}

/// What is there already is as good as made.
fn already(made: anyhow::Result<()>) -> anyhow::Result<()> {
    match made {
        Err(error) if is_there(&error) => Ok(()),
        other => other,
    }
}
