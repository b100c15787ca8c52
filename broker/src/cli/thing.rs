//! `thingcore thing create`: all that a device needs to connect, from a running server.

use super::client::{ApiError, Call, Client, text};
use super::{URL_DEFAULT, Usage, credentials};
use crate::certs_folder::{CertsFolder, Contents};
use anyhow::{Context, bail};
use bytes::Bytes;
use clap::Args;
use http::Method;
use serde_json::{Value, json};
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// What `thingcore thing create` can be told.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ThingCreateArgs {
    /// Name of the thing
    name: String,
    /// Folder for device.pem.crt, private.pem.key, public.pem.key and Amazon-root-CA-1.pem
    #[arg(long, value_name = "DIR")]
    certs: PathBuf,
    /// Policy document [default: the tutorial's, for the client ids NAME and test-*]
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// The server's API
    #[arg(long, env = "THINGCORE_URL", default_value = URL_DEFAULT)]
    url: String,
    /// File with the access key to sign with, for a server with --auth verify: its profile default,
    /// or the first one
    #[arg(long, env = "THINGCORE_CREDENTIALS", value_name = "FILE")]
    credentials: Option<PathBuf>,
}

const EXAMPLES: &str = "Examples:
  thingcore thing create sensor-1 --certs ./certs
  thingcore thing create sensor-1 --certs ./certs --policy sensor-policy.json

The policy is created as NAME-policy and attached to a new certificate, which is attached to the
thing. A thing or a policy that is there already is used as it is.";

/// Creates a thing and writes its files.
///
/// # Errors
/// A server that is not there or refuses, files that cannot be read or written.
pub(crate) fn run(args: ThingCreateArgs) -> anyhow::Result<ExitCode> {
    let files = CertsFolder::of(&args.certs);
    if let Some(file) = files.taken() {
        let file = file.display();
        return Err(Usage(format!(
            "`{file}` is there already: choose another folder with --certs, or remove it"
        ))
        .into());
    }
    let policy = args.policy.map(|path| {
        std::fs::read_to_string(&path)
            .map_err(|error| Usage(format!("--policy `{}`: {error}", path.display())))
    });
    let policy = policy.transpose()?;
    // The region is the server's: an ARN in an answer says which it is.
    let client = Client::new(&args.url, "us-east-1")?;
    let client = match args.credentials {
        Some(file) => client.signing_with(credentials::read(&file)?),
        None => client,
    };
    let created = super::runtime()?.block_on(create(&client, &args.name, &files, |place| {
        policy.unwrap_or_else(|| tutorial_policy(place, &args.name))
    }))?;
    show(&args.name, &args.url, &files, &created, io::stdout().lock())?;
    Ok(ExitCode::SUCCESS)
}

/// What was created.
pub(super) struct Created {
    /// The policy's name.
    pub(super) policy: String,
    /// The certificate's id.
    pub(super) certificate_id: String,
    /// The host that devices connect to.
    pub(super) endpoint: String,
}

/// Where a server's resources are, for ARNs.
pub(super) struct Place {
    region: String,
    account_id: String,
}

impl Place {
    /// From the ARN of any resource.
    fn of_arn(arn: &str) -> anyhow::Result<Self> {
        let mut parts = arn.split(':').skip(3);
        match (parts.next(), parts.next()) {
            (Some(region), Some(account_id)) => Ok(Self {
                region: region.to_owned(),
                account_id: account_id.to_owned(),
            }),
            _ => bail!("`{arn}` is no ARN"),
        }
    }

    /// The ARN of a resource of AWS IoT.
    pub(super) fn arn(&self, resource: &str) -> String {
        let partition = match &*self.region {
            region if region.starts_with("cn-") => "aws-cn",
            region if region.starts_with("us-gov-") => "aws-us-gov",
            _ => "aws",
        };
        format!(
            "arn:{partition}:iot:{}:{}:{resource}",
            self.region, self.account_id
        )
    }
}

/// The policy of the AWS IoT tutorials, also for the thing's own name as a client id.
fn tutorial_policy(place: &Place, name: &str) -> String {
    let topics = ["test/topic".to_owned(), format!("{name}/*")];
    let arns = |kind: &str| -> Vec<String> {
        let arns = topics
            .iter()
            .map(|topic| place.arn(&format!("{kind}/{topic}")));
        arns.collect()
    };
    policy(
        &[
            place.arn(&format!("client/{name}")),
            place.arn("client/test-*"),
        ],
        &arns("topic"),
        &arns("topicfilter"),
    )
}

/// A policy that lets clients connect, publish to and receive from topics, and subscribe.
pub(super) fn policy(clients: &[String], topics: &[String], filters: &[String]) -> String {
    let allow = |actions: &[&str], resources: &[String]| json!({"Effect": "Allow", "Action": actions, "Resource": resources});
    let document = json!({
        "Version": "2012-10-17",
        "Statement": [
            allow(&["iot:Connect"], clients),
            allow(&["iot:Publish", "iot:Receive"], topics),
            allow(&["iot:Subscribe"], filters),
        ],
    });
    document.to_string()
}

/// Creates thing, keys, certificate and policy, attaches them to each other and writes the files.
pub(super) async fn create(
    client: &Client,
    name: &str,
    files: &CertsFolder,
    policy: impl FnOnce(&Place) -> String,
) -> anyhow::Result<Created> {
    let segment = rules::target::encode_segment(name);
    let thing = iot(client, Method::POST, &format!("/things/{segment}"), "{}").await?;
    let place = Place::of_arn(text(&thing, &["thingArn"])?)?;
    let policy_name = format!("{name}-policy");
    create_policy(client, &policy_name, &policy(&place)).await?;
    let ca = client
        .call(Call {
            path: "/_thingcore/ca",
            ..Call::default()
        })
        .await
        .context("cannot get the root CA")?;
    let keys = iot(
        client,
        Method::POST,
        "/keys-and-certificate?setAsActive=true",
        "",
    )
    .await?;
    let contents = Contents {
        ca: std::str::from_utf8(&ca)?,
        certificate: text(&keys, &["certificatePem"])?,
        private_key: text(&keys, &["keyPair", "PrivateKey"])?,
        public_key: text(&keys, &["keyPair", "PublicKey"])?,
    };
    files.write(contents).map_err(anyhow::Error::msg)?;
    let certificate = text(&keys, &["certificateArn"])?;
    let policy_segment = rules::target::encode_segment(&policy_name);
    let target = json!({ "target": certificate }).to_string();
    iot(
        client,
        Method::PUT,
        &format!("/target-policies/{policy_segment}"),
        &target,
    )
    .await?;
    client
        .call(Call {
            service: Some("iot"),
            method: Method::PUT,
            path: &format!("/things/{segment}/principals"),
            headers: &[("x-amzn-principal", certificate)],
            ..Call::default()
        })
        .await?;
    let path = "/endpoint?endpointType=iot:Data-ATS";
    let endpoint = iot(client, Method::GET, path, "").await?;
    Ok(Created {
        policy: policy_name,
        certificate_id: text(&keys, &["certificateId"])?.to_owned(),
        endpoint: text(&endpoint, &["endpointAddress"])?.to_owned(),
    })
}

/// Creates a policy, or finds it there with the same document.
async fn create_policy(client: &Client, name: &str, document: &str) -> anyhow::Result<()> {
    let path = format!("/policies/{}", rules::target::encode_segment(name));
    let body = json!({ "policyDocument": document }).to_string();
    let Err(error) = iot(client, Method::POST, &path, &body).await else {
        return Ok(());
    };
    if !is_there(&error) {
        return Err(error.context(format!("cannot create the policy `{name}`")));
    }
    let there = iot(client, Method::GET, &path, "").await?;
    let there: Value = serde_json::from_str(text(&there, &["policyDocument"])?)?;
    if there == serde_json::from_str::<Value>(document)? {
        return Ok(());
    }
    bail!(
        "the policy `{name}` is there already and says something else: delete it, or give its \
         document with --policy"
    )
}

/// Whether the server refuses because there is one already.
pub(super) fn is_there(error: &anyhow::Error) -> bool {
    error.downcast_ref::<ApiError>().is_some_and(|refusal| {
        [
            "ResourceAlreadyExistsException",
            "EntityAlreadyExists",
            "EntityAlreadyExistsException",
            "BucketAlreadyOwnedByYou",
            "BucketAlreadyExists",
        ]
        .contains(&&*refusal.code)
    })
}

/// A call of AWS IoT's control plane.
pub(super) async fn iot(
    client: &Client,
    method: Method,
    path: &str,
    body: &str,
) -> anyhow::Result<Value> {
    let headers: &[_] = &[("content-type", "application/json")];
    client
        .json(Call {
            service: Some("iot"),
            method,
            path,
            headers,
            body: Bytes::copy_from_slice(body.as_bytes()),
        })
        .await
}

fn show(
    name: &str,
    url: &str,
    files: &CertsFolder,
    created: &Created,
    mut out: impl Write,
) -> io::Result<()> {
    let Created {
        policy,
        certificate_id,
        endpoint,
    } = created;
    writeln!(out, "thing        {name}")?;
    writeln!(out, "certificate  {certificate_id}")?;
    writeln!(out, "policy       {policy}")?;
    writeln!(out, "endpoint     {endpoint}")?;
    let all = [
        &files.certificate,
        &files.private_key,
        &files.public_key,
        &files.ca,
    ];
    for file in all {
        writeln!(out, "file         {}", file.display())?;
    }
    writeln!(out)?;
    writeln!(
        out,
        "Next, with the port that `thingcore serve` shows (8883 by default):"
    )?;
    writeln!(
        out,
        "  {}",
        mosquitto_sub(files, endpoint, "8883", name, "test/topic")
    )?;
    writeln!(
        out,
        "  aws --endpoint-url {url} iot list-thing-principals --thing-name {name}"
    )?;
    out.flush()
}

/// The command with which a person listens to a topic as this device.
pub(super) fn mosquitto_sub(
    files: &CertsFolder,
    host: &str,
    port: &str,
    client_id: &str,
    topic: &str,
) -> String {
    format!(
        "mosquitto_sub -h {host} -p {port} --cafile {} --cert {} --key {} -i {client_id} -q 1 -t '{topic}' -v",
        files.ca.display(),
        files.certificate.display(),
        files.private_key.display(),
    )
}
