//! What every part of one running server shares.

use crate::admin::Feed;
use crate::api::sigv4::Signers;
use crate::auth::CustomAuth;
use crate::budget::Budget;
use crate::clock::Clock;
use crate::config::Config;
use crate::embedded::lambda::Functions;
use crate::embedded::s3::EmbeddedS3;
use crate::hub::Hub;
use crate::metrics::Metrics;
use mqtt::Profile;
use rules::delivery::Delivery;
use rules::target::Client;
use std::sync::Arc;
use things::Things;

/// One server's shared state; every door and worker holds an `Arc` of it.
pub(crate) struct World {
    pub(crate) config: Config,
    pub(crate) clock: Arc<Clock>,
    pub(crate) metrics: Arc<Metrics>,
    /// The memory for what is kept for clients.
    pub(crate) budget: Arc<Budget>,
    pub(crate) things: Arc<Things>,
    pub(crate) hub: Arc<Hub>,
    /// The engine behind the topic rules: records, counters.
    pub(crate) delivery: Delivery,
    /// Where requests to AWS's services go.
    pub(crate) target: Arc<Client>,
    pub(crate) functions: Arc<Functions>,
    pub(crate) s3: Arc<EmbeddedS3>,
    /// Who lets clients in that have neither certificate nor signature.
    pub(crate) custom_auth: Arc<CustomAuth>,
    /// Whose signatures are good.
    pub(crate) signers: Signers,
    /// The policy of anonymous clients; `None` allows them everything.
    pub(crate) anonymous: Option<Arc<policy::Document>>,
    /// What `/_thingcore/messages` remembers.
    pub(crate) feed: Feed,
}

impl World {
    /// What the message core allows.
    pub(crate) fn profile(&self) -> Profile {
        self.config.rules()
    }
}
