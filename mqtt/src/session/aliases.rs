//! Topic aliases that the broker sets for one client (MQTT 5.0 [3.3.2.3.4]).

use crate::codec::PublishBody;
use std::collections::HashMap;
use std::sync::Arc;

/// What the property takes in a packet, and what its length may add to the one before it.
const ALIAS_BYTES: usize = 4;

/// The aliases of one connection: the first topics that come get one each, and keep it.
#[derive(Debug)]
pub(super) struct Aliases {
    maximum: u16,
    known: HashMap<Arc<str>, u16, foldhash::fast::RandomState>,
}

impl Aliases {
    /// For a client that takes aliases up to `maximum`; `None` if it takes none.
    pub(super) fn up_to(maximum: u16) -> Option<Box<Self>> {
        (maximum > 0).then(|| {
            Box::new(Self {
                maximum,
                known: HashMap::default(),
            })
        })
    }

    /// Puts the topic's alias into a packet that is about to be written and has so many bytes of
    /// room, in place of the topic if the client knows it already.
    pub(super) fn shorten(&mut self, topic: &Arc<str>, body: &mut PublishBody<'_>, room: usize) {
        if let Some(alias) = self.known.get(topic) {
            if topic.len() + room >= ALIAS_BYTES {
                body.topic_alias = Some(*alias);
                body.topic = "";
            }
            return;
        }
        let next = self.known.len() + 1;
        if let Ok(alias) = u16::try_from(next)
            && alias <= self.maximum
            && room >= ALIAS_BYTES
        {
            self.known.insert(Arc::clone(topic), alias);
            body.topic_alias = Some(alias);
        }
    }
}
