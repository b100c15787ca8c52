//! Many connections on one thread: one poll, one shared read buffer, and output that is held back
//! until a round of events has been handled, so that it goes out in few system calls.

mod endpoint;
mod error;
mod link;
mod round;
mod timer;
mod tls;
mod transfer;
mod websocket;

pub(crate) use endpoint::{Endpoint, Transport};
pub(crate) use error::NetError;
pub(crate) use link::{Handler, LinkId};
pub(crate) use round::{Net, Wait};
pub(crate) use tls::{Identity, tls_client};
