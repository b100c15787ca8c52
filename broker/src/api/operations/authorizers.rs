//! Custom authorizers and the default among them.

use super::wire::{listed, nothing, tags, without_nulls};
use super::{Call, Family, MARKER_PAGE_DEFAULT, seconds};
use crate::api::error::{ApiError, Code};
use crate::api::reply::Reply;
use crate::auth::check_signature;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use things::{Authorizer, AuthorizerUpdate, NewAuthorizer, SettingKey};
use tokio::runtime::Handle;

pub(super) const FAMILY: Family = &[
    ("CreateAuthorizer", create_authorizer),
    ("DescribeAuthorizer", describe_authorizer),
    ("ListAuthorizers", list_authorizers),
    ("UpdateAuthorizer", update_authorizer),
    ("DeleteAuthorizer", delete_authorizer),
    ("SetDefaultAuthorizer", set_default_authorizer),
    ("DescribeDefaultAuthorizer", describe_default_authorizer),
    ("ClearDefaultAuthorizer", clear_default_authorizer),
    ("TestInvokeAuthorizer", test_invoke_authorizer),
];

fn active(call: &Call) -> Option<bool> {
    call.optional("status").map(|status| status == "ACTIVE")
}

fn caching(call: &Call) -> Option<bool> {
    call.member("enableCachingForHttp").and_then(Value::as_bool)
}

/// Calls the function as if a client had come with what is given.
fn test_invoke_authorizer(call: &Call) -> Result<Reply, ApiError> {
    let authorizer = call.world.things.authorizer(call.text("authorizerName")?)?;
    let (token, signature) = (call.optional("token"), call.optional("tokenSignature"));
    check_signature(&authorizer, token, signature)
        .map_err(|why| ApiError::invalid(why.to_string()))?;
    let mut protocols = Vec::new();
    let mut data = Map::new();
    for (member, protocol) in [
        ("tlsContext", "tls"),
        ("httpContext", "http"),
        ("mqttContext", "mqtt"),
    ] {
        if let Some(given) = call.member(member) {
            protocols.push(protocol);
            data.insert(protocol.to_owned(), given.clone());
        }
    }
    let mut event = json!({
        "signatureVerified": !authorizer.signing_disabled,
        "protocols": protocols,
        "protocolData": data,
        "connectionMetadata": {"id": call.request_id.to_string()},
    });
    if let Some(token) = token {
        event["token"] = token.into();
    }
    let custom = &call.world.custom_auth;
    // On a thread that may wait.
    let answer = Handle::current().block_on(custom.invoke(&authorizer.function_arn, &event));
    let answer = answer.map_err(|why| ApiError::new(Code::InvalidResponse, why.to_string()))?;
    let documents = answer["policyDocuments"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let text = |document: Value| match document {
        Value::String(text) => text,
        other => other.to_string(),
    };
    let documents: Vec<String> = documents.into_iter().map(text).collect();
    Ok(Reply::Json(without_nulls(json!({
        "isAuthenticated": answer["isAuthenticated"],
        "principalId": answer["principalId"],
        "policyDocuments": documents,
        "refreshAfterInSeconds": answer["refreshAfterInSeconds"],
        "disconnectAfterInSeconds": answer["disconnectAfterInSeconds"],
    }))))
}

fn name_and_arn(authorizer: &Authorizer) -> Value {
    json!({"authorizerName": authorizer.name, "authorizerArn": authorizer.arn})
}

fn create_authorizer(call: &Call) -> Result<Reply, ApiError> {
    let new = NewAuthorizer {
        name: call.text("authorizerName")?.to_owned(),
        function_arn: call.text("authorizerFunctionArn")?.to_owned(),
        token_key_name: call.owned("tokenKeyName"),
        signing_keys: call.read("tokenSigningPublicKeys")?,
        active: active(call).unwrap_or(false),
        signing_disabled: call.flag("signingDisabled"),
        caching_for_http: caching(call).unwrap_or(false),
        tags: tags(call)?,
    };
    let made = call.world.things.create_authorizer(&new, call.now_ms)?;
    Ok(Reply::Json(name_and_arn(&made)))
}

fn described(authorizer: &Authorizer) -> Reply {
    let keys = Some(&authorizer.signing_keys).filter(|keys| !keys.is_empty());
    Reply::Json(json!({"authorizerDescription": without_nulls(json!({
        "authorizerName": authorizer.name,
        "authorizerArn": authorizer.arn,
        "authorizerFunctionArn": authorizer.function_arn,
        "tokenKeyName": authorizer.token_key_name,
        "tokenSigningPublicKeys": keys,
        "status": if authorizer.active { "ACTIVE" } else { "INACTIVE" },
        "creationDate": seconds(authorizer.created_ms),
        "lastModifiedDate": seconds(authorizer.modified_ms),
        "signingDisabled": authorizer.signing_disabled,
        "enableCachingForHttp": authorizer.caching_for_http,
    }))}))
}

fn describe_authorizer(call: &Call) -> Result<Reply, ApiError> {
    let found = call.world.things.authorizer(call.text("authorizerName")?)?;
    Ok(described(&found))
}

fn list_authorizers(call: &Call) -> Result<Reply, ApiError> {
    let paging = call.paging(MARKER_PAGE_DEFAULT)?;
    let (things, after) = (&call.world.things, paging.after.as_deref());
    let page = things.list_authorizers(active(call), after, paging.limit);
    Ok(listed(call, "authorizers", &page, name_and_arn))
}

fn update_authorizer(call: &Call) -> Result<Reply, ApiError> {
    let keys: BTreeMap<String, String> = call.read("tokenSigningPublicKeys")?;
    let update = AuthorizerUpdate {
        name: call.text("authorizerName")?.to_owned(),
        function_arn: call.owned("authorizerFunctionArn"),
        token_key_name: call.owned("tokenKeyName"),
        signing_keys: Some(keys).filter(|_| call.member("tokenSigningPublicKeys").is_some()),
        active: active(call),
        caching_for_http: caching(call),
    };
    let changed = call.world.things.update_authorizer(&update, call.now_ms)?;
    Ok(Reply::Json(name_and_arn(&changed)))
}

fn delete_authorizer(call: &Call) -> Result<Reply, ApiError> {
    let things = &call.world.things;
    things.delete_authorizer(call.text("authorizerName")?)?;
    Ok(nothing())
}

fn set_default_authorizer(call: &Call) -> Result<Reply, ApiError> {
    let (things, name) = (&call.world.things, call.text("authorizerName")?);
    let authorizer = things.set_default_authorizer(name, call.now_ms)?;
    Ok(Reply::Json(name_and_arn(&authorizer)))
}

fn describe_default_authorizer(call: &Call) -> Result<Reply, ApiError> {
    Ok(described(&call.world.things.default_authorizer()?))
}

fn clear_default_authorizer(call: &Call) -> Result<Reply, ApiError> {
    let things = &call.world.things;
    things.default_authorizer()?;
    things.remove_setting(SettingKey::DefaultAuthorizer)?;
    Ok(nothing())
}
