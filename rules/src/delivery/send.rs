//! Sends an action's request until it succeeds, cannot succeed, or was tried often enough.

use super::chance::chance;
use super::error_action::Failure;
use super::execute::{Failed, Run};
use super::records::Outcome;
use super::retry::Retry;
use super::start::{Outgoing, Pending};
use crate::actions::Missing;
use crate::target::{AwsRequest, Route, SendFailure, Service, Signing, Via};
use http::StatusCode;
use std::time::Duration;
use tokio::time::Instant;

/// What an HTTP action may take with all its tries (developer guide, "HTTP action").
const HTTP_TIME_OUT: Duration = Duration::from_secs(3);
const HTTP_ATTEMPTS_MAX: u32 = 3;

/// How something ended that was sent, and how often it was: its status where there is one.
pub(super) struct Sent {
    pub(super) result: Result<Option<StatusCode>, SendFailure>,
    pub(super) attempts: u32,
}

impl Run {
    /// Sends a request, alone or with others.
    pub(super) async fn send(&self, pending: Pending) -> Option<Failure> {
        if pending.route.via == Via::Recorded {
            let shown = Some(pending.outgoing.shown(&pending.route));
            self.record(pending.invocation, shown, 0, Outcome::Recorded);
            return None;
        }
        if let (Some(batching), Outgoing::Request(request)) = (pending.batching, &pending.outgoing)
        {
            let request = request.as_ref().clone();
            return self.send_in_batch(pending, request, batching).await;
        }
        let missing = pending.rendered.missing.as_ref();
        let sent = self
            .deliver(&pending.route, &pending.outgoing, missing)
            .await;
        self.sent(pending, sent)
    }

    /// Records how a request ended.
    pub(super) fn sent(&self, pending: Pending, sent: Sent) -> Option<Failure> {
        let shown = Some(pending.outgoing.shown(&pending.route));
        let Pending {
            invocation,
            rendered,
            ..
        } = pending;
        match sent.result {
            Ok(status) => {
                let status = status.map(|status| status.as_u16());
                self.record(
                    invocation,
                    shown,
                    sent.attempts,
                    Outcome::Success { status },
                );
                None
            }
            Err(failure) => {
                let reason = failure.message;
                let failed = Failed {
                    message: self.text(&rendered, &reason),
                    outcome: Outcome::Failed { reason },
                };
                self.fail(invocation, rendered.resource, shown, sent.attempts, failed)
            }
        }
    }

    /// Sends with all tries.
    pub(super) async fn deliver(
        &self,
        route: &Route,
        outgoing: &Outgoing,
        mut missing: Option<&Missing>,
    ) -> Sent {
        let tries = Tries::of(outgoing, self.shared().settings.retry);
        let (mut attempts, mut token_anew) = (0, false);
        loop {
            attempts += 1;
            let failure = match self.attempt(route, outgoing, &tries, token_anew).await {
                Ok(status) => {
                    let result = Ok(status);
                    return Sent { result, attempts };
                }
                Err(failure) => failure,
            };
            if let Some(making) = missing.take_if(|m| failure.code.as_deref() == Some(m.code)) {
                match self.make(making).await {
                    Ok(()) => continue,
                    Err(why) => {
                        let result = Err(SendFailure::permanent(why));
                        return Sent { result, attempts };
                    }
                }
            }
            // A token that is refused may have been replaced since it was read (developer guide,
            // "InfluxDB").
            if outgoing.has_token() && !token_anew && is_unauthorized(&failure) {
                token_anew = true;
                continue;
            }
            match tries.pause(&failure, attempts) {
                Some(pause) => tokio::time::sleep(pause).await,
                None => {
                    let result = Err(failure);
                    return Sent { result, attempts };
                }
            }
        }
    }

    async fn attempt(
        &self,
        route: &Route,
        outgoing: &Outgoing,
        tries: &Tries,
        token_anew: bool,
    ) -> Result<Option<StatusCode>, SendFailure> {
        let request = match outgoing {
            Outgoing::Request(request) => request,
            Outgoing::Record(record) => {
                let produced = self.shared().ports.target.produce(record).await;
                return produced.map(|()| None);
            }
        };
        let sending = self.request(route, request, token_anew);
        let answered = match tries.deadline {
            None => sending.await,
            Some(deadline) => tokio::time::timeout_at(deadline, sending)
                .await
                .unwrap_or_else(|_| {
                    let waited = HTTP_TIME_OUT.as_millis();
                    Err(SendFailure::permanent(format!(
                        "{}: no answer within {waited} ms",
                        route.url
                    )))
                }),
        };
        answered.map(Some)
    }

    async fn request(
        &self,
        route: &Route,
        request: &AwsRequest,
        token_anew: bool,
    ) -> Result<StatusCode, SendFailure> {
        let request = self.shared().with_token(request, token_anew).await?;
        let answer = self.shared().ports.target.send(route, &request).await?;
        answer.into_result(request.service)
    }

    /// Makes what a request found missing; that somebody else has made it by now is as good.
    async fn make(&self, missing: &Missing) -> Result<(), String> {
        if let Some(denied) = self.denied(&missing.permission) {
            return Err(denied.reason);
        }
        let (target, request) = (&self.shared().ports.target, &missing.request);
        let answer = target.send(&target.route(request), request).await;
        match answer.and_then(|answer| answer.into_result(request.service)) {
            Ok(_) => Ok(()),
            Err(failure) if failure.code.as_deref() == Some("ResourceAlreadyExistsException") => {
                Ok(())
            }
            Err(failure) => Err(failure.message),
        }
    }
}

impl Outgoing {
    fn has_token(&self) -> bool {
        match self {
            Self::Request(request) => matches!(request.signing, Signing::Token { .. }),
            Self::Record(_) => false,
        }
    }
}

fn is_unauthorized(failure: &SendFailure) -> bool {
    failure.status == Some(StatusCode::UNAUTHORIZED)
}

/// When a service is tried again.
struct Tries {
    retry: Retry,
    deadline: Option<Instant>,
}

impl Tries {
    fn of(outgoing: &Outgoing, retry: Retry) -> Self {
        let is_http = match outgoing {
            Outgoing::Request(request) => request.service == Service::Http,
            Outgoing::Record(_) => false,
        };
        if !is_http {
            return Self {
                retry,
                deadline: None,
            };
        }
        Self {
            retry: Retry {
                attempts_max: HTTP_ATTEMPTS_MAX.min(retry.attempts_max),
                ..retry
            },
            deadline: Some(Instant::now() + HTTP_TIME_OUT),
        }
    }

    fn pause(&self, failure: &SendFailure, attempts: u32) -> Option<Duration> {
        // An endpoint that closed the connection is not asked again (developer guide, "HTTP
        // action").
        let closed = self.deadline.is_some() && failure.status.is_none();
        if !failure.retryable || closed {
            return None;
        }
        let pause = self.retry.pause_after(attempts, &mut chance())?;
        let in_time = self.deadline.is_none_or(|at| Instant::now() + pause < at);
        in_time.then_some(pause)
    }
}
