//! TLS towards targets.

use hyper_rustls::ConfigBuilderExt;
use rustls::client::WantsClientCert;
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier};
use std::sync::Arc;

/// TLS with our cryptography and its default versions.
pub(super) fn tls_builder() -> ConfigBuilder<ClientConfig, WantsVerifier> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("aws-lc-rs supports the default protocol versions")
}

/// Trust the machine's own certificates rather than a list compiled in: an emulator behind https
/// is usually signed by a private CA, which people install there (or name in `SSL_CERT_FILE`),
/// and the list does not age with the binary.
pub(super) fn with_system_roots(
    builder: ConfigBuilder<ClientConfig, WantsVerifier>,
) -> ConfigBuilder<ClientConfig, WantsClientCert> {
    match builder.clone().with_native_roots() {
        Ok(builder) => builder,
        Err(error) => {
            tracing::warn!(%error, "no system certificates found: https targets will be refused");
            builder.with_root_certificates(RootCertStore::empty())
        }
    }
}
