//! STS: who am I, and credentials of a role.

use super::error::QueryError;
use super::xml::Xml;
use super::{Answered, Handlers, QueryCall, timestamp};
use std::ops::RangeInclusive;
use things::{AssumeRole, ThingsError};

pub(super) const HANDLERS: Handlers = &[
    ("GetCallerIdentity", get_caller_identity),
    ("AssumeRole", assume_role),
];

/// The API's limits for DurationSeconds.
const DURATION_S: RangeInclusive<u64> = 900..=43_200;

/// The API's limits for RoleSessionName.
const SESSION_NAME_CHARS: RangeInclusive<usize> = 2..=64;

fn get_caller_identity(call: &QueryCall) -> Answered {
    let account = call.account_id();
    let (user_id, arn) = match call.session() {
        Some(session) => (session.user_id, session.arn),
        None => (account.to_owned(), call.root_arn()),
    };
    let result = Xml::new()
        .text("Arn", arn)
        .text("UserId", user_id)
        .text("Account", account);
    Ok(Some(result))
}

fn assume_role(call: &QueryCall) -> Answered {
    for narrowing in ["Policy", "PolicyArns.member.1.arn"] {
        if call.form.optional(narrowing).is_some() {
            return Err(QueryError::validation(
                "thingcore does not implement session policies: leave out Policy and PolicyArns",
            ));
        }
    }
    let session_name = call.form.text("RoleSessionName")?;
    check_session_name(session_name)?;
    let role_arn = call.form.text("RoleArn")?;
    let caller = call.session();
    let request = AssumeRole {
        role_arn: role_arn.to_owned(),
        session_name: session_name.to_owned(),
        duration_s: duration_s(call)?,
        caller_arn: caller.as_ref().map(|session| session.role_arn.clone()),
    };
    let session = match call.world.things.assume_role(&request, call.now_ms) {
        Ok(session) => session,
        // AWS does not tell a missing role from one that may not be assumed.
        Err(ThingsError::ResourceNotFound(why) | ThingsError::AccessDenied(why)) => {
            let user = caller.map_or_else(|| call.root_arn(), |session| session.arn);
            return Err(QueryError::denied(format!(
                "User: {user} is not authorized to perform: sts:AssumeRole on resource: \
                 {role_arn} ({why})"
            )));
        }
        Err(other) => return Err(other.into()),
    };
    let credentials = Xml::new()
        .text("AccessKeyId", session.access_key_id)
        .text("SecretAccessKey", session.secret_access_key)
        .text("SessionToken", session.session_token)
        .text("Expiration", timestamp(session.expires_ms));
    let user = Xml::new()
        .text("AssumedRoleId", session.user_id)
        .text("Arn", session.arn);
    let result = Xml::new()
        .element("Credentials", &credentials)
        .element("AssumedRoleUser", &user);
    Ok(Some(result))
}

fn duration_s(call: &QueryCall) -> Result<Option<u32>, QueryError> {
    let Some(seconds) = call.form.number("DurationSeconds")? else {
        return Ok(None);
    };
    let given = u32::try_from(seconds).ok();
    given
        .filter(|_| DURATION_S.contains(&seconds))
        .map(Some)
        .ok_or_else(|| {
            QueryError::validation(format!(
                "1 validation error detected: Value '{seconds}' at 'durationSeconds' failed to \
                 satisfy constraint: Member must have value between {} and {}",
                DURATION_S.start(),
                DURATION_S.end()
            ))
        })
}

fn check_session_name(name: &str) -> Result<(), QueryError> {
    let fits = |character: char| character.is_ascii_alphanumeric() || "_+=,.@-".contains(character);
    if SESSION_NAME_CHARS.contains(&name.chars().count()) && name.chars().all(fits) {
        return Ok(());
    }
    Err(QueryError::validation(format!(
        "1 validation error detected: Value '{name}' at 'roleSessionName' failed to satisfy \
         constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]{{2,64}}"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn session_names_are_those_that_sts_takes() {
        for (name, valid) in [
            ("s1", true),
            ("a_+=,.@-", true),
            ("x", false),
            ("has space", false),
            ("é1", false),
        ] {
            assert_eq!(check_session_name(name).is_ok(), valid, "{name}");
        }
        assert!(check_session_name(&"x".repeat(65)).is_err());
    }
}
