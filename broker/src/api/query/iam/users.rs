//! The one user there is: the account's root. Terraform asks for it to learn the account.

use super::super::error::QueryError;
use super::super::xml::Xml;
use super::super::{Answered, Handlers, QueryCall, timestamp};

pub(super) const FAMILY: Handlers = &[("GetUser", get_user)];

fn get_user(call: &QueryCall) -> Answered {
    if call.session().is_some() {
        return Err(QueryError::validation(
            "Must specify userName when calling with non-User credentials",
        ));
    }
    if let Some(name) = call
        .form
        .optional("UserName")
        .filter(|name| *name != "root")
    {
        let why = format!("The user with name {name} cannot be found.");
        return Err(QueryError::not_found(why));
    }
    let user = Xml::new()
        .text("Path", "/")
        .text("UserName", "root")
        .text("UserId", call.account_id())
        .text("Arn", call.root_arn())
        .text("CreateDate", timestamp(0));
    Ok(Some(Xml::new().element("User", &user)))
}
