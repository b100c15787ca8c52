//! Tokens from Secrets Manager for requests that carry one. They are kept for a while, as AWS
//! keeps what it reads there.

use super::engine::Shared;
use crate::target::{AwsRequest, Secret, SendFailure, Signing, Via};
use http::HeaderValue;
use http::header::AUTHORIZATION;
use parking_lot::Mutex;
use std::borrow::Cow;
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::Instant;

/// How long a token is used before it is read again (developer guide, `get_secret`: up to 15
/// minutes).
const FRESH: Duration = Duration::from_secs(15 * 60);
/// Tokens kept; beyond that all are read again.
const KEPT_MAX: usize = 1000;

/// Tokens that were read.
#[derive(Default)]
pub(super) struct Secrets(Mutex<HashMap<Secret, (Token, Instant)>>);

#[derive(Clone)]
struct Token(String);

impl Shared {
    /// The request with its token, if it carries one. With `anew` the token is read again: what
    /// was kept has been refused.
    pub(super) async fn with_token<'a>(
        &self,
        request: &'a AwsRequest,
        anew: bool,
    ) -> Result<Cow<'a, AwsRequest>, SendFailure> {
        let Signing::Token { scheme, secret } = &request.signing else {
            return Ok(Cow::Borrowed(request));
        };
        let token = match self.secrets.known(secret).filter(|_| !anew) {
            Some(known) => known,
            None => self.token(secret).await?,
        };
        let value = HeaderValue::from_str(&format!("{scheme} {}", token.0));
        let mut value = value.map_err(|_| {
            SendFailure::permanent(format!("the secret `{}` is not a token", secret.id))
        })?;
        value.set_sensitive(true);
        let mut signed = request.clone();
        signed.signing = Signing::None;
        signed.headers.push((AUTHORIZATION, value));
        Ok(Cow::Owned(signed))
    }

    async fn token(&self, secret: &Secret) -> Result<Token, SendFailure> {
        let (target, request) = (&self.ports.target, secret.request());
        let route = target.route(&request);
        if route.via == Via::Recorded {
            return Err(SendFailure::permanent(
                "the token cannot be read: set AWS_ENDPOINT_URL_SECRETS_MANAGER, or start the \
                 server with --aws real"
                    .to_owned(),
            ));
        }
        let answer = target.send(&route, &request).await?;
        answer.clone().into_result(request.service)?;
        let value = secret.value(&answer.body).map_err(SendFailure::permanent)?;
        let text = String::from_utf8(value).map_err(|_| {
            SendFailure::permanent(format!("the secret `{}` is not a token", secret.id))
        })?;
        let token = Token(text.trim().to_owned());
        self.secrets.keep(secret, &token);
        Ok(token)
    }
}

impl Secrets {
    fn known(&self, secret: &Secret) -> Option<Token> {
        let kept = self.0.lock();
        let (token, read) = kept.get(secret)?;
        (read.elapsed() < FRESH).then(|| token.clone())
    }

    fn keep(&self, secret: &Secret, token: &Token) {
        let mut kept = self.0.lock();
        if kept.len() >= KEPT_MAX {
            kept.clear();
        }
        kept.insert(secret.clone(), (token.clone(), Instant::now()));
    }
}
