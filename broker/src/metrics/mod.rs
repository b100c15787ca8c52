//! What the server counts, in Prometheus's text form at `/_thingcore/metrics`.
//!
//! Counters on the way of a message are plain atomics; labels are kept for what is rare.

mod labels;

use crate::budget::Buffers;
use labels::{Action, Outcome, Reason, Rule, RuleAction};
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use rules::delivery::{ActionCounters, Counters, RuleCounters};
use std::fmt;
use std::sync::Arc;

/// The counters of one server.
pub(crate) struct Metrics {
    registry: Registry,
    connections: Gauge,
    connects: Counter,
    handshakes_failed: Counter,
    disconnects: Family<Reason, Counter>,
    denied: Family<Action, Counter>,
    throttled: Family<labels::Quota, Counter>,
    messages_in: Counter,
    bytes_in: Counter,
    messages_out: Counter,
    messages_dropped: Counter,
    receives_denied: Counter,
    rules_not_found: Counter,
    rule_actions: Family<Outcome, Counter>,
    api_requests: Family<labels::Request, Counter>,
    shadow_requests: Family<labels::Device, Counter>,
    job_requests: Family<labels::Device, Counter>,
}

impl Metrics {
    /// A client's CONNECT was accepted.
    pub(crate) fn connected(&self) {
        self.connects.inc();
        self.connections.inc();
    }

    /// A connected client went; `reason` is AWS's `disconnectReason`.
    pub(crate) fn disconnected(&self, reason: &'static str) {
        self.connections.dec();
        self.disconnects.get_or_create(&Reason { reason }).inc();
    }

    /// A TLS handshake failed.
    pub(crate) fn handshake_failed(&self) {
        self.handshakes_failed.inc();
    }

    /// A policy refused `action` (`iot:Publish`).
    pub(crate) fn denied(&self, action: &'static str) {
        self.denied.get_or_create(&Action { action }).inc();
    }

    /// A rate quota was exceeded; its name is that of AWS's metric.
    pub(crate) fn throttled(&self, quota: &'static str) {
        self.throttled.get_or_create(&labels::Quota { quota }).inc();
    }

    /// Messages were accepted; `bytes` is the length of their payloads.
    pub(crate) fn published_in(&self, messages: usize, bytes: usize) {
        self.messages_in.inc_by(wide(messages));
        self.bytes_in.inc_by(wide(bytes));
    }

    /// A message was routed: how many sessions got it, lost it because they are too slow, and
    /// may not have it (`iot:Receive`).
    pub(crate) fn published_out(&self, delivered: usize, dropped: usize, denied: usize) {
        self.messages_out.inc_by(wide(delivered));
        if dropped > 0 {
            self.messages_dropped.inc_by(wide(dropped));
        }
        if denied > 0 {
            self.receives_denied.inc_by(wide(denied));
        }
    }

    /// Basic Ingest named a rule that is not there or is disabled.
    pub(crate) fn rule_not_found(&self) {
        self.rules_not_found.inc();
    }

    /// An action of a rule ended; `action` is its kind (`s3`), `outcome` one of `success`,
    /// `recorded`, `denied` and `failure`.
    pub(crate) fn rule_action(&self, rule: &Arc<str>, action: &'static str, outcome: &'static str) {
        let labels = Outcome {
            rule: rule.to_string(),
            action,
            outcome,
        };
        self.rule_actions.get_or_create(&labels).inc();
    }

    /// A request to the AWS API was answered.
    pub(crate) fn api_request(&self, operation: &'static str, status: u16) {
        self.api_requests
            .get_or_create(&labels::Request { operation, status })
            .inc();
    }

    /// A request to a shadow (`UpdateThingShadow`) was accepted or rejected.
    pub(crate) fn shadow_request(&self, operation: &'static str, accepted: bool) {
        let labels = labels::Device::new(operation, accepted);
        self.shadow_requests.get_or_create(&labels).inc();
    }

    /// A device's request to jobs (`UpdateJobExecution`) was accepted or rejected.
    pub(crate) fn job_request(&self, operation: &'static str, accepted: bool) {
        let labels = labels::Device::new(operation, accepted);
        self.job_requests.get_or_create(&labels).inc();
    }

    /// Everything in Prometheus's text form; `rules` is what the rules engine counts, `buffers`
    /// what the message core holds in memory.
    pub(crate) fn text(&self, rules: &Counters, buffers: &Buffers) -> String {
        const END: &str = "# EOF\n";
        let mut text = String::new();
        // Writing to a String fails for no reason but a failing encoder, whose lines are lost.
        let _: fmt::Result = encode(&mut text, &self.registry);
        for registry in [of_rules(rules), of_buffers(buffers)] {
            if let Some(before_end) = text.strip_suffix(END) {
                text.truncate(before_end.len());
            }
            let _: fmt::Result = encode(&mut text, &registry);
        }
        text
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Metrics {
            registry: Registry::with_prefix("thingcore"),
            connections: Gauge::default(),
            connects: Counter::default(),
            handshakes_failed: Counter::default(),
            disconnects: Family::default(),
            denied: Family::default(),
            throttled: Family::default(),
            messages_in: Counter::default(),
            bytes_in: Counter::default(),
            messages_out: Counter::default(),
            messages_dropped: Counter::default(),
            receives_denied: Counter::default(),
            rules_not_found: Counter::default(),
            rule_actions: Family::default(),
            api_requests: Family::default(),
            shadow_requests: Family::default(),
            job_requests: Family::default(),
        };
        metrics.register_connections();
        metrics.register_messages();
        metrics.register_rules();
        metrics
    }
}

impl Metrics {
    fn register_connections(&mut self) {
        let registry = &mut self.registry;
        registry.register("connections", "Connected clients", self.connections.clone());
        registry.register(
            "connects",
            "Accepted CONNECT packets",
            self.connects.clone(),
        );
        let help = "TLS handshakes that failed";
        registry.register(
            "tls_handshakes_failed",
            help,
            self.handshakes_failed.clone(),
        );
        let help = "Ended connections by AWS's disconnectReason";
        registry.register("disconnects", help, self.disconnects.clone());
        let help = "Actions that a policy refused";
        registry.register("denied", help, self.denied.clone());
        let help = "What exceeded a rate quota";
        registry.register("throttled", help, self.throttled.clone());
        let help = "Answered requests to the AWS API";
        registry.register("api_requests", help, self.api_requests.clone());
        let help = "Requests to device shadows by MQTT and HTTP";
        registry.register("shadow_requests", help, self.shadow_requests.clone());
        let help = "Requests of devices to jobs by MQTT and HTTP";
        registry.register("job_requests", help, self.job_requests.clone());
    }

    fn register_messages(&mut self) {
        let registry = &mut self.registry;
        registry.register(
            "messages_in",
            "Accepted publishes",
            self.messages_in.clone(),
        );
        registry.register(
            "bytes_in",
            "Payload bytes of accepted publishes",
            self.bytes_in.clone(),
        );
        registry.register(
            "messages_out",
            "Messages given to sessions",
            self.messages_out.clone(),
        );
        let help = "Messages that a slow session lost, or never acknowledged";
        registry.register("messages_dropped", help, self.messages_dropped.clone());
        let help = "Messages that a subscriber's policy keeps from it (iot:Receive)";
        registry.register("receives_denied", help, self.receives_denied.clone());
    }

    fn register_rules(&mut self) {
        let registry = &mut self.registry;
        let help = "Basic Ingest messages to a rule that is missing or disabled";
        registry.register("rules_not_found", help, self.rules_not_found.clone());
        let help = "Actions of rules by outcome";
        registry.register("rule_actions", help, self.rule_actions.clone());
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

/// What the message core holds in memory.
fn of_buffers(buffers: &Buffers) -> Registry {
    let mut registry = Registry::with_prefix("thingcore");
    let gauge = |bytes: usize| {
        let gauge: Gauge = Gauge::default();
        gauge.set(i64::try_from(bytes).unwrap_or(i64::MAX));
        gauge
    };
    let help = "Memory of what is kept for clients";
    registry.register("buffered_bytes", help, gauge(buffers.bytes));
    let help = "Memory that may be kept for clients (--buffer-memory)";
    registry.register("buffered_bytes_max", help, gauge(buffers.bytes_max));
    let help = "What of it requests and answers of HTTP take";
    registry.register("buffered_http_bytes", help, gauge(buffers.http_bytes));
    let refused = Family::<labels::Claim, Counter>::default();
    for (claim, count) in &buffers.refused {
        refused
            .get_or_create(&labels::Claim { claim })
            .inc_by(*count);
    }
    let help = "What was refused because the memory for clients was used up";
    registry.register("memory_refused", help, refused);
    registry
}

/// Reads one of a rule's counters.
type Count = fn(&RuleCounters) -> u64;

/// The rules engine's counters under AWS's names (developer guide, "AWS IoT metrics").
fn of_rules(counters: &Counters) -> Registry {
    let mut registry = Registry::with_prefix("thingcore");
    let families: [(&str, &str, Count); 5] = [
        ("rule_topic_match", "Messages on a topic of the rule", |c| {
            c.topic_match.count()
        }),
        ("rule_executed", "Messages that WHERE let through", |c| {
            c.executed.count()
        }),
        ("rule_not_matched", "Messages that WHERE kept back", |c| {
            c.not_matched.count()
        }),
        ("rule_parse_error", "Messages that the SQL failed on", |c| {
            c.parse_error.count()
        }),
        (
            "rule_message_throttled",
            "Messages dropped because too many waited",
            |c| c.throttled.count(),
        ),
    ];
    let rules = counters.rules();
    for (name, help, count) in families {
        let family = Family::<Rule, Counter>::default();
        for (rule, counters) in &rules {
            let rule = Rule {
                rule: rule.to_string(),
            };
            family.get_or_create(&rule).inc_by(count(counters));
        }
        registry.register(name, help, family);
    }
    of_actions(&mut registry, &rules);
    registry
}

type CountOfAction = fn(&ActionCounters) -> u64;

/// What became of actions, by rule and kind.
fn of_actions(registry: &mut Registry, rules: &[(Arc<str>, Arc<RuleCounters>)]) {
    let families: [(&str, &str, CountOfAction); 4] = [
        ("rule_action_success", "Actions that were done", |c| {
            c.success.count()
        }),
        ("rule_action_failure", "Actions that failed for good", |c| {
            c.failure.count()
        }),
        (
            "rule_error_action_success",
            "Error actions that were done",
            |c| c.error_action_success.count(),
        ),
        (
            "rule_error_action_failure",
            "Error actions that failed for good",
            |c| c.error_action_failure.count(),
        ),
    ];
    for (name, help, count) in families {
        let family = Family::<RuleAction, Counter>::default();
        for (rule, counters) in rules {
            for (action, counters) in counters.actions() {
                let rule = rule.to_string();
                let labels = RuleAction { rule, action };
                family.get_or_create(&labels).inc_by(count(&counters));
            }
        }
        registry.register(name, help, family);
    }
}

fn wide(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happened_is_counted_by_reason_action_and_rule() {
        let metrics = Metrics::default();
        metrics.connected();
        metrics.connected();
        metrics.disconnected("CLIENT_INITIATED_DISCONNECT");
        metrics.denied("iot:Publish");
        metrics.published_in(1, 7);
        metrics.published_out(3, 1, 2);
        let rules = Counters::default();
        rules.rule(&"hot".into()).action("s3");
        metrics.rule_action(&"hot".into(), "s3", "failure");
        metrics.api_request("CreateThing", 200);
        metrics.shadow_request("GetThingShadow", false);
        let buffers = Buffers {
            bytes: 5,
            bytes_max: 9,
            http_bytes: 2,
            refused: vec![("publish", 3)],
        };
        let text = metrics.text(&rules, &buffers);
        for line in [
            "thingcore_connections 1",
            "thingcore_connects_total 2",
            r#"thingcore_disconnects_total{reason="CLIENT_INITIATED_DISCONNECT"} 1"#,
            r#"thingcore_denied_total{action="iot:Publish"} 1"#,
            "thingcore_messages_in_total 1",
            "thingcore_bytes_in_total 7",
            "thingcore_messages_out_total 3",
            "thingcore_messages_dropped_total 1",
            "thingcore_receives_denied_total 2",
            "thingcore_buffered_bytes 5",
            "thingcore_buffered_bytes_max 9",
            "thingcore_buffered_http_bytes 2",
            r#"thingcore_memory_refused_total{claim="publish"} 3"#,
            r#"thingcore_rule_topic_match_total{rule="hot"} 0"#,
            r#"thingcore_rule_action_success_total{rule="hot",action="s3"} 0"#,
            r#"thingcore_rule_actions_total{rule="hot",action="s3",outcome="failure"} 1"#,
            r#"thingcore_shadow_requests_total{operation="GetThingShadow",outcome="rejected"} 1"#,
            r#"thingcore_api_requests_total{operation="CreateThing",status="200"} 1"#,
        ] {
            assert!(
                text.lines().any(|found| found == line),
                "{line} in:\n{text}"
            );
        }
    }
}
