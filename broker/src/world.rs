//! What every part of one running server shares.

use crate::clock::Clock;
use crate::config::Config;
use crate::hub::Hub;
use std::sync::Arc;
use things::Things;

/// One server's shared state; every door and worker holds an `Arc` of it.
pub(crate) struct World {
    pub(crate) config: Config,
    pub(crate) clock: Clock,
    pub(crate) things: Arc<Things>,
    pub(crate) hub: Hub,
}
