//! The server's own certificate and the root CA that signs it.

use crate::{Things, ThingsError};

#[allow(unused_variables)]
impl Things {
    /// The root CA that signs server certificates, as PEM.
    pub fn root_ca_pem(&self) -> String {
        todo!()
    }

    /// A server certificate for these DNS names and addresses with its key: DER chain and PKCS#8.
    ///
    /// # Errors
    /// InvalidRequest (a name that cannot stand in a certificate), Internal.
    pub fn server_certificate(
        &self,
        names: &[String],
        now_ms: u64,
    ) -> Result<(Vec<Vec<u8>>, Vec<u8>), ThingsError> {
        todo!()
    }
}
