//! The parts of a server, made and connected.

use super::ca_file::CaFile;
use super::error::StartError;
use super::{Control, Parts, Ports, Running, follow, local_ip, memory};
use crate::admin::Feed;
use crate::api::sigv4::{AccessKeys, Signers};
use crate::auth::CustomAuth;
use crate::budget::Budget;
use crate::clock::Clock;
use crate::config::Config;
use crate::dispatch::{
    self, ControlPlane, HubRepublisher, Links, OwnAddress, RuleBook, StoredDestinations,
    StoredRoles,
};
use crate::embedded::lambda::{Functions, Place};
use crate::embedded::s3::EmbeddedS3;
use crate::hub::{Hub, HubParts};
use crate::metrics::Metrics;
use crate::net::{Listeners, ServerIdentity, start};
use crate::provisioning::Provisioner;
use crate::seed;
use crate::shards::Shards;
use crate::world::World;
use policy::Document;
use rules::delivery::{self, Delivery, Record};
use rules::target::{Client, Service};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Weak};
use std::time::Duration;
use things::Things;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

/// Makes a server that listens.
pub(super) fn assemble(config: Config) -> Result<Running, StartError> {
    let callers = Callers {
        signers: signers(&config)?,
        anonymous: anonymous_policy(&config)?,
    };
    let own_cert = config.server_cert.as_ref();
    let own_cert = own_cert.map(ServerIdentity::read).transpose()?;
    // Before anything is opened or written.
    let listeners = Listeners::bind(&config)?;
    let ports = listeners.ports();
    let api_url = api_url(config.bind, ports.api_port);
    let target = target(&config, ports.api_port)?;
    let control = Control::start()?;
    let handle = control.runtime().handle().clone();
    let _inside = handle.enter();

    let data_dir = (!config.memory).then_some(&*config.data_dir);
    let budget = Budget::new(config.buffer_memory.unwrap_or_else(memory::half));
    let kept = Kept::open(&config, data_dir, &handle, &budget)?;
    // It is set here alone.
    let _ = kept.functions.place().api_url.set(api_url.clone());
    let ca_file = CaFile::write(&kept.things.root_ca_pem(), data_dir)
        .map_err(|reason| unusable(data_dir.unwrap_or(&std::env::temp_dir()), reason))?;
    let shards = Shards::start(shard_count(&config))
        .map_err(|error| StartError::Failed(format!("no threads: {error}")))?;
    let world = Arc::new(connect(
        config.clone(),
        budget,
        kept,
        target,
        callers,
        handle.clone(),
        ports.api_port,
    ));
    world
        .hub
        .restore()
        .map_err(|why| StartError::Failed(format!("the store cannot be read: {why}")))?;
    let rules = Arc::new(RuleBook::default());
    rules.refresh(&world.things, &world.delivery, &world.hub);
    follow::watch(&world, &rules);
    world.hub.follow_all_memberships();
    if let Some(path) = &world.config.seed {
        let applied = seed::apply_file(&world, path);
        applied.map_err(|why| StartError::Seed(why.to_string()))?;
    }
    handle.spawn(tick(Arc::downgrade(&world)));
    let (stop, stopped) = watch::channel(false);
    let ports = start(&world, &shards, listeners, own_cert, stopped)?;
    Ok(Running {
        parts: Some(Parts {
            world,
            rules,
            stop,
            shards,
            control,
        }),
        ports: Ports {
            mqtt: ports.mqtt_port,
            mqtts: ports.mqtts_port,
            https: ports.https_port,
            api: ports.api_port,
        },
        api_url,
        endpoint: config.hostnames.first().cloned().unwrap_or_default(),
        config,
        ca_file,
    })
}

/// What is known of callers before they call.
struct Callers {
    signers: Signers,
    anonymous: Option<Arc<Document>>,
}

/// What outlives a server, if it has a data directory.
struct Kept {
    things: Arc<Things>,
    s3: Arc<EmbeddedS3>,
    functions: Arc<Functions>,
}

impl Kept {
    fn open(
        config: &Config,
        data_dir: Option<&Path>,
        runtime: &Handle,
        budget: &Arc<Budget>,
    ) -> Result<Self, StartError> {
        Ok(Self {
            things: Arc::new(open_things(config, data_dir)?),
            s3: Arc::new(open_s3(data_dir, budget)?),
            functions: Arc::new(open_functions(config, data_dir, runtime.clone())?),
        })
    }
}

/// Makes the message core and the rules engine and gives each what it needs of the others.
fn connect(
    config: Config,
    budget: Arc<Budget>,
    kept: Kept,
    target: Client,
    callers: Callers,
    runtime: Handle,
    api_port: u16,
) -> World {
    let Callers { signers, anonymous } = callers;
    let Kept {
        things,
        s3,
        functions,
    } = kept;
    let clock = Arc::new(Clock::default());
    let metrics = Arc::new(Metrics::default());
    let profile = config.rules();
    let hub = Hub::new(HubParts {
        profile: profile.clone(),
        things: Arc::clone(&things),
        clock: Arc::clone(&clock),
        metrics: Arc::clone(&metrics),
        region: config.region.clone(),
        account_id: config.account_id.clone(),
        anonymous: anonymous.clone(),
        enforce_quotas: config.enforce_quotas,
        budget: Arc::clone(&budget),
    });
    let target = target
        .with_local(Service::S3, Arc::clone(&s3) as _)
        .with_local(Service::Lambda, Arc::clone(&functions) as _);
    let target = Arc::new(target);
    sign_links(&config, &things, &target, api_port);
    let custom_auth = Arc::new(CustomAuth::new(
        Arc::clone(&things),
        Arc::clone(&target) as _,
    ));
    hub.set_custom_auth(&custom_auth);
    let roles = Arc::new(StoredRoles::new(Arc::clone(&things), config.iam_strict));
    hub.set_provisioner(Provisioner::new(
        Arc::clone(&things),
        Arc::clone(&roles),
        Arc::clone(&target) as _,
        Arc::clone(&clock),
    ));
    let ports = delivery::Ports {
        roles,
        destinations: Arc::new(StoredDestinations(Arc::clone(&things))),
        inside: Arc::new(ControlPlane {
            things: Arc::clone(&things),
            clock: Arc::clone(&clock),
        }),
        target: Arc::clone(&target) as _,
        republisher: Arc::new(HubRepublisher::new(&hub, Arc::clone(&clock), profile)),
        recorded: recorded(&metrics, &hub),
        now_ms: {
            let clock = Arc::clone(&clock);
            Arc::new(move || clock.now_ms())
        },
    };
    World {
        delivery: Delivery::new(delivery_settings(&config), ports, runtime),
        target,
        config,
        clock,
        metrics,
        budget,
        things,
        hub,
        functions,
        s3,
        custom_auth,
        signers,
        anonymous,
        feed: Feed::default(),
    }
}

fn delivery_settings(config: &Config) -> delivery::Settings {
    delivery::Settings::new(rules::actions::Place {
        region: config.region.clone(),
        account_id: config.account_id.clone(),
    })
}

/// Has links in job documents signed. Devices find the S3 server inside under the name that they
/// know the server by.
fn sign_links(config: &Config, things: &Arc<Things>, target: &Arc<Client>, api_port: u16) {
    let host = config.hostnames.first().map_or("localhost", String::as_str);
    let base = format!("http://{host}:{api_port}");
    let links = Links::new(Arc::clone(target), base, config.iam_strict);
    let signing = Arc::downgrade(things);
    things.know_signer(move |link| match signing.upgrade() {
        Some(things) => links.sign(&things, link),
        None => Err("the server is stopping".to_owned()),
    });
}

fn signers(config: &Config) -> Result<Signers, StartError> {
    let Some(path) = &config.credentials else {
        return Ok(Signers::Anybody);
    };
    let refused = |reason: String| StartError::Credentials {
        path: path.display().to_string(),
        reason,
    };
    let text = std::fs::read_to_string(path).map_err(|error| refused(error.to_string()))?;
    let keys = AccessKeys::read(&text, &config.region).ok_or_else(|| {
        refused("no profile in it has aws_access_key_id and aws_secret_access_key".to_owned())
    })?;
    Ok(Signers::Known(keys))
}

fn anonymous_policy(config: &Config) -> Result<Option<Arc<Document>>, StartError> {
    let Some(path) = &config.anonymous_policy else {
        return Ok(None);
    };
    let refused = |reason: String| StartError::AnonymousPolicy {
        path: path.display().to_string(),
        reason,
    };
    let text = std::fs::read_to_string(path).map_err(|error| refused(error.to_string()))?;
    let document = Document::parse(&text).map_err(|error| refused(error.to_string()))?;
    Ok(Some(Arc::new(document)))
}

fn open_things(config: &Config, data_dir: Option<&Path>) -> Result<Things, StartError> {
    if let Some(directory) = data_dir {
        std::fs::create_dir_all(directory).map_err(|reason| unusable(directory, reason))?;
    }
    Ok(Things::open(&things::Settings {
        region: config.region.clone(),
        account_id: config.account_id.clone(),
        directory: data_dir.map(Path::to_owned),
    })?)
}

fn open_s3(data_dir: Option<&Path>, budget: &Arc<Budget>) -> Result<EmbeddedS3, StartError> {
    match data_dir.map(|directory| directory.join("s3")) {
        Some(root) => EmbeddedS3::open(&root, budget).map_err(|reason| unusable(&root, reason)),
        None => EmbeddedS3::scratch(budget).map_err(|reason| {
            StartError::Failed(format!("no temporary directory for buckets: {reason}"))
        }),
    }
}

fn open_functions(
    config: &Config,
    data_dir: Option<&Path>,
    runtime: Handle,
) -> Result<Functions, StartError> {
    let place = Place {
        region: config.region.clone(),
        account_id: config.account_id.clone(),
        ..Place::default()
    };
    let shown = data_dir.unwrap_or(Path::new("functions.json"));
    Functions::open(place, data_dir, runtime).map_err(|reason| unusable(shown, reason))
}

fn unusable(path: &Path, reason: io::Error) -> StartError {
    StartError::DataDir {
        path: path.display().to_string(),
        reason,
    }
}

fn shard_count(config: &Config) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let default = if config.memory { 1 } else { cores - 1 };
    config.shards.unwrap_or(default).max(1)
}

fn api_url(bind: IpAddr, port: u16) -> String {
    format!("http://{}", SocketAddr::new(local_ip(bind), port))
}

fn target(config: &Config, api_port: u16) -> Result<Client, StartError> {
    let own = OwnAddress {
        bind: config.bind,
        hostnames: &config.hostnames,
        port: api_port,
    };
    let variable = |name: &str| std::env::var(name).ok();
    Ok(dispatch::client(config, own, variable)?)
}

/// Counts each action and tells those who watch. The hub holds the rules, so it is held weakly.
fn recorded(metrics: &Arc<Metrics>, hub: &Arc<Hub>) -> Arc<dyn Fn(&Record) + Send + Sync> {
    let (metrics, hub) = (Arc::clone(metrics), Arc::downgrade(hub));
    Arc::new(move |record| {
        dispatch::count(&metrics, record);
        if let Some(hub) = hub.upgrade() {
            dispatch::tell(&hub, record);
        }
    })
}

/// Does once a second what time asks for.
async fn tick(world: Weak<World>) {
    let mut seconds = tokio::time::interval(Duration::from_secs(1));
    seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        seconds.tick().await;
        match world.upgrade() {
            Some(world) => world.hub.tick(),
            None => return,
        }
    }
}
