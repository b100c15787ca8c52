//! RSA keys for devices. One takes a while to find, so a few are made ahead.

use super::der::{pem, pkcs1_of_pkcs8};
use parking_lot::Mutex;
use rcgen::{KeyPair, PKCS_RSA_SHA256, PublicKeyData};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Weak};
use std::thread;

/// A new key pair, RSA 2048 as AWS makes them.
pub(super) struct DeviceKey {
    /// PEM, PKCS#1.
    pub(super) private_pem: String,
    /// PEM, SPKI.
    pub(super) public_pem: String,
    /// SubjectPublicKeyInfo.
    pub(super) spki: Vec<u8>,
}

impl DeviceKey {
    pub(super) fn generate() -> Result<Self, String> {
        let pair = generate_rsa()?;
        let pkcs1 = pkcs1_of_pkcs8(pair.serialized_der()).ok_or("the new key is not PKCS#8")?;
        let spki = pair.subject_public_key_info();
        Ok(Self {
            private_pem: pem("RSA PRIVATE KEY", &pkcs1),
            public_pem: pem("PUBLIC KEY", &spki),
            spki,
        })
    }
}

pub(super) fn generate_rsa() -> Result<KeyPair, String> {
    KeyPair::generate_for(&PKCS_RSA_SHA256).map_err(|error| error.to_string())
}

/// Keys made ahead by a thread that ends soon after this is dropped.
pub(super) struct KeyPool {
    ready: Mutex<Receiver<DeviceKey>>,
    /// Tells the thread, by being there, that keys are wanted.
    _wanted: Arc<()>,
}

impl KeyPool {
    /// Starts the thread, which first does `before`.
    pub(super) fn start(before: impl FnOnce() + Send + 'static) -> Self {
        let (give, ready) = sync_channel(KEYS_AHEAD);
        let wanted = Arc::new(());
        let still_wanted = Arc::downgrade(&wanted);
        let work = move || {
            before();
            fill(&give, &still_wanted);
        };
        let thread = thread::Builder::new().name("device-keys".to_owned());
        if let Err(error) = thread.spawn(work) {
            tracing::warn!(%error, "no thread for device keys: they are made when asked for");
        }
        Self {
            ready: Mutex::new(ready),
            _wanted: wanted,
        }
    }

    /// A key made ahead, or one that is made now.
    pub(super) fn take(&self) -> Result<DeviceKey, String> {
        let ready = self.ready.lock().try_recv();
        ready.or_else(|_| DeviceKey::generate())
    }
}

/// Makes keys until nobody wants any.
fn fill(give: &SyncSender<DeviceKey>, wanted: &Weak<()>) {
    while wanted.strong_count() > 0 {
        match DeviceKey::generate() {
            Ok(key) => {
                if give.send(key).is_err() {
                    return;
                }
            }
            Err(error) => {
                tracing::warn!(%error, "no device key could be made ahead");
                return;
            }
        }
    }
}

/// Keys that wait to be taken; the thread holds one more. Every server pays for them at its start,
/// and most make few certificates.
const KEYS_AHEAD: usize = 1;
