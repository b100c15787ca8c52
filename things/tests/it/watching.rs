//! What watchers are told, and the epoch.

use crate::calls::call;
use crate::world::{self, NOW_MS};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use things::{CertificateStatus, Change, Things};

/// What a watcher was told, with the epoch that it saw then.
type Log = Arc<Mutex<Vec<(Change, u64)>>>;

fn watched() -> (Arc<Things>, Log) {
    let things = Arc::new(world::in_memory());
    let log = Log::default();
    let (told, watcher) = (Arc::clone(&log), Arc::downgrade(&things));
    things.watch(move |change| {
        let epoch = watcher.upgrade().unwrap().epoch();
        told.lock().unwrap().push((change.clone(), epoch));
    });
    (things, log)
}

/// Calls in order, each with what watchers are told.
#[test]
fn changes_are_told_once_made() {
    let (things, log) = watched();
    let pem = world::self_signed("device");
    let made = things.register_certificate_without_ca(&pem, None, NOW_MS);
    let made = made.unwrap();
    let text = include_str!("../data/changes.json");
    let text = text.replace("$certificate", &made.arn);
    let file: Value = serde_json::from_str(&text.replace("$id", &made.id)).unwrap();
    for step in file.as_array().unwrap() {
        let operation = step["call"].as_str().unwrap();
        log.lock().unwrap().clear();
        let before = things.epoch();
        call(&things, operation, &step["with"]).unwrap_or_else(|error| panic!("{step}: {error}"));
        let told = log.lock().unwrap().clone();
        let names: Vec<&str> = told.iter().map(|(change, _)| name(change)).collect();
        assert_eq!(json!(names), step["tells"], "{step}");
        let silent = names.is_empty();
        assert_eq!(things.epoch() == before, silent, "{step}");
        for (_, seen) in told {
            assert!(seen > before, "{step}: the epoch comes first");
        }
    }
    log.lock().unwrap().clear();
    things.reset().unwrap();
    assert_eq!(log.lock().unwrap()[0].0, Change::Reset);
}

fn name(change: &Change) -> &'static str {
    match change {
        Change::Decisions => "decisions",
        Change::Certificate { active: true, .. } => "active",
        Change::Certificate { active: false, .. } => "inactive",
        Change::Rules => "rules",
        Change::Destination { .. } => "destination",
        Change::Event(_) => "event",
        Change::Memberships(_) => "memberships",
        Change::Reset => "reset",
    }
}

#[test]
fn a_watcher_sees_the_change_and_may_make_another() {
    let things = Arc::new(world::in_memory());
    let pem = world::self_signed("device");
    let status = Some(CertificateStatus::Active);
    let made = things.register_certificate_without_ca(&pem, status, NOW_MS);
    let id = made.unwrap().id;
    let inner = Arc::downgrade(&things);
    things.watch(move |change| {
        let things = inner.upgrade().unwrap();
        if let Change::Certificate { id, active: false } = change {
            let seen = things.certificate(id).unwrap();
            assert_eq!(seen.status, CertificateStatus::Inactive);
            call(&things, "CreateThing", &json!({"thingName": "after"})).unwrap();
        }
    });
    let inactive = CertificateStatus::Inactive;
    things.update_certificate(&id, inactive, NOW_MS).unwrap();
    assert!(things.describe_thing("after").is_ok());
}
