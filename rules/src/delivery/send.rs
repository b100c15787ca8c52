//! Sends an action's request until it succeeds, cannot succeed, or was tried often enough.

use super::chance::chance;
use super::error_action::Failure;
use super::execute::{Failed, Pending, Run};
use super::records::Outcome;
use super::retry::Retry;
use super::shown::shown_request;
use crate::actions::Missing;
use crate::target::{AwsRequest, Route, SendFailure, Service, Via};
use http::StatusCode;
use std::time::Duration;
use tokio::time::Instant;

/// What an HTTP action may take with all its tries (developer guide, "HTTP action").
const HTTP_TIME_OUT: Duration = Duration::from_secs(3);
const HTTP_ATTEMPTS_MAX: u32 = 3;

/// How a request ended, and how often it was sent.
pub(super) struct Sent {
    pub(super) result: Result<StatusCode, SendFailure>,
    pub(super) attempts: u32,
}

impl Run {
    /// Sends a request, alone or with others.
    pub(super) async fn send(&self, pending: Pending) -> Option<Failure> {
        if pending.route.via == Via::Recorded {
            let shown = Some(shown_request(&pending.route, &pending.request));
            self.record(pending.invocation, shown, 0, Outcome::Recorded);
            return None;
        }
        if let Some(batching) = pending.batching {
            return self.send_in_batch(pending, batching).await;
        }
        let missing = pending.rendered.missing.as_ref();
        let sent = self
            .deliver(&pending.route, &pending.request, missing)
            .await;
        self.sent(pending, sent)
    }

    /// Records how a request ended.
    pub(super) fn sent(&self, pending: Pending, sent: Sent) -> Option<Failure> {
        let shown = Some(shown_request(&pending.route, &pending.request));
        let Pending {
            invocation,
            rendered,
            ..
        } = pending;
        match sent.result {
            Ok(status) => {
                let status = Some(status.as_u16());
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

    /// Sends a request with all its tries.
    pub(super) async fn deliver(
        &self,
        route: &Route,
        request: &AwsRequest,
        mut missing: Option<&Missing>,
    ) -> Sent {
        let tries = Tries::of(request.service, self.shared().settings.retry);
        let mut attempts = 0;
        loop {
            attempts += 1;
            let failure = match self.attempt(route, request, &tries).await {
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
        request: &AwsRequest,
        tries: &Tries,
    ) -> Result<StatusCode, SendFailure> {
        let sending = self.shared().ports.target.send(route, request);
        let answer = match tries.deadline {
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
        answer.and_then(|answer| answer.into_result(request.service))
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

/// When a service is tried again.
struct Tries {
    retry: Retry,
    deadline: Option<Instant>,
}

impl Tries {
    fn of(service: Service, retry: Retry) -> Self {
        if service != Service::Http {
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
