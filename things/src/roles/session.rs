//! Temporary credentials that AssumeRole gives out. They live in memory and end with the process.

use super::document::{Role, unique_id};
use crate::state::State;
use crate::{DeviceCredentials, Things, ThingsError};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use policy::{Caller, Document};
use rand::rngs::StdRng;
use rand::{RngCore, SeedableRng};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What AssumeRole is given.
#[derive(Clone, Debug, Default)]
pub struct AssumeRole {
    /// The role's ARN.
    pub role_arn: String,
    /// RoleSessionName.
    pub session_name: String,
    /// DurationSeconds, an hour unless given.
    pub duration_s: Option<u32>,
    /// The ARN of the user or role that asks, which the trust policy must allow; `None` for the
    /// account's own access keys, which may assume every role of the account.
    pub caller_arn: Option<String>,
}

/// Temporary credentials of a role (sts AssumeRole).
#[derive(Clone, Debug)]
pub struct RoleSession {
    /// `ASIA...`.
    pub access_key_id: String,
    /// The secret.
    pub secret_access_key: String,
    /// The session token.
    pub session_token: String,
    /// The role's ARN.
    pub role_arn: String,
    /// The session's own ARN: `arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION`.
    pub arn: String,
    /// `AROA...:session-name`.
    pub user_id: String,
    /// When they end.
    pub expires_ms: u64,
    /// The role's policies, attached and inline.
    pub policies: Vec<Arc<Document>>,
}

/// The sessions that have been given out, by access key id.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    by_key: BTreeMap<String, Session>,
}

#[derive(Clone, Debug)]
struct Session {
    /// Its name; the ARN if it is unknown.
    role: String,
    is_unknown: bool,
    name: String,
    secret: String,
    token: String,
    expires_ms: u64,
}

impl Things {
    /// sts AssumeRole.
    ///
    /// # Errors
    /// ResourceNotFound (no such role here), AccessDenied (trust policy), InvalidRequest
    /// (duration).
    pub fn assume_role(
        &self,
        request: &AssumeRole,
        now_ms: u64,
    ) -> Result<RoleSession, ThingsError> {
        let arn = &request.role_arn;
        let state = self.state();
        let Some((name, role)) = self.role_of_arn(&state, arn) else {
            return Err(ThingsError::ResourceNotFound(format!(
                "The role {arn} cannot be found."
            )));
        };
        let max = role.document.max_session_s;
        let duration_s = request.duration_s.unwrap_or(DURATION_S_DEFAULT.min(max));
        if !(DURATION_S_MIN..=max).contains(&duration_s) {
            return Err(ThingsError::InvalidRequest(format!(
                "The requested DurationSeconds exceeds the MaxSessionDuration set for this role: give {DURATION_S_MIN} to {max}"
            )));
        }
        if let Some(caller) = &request.caller_arn {
            let allowed = self.trusts(role, Caller::Aws(caller), None);
            if !allowed {
                return Err(ThingsError::AccessDenied(format!(
                    "User: {caller} is not authorized to perform: sts:AssumeRole on resource: {arn}"
                )));
            }
        }
        let key = unique_id("ASIA");
        let session = Session {
            role: name.to_owned(),
            is_unknown: false,
            name: request.session_name.clone(),
            secret: random_text(30),
            token: random_text(192),
            expires_ms: now_ms.saturating_add(u64::from(duration_s) * 1000),
        };
        let shown = self.session_shown(&key, &session, name, role, &state);
        self.sessions.lock().add(key, session, now_ms);
        Ok(shown)
    }

    /// Credentials of a role alias for a device. A role that was not created here is taken to
    /// allow everything, unless `strict`.
    ///
    /// # Errors
    /// ResourceNotFound (role alias), AccessDenied (trust policy; unknown role).
    pub fn device_credentials(
        &self,
        alias: &str,
        session_name: &str,
        strict: bool,
        now_ms: u64,
    ) -> Result<DeviceCredentials, ThingsError> {
        let alias = self.role_alias(alias)?;
        let arn = &alias.role_arn;
        let state = self.state();
        let known = self.role_of_arn(&state, arn);
        match known {
            Some((_, role)) if !self.trusts(role, Caller::Service(CREDENTIALS), None) => {
                return Err(ThingsError::AccessDenied(format!(
                    "the trust policy of role {arn} does not let {CREDENTIALS} assume it: allow sts:AssumeRole to the principal {{\"Service\": \"{CREDENTIALS}\"}}"
                )));
            }
            None if strict => {
                return Err(ThingsError::AccessDenied(format!(
                    "role {arn} does not exist here: create it, or start the server without --iam strict"
                )));
            }
            Some(_) | None => {}
        }
        Ok(DeviceCredentials {
            session: self.begin_session(&state, arn, session_name, alias.duration_s, now_ms),
            role_is_known: known.is_some(),
        })
    }

    /// Credentials of a role for AWS IoT itself, which signs links for it; whoever calls has asked
    /// whether the role may do what they are for.
    pub fn service_credentials(
        &self,
        role_arn: &str,
        session_name: &str,
        duration_s: u32,
        now_ms: u64,
    ) -> RoleSession {
        let state = self.state();
        self.begin_session(&state, role_arn, session_name, duration_s, now_ms)
    }

    /// Begins a session of a role, which need not be known here.
    fn begin_session(
        &self,
        state: &State,
        role_arn: &str,
        session_name: &str,
        duration_s: u32,
        now_ms: u64,
    ) -> RoleSession {
        let known = self.role_of_arn(state, role_arn);
        let key = unique_id("ASIA");
        let session = Session {
            role: known.map_or_else(|| role_arn.to_owned(), |(name, _)| name.to_owned()),
            is_unknown: known.is_none(),
            name: session_name.to_owned(),
            secret: random_text(30),
            token: random_text(192),
            expires_ms: now_ms.saturating_add(u64::from(duration_s) * 1000),
        };
        let shown = match known {
            Some((name, role)) => self.session_shown(&key, &session, name, role, state),
            None => self.unknown_session_shown(&key, &session),
        };
        self.sessions.lock().add(key, session, now_ms);
        shown
    }

    /// Credentials given out by AssumeRole that have not expired, with the policies that the role
    /// has now.
    pub fn role_session(&self, access_key_id: &str, now_ms: u64) -> Option<RoleSession> {
        let session = self.sessions.lock().by_key.get(access_key_id).cloned()?;
        if session.expires_ms <= now_ms {
            return None;
        }
        if session.is_unknown {
            return Some(self.unknown_session_shown(access_key_id, &session));
        }
        let state = self.state();
        let role = state.roles.by_name.get(&session.role)?;
        Some(self.session_shown(access_key_id, &session, &session.role, role, &state))
    }

    fn unknown_session_shown(&self, key: &str, session: &Session) -> RoleSession {
        let (account, session_name) = (self.account_id(), &session.name);
        let role = session.role.rsplit('/').next().unwrap_or_default();
        RoleSession {
            access_key_id: key.to_owned(),
            secret_access_key: session.secret.clone(),
            session_token: session.token.clone(),
            role_arn: session.role.clone(),
            arn: format!("arn:aws:sts::{account}:assumed-role/{role}/{session_name}"),
            user_id: format!("{role}:{session_name}"),
            expires_ms: session.expires_ms,
            policies: Document::parse(EVERYTHING)
                .map(Arc::new)
                .into_iter()
                .collect(),
        }
    }

    fn session_shown(
        &self,
        key: &str,
        session: &Session,
        role_name: &str,
        role: &Role,
        state: &State,
    ) -> RoleSession {
        let (account, session_name) = (self.account_id(), &session.name);
        RoleSession {
            access_key_id: key.to_owned(),
            secret_access_key: session.secret.clone(),
            session_token: session.token.clone(),
            role_arn: self.role_arn(role_name, &role.document),
            arn: format!("arn:aws:sts::{account}:assumed-role/{role_name}/{session_name}"),
            user_id: format!("{}:{session_name}", role.document.id),
            expires_ms: session.expires_ms,
            policies: state
                .roles
                .permissions(role)
                .map(|(_, document)| document)
                .collect(),
        }
    }
}

impl Sessions {
    fn add(&mut self, key: String, session: Session, now_ms: u64) {
        self.by_key.retain(|_, session| session.expires_ms > now_ms);
        if self.by_key.len() >= SESSIONS_MAX {
            let soonest = self
                .by_key
                .iter()
                .min_by_key(|(_, session)| session.expires_ms);
            if let Some(key) = soonest.map(|(key, _)| key.clone()) {
                self.by_key.remove(&key);
            }
        }
        self.by_key.insert(key, session);
    }
}

fn random_text(bytes: usize) -> String {
    let mut random = vec![0; bytes];
    StdRng::from_os_rng().fill_bytes(&mut random);
    BASE64.encode(random)
}

const CREDENTIALS: &str = "credentials.iot.amazonaws.com";

const EVERYTHING: &str = r#"{"Version": "2012-10-17",
    "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}"#;

// STS API reference, AssumeRole.
const DURATION_S_DEFAULT: u32 = 3600;
const DURATION_S_MIN: u32 = 900;

/// Beyond it the session that ends soonest is forgotten.
const SESSIONS_MAX: usize = 10_000;
