//! Custom authorizers: functions that say who a client is and what it may do.

use super::setting::{SettingKey, value_of};
use crate::page::rows_after;
use crate::registry::{Tags, TagsDocument, put_tags, set};
use crate::state::State;
use crate::store::Document;
use crate::{Page, Things, ThingsError};
use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use rustls_pki_types::pem::{self, PemObject, SectionKind};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use x509_parser::prelude::{FromDer, SubjectPublicKeyInfo};

/// An authorizer as DescribeAuthorizer shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorizer {
    /// Authorizer name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// The function.
    pub function_arn: String,
    /// The name under which clients send their token; `None` when nothing is signed.
    pub token_key_name: Option<String>,
    /// Public keys, PEM, by name.
    pub signing_keys: BTreeMap<String, String>,
    /// Whether it is in use.
    pub active: bool,
    /// Whether tokens come without a signature.
    pub signing_disabled: bool,
    /// enableCachingForHttp.
    pub caching_for_http: bool,
    /// When it was created.
    pub created_ms: u64,
    /// When it was last changed.
    pub modified_ms: u64,
}

impl Authorizer {
    /// Whether one of the authorizer's keys signed a token (RSA with SHA-256, base64).
    pub fn has_signed(&self, token: &str, signature: &str) -> bool {
        let Ok(signature) = BASE64.decode(signature) else {
            return false;
        };
        self.signing_keys.values().any(|pem| {
            let Ok((label, der)) = read_pem(pem) else {
                return false;
            };
            let key = SubjectPublicKeyInfo::from_der(&der).map(|(_, key)| key);
            let key = key.ok().filter(|_| label == SectionKind::PublicKey);
            key.is_some_and(|key| {
                let key = &key.subject_public_key.data;
                UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key)
                    .verify(token.as_bytes(), &signature)
                    .is_ok()
            })
        })
    }
}

/// The first section of a PEM text.
fn read_pem(text: &str) -> Result<(SectionKind, Vec<u8>), pem::Error> {
    PemObject::from_pem_slice(text.as_bytes())
}

/// What CreateAuthorizer is given.
#[derive(Clone, Debug, Default)]
pub struct NewAuthorizer {
    /// Authorizer name.
    pub name: String,
    /// The function.
    pub function_arn: String,
    /// tokenKeyName.
    pub token_key_name: Option<String>,
    /// tokenSigningPublicKeys.
    pub signing_keys: BTreeMap<String, String>,
    /// Whether it is in use from the start.
    pub active: bool,
    /// signingDisabled.
    pub signing_disabled: bool,
    /// enableCachingForHttp.
    pub caching_for_http: bool,
    /// Its tags.
    pub tags: Tags,
}

/// What UpdateAuthorizer is given; what is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct AuthorizerUpdate {
    /// Authorizer name.
    pub name: String,
    /// The function.
    pub function_arn: Option<String>,
    /// tokenKeyName.
    pub token_key_name: Option<String>,
    /// tokenSigningPublicKeys.
    pub signing_keys: Option<BTreeMap<String, String>>,
    /// Whether it is in use.
    pub active: Option<bool>,
    /// enableCachingForHttp.
    pub caching_for_http: Option<bool>,
}

/// An authorizer as it is stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct AuthorizerDocument {
    function_arn: String,
    token_key_name: Option<String>,
    signing_keys: BTreeMap<String, String>,
    active: bool,
    signing_disabled: bool,
    caching_for_http: bool,
    created_ms: u64,
    modified_ms: u64,
}

impl Document for AuthorizerDocument {
    const TABLE: &'static str = "authorizer";

    fn place(state: &mut State, key: &str, document: Option<Self>) {
        set(&mut state.account.authorizers, key, document);
    }
}

impl Things {
    /// CreateAuthorizer.
    ///
    /// # Errors
    /// ResourceAlreadyExists, InvalidRequest (signed tokens without a key).
    pub fn create_authorizer(
        &self,
        new: &NewAuthorizer,
        now_ms: u64,
    ) -> Result<Authorizer, ThingsError> {
        self.change(|state, batch| {
            let name = &new.name;
            if state.account.authorizers.contains_key(name) {
                return Err(ThingsError::ResourceAlreadyExists {
                    message: format!(
                        "Authorizer cannot be created - name already exists (name={name})"
                    ),
                    id: Some(name.clone()),
                    arn: Some(self.authorizer_arn(name)),
                });
            }
            let document = AuthorizerDocument {
                function_arn: new.function_arn.clone(),
                token_key_name: new.token_key_name.clone(),
                signing_keys: new.signing_keys.clone(),
                active: new.active,
                signing_disabled: new.signing_disabled,
                caching_for_http: new.caching_for_http,
                created_ms: now_ms,
                modified_ms: now_ms,
            };
            check_signing(&document)?;
            let shown = self.authorizer_shown(name, &document);
            batch.put(name, document);
            put_tags(batch, format_args!("authorizer/{name}"), &new.tags)?;
            Ok(shown)
        })
    }

    /// DescribeAuthorizer.
    ///
    /// # Errors
    /// ResourceNotFound.
    pub fn authorizer(&self, name: &str) -> Result<Authorizer, ThingsError> {
        let state = self.state();
        find(&state, name).map(|document| self.authorizer_shown(name, document))
    }

    /// Whether any authorizer is in use.
    pub fn has_authorizers(&self) -> bool {
        let state = self.state();
        state.account.authorizers.values().any(|found| found.active)
    }

    /// DescribeDefaultAuthorizer.
    ///
    /// # Errors
    /// ResourceNotFound.
    pub fn default_authorizer(&self) -> Result<Authorizer, ThingsError> {
        let state = self.state();
        let name = default_name(&state).ok_or_else(|| {
            ThingsError::ResourceNotFound("No default authorizer is set.".to_owned())
        })?;
        find(&state, name).map(|document| self.authorizer_shown(name, document))
    }

    /// SetDefaultAuthorizer.
    ///
    /// # Errors
    /// ResourceNotFound, ResourceAlreadyExists (it is the default already).
    pub fn set_default_authorizer(
        &self,
        name: &str,
        now_ms: u64,
    ) -> Result<Authorizer, ThingsError> {
        let authorizer = self.authorizer(name)?;
        self.change_setting(SettingKey::DefaultAuthorizer, now_ms, |before| {
            if before.and_then(Value::as_str) == Some(name) {
                return Err(ThingsError::ResourceAlreadyExists {
                    message: format!("The authorizer {name} is the default authorizer already"),
                    id: Some(name.to_owned()),
                    arn: Some(authorizer.arn.clone()),
                });
            }
            Ok(name.into())
        })?;
        Ok(authorizer)
    }

    /// ListAuthorizers, in order of name.
    pub fn list_authorizers(
        &self,
        active: Option<bool>,
        after: Option<&str>,
        limit: usize,
    ) -> Page<Authorizer> {
        let state = self.state();
        let rows = rows_after(&state.account.authorizers, after)
            .filter(|(_, document)| active.is_none_or(|active| document.active == active))
            .map(|(name, document)| (name.clone(), self.authorizer_shown(name, document)));
        Page::take(rows, limit)
    }

    /// UpdateAuthorizer.
    ///
    /// # Errors
    /// ResourceNotFound, InvalidRequest.
    pub fn update_authorizer(
        &self,
        update: &AuthorizerUpdate,
        now_ms: u64,
    ) -> Result<Authorizer, ThingsError> {
        self.change(|state, batch| {
            let name = &update.name;
            let mut document = find(state, name)?.clone();
            if let Some(arn) = &update.function_arn {
                document.function_arn.clone_from(arn);
            }
            if update.token_key_name.is_some() {
                document.token_key_name.clone_from(&update.token_key_name);
            }
            if let Some(keys) = &update.signing_keys {
                document.signing_keys.clone_from(keys);
            }
            document.active = update.active.unwrap_or(document.active);
            let caching = update.caching_for_http;
            document.caching_for_http = caching.unwrap_or(document.caching_for_http);
            document.modified_ms = now_ms;
            check_signing(&document)?;
            let shown = self.authorizer_shown(name, &document);
            batch.put(name, document);
            Ok(shown)
        })
    }

    /// DeleteAuthorizer.
    ///
    /// # Errors
    /// ResourceNotFound; DeleteConflict while it is active or the default.
    pub fn delete_authorizer(&self, name: &str) -> Result<(), ThingsError> {
        self.change(|state, batch| {
            let document = find(state, name)?;
            if document.active {
                return Err(ThingsError::DeleteConflict(format!(
                    "The authorizer {name} cannot be deleted while it is ACTIVE: set its status to INACTIVE first"
                )));
            }
            if default_name(state) == Some(name) {
                return Err(ThingsError::DeleteConflict(format!(
                    "The authorizer {name} is the default authorizer: clear the default first"
                )));
            }
            batch.remove::<AuthorizerDocument>(name);
            batch.remove::<TagsDocument>(&format!("authorizer/{name}"));
            Ok(())
        })
    }

    fn authorizer_arn(&self, name: &str) -> String {
        self.place().iot(format_args!("authorizer/{name}"))
    }

    fn authorizer_shown(&self, name: &str, document: &AuthorizerDocument) -> Authorizer {
        Authorizer {
            name: name.to_owned(),
            arn: self.authorizer_arn(name),
            function_arn: document.function_arn.clone(),
            token_key_name: document.token_key_name.clone(),
            signing_keys: document.signing_keys.clone(),
            active: document.active,
            signing_disabled: document.signing_disabled,
            caching_for_http: document.caching_for_http,
            created_ms: document.created_ms,
            modified_ms: document.modified_ms,
        }
    }
}

fn find<'s>(state: &'s State, name: &str) -> Result<&'s AuthorizerDocument, ThingsError> {
    state
        .account
        .authorizers
        .get(name)
        .ok_or_else(|| ThingsError::ResourceNotFound(format!("Authorizer not found (name={name})")))
}

fn default_name(state: &State) -> Option<&str> {
    value_of(state, SettingKey::DefaultAuthorizer)?.as_str()
}

/// Tokens are signed unless signing is disabled, so then somebody must have said how.
fn check_signing(document: &AuthorizerDocument) -> Result<(), ThingsError> {
    if document.signing_disabled
        || (document.token_key_name.is_some() && !document.signing_keys.is_empty())
    {
        return Ok(());
    }
    Err(ThingsError::InvalidRequest(
        "tokenKeyName and tokenSigningPublicKeys are required unless signingDisabled is true"
            .to_owned(),
    ))
}
