//! AWS IoT Jobs' door for devices: requests on reserved topics with their answers, and the messages
//! that tell of changes, whichever door they came by.

use super::deliver::take_pressure;
use super::events::{event_message, event_origin};
use super::origin::Origin;
use super::publication::Publication;
use super::{Hub, flush};
use bytes::Bytes;
use mqtt::reserved::{JobsOperation, JobsRequest};
use mqtt::{Message, QoS};
use serde_json::{Map, Value};
use std::sync::Arc;
use std::sync::mpsc;
use things::{JobAnswer, JobError, JobMessage, JobNews, JobRejected, JobRequest, MembershipChange};

impl Hub {
    /// Answers a request that a client or a rule published.
    pub(super) fn answer_jobs_request(&self, publication: &Publication<'_>, origin: &Origin) {
        let topic = publication.topic();
        let Some(asked) = JobsRequest::parse(topic) else {
            return;
        };
        let now_ms = self.now_ms();
        let (request, token) = read(asked.operation, publication.payload());
        let outcome = request
            .map_err(JobRejected::from)
            .and_then(|request| self.ask_jobs(asked.thing, &request));
        let (last, members, news) = match outcome {
            Ok((answer, news)) => {
                let mut members = Map::new();
                if let Some(token) = token {
                    members.insert("clientToken".into(), token.into());
                }
                members.insert("timestamp".into(), (now_ms / 1000).into());
                members.extend(answer.mqtt(&self.things, now_ms));
                ("accepted", members, news)
            }
            Err(why) => {
                let thing = asked.thing;
                tracing::debug!(?thing, error = %why.error, "jobs request rejected");
                let members = why.mqtt(token.as_deref(), now_ms);
                ("rejected", members, JobNews::default())
            }
        };
        let answer = JobMessage {
            topic: format!("{topic}/{last}"),
            payload: Value::Object(members).to_string(),
        };
        self.send_jobs(origin.client_id.clone(), Some(answer), news);
    }

    /// Does what a device asks for, whichever way it came.
    pub(crate) fn ask_jobs(
        &self,
        thing: &str,
        request: &JobRequest,
    ) -> Result<(JobAnswer, JobNews), JobRejected> {
        let operation = api_name(request);
        let outcome = match self.quota_jobs(operation) {
            Ok(()) => self.things.ask_jobs(thing, request, self.now_ms()),
            Err(_) => Err(JobError::RequestThrottled.into()),
        };
        self.metrics.job_request(operation, outcome.is_ok());
        outcome
    }

    /// Tells devices of a change that was not asked for over MQTT.
    pub(crate) fn tell_jobs(&self, news: JobNews) {
        if let Some(journal) = &self.journal {
            journal.expect_disk();
        }
        self.send_jobs(None, None, news);
        // This thread serves no connection, whose round would send it on.
        flush::settle(self.now_ms());
        take_pressure();
    }

    /// The same, and waits until the change is on disk; false when the disk has failed. The thread
    /// must be one that may wait.
    pub(crate) fn tell_jobs_and_wait(&self, news: JobNews) -> bool {
        self.send_jobs(None, None, news);
        flush::settle(self.now_ms());
        take_pressure();
        let Some(journal) = &self.journal else {
            return true;
        };
        let (done, wait) = mpsc::channel();
        journal.then(move |on_disk| {
            // Nobody hangs up before the answer.
            let _ = done.send(on_disk);
        });
        wait.recv().unwrap_or(false)
    }

    /// Has jobs follow the registry.
    pub(crate) fn follow_memberships(&self, change: &MembershipChange) {
        let news = self.things.follow_memberships(change, self.now_ms());
        if !news.is_empty() {
            self.tell_jobs(news);
        }
    }

    /// Has jobs follow what happened to the registry while nobody listened.
    pub(crate) fn follow_all_memberships(&self) {
        let news = self.things.follow_all_memberships(self.now_ms());
        if !news.is_empty() {
            self.tell_jobs(news);
        }
    }

    /// Has jobs do what is due.
    pub(super) fn tick_jobs(&self, now_ms: u64) {
        let news = self.things.tick_jobs(now_ms);
        if !news.is_empty() {
            self.send_jobs(None, None, news);
        }
    }

    /// Sends an answer to who asked, and publishes what else there is to tell, when the change is
    /// on disk.
    fn send_jobs(&self, to: Option<Arc<str>>, answer: Option<JobMessage>, news: JobNews) {
        let Some(journal) = &self.journal else {
            self.give_jobs(to.as_deref(), answer, news);
            return;
        };
        let hub = self.me.clone();
        journal.then(move |on_disk| {
            if let Some(hub) = hub.upgrade().filter(|_| on_disk) {
                hub.give_jobs(to.as_deref(), answer, news);
                take_pressure();
            }
        });
    }

    fn give_jobs(&self, to: Option<&str>, answer: Option<JobMessage>, news: JobNews) {
        if !self.profile.reserved_topics {
            return;
        }
        if let (Some(client_id), Some(answer)) = (to, answer) {
            self.answer_directly(client_id, answer);
        }
        let origin = event_origin("".into());
        for JobMessage { topic, payload } in self.things.job_messages(news) {
            // Not from the cache: most of these topics are published to once.
            let route = self.fresh_route(&topic, None);
            let message = Arc::new(event_message(Arc::clone(&route.topic), payload));
            let publication = Publication::of_message(&message, self.now_ms());
            self.deliver(&publication, &route, None, &origin);
        }
    }

    /// Answers go to who asked, subscribed or not, and to nobody else ("Jobs device MQTT API" in the
    /// AWS IoT developer guide); at QoS 0, as AWS's SDK for Embedded C sees them.
    fn answer_directly(&self, client_id: &str, answer: JobMessage) {
        let message = Arc::new(Message {
            topic: answer.topic.into(),
            payload: Bytes::from(answer.payload),
            qos: QoS::AtMostOnce,
            retain: false,
            properties: Bytes::new(),
            expires_at_ms: None,
        });
        if let Err(why) = self.put_direct(client_id, &message) {
            let topic = &message.topic;
            tracing::debug!(?client_id, %topic, %why, "an answer of jobs is not sent");
        }
    }
}

/// Reads a request, and its client token where that can be told.
fn read(
    operation: JobsOperation<'_>,
    payload: &[u8],
) -> (Result<JobRequest, JobError>, Option<String>) {
    JobRequest::read(payload, |members| match operation {
        JobsOperation::Pending => Ok(JobRequest::Pending),
        JobsOperation::StartNext => JobRequest::start_next(members),
        JobsOperation::Describe(job) => JobRequest::describe(job, members),
        JobsOperation::Update(job) => JobRequest::update(job, members),
    })
}

fn api_name(request: &JobRequest) -> &'static str {
    match request {
        JobRequest::Pending => "GetPendingJobExecutions",
        JobRequest::StartNext(_) => "StartNextPendingJobExecution",
        JobRequest::Describe { .. } => "DescribeJobExecution",
        JobRequest::Update { .. } => "UpdateJobExecution",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::Budget;
    use crate::clock::Clock;
    use crate::hub::HubParts;
    use crate::metrics::Metrics;
    use mqtt::Profile;
    use things::{NewThing, Settings, Things};

    #[test]
    fn requests_beyond_the_quota_are_throttled_by_operation() {
        let (region, account_id) = ("us-east-1".to_owned(), "000000000000".to_owned());
        let things = Things::open(&Settings {
            region: region.clone(),
            account_id: account_id.clone(),
            directory: None,
        });
        let things = Arc::new(things.unwrap());
        let lamp = NewThing {
            name: "lamp".to_owned(),
            ..NewThing::default()
        };
        things.create_thing(&lamp).unwrap();
        let hub = Hub::new(HubParts {
            profile: Profile::aws(),
            things,
            clock: Arc::new(Clock::standing(1)),
            metrics: Arc::new(Metrics::default()),
            region,
            account_id,
            anonymous: None,
            enforce_quotas: true,
            budget: Budget::new(usize::MAX),
        });
        for _ in 0..200 {
            assert!(hub.ask_jobs("lamp", &JobRequest::Pending).is_ok());
        }
        let throttled = hub.ask_jobs("lamp", &JobRequest::Pending).unwrap_err();
        assert_eq!(throttled.error.code(), "RequestThrottled");
        let next = JobRequest::start_next(Map::new()).unwrap();
        assert!(hub.ask_jobs("lamp", &next).is_ok());
    }
}
