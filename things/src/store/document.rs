//! What can be stored, and how it comes back into memory.

use crate::account::{
    AuthorizerDocument, DomainConfigurationDocument, RoleAliasDocument, SettingDocument,
};
use crate::certificate::{CaDocument, CertificateDocument, CodeDocument};
use crate::destinations::DestinationDocument;
use crate::iot_policies::{AttachmentDocument, PolicyDocument};
use crate::jobs::JobTemplateDocument;
use crate::provisioning::{OwnershipDocument, TemplateDocument};
use crate::registry::{
    BillingGroupDocument, GroupDocument, TagsDocument, ThingDocument, ThingTypeDocument,
};
use crate::roles::{ManagedDocument, RoleDocument};
use crate::rules::RuleDocument;
use crate::state::State;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A kind of document that the store keeps: JSON under a key in a table.
pub(crate) trait Document: Serialize + DeserializeOwned + Send + 'static {
    /// The table's name; never changed, it is on disk.
    const TABLE: &'static str;

    /// Puts a document into memory, or takes it out, with everything that is derived from it. The
    /// order in which documents arrive must not matter: this is also how a store is read.
    fn place(state: &mut State, key: &str, document: Option<Self>);
}

type Load = fn(&mut State, &str, &[u8]) -> Result<(), serde_json::Error>;

const TABLES: [(&str, Load); 21] = [
    table::<AttachmentDocument>(),
    table::<AuthorizerDocument>(),
    table::<BillingGroupDocument>(),
    table::<CaDocument>(),
    table::<CertificateDocument>(),
    table::<CodeDocument>(),
    table::<DestinationDocument>(),
    table::<DomainConfigurationDocument>(),
    table::<GroupDocument>(),
    table::<JobTemplateDocument>(),
    table::<ManagedDocument>(),
    table::<OwnershipDocument>(),
    table::<PolicyDocument>(),
    table::<RoleAliasDocument>(),
    table::<RoleDocument>(),
    table::<RuleDocument>(),
    table::<SettingDocument>(),
    table::<TagsDocument>(),
    table::<TemplateDocument>(),
    table::<ThingDocument>(),
    table::<ThingTypeDocument>(),
];

const fn table<D: Document>() -> (&'static str, Load) {
    (D::TABLE, |state, key, bytes| {
        D::place(state, key, Some(serde_json::from_slice(bytes)?));
        Ok(())
    })
}

/// Puts a stored document into memory.
///
/// # Errors
/// An unknown table, or a document that cannot be read, in words.
pub(crate) fn load(state: &mut State, table: &str, key: &str, bytes: &[u8]) -> Result<(), String> {
    let (_, load) = TABLES
        .iter()
        .find(|(name, _)| *name == table)
        .ok_or_else(|| format!("the store holds a table `{table}` that is not known here"))?;
    load(state, key, bytes)
        .map_err(|error| format!("the stored document `{table}/{key}` is damaged: {error}"))
}
