//! The reserved topics of AWS IoT: which topics beginning with `$` a client may publish or
//! subscribe to ("Reserved topics" in the AWS IoT developer guide).
//!
//! The tables leave `$aws/` out; `+` stands for a name, `#` for any rest.

use crate::profile::Profile;

/// A publish that goes to one rule and not through the broker ("Reducing messaging costs with
/// Basic Ingest" in the AWS IoT developer guide).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BasicIngest<'a> {
    /// The name of the rule.
    pub rule: &'a str,
    /// What `topic()` shows in the rule; empty when nothing follows the name.
    pub topic: &'a str,
}

impl<'a> BasicIngest<'a> {
    /// Takes `$aws/rules/NAME[/TOPIC]` apart.
    pub fn parse(topic: &'a str) -> Option<Self> {
        let rest = topic.strip_prefix("$aws/rules/")?;
        let (rule, topic) = rest.split_once('/').unwrap_or((rest, ""));
        (!rule.is_empty()).then_some(BasicIngest { rule, topic })
    }
}

/// What a request asks of a shadow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShadowOperation {
    /// The whole document.
    Get,
    /// A change.
    Update,
    /// Its end.
    Delete,
}

/// A request to the Device Shadow service ("Device Shadow MQTT topics" in the AWS IoT developer
/// guide).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShadowRequest<'a> {
    /// The thing.
    pub thing: &'a str,
    /// The shadow's name; the classic shadow has none.
    pub shadow: Option<&'a str>,
    /// What is asked for.
    pub operation: ShadowOperation,
}

impl<'a> ShadowRequest<'a> {
    /// Takes `$aws/things/THING/shadow/[name/SHADOW/]OPERATION` apart.
    pub fn parse(topic: &'a str) -> Option<Self> {
        let rest = topic.strip_prefix("$aws/things/")?;
        let (thing, rest) = rest.split_once("/shadow/")?;
        let (shadow, operation) = match rest.strip_prefix("name/") {
            Some(named) => {
                let (shadow, operation) = named.split_once('/')?;
                (Some(shadow), operation)
            }
            None => (None, rest),
        };
        let operation = match operation {
            "get" => ShadowOperation::Get,
            "update" => ShadowOperation::Update,
            "delete" => ShadowOperation::Delete,
            _ => return None,
        };
        Some(Self {
            thing,
            shadow,
            operation,
        })
    }
}

/// The format of a document, as the last level of a topic names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PayloadFormat {
    /// JSON.
    Json,
    /// Concise Binary Object Representation (RFC 8949).
    Cbor,
}

/// What a request asks of provisioning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProvisioningOperation<'a> {
    /// Keys and a certificate.
    CreateKeysAndCertificate,
    /// A certificate for keys that the device has.
    CreateCertificateFromCsr,
    /// To become what a template says.
    RegisterThing {
        /// The template's name.
        template: &'a str,
    },
}

/// A request to provisioning ("Device provisioning MQTT API" in the AWS IoT developer guide).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProvisioningRequest<'a> {
    /// What is asked for.
    pub operation: ProvisioningOperation<'a>,
    /// The format of request and answer.
    pub format: PayloadFormat,
}

impl<'a> ProvisioningRequest<'a> {
    /// Takes `$aws/certificates/OPERATION/FORMAT` and
    /// `$aws/provisioning-templates/TEMPLATE/provision/FORMAT` apart.
    pub fn parse(topic: &'a str) -> Option<Self> {
        let (rest, format) = topic.strip_prefix("$aws/")?.rsplit_once('/')?;
        let format = match format {
            "json" => PayloadFormat::Json,
            "cbor" => PayloadFormat::Cbor,
            _ => return None,
        };
        let operation = match rest {
            "certificates/create" => ProvisioningOperation::CreateKeysAndCertificate,
            "certificates/create-from-csr" => ProvisioningOperation::CreateCertificateFromCsr,
            rest => {
                let template = rest.strip_prefix("provisioning-templates/")?;
                let template = template.strip_suffix("/provision")?;
                let is_name = !template.is_empty() && !template.contains('/');
                is_name.then_some(ProvisioningOperation::RegisterThing { template })?
            }
        };
        Some(Self { operation, format })
    }
}

/// What a request asks of the jobs of a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobsOperation<'a> {
    /// What the thing has to do.
    Pending,
    /// To begin with what comes next.
    StartNext,
    /// One execution; the job is an id or `$next`.
    Describe(&'a str),
    /// A change of one execution.
    Update(&'a str),
}

/// A request to AWS IoT Jobs ("Jobs device MQTT API" in the AWS IoT developer guide).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobsRequest<'a> {
    /// The thing.
    pub thing: &'a str,
    /// What is asked for.
    pub operation: JobsOperation<'a>,
}

impl<'a> JobsRequest<'a> {
    /// Takes `$aws/things/THING/jobs/[JOB/]OPERATION` apart.
    pub fn parse(topic: &'a str) -> Option<Self> {
        let mut levels = topic.strip_prefix("$aws/things/")?.split('/');
        let thing = levels.next()?;
        let (Some("jobs"), first) = (levels.next(), levels.next()?) else {
            return None;
        };
        let operation = match (first, levels.next(), levels.next()) {
            ("get", None, None) => JobsOperation::Pending,
            ("start-next", None, None) => JobsOperation::StartNext,
            (job, Some("get"), None) => JobsOperation::Describe(job),
            (job, Some("update"), None) => JobsOperation::Update(job),
            _ => return None,
        };
        Some(Self { thing, operation })
    }
}

/// Whether a client may publish to a topic. Topics that do not begin with `$` are anyone's.
pub fn may_publish(topic: &str, profile: &Profile) -> bool {
    if !topic.starts_with('$') || !profile.reserved_topics {
        return !topic.starts_with("$share/");
    }
    let Some(rest) = topic.strip_prefix("$aws/") else {
        return false;
    };
    PUBLISH
        .iter()
        .chain(&BOTH)
        .any(|pattern| overlaps(pattern, rest))
}

/// Whether a client may subscribe to a filter: some topic that it matches can be subscribed to.
pub fn may_subscribe(filter: &str, profile: &Profile) -> bool {
    if !filter.starts_with('$') || !profile.reserved_topics {
        return true;
    }
    let Some(rest) = filter.strip_prefix("$aws/") else {
        return false;
    };
    SUBSCRIBE
        .iter()
        .chain(&BOTH)
        .any(|pattern| overlaps(pattern, rest))
}

/// Whether two filters have a topic in common; a topic is a filter without wildcards.
fn overlaps(a: &str, b: &str) -> bool {
    let (mut a, mut b) = (a.split('/'), b.split('/'));
    loop {
        match (a.next(), b.next()) {
            (None, None) | (Some("#"), _) | (_, Some("#")) => return true,
            (None, Some(_)) | (Some(_), None) => return false,
            (Some(x), Some(y)) if x == y => {}
            // A name has at least one character.
            (Some("+"), Some(name)) | (Some(name), Some("+")) if !name.is_empty() => {}
            (Some(_), Some(_)) => return false,
        }
    }
}

/// Published by clients, and visible to those who subscribe.
const BOTH: [&str; 6] = [
    "things/+/shadow/get",
    "things/+/shadow/name/+/get",
    "things/+/shadow/update",
    "things/+/shadow/name/+/update",
    "things/+/shadow/delete",
    "things/+/shadow/name/+/delete",
];

/// Published by clients, seen by the service alone.
const PUBLISH: [&str; 20] = [
    "rules/+/#",
    "things/+/jobs/get",
    "things/+/jobs/start-next",
    "things/+/jobs/+/get",
    "things/+/jobs/+/update",
    "certificates/create/json",
    "certificates/create/cbor",
    "certificates/create-from-csr/json",
    "certificates/create-from-csr/cbor",
    "provisioning-templates/+/provision/json",
    "provisioning-templates/+/provision/cbor",
    "things/+/defender/metrics/json",
    "things/+/defender/metrics/cbor",
    "things/+/streams/+/get/json",
    "things/+/streams/+/get/cbor",
    "things/+/streams/+/describe/json",
    "things/+/streams/+/describe/cbor",
    "commands/things/+/executions/+/response/+",
    "commands/clients/+/executions/+/response/+",
    "device_location/+/get_position_estimate",
];

/// Published by the service.
const SUBSCRIBE: [&str; 97] = [
    "things/+/shadow/get/accepted",
    "things/+/shadow/name/+/get/accepted",
    "things/+/shadow/get/rejected",
    "things/+/shadow/name/+/get/rejected",
    "things/+/shadow/update/accepted",
    "things/+/shadow/name/+/update/accepted",
    "things/+/shadow/update/rejected",
    "things/+/shadow/name/+/update/rejected",
    "things/+/shadow/update/delta",
    "things/+/shadow/name/+/update/delta",
    "things/+/shadow/update/documents",
    "things/+/shadow/name/+/update/documents",
    "things/+/shadow/delete/accepted",
    "things/+/shadow/name/+/delete/accepted",
    "things/+/shadow/delete/rejected",
    "things/+/shadow/name/+/delete/rejected",
    "things/+/jobs/get/accepted",
    "things/+/jobs/get/rejected",
    "things/+/jobs/start-next/accepted",
    "things/+/jobs/start-next/rejected",
    "things/+/jobs/+/get/accepted",
    "things/+/jobs/+/get/rejected",
    "things/+/jobs/+/update/accepted",
    "things/+/jobs/+/update/rejected",
    "things/+/jobs/notify",
    "things/+/jobs/notify-next",
    "certificates/create/json/accepted",
    "certificates/create/cbor/accepted",
    "certificates/create/json/rejected",
    "certificates/create/cbor/rejected",
    "certificates/create-from-csr/json/accepted",
    "certificates/create-from-csr/cbor/accepted",
    "certificates/create-from-csr/json/rejected",
    "certificates/create-from-csr/cbor/rejected",
    "provisioning-templates/+/provision/json/accepted",
    "provisioning-templates/+/provision/cbor/accepted",
    "provisioning-templates/+/provision/json/rejected",
    "provisioning-templates/+/provision/cbor/rejected",
    "events/presence/connected/+",
    "events/presence/disconnected/+",
    "events/presence/connect_failed/+",
    "events/subscriptions/subscribed/+",
    "events/subscriptions/unsubscribed/+",
    "events/certificates/registered/+",
    "events/job/+/canceled",
    "events/job/+/cancellation_in_progress",
    "events/job/+/completed",
    "events/job/+/deleted",
    "events/job/+/deletion_in_progress",
    "events/jobExecution/+/canceled",
    "events/jobExecution/+/deleted",
    "events/jobExecution/+/failed",
    "events/jobExecution/+/rejected",
    "events/jobExecution/+/removed",
    "events/jobExecution/+/succeeded",
    "events/jobExecution/+/timed_out",
    "events/thing/+/created",
    "events/thing/+/updated",
    "events/thing/+/deleted",
    "events/thingGroup/+/created",
    "events/thingGroup/+/updated",
    "events/thingGroup/+/deleted",
    "events/thingType/+/created",
    "events/thingType/+/updated",
    "events/thingType/+/deleted",
    "events/thingTypeAssociation/thing/+/thingType/+/added",
    "events/thingTypeAssociation/thing/+/thingType/+/removed",
    "events/thingGroupMembership/thingGroup/+/thing/+/added",
    "events/thingGroupMembership/thingGroup/+/thing/+/removed",
    "events/thingGroupHierarchy/thingGroup/+/childThingGroup/+/added",
    "events/thingGroupHierarchy/thingGroup/+/childThingGroup/+/removed",
    "things/+/defender/metrics/json/accepted",
    "things/+/defender/metrics/cbor/accepted",
    "things/+/defender/metrics/json/rejected",
    "things/+/defender/metrics/cbor/rejected",
    "things/+/tunnels/notify",
    "things/+/streams/+/data/json",
    "things/+/streams/+/data/cbor",
    "things/+/streams/+/description/json",
    "things/+/streams/+/description/cbor",
    "things/+/streams/+/rejected/json",
    "things/+/streams/+/rejected/cbor",
    "commands/things/+/executions/+/request",
    "commands/clients/+/executions/+/request",
    "commands/things/+/executions/+/request/+",
    "commands/clients/+/executions/+/request/+",
    "commands/things/+/executions/+/response/accepted",
    "commands/clients/+/executions/+/response/accepted",
    "commands/things/+/executions/+/response/accepted/+",
    "commands/clients/+/executions/+/response/accepted/+",
    "commands/things/+/executions/+/response/rejected",
    "commands/clients/+/executions/+/response/rejected",
    "commands/things/+/executions/+/response/rejected/+",
    "commands/clients/+/executions/+/response/rejected/+",
    "device_location/+/get_position_estimate/accepted",
    "device_location/+/get_position_estimate/rejected",
    "sitewise/asset-models/+/assets/+/properties/+",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_topics_are_the_ones_that_aws_documents() {
        let aws = Profile::aws();
        let publish = [
            ("a/b", true),
            ("$aws/things/t/shadow/update", true),
            ("$aws/things/t/shadow/name/n/get", true),
            ("$aws/rules/r/a/b", true),
            ("$aws/rules/r", true),
            ("$aws/things/t/shadow/update/accepted", false),
            ("$aws/things//shadow/update", false),
            ("$aws/events/presence/connected/c", false),
            ("$SYS/x", false),
            ("$share/g/t", false),
        ];
        for (topic, expected) in publish {
            assert_eq!(may_publish(topic, &aws), expected, "{topic}");
        }
        let subscribe = [
            ("#", true),
            ("$aws/things/+/shadow/#", true),
            ("$aws/things/t/shadow/get/+", true),
            ("$aws/events/#", true),
            ("$aws/things/t/jobs/notify", true),
            ("$aws/rules/r/x", false),
            ("$aws/nothing", false),
            ("$SYS/#", false),
        ];
        for (filter, expected) in subscribe {
            assert_eq!(may_subscribe(filter, &aws), expected, "{filter}");
        }
    }

    #[test]
    fn requests_to_shadows_name_thing_shadow_and_operation() {
        let parsed = |topic| {
            let request = ShadowRequest::parse(topic)?;
            Some((request.thing, request.shadow, request.operation))
        };
        let check = |topic, expected| assert_eq!(parsed(topic), expected, "{topic}");
        let update = ShadowOperation::Update;
        check(
            "$aws/things/t/shadow/get",
            Some(("t", None, ShadowOperation::Get)),
        );
        check(
            "$aws/things/t/shadow/name/n/update",
            Some(("t", Some("n"), update)),
        );
        check(
            "$aws/things/shadow/shadow/delete",
            Some(("shadow", None, ShadowOperation::Delete)),
        );
        check("$aws/things/t/shadow/get/accepted", None);
        check("$aws/things/t/shadow/name/n/update/delta", None);
        check("$aws/things/t/shadow/name/update", None);
        check("$aws/things/t/jobs/get", None);
        check("things/t/shadow/get", None);
    }

    #[test]
    fn requests_to_provisioning_name_operation_and_format() {
        use ProvisioningOperation::{
            CreateCertificateFromCsr, CreateKeysAndCertificate, RegisterThing,
        };
        let check = |topic, expected| {
            let found = ProvisioningRequest::parse(topic);
            let found = found.map(|request| (request.operation, request.format));
            assert_eq!(found, expected, "{topic}");
        };
        let (json, cbor) = (PayloadFormat::Json, PayloadFormat::Cbor);
        let keys = Some((CreateKeysAndCertificate, json));
        check("$aws/certificates/create/json", keys);
        let csr = Some((CreateCertificateFromCsr, cbor));
        check("$aws/certificates/create-from-csr/cbor", csr);
        let template = "t";
        let register = Some((RegisterThing { template }, cbor));
        check("$aws/provisioning-templates/t/provision/cbor", register);
        for other in [
            "$aws/certificates/create",
            "$aws/certificates/create/xml",
            "$aws/certificates/create/json/accepted",
            "$aws/provisioning-templates//provision/json",
            "$aws/provisioning-templates/a/b/provision/json",
            "$aws/provisioning-templates/t/provision/json/rejected",
            "certificates/create/json",
        ] {
            check(other, None);
        }
    }

    #[test]
    fn requests_to_jobs_name_thing_job_and_operation() {
        let check = |topic, expected: Option<JobsOperation<'_>>| {
            let found = JobsRequest::parse(topic);
            assert_eq!(found.map(|request| request.operation), expected, "{topic}");
            assert!(found.is_none_or(|request| request.thing == "t"));
        };
        check("$aws/things/t/jobs/get", Some(JobsOperation::Pending));
        check(
            "$aws/things/t/jobs/start-next",
            Some(JobsOperation::StartNext),
        );
        check(
            "$aws/things/t/jobs/j/get",
            Some(JobsOperation::Describe("j")),
        );
        check(
            "$aws/things/t/jobs/get/get",
            Some(JobsOperation::Describe("get")),
        );
        check(
            "$aws/things/t/jobs/$next/get",
            Some(JobsOperation::Describe("$next")),
        );
        check(
            "$aws/things/t/jobs/j/update",
            Some(JobsOperation::Update("j")),
        );
        for other in [
            "$aws/things/t/jobs/get/accepted",
            "$aws/things/t/jobs/j/update/rejected",
            "$aws/things/t/jobs/notify",
            "$aws/things/t/jobs",
            "$aws/things/t/shadow/get",
            "things/t/jobs/get",
        ] {
            check(other, None);
        }
    }

    #[test]
    fn basic_ingest_names_a_rule_and_a_topic() {
        let parsed = |topic| BasicIngest::parse(topic).map(|ingest| (ingest.rule, ingest.topic));
        assert_eq!(parsed("$aws/rules/r/a/b"), Some(("r", "a/b")));
        assert_eq!(parsed("$aws/rules/r"), Some(("r", "")));
        assert_eq!(parsed("$aws/rules/"), None);
        assert_eq!(parsed("rules/r"), None);
    }
}
