//! TLS towards clients.

use std::fmt::Display;
use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::config::{Mistake, TlsFiles};

/// Reads certificate chain and key, or says which of the files is no use.
pub fn server_config(files: &TlsFiles) -> Result<Arc<ServerConfig>, Mistake> {
    let chain = certificates(&files.cert)
        .map_err(|reason| mistake("TLS_CERT", &files.cert, "a PEM file with a certificate", reason))?;
    let key = PrivateKeyDer::from_pem_file(&files.key)
        .map_err(|reason| mistake("TLS_KEY", &files.key, "a PEM file with a private key", reason))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring supports the default TLS versions")
        .with_no_client_auth()
        .with_single_cert(chain, key);
    let expected = "the private key that belongs to TLS_CERT";
    let mut config = config.map_err(|reason| mistake("TLS_KEY", &files.key, expected, reason))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// At least one.
pub fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match read {
        Ok(chain) if chain.is_empty() => Err("there is none in it".into()),
        Ok(chain) => Ok(chain),
        Err(error) => Err(error.to_string()),
    }
}

fn mistake(key: &'static str, path: &Path, expected: &str, reason: impl Display) -> Mistake {
    Mistake::new(key, path.display(), format!("{expected} ({reason})"))
}
