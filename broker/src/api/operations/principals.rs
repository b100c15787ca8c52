//! Principals attached to things.

use super::wire::{listed, nothing};
use super::{Call, Family, PAGE_DEFAULT};
use crate::api::error::ApiError;
use crate::api::reply::Reply;
use serde_json::json;
use things::{Page, PrincipalThing, ThingPrincipal, ThingPrincipalType};

pub(super) const FAMILY: Family = &[
    ("AttachThingPrincipal", attach_thing_principal),
    ("DetachThingPrincipal", detach_thing_principal),
    ("ListThingPrincipals", list_thing_principals),
    ("ListThingPrincipalsV2", list_thing_principals_v2),
    ("ListPrincipalThings", list_principal_things),
    ("ListPrincipalThingsV2", list_principal_things_v2),
];

fn kind(call: &Call) -> Option<ThingPrincipalType> {
    // The model allows no other name.
    let name = call.optional("thingPrincipalType");
    name.and_then(ThingPrincipalType::of_name)
}

fn attach_thing_principal(call: &Call) -> Result<Reply, ApiError> {
    let (thing, principal) = (call.text("thingName")?, call.text("principal")?);
    let kind = kind(call).unwrap_or_default();
    let things = &call.world.things;
    things.attach_thing_principal(thing, principal, kind)?;
    Ok(nothing())
}

fn detach_thing_principal(call: &Call) -> Result<Reply, ApiError> {
    let (thing, principal) = (call.text("thingName")?, call.text("principal")?);
    call.world.things.detach_thing_principal(thing, principal)?;
    Ok(nothing())
}

fn principals(call: &Call) -> Result<Page<ThingPrincipal>, ApiError> {
    let (things, paging) = (&call.world.things, call.paging(PAGE_DEFAULT)?);
    let (thing, after) = (call.text("thingName")?, paging.after.as_deref());
    Ok(things.list_thing_principals(thing, kind(call), after, paging.limit)?)
}

fn list_thing_principals(call: &Call) -> Result<Reply, ApiError> {
    let page = principals(call)?;
    Ok(listed(call, "principals", &page, |row| {
        row.principal.as_str().into()
    }))
}

fn list_thing_principals_v2(call: &Call) -> Result<Reply, ApiError> {
    let page = principals(call)?;
    Ok(listed(
        call,
        "thingPrincipalObjects",
        &page,
        |row| json!({"principal": row.principal, "thingPrincipalType": row.kind.name()}),
    ))
}

fn things_of(call: &Call) -> Result<Page<PrincipalThing>, ApiError> {
    let (things, paging) = (&call.world.things, call.paging(PAGE_DEFAULT)?);
    let (principal, after) = (call.text("principal")?, paging.after.as_deref());
    Ok(things.list_principal_things(principal, kind(call), after, paging.limit)?)
}

fn list_principal_things(call: &Call) -> Result<Reply, ApiError> {
    let page = things_of(call)?;
    Ok(listed(call, "things", &page, |row| {
        row.thing.as_str().into()
    }))
}

fn list_principal_things_v2(call: &Call) -> Result<Reply, ApiError> {
    let page = things_of(call)?;
    Ok(listed(
        call,
        "principalThingObjects",
        &page,
        |row| json!({"thingName": row.thing, "thingPrincipalType": row.kind.name()}),
    ))
}
