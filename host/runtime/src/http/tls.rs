//! TLS settings: safe versions of the protocol, and the certificate authorities of this machine.

use std::sync::{Arc, Mutex, PoisonError};

use rustls::{ClientConfig, RootCertStore};

use super::fault::HttpFault;

/// The TLS settings of all connections. They are loaded at the first use.
#[derive(Default)]
pub(super) struct Tls(Mutex<Option<Arc<ClientConfig>>>);

impl Tls {
    /// Returns the TLS settings.
    ///
    /// The certificate authorities are those of the operating system. The crate
    /// `rustls-native-certs` reads `SSL_CERT_FILE` and `SSL_CERT_DIR` instead if they are set;
    /// that is how operators usually configure their own authority.
    pub(super) fn config(&self) -> Result<Arc<ClientConfig>, HttpFault> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(config) = &*known {
            return Ok(Arc::clone(config));
        }
        let config = Arc::new(load()?);
        *known = Some(Arc::clone(&config));
        Ok(config)
    }
}

fn load() -> Result<ClientConfig, HttpFault> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (n_good, n_bad) = roots.add_parsable_certificates(found.certs);
    tracing::debug!(
        n_good,
        n_bad,
        "read the certificates that this machine trusts"
    );
    if roots.is_empty() {
        let reasons: Vec<String> = found
            .errors
            .iter()
            .map(|error| format!(": {error}"))
            .collect();
        return Err(HttpFault::NoRoots(reasons.concat()));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("*ring* speaks TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
