//! A certificate authority that only a test trusts.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivatePkcs8KeyDer;

/// A certificate authority, made for one test.
#[derive(Debug)]
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Default for Authority {
    fn default() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("the machine has random numbers");
        // Each authority has a unique name, as real ones do.
        let bytes = key.public_key_raw().iter().rev().take(8);
        let name: String = bytes.map(|byte| format!("{byte:02x}")).collect();
        params.distinguished_name.push(DnType::CommonName, name);
        let issuer = CertifiedIssuer::self_signed(params, key).expect("the parameters are sound");
        Self { issuer }
    }
}

impl Authority {
    /// Returns its certificate in the format of a file for `SSL_CERT_FILE`.
    #[must_use]
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// Returns the TLS configuration of a server with these names or addresses.
    pub(crate) fn server(&self, names: &[&str]) -> Arc<ServerConfig> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let params = CertificateParams::new(names).expect("they are names");
        let key = KeyPair::generate().expect("the machine has random numbers");
        let certificate = params
            .signed_by(&key, &self.issuer)
            .expect("the parameters are sound");
        let chain = vec![certificate.der().clone()];
        let key = PrivatePkcs8KeyDer::from(key.serialize_der());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("*ring* speaks TLS 1.2 and 1.3")
            .with_no_client_auth()
            .with_single_cert(chain, key.into());
        Arc::new(config.expect("the key is the certificate's"))
    }
}
