//! A server's state without listeners, in memory.

use crate::admin::Feed;
use crate::api::sigv4::Signers;
use crate::auth::CustomAuth;
use crate::budget::Budget;
use crate::clock::Clock;
use crate::config::Config;
use crate::dispatch::{
    ControlPlane, HubRepublisher, OwnAddress, RuleBook, StoredDestinations, StoredRoles, client,
};
use crate::embedded::lambda::{Functions, Place};
use crate::embedded::s3::EmbeddedS3;
use crate::hub::{Hub, HubParts};
use crate::metrics::Metrics;
use crate::provisioning::Provisioner;
use crate::world::World;
use mqtt::Profile;
use rules::actions::Place as RulesPlace;
use rules::delivery::{Delivery, Ports, Settings};
use rules::target::{Client, Service};
use std::sync::Arc;
use things::{Change, Things};
use tokio::runtime::Handle;

/// The state of a new server; whoever is anonymous is held to `anonymous`.
pub(crate) fn world(anonymous: Option<&str>) -> Arc<World> {
    let config = Config {
        memory: true,
        ..Config::default()
    };
    let (region, account_id) = (config.region.clone(), config.account_id.clone());
    let things = Things::open(&things::Settings {
        region: region.clone(),
        account_id: account_id.clone(),
        directory: None,
    });
    let things = Arc::new(things.unwrap());
    let anonymous = anonymous.map(|text| Arc::new(policy::Document::parse(text).unwrap()));
    let (clock, metrics) = (Arc::new(Clock::default()), Arc::new(Metrics::default()));
    let budget = Budget::new(usize::MAX);
    let hub = Hub::new(HubParts {
        profile: Profile::aws(),
        things: Arc::clone(&things),
        clock: Arc::clone(&clock),
        metrics: Arc::clone(&metrics),
        region: region.clone(),
        account_id: account_id.clone(),
        anonymous: anonymous.clone(),
        enforce_quotas: false,
        budget: Arc::clone(&budget),
    });
    let place = Place {
        region: region.clone(),
        account_id: account_id.clone(),
        ..Place::default()
    };
    let functions = Functions::open(place, None, Handle::current()).unwrap();
    let place = RulesPlace { region, account_id };
    let s3 = Arc::new(EmbeddedS3::scratch(&budget).unwrap());
    let target = Arc::new(target(&config, &s3));
    let ports = ports(&config, &things, &hub, &clock, &target);
    let lambda = Arc::clone(&ports.target);
    let custom_auth = Arc::new(CustomAuth::new(Arc::clone(&things), lambda));
    hub.set_provisioner(Provisioner::new(
        Arc::clone(&things),
        Arc::new(StoredRoles::new(Arc::clone(&things), config.iam_strict)),
        Arc::clone(&ports.target),
        Arc::clone(&clock),
    ));
    let world = Arc::new(World {
        delivery: Delivery::new(Settings::new(place), ports, Handle::current()),
        config,
        clock,
        metrics,
        budget,
        things,
        hub,
        target,
        functions: Arc::new(functions),
        s3,
        custom_auth,
        signers: Signers::Anybody,
        anonymous,
        feed: Feed::default(),
    });
    follow_rules(&world);
    world
}

fn target(config: &Config, s3: &Arc<EmbeddedS3>) -> Client {
    let own = OwnAddress {
        bind: config.bind,
        hostnames: &config.hostnames,
        port: config.api_port,
    };
    let client = client(config, own, |_| None).unwrap();
    client.with_local(Service::S3, Arc::clone(s3) as _)
}

fn ports(
    config: &Config,
    things: &Arc<Things>,
    hub: &Arc<Hub>,
    clock: &Arc<Clock>,
    target: &Arc<Client>,
) -> Ports {
    let now = Arc::clone(clock);
    Ports {
        roles: Arc::new(StoredRoles::new(Arc::clone(things), config.iam_strict)),
        destinations: Arc::new(StoredDestinations(Arc::clone(things))),
        inside: Arc::new(ControlPlane {
            things: Arc::clone(things),
            clock: Arc::clone(clock),
        }),
        target: Arc::clone(target) as _,
        republisher: Arc::new(HubRepublisher::new(hub, Arc::clone(clock), Profile::aws())),
        recorded: Arc::new(|_| ()),
        now_ms: Arc::new(move || now.now_ms()),
    }
}

/// Rules reach the message core when they change, and jobs follow the registry.
fn follow_rules(world: &Arc<World>) {
    let rules = RuleBook::default();
    let weak = Arc::downgrade(world);
    world.things.watch(move |change| {
        let Some(world) = weak.upgrade() else { return };
        match change {
            Change::Rules => rules.refresh(&world.things, &world.delivery, &world.hub),
            Change::Memberships(change) => world.hub.follow_memberships(change),
            Change::Decisions
            | Change::Certificate { .. }
            | Change::Destination { .. }
            | Change::Event(_)
            | Change::Reset => {}
        }
    });
}
