//! STS: who am I, and credentials of a role.

use super::error::QueryError;
use super::xml::Xml;
use super::{Answered, Handlers, QueryCall};

pub(super) const HANDLERS: Handlers = &[("GetCallerIdentity", get_caller_identity)];

fn get_caller_identity(call: &QueryCall) -> Answered {
    let account = call.account_id();
    let session = call.world.things.role_session(&call.access_key, call.now_ms);
    let (user_id, arn) = match session {
        Some(session) => {
            let arn = assumed_role_arn(account, &session.role_arn, &session.user_id);
            (session.user_id, arn)
        }
        None => (account.to_owned(), format!("arn:aws:iam::{account}:root")),
    };
    let result = Xml::new()
        .text("Arn", arn)
        .text("UserId", user_id)
        .text("Account", account);
    Ok(Some(result))
}

/// `arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION`; the path of a role is left out.
fn assumed_role_arn(account: &str, role_arn: &str, user_id: &str) -> String {
    let role = role_arn.rsplit('/').next().unwrap_or_default();
    let session = user_id.split_once(':').map_or("", |(_, name)| name);
    format!("arn:aws:sts::{account}:assumed-role/{role}/{session}")
}
