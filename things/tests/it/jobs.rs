//! The vectors of jobs, as far as no door is part of them, and what time and a restart do to jobs.

use crate::calls::call;
use crate::world::{self, NOW_MS, code};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use things::{
    CancelExecution, CancelJob, Change, ExecutionStatus, JobConfig, JobError, JobMessage, JobNews,
    JobRequest, JobStatus, MembershipChange, NewJob, NewThing, SchedulingConfig, TargetSelection,
    Things, ThingsError,
};

const THING: &str = "thing-1";
const MINUTE_MS: u64 = 60_000;

#[derive(Deserialize)]
struct File {
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    id: String,
    steps: Vec<Step>,
}

#[derive(Deserialize)]
struct Step {
    op: String,
    service: Option<String>,
    call: Option<String>,
    #[serde(default)]
    params: Value,
    publish_suffix: Option<String>,
    payload: Option<Value>,
    payload_raw: Option<String>,
    expect_messages: Vec<Message>,
    #[serde(default)]
    expect: Map<String, Value>,
    #[serde(default)]
    save: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Message {
    topic_suffix: String,
    payload_subset: Map<String, Value>,
    #[serde(default)]
    payload_absent: Vec<String>,
}

/// A control plane with what its watchers were told.
struct Server {
    things: Things,
    joined: Arc<Mutex<Vec<MembershipChange>>>,
}

impl Server {
    fn new(things: Things) -> Self {
        let joined = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&joined);
        things.watch(move |change| {
            if let Change::Memberships(change) = change {
                told.lock().unwrap().push(change.clone());
            }
        });
        Self { things, joined }
    }

    /// What jobs make of the changes of the registry since.
    fn follow(&self, now_ms: u64) -> Vec<JobMessage> {
        let changes = std::mem::take(&mut *self.joined.lock().unwrap());
        let news = changes
            .iter()
            .map(|change| self.things.follow_memberships(change, now_ms));
        news.flat_map(|news| self.things.job_messages(news))
            .collect()
    }

    fn tell(&self, news: JobNews) -> Vec<JobMessage> {
        self.things.job_messages(news)
    }

    fn thing(&self, name: &str) -> String {
        let new = NewThing {
            name: name.to_owned(),
            ..NewThing::default()
        };
        self.things.create_thing(&new).unwrap().arn
    }

    fn job(&self, id: &str, targets: &[&str], config: Value, now_ms: u64) {
        let new = NewJob {
            targets: targets.iter().map(|name| self.thing(name)).collect(),
            config: serde_json::from_value(config).unwrap(),
            ..new_job(id)
        };
        let (_, news) = self.things.create_job(new, now_ms).unwrap();
        let _ = self.tell(news);
    }

    fn tick(&self, now_ms: u64) -> Vec<JobMessage> {
        self.tell(self.things.tick_jobs(now_ms))
    }

    fn report(&self, job: &str, thing: &str, status: &str, now_ms: u64) {
        let members = json!({"status": status});
        let members = members.as_object().unwrap().clone();
        let request = JobRequest::update(job, members).unwrap();
        let (_, news) = self.things.ask_jobs(thing, &request, now_ms).unwrap();
        let _ = self.tell(news);
    }

    fn status(&self, job: &str, thing: &str) -> ExecutionStatus {
        let found = self.things.describe_job_execution(job, thing, None);
        found.unwrap().status
    }

    fn count(&self, job: &str, status: ExecutionStatus) -> u64 {
        self.things.describe_job(job).unwrap().details.of(status)
    }

    fn job_status(&self, job: &str) -> JobStatus {
        self.things.find_job(job).unwrap().status
    }
}

fn new_job(id: &str) -> NewJob {
    NewJob {
        id: id.to_owned(),
        document: Some("{}".to_owned()),
        ..NewJob::default()
    }
}

fn suffix(topic: &str) -> String {
    let base = format!("$aws/things/{THING}/jobs/");
    topic.strip_prefix(&base).unwrap_or(topic).to_owned()
}

type Said = Vec<(String, Value)>;

fn said(messages: Vec<JobMessage>) -> Said {
    let parsed = |message: JobMessage| {
        let body = serde_json::from_str(&message.payload).unwrap();
        (suffix(&message.topic), body)
    };
    messages.into_iter().map(parsed).collect()
}

/// A request over MQTT, with its answer before what else is told.
fn publish(server: &Server, topic: &str, payload: &[u8]) -> Said {
    let (request, token) = JobRequest::read(payload, |members| match topic.split_once('/') {
        None if topic == "get" => Ok(JobRequest::Pending),
        None => JobRequest::start_next(members),
        Some((job, "get")) => JobRequest::describe(job, members),
        Some((job, _)) => JobRequest::update(job, members),
    });
    let asked = request
        .map_err(JobError::into)
        .and_then(|request| server.things.ask_jobs(THING, &request, NOW_MS));
    match asked {
        Ok((answer, news)) => {
            let mut body = answer.mqtt(&server.things, NOW_MS);
            body.insert("timestamp".to_owned(), (NOW_MS / 1000).into());
            if let Some(token) = token {
                body.insert("clientToken".to_owned(), token.into());
            }
            let mut all = vec![(format!("{topic}/accepted"), body.into())];
            all.extend(said(server.tell(news)));
            all
        }
        Err(rejected) => {
            let body = rejected.mqtt(token.as_deref(), NOW_MS);
            vec![(format!("{topic}/rejected"), body.into())]
        }
    }
}

type Called = Result<(Value, JobNews), &'static str>;

fn control(server: &Server, operation: &str, params: &Value) -> Called {
    let things = &server.things;
    let text = |name: &str| params[name].as_str().unwrap_or_default().to_owned();
    let told = |outcome: Result<JobNews, ThingsError>| {
        let news = outcome.map_err(|error| code(&error))?;
        Ok((json!({}), news))
    };
    match operation {
        "CreateJob" => {
            let selection = TargetSelection::named(&text("targetSelection"));
            let new = NewJob {
                document: Some(text("document")),
                targets: serde_json::from_value(params["targets"].clone()).unwrap(),
                selection: selection.unwrap_or_default(),
                ..new_job(&text("jobId"))
            };
            told(things.create_job(new, NOW_MS).map(|(_, news)| news))
        }
        "DescribeJob" => {
            let found = things.describe_job(&text("jobId")).unwrap();
            let succeeded = found.details.of(ExecutionStatus::Succeeded);
            let job = json!({
                "status": found.job.status.name(),
                "jobProcessDetails": {"numberOfSucceededThings": succeeded},
            });
            Ok((json!({ "job": job }), JobNews::default()))
        }
        "CancelJobExecution" => {
            let cancel = CancelExecution {
                force: params["force"].as_bool().unwrap_or_default(),
                ..CancelExecution::default()
            };
            told(things.cancel_job_execution(&text("jobId"), THING, &cancel, NOW_MS))
        }
        registry => {
            let answer = call(things, registry, params).map_err(|error| code(&error))?;
            Ok((answer, JobNews::default()))
        }
    }
}

/// An operation of `iot-jobs-data`.
fn own(server: &Server, operation: &str, params: &Value) -> Called {
    let members = params.as_object().unwrap().clone();
    let job = params["jobId"].as_str().unwrap_or_default();
    let request = match operation {
        "StartNextPendingJobExecution" => JobRequest::start_next(members),
        "DescribeJobExecution" => JobRequest::describe(job, members),
        "UpdateJobExecution" => JobRequest::update(job, members),
        other => panic!("{other}"),
    };
    let asked = server.things.ask_jobs(THING, &request.unwrap(), NOW_MS);
    let (answer, news) = asked.map_err(|rejected| match rejected.error {
        JobError::TerminalStateReached => "TerminalStateException",
        other => panic!("{other}"),
    })?;
    Ok((answer.http(&server.things, NOW_MS).into(), news))
}

fn fits(wanted: &Value, found: &Value) -> bool {
    match wanted {
        Value::String(text) if text == "<ts>" => *found == NOW_MS / 1000,
        Value::String(text) if text == "<any>" => !found.is_null(),
        Value::String(text) if text.starts_with("<oneof:") => {
            let all = text["<oneof:".len()..].trim_end_matches('>');
            all.split('|').any(|one| *found == *one)
        }
        Value::Object(members) => found.as_object().is_some_and(|found| {
            let each = |(name, value): (&String, &Value)| {
                found.get(name).is_some_and(|found| fits(value, found))
            };
            members.len() == found.len() && members.iter().all(each)
        }),
        Value::Array(items) => found.as_array().is_some_and(|found| {
            let pairs = items.iter().zip(found);
            items.len() == found.len() && pairs.into_iter().all(|(a, b)| fits(a, b))
        }),
        other => other == found,
    }
}

fn check_messages(step: &Step, messages: &Said, at: &str) {
    let mut wanted: Vec<&str> = step
        .expect_messages
        .iter()
        .map(|message| message.topic_suffix.as_str())
        .collect();
    let mut found: Vec<&str> = messages.iter().map(|(topic, _)| topic.as_str()).collect();
    wanted.sort_unstable();
    found.sort_unstable();
    assert_eq!(found, wanted, "{at}: {messages:?}");
    for message in &step.expect_messages {
        let named = |(topic, _): &&(String, Value)| *topic == message.topic_suffix;
        let (topic, body) = messages.iter().find(named).unwrap();
        for (name, value) in &message.payload_subset {
            assert!(fits(value, &body[name]), "{at} {topic} {name}: {body}");
        }
        for pointer in &message.payload_absent {
            assert!(body.pointer(pointer).is_none(), "{at} {topic}: {body}");
        }
    }
}

fn check_call(step: &Step, outcome: &Called, at: &str) {
    if let Some(error) = step.expect.get("error") {
        let found = outcome.as_ref().err();
        assert_eq!(found.copied(), error.as_str(), "{at}");
        return;
    }
    let (answer, _) = outcome
        .as_ref()
        .unwrap_or_else(|error| panic!("{at}: {error}"));
    let Some(paths) = step.expect.get("contains_path") else {
        return;
    };
    for (path, wanted) in paths.as_object().unwrap() {
        let pointer = format!("/{}", path.replace('.', "/"));
        assert_eq!(answer.pointer(&pointer), Some(wanted), "{at} {path}");
    }
}

fn run(vector: &Value) {
    let filled = |names: &BTreeMap<String, String>, step: &Value| {
        let mut text = step.to_string();
        for (name, value) in names {
            text = text.replace(name, value);
        }
        serde_json::from_str::<Step>(&text).unwrap()
    };
    let server = Server::new(world::in_memory());
    let mut names = BTreeMap::from_iter(
        [("<thing>", THING), ("<job>", "j1"), ("<job2>", "j2")]
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
    );
    for (number, step) in vector["steps"].as_array().unwrap().iter().enumerate() {
        let step = filled(&names, step);
        let at = format!("{} step {}", vector["id"], number + 1);
        let messages = if step.op == "mqtt" {
            let payload = step.payload_raw.clone();
            let payload = payload.or_else(|| step.payload.as_ref().map(Value::to_string));
            let topic = step.publish_suffix.as_deref().unwrap();
            publish(&server, topic, payload.unwrap_or_default().as_bytes())
        } else {
            let operation = step.call.as_deref().unwrap();
            let outcome = match step.service.as_deref() {
                Some("iot-jobs-data") => own(&server, operation, &step.params),
                Some(_) | None => control(&server, operation, &step.params),
            };
            check_call(&step, &outcome, &at);
            let mut messages = Vec::new();
            if let Ok((answer, news)) = outcome {
                for (name, member) in &step.save {
                    let value = answer[member].as_str().unwrap().to_owned();
                    names.insert(format!("${name}"), value);
                }
                messages = said(server.tell(news));
            }
            messages.extend(said(server.follow(NOW_MS)));
            messages
        };
        check_messages(&step, &messages, &at);
    }
}

#[test]
fn the_vectors() {
    let text = include_str!("../data/jobs.json");
    let file: Value = serde_json::from_str(text).unwrap();
    let read: File = serde_json::from_str(text).unwrap();
    assert_eq!(read.vectors.len(), 18);
    assert!(
        read.vectors
            .iter()
            .all(|it| !it.id.is_empty() && !it.steps.is_empty())
    );
    file["vectors"].as_array().unwrap().iter().for_each(run);
}

#[test]
fn a_growing_rollout_tells_more_each_minute() {
    let server = Server::new(world::in_memory());
    let names: Vec<String> = (0..20).map(|number| format!("t{number:02}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let rate = json!({"jobExecutionsRolloutConfig": {"maximumPerMinute": 6, "exponentialRate": {
        "baseRatePerMinute": 2, "incrementFactor": 2.0,
        "rateIncreaseCriteria": {"numberOfNotifiedThings": 4}}}});
    server.job("j", &names, rate, NOW_MS);
    let mut told = vec![server.count("j", ExecutionStatus::Queued)];
    for minute in 1..5 {
        server.tick(NOW_MS + minute * MINUTE_MS - 1);
        assert_eq!(
            server.count("j", ExecutionStatus::Queued),
            *told.last().unwrap()
        );
        server.tick(NOW_MS + minute * MINUTE_MS);
        told.push(server.count("j", ExecutionStatus::Queued));
    }
    assert_eq!(told, [2, 4, 8, 14, 20]);
}

#[test]
fn what_fails_is_tried_again_as_often_as_the_job_says() {
    let server = Server::new(world::in_memory());
    let retry = json!({"jobExecutionsRetryConfig": {"criteriaList": [
        {"failureType": "FAILED", "numberOfRetries": 2}]}});
    server.job("j", &["a", "b"], retry, NOW_MS);
    server.report("j", "b", "REJECTED", NOW_MS);
    assert_eq!(server.status("j", "b"), ExecutionStatus::Rejected);
    for attempt in [Some(1), Some(2)] {
        server.report("j", "a", "FAILED", NOW_MS);
        let next = server
            .things
            .describe_job_execution("j", "a", None)
            .unwrap();
        assert_eq!(next.status, ExecutionStatus::Queued);
        assert_eq!(next.retry_attempt(), attempt);
    }
    assert_eq!(server.job_status("j"), JobStatus::InProgress);
    server.report("j", "a", "FAILED", NOW_MS);
    assert_eq!(server.status("j", "a"), ExecutionStatus::Failed);
    assert_eq!(server.job_status("j"), JobStatus::Completed);
}

#[test]
fn a_window_lets_things_be_told_while_it_is_open() {
    let server = Server::new(world::in_memory());
    let arn = server.thing("a");
    let day_ms = 24 * 60 * MINUTE_MS;
    let midnight_ms = NOW_MS / day_ms * day_ms + day_ms;
    let windows = json!({"maintenanceWindows": [
        {"startTime": "cron(0 1 * * ? *)", "durationInMinutes": 30}]});
    let scheduling: SchedulingConfig = serde_json::from_value(windows).unwrap();
    let starts = scheduling.next_starts(midnight_ms);
    assert!(starts[0].ends_with("T01:00"), "{starts:?}");
    let new = NewJob {
        targets: vec![arn],
        selection: TargetSelection::Continuous,
        scheduling: Some(scheduling),
        ..new_job("j")
    };
    let (_, news) = server.things.create_job(new, midnight_ms).unwrap();
    assert!(news.is_empty());
    for (minute, told) in [(59, false), (60, true)] {
        let messages = server.tick(midnight_ms + minute * MINUTE_MS);
        assert_eq!(!messages.is_empty(), told, "minute {minute}");
    }
}

#[test]
fn a_thing_that_is_deleted_has_nothing_to_do_any_more() {
    let server = Server::new(world::in_memory());
    server.job("j", &["a", "b"], json!({}), NOW_MS);
    server.report("j", "a", "IN_PROGRESS", NOW_MS);
    server.report("j", "b", "SUCCEEDED", NOW_MS);
    server.things.delete_thing("a", None).unwrap();
    let topics: Vec<String> = server
        .follow(NOW_MS)
        .into_iter()
        .map(|message| message.topic)
        .collect();
    assert_eq!(
        topics,
        [
            "$aws/things/a/jobs/notify",
            "$aws/things/a/jobs/notify-next"
        ]
    );
    assert_eq!(server.status("j", "a"), ExecutionStatus::Removed);
    assert_eq!(server.job_status("j"), JobStatus::Completed);
}

#[test]
fn jobs_outlive_the_server() {
    let directory = tempfile::tempdir().unwrap();
    let config = json!({
        "jobExecutionsRolloutConfig": {"maximumPerMinute": 2},
        "timeoutConfig": {"inProgressTimeoutInMinutes": 1},
    });
    {
        let server = Server::new(world::in_directory(directory.path()));
        server.job("j", &["a", "b", "c"], config.clone(), NOW_MS);
        server.job("gone", &["a"], json!({}), NOW_MS);
        server.report("j", "b", "IN_PROGRESS", NOW_MS);
        let news = server.things.delete_job("gone", true, NOW_MS).unwrap();
        assert!(!news.is_empty());
        let cancel = CancelJob::default();
        let gone = server.things.cancel_job("gone", cancel, NOW_MS);
        assert_eq!(code(&gone.unwrap_err()), "ResourceNotFoundException");
    }
    let server = Server::new(world::in_directory(directory.path()));
    let job = server.things.find_job("j").unwrap();
    assert_eq!(
        job.config,
        serde_json::from_value::<JobConfig>(config).unwrap()
    );
    assert_eq!(server.status("j", "a"), ExecutionStatus::Queued);
    assert_eq!(server.status("j", "b"), ExecutionStatus::InProgress);
    assert!(
        server
            .things
            .describe_job_execution("j", "c", None)
            .is_err()
    );
    server.tick(NOW_MS + MINUTE_MS);
    assert_eq!(server.status("j", "c"), ExecutionStatus::Queued);
    assert_eq!(server.status("j", "b"), ExecutionStatus::TimedOut);
    // The registry is followed again.
    server.things.delete_thing("c", None).unwrap();
    assert!(!server.follow(NOW_MS).is_empty());
    assert!(server.things.find_job("gone").is_err());
}
