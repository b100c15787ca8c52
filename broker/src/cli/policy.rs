//! `thingcore policy test`: decisions of policy documents, without a server.

use super::lines;
use ::policy::{
    Decision, Document, Effect, JointDecision, Request, StatementRef, VariableMap, evaluate,
    evaluate_joint,
};
use anyhow::Context;
use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::io::{BufWriter, Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::rc::Rc;

/// What `thingcore policy test` can be told.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct PolicyTestArgs {
    /// File with a policy document; repeat it for several policies
    #[arg(long, value_name = "FILE", required_unless_present = "stdin")]
    policy: Vec<PathBuf>,
    /// What is asked for, as in iot:Publish
    #[arg(long, required_unless_present = "stdin")]
    action: Option<String>,
    /// ARN of what it is asked for
    #[arg(long, value_name = "ARN", required_unless_present = "stdin")]
    resource: Option<String>,
    /// Policy variable of the request; a repeated name makes a list
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = name_and_value)]
    variables: Vec<(String, String)>,
    /// Read one request a line from standard input, as JSON
    #[arg(long, conflicts_with_all = ["policy", "action", "resource", "variables"])]
    stdin: bool,
}

const EXAMPLES: &str = r#"Examples:
  May this client publish?
    thingcore policy test --policy device.json --action iot:Publish \
      --resource arn:aws:iot:us-east-1:000000000000:topic/test/topic --var iot:ClientId=test-1

  A list has its name repeated:
    ... --var iot:ConnectAttributes=PersistentConnect --var iot:ConnectAttributes=LastWill

  Many at once, one JSON object a line:
    thingcore policy test --stdin < requests.jsonl
    {"id": 1, "policies": [{"Version": "2012-10-17", "Statement": [...]}],
     "variables": {"iot:ClientId": "test-1"}, "action": "iot:Connect", "resource": "arn:..."}
  With "iam_policies", which lists documents as "policies" does, both lists must allow.

Answers are JSON, in the order of the requests:
    {"id": 1, "decision": "allow", "statement": {"policy": 0, "index": 1, "sid": "Connect"}}
The statement is the one that decided, null if none did; "list" is "iam_policies" if it is there.
A line that cannot be read is answered by {"id": 1, "error": "..."} and makes the exit status 1."#;

/// Runs the command on the process's standard streams.
///
/// # Errors
/// A policy file that cannot be read or parsed, or a standard stream that fails.
pub(crate) fn run(args: PolicyTestArgs) -> anyhow::Result<ExitCode> {
    let mut output = BufWriter::new(std::io::stdout().lock());
    if args.stdin {
        let all_read = answer_lines(std::io::stdin().lock(), &mut output)?;
        return Ok(if all_read {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        });
    }
    answer_options(args, &mut output)?;
    Ok(ExitCode::SUCCESS)
}

/// Answers the one request that the options describe.
fn answer_options(args: PolicyTestArgs, mut output: impl Write) -> anyhow::Result<()> {
    let read = |path: &PathBuf| {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the policy file `{}`", path.display()))?;
        Document::parse(&text).with_context(|| format!("policy file `{}`", path.display()))
    };
    let documents = args
        .policy
        .iter()
        .map(read)
        .collect::<anyhow::Result<Vec<_>>>()?;
    let request = Request {
        action: &args.action.unwrap_or_default(),
        resource: &args.resource.unwrap_or_default(),
        variables: &args.variables.into_iter().collect::<VariableMap>(),
    };
    let mut answer = Vec::new();
    lines::write(
        &Answer::of(None, &evaluate(&documents, &request)),
        &mut answer,
    )?;
    output.write_all(&answer)?;
    output.flush()?;
    Ok(())
}

fn name_and_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => Ok((name.to_owned(), value.to_owned())),
        Some(_) | None => Err("write NAME=VALUE, as in iot:ClientId=test-1".to_owned()),
    }
}

/// Answers each line and says whether all could be read.
fn answer_lines(input: impl Read, output: impl Write) -> anyhow::Result<bool> {
    let mut cache = DocumentCache::default();
    lines::answer(input, output, |line, answer| {
        answer_line(line, &mut cache, answer)
    })
}

/// Appends the answer to a line that can be read.
fn answer_line(line: &[u8], cache: &mut DocumentCache, answer: &mut Vec<u8>) -> anyhow::Result<()> {
    let line: Line<'_> = serde_json::from_slice(line)?;
    let iot = cache.documents(line.policies).context("policies")?;
    let variables = line.variables();
    let request = Request {
        action: &line.action,
        resource: &line.resource,
        variables: &variables,
    };
    let Some(iam) = line.iam_policies else {
        return lines::write(&Answer::of(line.id, &evaluate(&iot, &request)), answer);
    };
    let iam = cache.documents(iam).context("iam_policies")?;
    lines::write(
        &Answer::of_both(line.id, &evaluate_joint(&iot, &iam, &request)),
        answer,
    )
}

/// One request, as `--stdin` reads it. Members that it does not name are allowed, so that a file
/// of requests can carry what its author expects.
#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    policies: &'a RawValue,
    #[serde(borrow)]
    iam_policies: Option<&'a RawValue>,
    #[serde(borrow, default)]
    variables: BTreeMap<Cow<'a, str>, Values>,
    #[serde(borrow)]
    action: Cow<'a, str>,
    #[serde(borrow)]
    resource: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "a variable must be a string or a list of strings"
)]
enum Values {
    One(String),
    Many(Vec<String>),
}

impl Line<'_> {
    fn variables(&self) -> VariableMap {
        let mut map = VariableMap::new();
        for (name, values) in &self.variables {
            match values {
                Values::One(value) => map.set(name, value),
                Values::Many(list) => map.set_list(name, list.clone()),
            }
        }
        map
    }
}

/// Documents by their text: test files ask many questions of few policies.
#[derive(Default)]
struct DocumentCache(HashMap<Box<str>, Rc<[Document]>>);

impl DocumentCache {
    const ENTRIES_MAX: usize = 4096;

    fn documents(&mut self, list: &RawValue) -> anyhow::Result<Rc<[Document]>> {
        if let Some(known) = self.0.get(list.get()) {
            return Ok(Rc::clone(known));
        }
        let texts: Vec<&RawValue> = serde_json::from_str(list.get())?;
        let parse = |(index, text): (usize, &&RawValue)| {
            Document::parse(text.get()).with_context(|| format!("document {index}"))
        };
        let documents: Rc<[Document]> = texts
            .iter()
            .enumerate()
            .map(parse)
            .collect::<Result<_, _>>()?;
        if self.0.len() >= Self::ENTRIES_MAX {
            self.0.clear();
        }
        self.0.insert(list.get().into(), Rc::clone(&documents));
        Ok(documents)
    }
}

#[derive(Serialize)]
struct Answer<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a RawValue>,
    decision: &'static str,
    statement: Option<Deciding<'a>>,
}

#[derive(Serialize)]
struct Deciding<'a> {
    /// The member that the deciding policy is in, if that is not `policies`.
    #[serde(skip_serializing_if = "Option::is_none")]
    list: Option<&'static str>,
    policy: usize,
    index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<&'a str>,
}

impl<'a> Answer<'a> {
    fn of(id: Option<&'a RawValue>, decision: &Decision<'a>) -> Self {
        Self::new(
            id,
            decision.effect,
            decision.statement.map(|by| Deciding::new(by, None)),
        )
    }

    /// The deciding statement is the one that denies, or the allowing one of the IoT policies.
    fn of_both(id: Option<&'a RawValue>, both: &JointDecision<'a>) -> Self {
        let effect = both.effect();
        let by_iot = both.iot.effect == effect;
        let iam = Some("iam_policies");
        let statement = match effect {
            Effect::ImplicitDeny => None,
            Effect::ExplicitDeny | Effect::Allow if by_iot => {
                both.iot.statement.map(|by| Deciding::new(by, None))
            }
            Effect::ExplicitDeny | Effect::Allow => {
                both.iam.statement.map(|by| Deciding::new(by, iam))
            }
        };
        Self::new(id, effect, statement)
    }

    fn new(id: Option<&'a RawValue>, effect: Effect, statement: Option<Deciding<'a>>) -> Self {
        let decision = match effect {
            Effect::Allow => "allow",
            Effect::ExplicitDeny | Effect::ImplicitDeny => "deny",
        };
        Self {
            id,
            decision,
            statement,
        }
    }
}

impl<'a> Deciding<'a> {
    fn new(by: StatementRef<'a>, list: Option<&'static str>) -> Self {
        Self {
            list,
            policy: by.policy,
            index: by.index,
            sid: by.sid,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use serde_json::{Value, json};
    use std::io::BufRead;

    const ALLOW: &str = r#"{"Statement": [
        {"Effect": "Allow", "Action": "iot:Connect", "Resource": "*"},
        {"Sid": "Pub", "Effect": "Allow", "Action": "iot:Publish", "Resource": "*"}]}"#;
    const DENY: &str = r#"{"Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}}"#;

    /// A request to publish, with members added or replaced.
    fn line(members: &str) -> String {
        let allow = ALLOW.replace('\n', "");
        let members = members.replace("ALLOW", &allow).replace("DENY", DENY);
        format!(r#"{{"action": "iot:Publish", "resource": "arn:aws:iot:eu:1:topic/a", {members}}}"#)
    }

    fn check(lines: &[String], expected: &[Value]) {
        let mut output = Vec::new();
        let all_read = answer_lines(lines.join("\n").as_bytes(), &mut output).unwrap();
        let answers: Vec<Value> = output
            .lines()
            .map(|line| serde_json::from_str(&line.unwrap()).unwrap())
            .collect();
        assert_eq!(answers, expected);
        assert_eq!(
            all_read,
            answers.iter().all(|answer| answer.get("error").is_none())
        );
    }

    #[test]
    fn a_line_is_answered_with_its_id_and_the_deciding_statement() {
        check(
            &[
                line(r#""id": "a", "policies": [DENY]"#),
                line(r#""id": [1, {"x": 2}], "policies": [ALLOW]"#),
                line(r#""policies": [], "expect": "deny""#),
                line(r#""id": 3, "policies": [ALLOW], "iam_policies": [ALLOW]"#),
                line(r#""id": 4, "policies": [ALLOW], "iam_policies": [ALLOW, DENY]"#),
                line(r#""id": 5, "policies": [ALLOW], "iam_policies": []"#),
            ],
            &[
                json!({"id": "a", "decision": "deny", "statement": {"policy": 0, "index": 0}}),
                json!({"id": [1, {"x": 2}], "decision": "allow", "statement": {"policy": 0, "index": 1, "sid": "Pub"}}),
                json!({"decision": "deny", "statement": null}),
                json!({"id": 3, "decision": "allow", "statement": {"policy": 0, "index": 1, "sid": "Pub"}}),
                json!({"id": 4, "decision": "deny", "statement": {"list": "iam_policies", "policy": 1, "index": 0}}),
                json!({"id": 5, "decision": "deny", "statement": null}),
            ],
        );
    }

    #[test]
    fn a_line_that_cannot_be_read_is_answered_in_its_place() {
        check(
            &[
                line(r#""id": 1, "policies": [DENY, {}]"#),
                String::new(),
                "{".to_owned(),
                line(r#""id": 2"#),
                line(r#""id": 3, "policies": [], "variables": {"a": 1}"#),
                line(r#""id": 4, "policies": []"#),
            ],
            &[
                json!({"id": 1, "error": "policies: document 1: policy: member `Statement` is missing"}),
                json!({"error": "EOF while parsing an object at line 1 column 1"}),
                json!({"id": 2, "error": "missing field `policies` at line 1 column 74"}),
                json!({"id": 3, "error": "a variable must be a string or a list of strings at line 1 column 112"}),
                json!({"id": 4, "decision": "deny", "statement": null}),
            ],
        );
    }

    #[test]
    fn every_vector_of_the_policy_crate_is_decided_over_lines() {
        let vectors = include_str!("../../../policy/tests/data/policy.json");
        let mut vectors: Vec<Value> = serde_json::from_str(vectors).unwrap();
        let mut lines = String::new();
        for vector in &mut vectors {
            vector["variables"] = vector["context"]["variables"].take();
            vector["action"] = vector["request"]["action"].take();
            vector["resource"] = vector["request"]["resource"].take();
            lines += &format!("{vector}\r\n");
        }
        let mut output = Vec::new();
        assert!(answer_lines(lines.as_bytes(), &mut output).unwrap());
        for (vector, answer) in vectors.iter().zip(output.lines()) {
            let answer: Value = serde_json::from_str(&answer.unwrap()).unwrap();
            assert_eq!(
                (&answer["id"], &answer["decision"]),
                (&vector["id"], &vector["expect"])
            );
        }
    }

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        args: PolicyTestArgs,
    }

    #[test]
    fn a_request_stands_in_options_or_on_standard_input_and_not_in_both() {
        let check = |options: &[&str], good: bool| {
            let parsed = Command::try_parse_from([&["test"], options].concat());
            assert_eq!(parsed.is_ok(), good, "{options:?}");
            parsed.ok().map(|command| command.args.variables)
        };
        let request = [
            "--policy",
            "a",
            "--policy",
            "b",
            "--action",
            "c",
            "--resource",
            "d",
        ];
        check(&request, true);
        check(&request[2..], true);
        check(&request[4..], false);
        check(&request[..6], false);
        check(&["--stdin"], true);
        check(&["--stdin", "--action", "c"], false);
        check(&[], false);
        check(&[&request[..], &["--var", "novalue"]].concat(), false);
        let variables = check(
            &[&request[..], &["--var", "k=a=b", "--var", "k="]].concat(),
            true,
        );
        let expected = [("k", "a=b"), ("k", "")].map(|(k, v)| (k.to_owned(), v.to_owned()));
        assert_eq!(variables, Some(expected.to_vec()));
    }

    #[test]
    fn options_are_answered_like_a_line() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let own = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow",
            "Action": "iot:Publish", "Resource": "arn:aws:iot:eu:1:topic/${iot:ClientId}"}}"#;
        let (own, bad) = (write("own.json", own), write("bad.json", "{}"));
        let answer = |policy: &str| {
            let arn = "arn:aws:iot:eu:1:topic/c1";
            let options = [
                "test",
                "--policy",
                policy,
                "--action",
                "iot:Publish",
                "--resource",
                arn,
            ];
            let options = [&options[..], &["--var", "iot:clientid=c1"]].concat();
            let mut output = Vec::new();
            let answered = answer_options(Command::parse_from(options).args, &mut output);
            answered.map(|()| String::from_utf8(output).unwrap())
        };
        let expected = "{\"decision\":\"allow\",\"statement\":{\"policy\":0,\"index\":0}}\n";
        assert_eq!(answer(&own).unwrap(), expected);
        let error = format!("{:#}", answer(&bad).unwrap_err());
        assert_eq!(
            error,
            format!("policy file `{bad}`: policy: member `Statement` is missing")
        );
        let error = format!("{:#}", answer("absent.json").unwrap_err());
        assert!(
            error.starts_with("cannot read the policy file `absent.json`: "),
            "{error}"
        );
    }
}
