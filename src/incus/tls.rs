//! Certificates: the client's own, and which of the servers' are trusted.
//!
//! # Design
//!
//! `incus` adds the pinned certificate to its roots, so that a self-signed one passes whatever the
//! host is called, and a chain to a known authority passes too. Here a leaf that *is* the pinned
//! certificate and within its dates is accepted; anything else must have a chain to `client.ca`, or
//! where there is none to the system's roots or the pin, for the pin's first DNS name or the host.
//! Neither `incus` nor this reads a list of revoked certificates: `ca.crl` is the server's.
//! Handshake signatures are always verified.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

use super::Environment;
use super::config::{Config, Remote};
use super::keys::{Keys, PasswordError};
use super::pem::KeyFile;
use crate::model::RemoteName;

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// There is no key pair to be known by.
    #[error("there is no client certificate and key (`{}`)", certificate.display())]
    NoClientCertificate {
        /// Where it was looked for last.
        certificate: PathBuf,
    },
    /// A file cannot be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// A file is not what it should be.
    #[error("`{}` holds no usable {what}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        what: &'static str,
    },
    /// The key needs a password, which is not there.
    #[error("the key `{}` is protected by a password", path.display())]
    Password {
        /// The key.
        path: PathBuf,
        /// Why it is not there.
        #[source]
        cause: PasswordError,
    },
    /// The key is protected in a way that is not supported.
    #[error("the key `{}` is protected in a way that is not supported (`{how}`)", path.display())]
    Protection {
        /// The key.
        path: PathBuf,
        /// What its file says about it.
        how: String,
    },
    /// The remote wants another kind of authentication.
    #[error("authentication by `{0}` is not supported yet")]
    Authentication(String),
    /// The TLS library refuses the set-up.
    #[error("cannot set TLS up")]
    Setup(#[from] rustls::Error),
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// What a connection without TLS is built with.
pub(super) fn none() -> Result<ClientConfig, TlsError> {
    Ok(ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth())
}

/// The set-up for a remote.
pub(super) fn of_remote(
    config: &Config,
    name: &RemoteName,
    remote: &Remote,
    environment: &Environment,
) -> Result<ClientConfig, TlsError> {
    let folder = config.folder.clone().unwrap_or_default();
    let pair = match remote.auth_type.as_str() {
        "" | "tls" => Some(Pair::find(&folder, name, &config.keys)?),
        "oidc" => None,
        other => return Err(TlsError::Authentication(other.to_owned())),
    };
    let pins = if remote.global {
        &config.global_folder
    } else {
        &folder
    };
    let pin = optional(&pins.join("servercerts").join(format!("{name}.crt")))?;
    let pin = pin
        .map(|(path, pem)| certificate(&path, &pem))
        .transpose()?;
    let authorities = pair.as_ref().and_then(|pair| pair.authorities.clone());
    let verifier = Verifier::new(pin, authorities)?;
    let insecure = environment
        .insecure_tls
        .as_deref()
        .is_some_and(super::is_true);
    let versions: &[&rustls::SupportedProtocolVersion] = if insecure {
        &[&rustls::version::TLS13, &rustls::version::TLS12]
    } else {
        &[&rustls::version::TLS13]
    };
    let builder = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(versions)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    Ok(match pair {
        Some(pair) => builder.with_client_auth_cert(pair.chain, pair.key)?,
        None => builder.with_no_client_auth(),
    })
}

/// The set-up for servers that anybody may talk to, known by the system's authorities.
pub(super) fn of_public() -> Result<ClientConfig, TlsError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    Ok(ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

/// The client's certificate and key, and the only authorities that it trusts, where it has any.
struct Pair {
    /// The certificate, and those between it and its authority.
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    authorities: Option<Vec<CertificateDer<'static>>>,
}

impl Pair {
    /// The remote's own pair where both files are there, else the user's.
    fn find(folder: &Path, name: &RemoteName, keys: &Keys) -> Result<Self, TlsError> {
        let base = pair(folder, name);
        let (crt, key) = (stem(&base, ".crt"), stem(&base, ".key"));
        let missing = || TlsError::NoClientCertificate {
            certificate: crt.clone(),
        };
        let (_, crt_pem) = optional(&crt)?.ok_or_else(missing)?;
        let (_, key_pem) = optional(&key)?.ok_or_else(missing)?;
        let authorities = optional(&stem(&base, ".ca"))?;
        Ok(Self {
            chain: certificates(&crt, &crt_pem)?,
            key: private_key(&key, &key_pem, keys)?,
            authorities: authorities
                .map(|(path, pem)| certificates(&path, &pem))
                .transpose()?,
        })
    }
}

/// The path of the pair that is meant, without its endings.
fn pair(folder: &Path, name: &RemoteName) -> PathBuf {
    let own = folder.join("clientcerts").join(name.as_str());
    let is_whole = |path: &Path| stem(path, ".crt").exists() && stem(path, ".key").exists();
    if is_whole(&own) {
        own
    } else {
        folder.join("client")
    }
}

fn stem(path: &Path, ending: &str) -> PathBuf {
    let mut text = path.as_os_str().to_owned();
    text.push(ending);
    PathBuf::from(text)
}

/// The key that a client is known to a remote by.
pub(super) fn key_of(config: &Config, name: &RemoteName) -> PathBuf {
    let folder = config.folder.clone().unwrap_or_default();
    stem(&pair(&folder, name), ".key")
}

/// Opens the client's key where it is protected by a password: this may ask for it.
pub(super) fn unlock(path: &Path, keys: &Keys) -> Result<(), TlsError> {
    // What is missing or unusable is told when it is used.
    let Some((_, pem)) = optional(path)? else {
        return Ok(());
    };
    let Some(KeyFile::Locked(key)) = KeyFile::parse(&String::from_utf8_lossy(&pem)) else {
        return Ok(());
    };
    keys.unlock(path, &key)
        .map_err(|cause| without(path, cause))
}

/// That a key cannot be used without its password.
fn without(path: &Path, cause: PasswordError) -> TlsError {
    let path = path.to_owned();
    match cause {
        PasswordError::Unsupported => TlsError::Protection {
            path,
            how: "ENCRYPTED PRIVATE KEY".to_owned(),
        },
        cause => TlsError::Password { path, cause },
    }
}

fn optional(path: &Path) -> Result<Option<(PathBuf, Vec<u8>)>, TlsError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some((path.to_owned(), bytes))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(TlsError::Read {
            path: path.to_owned(),
            cause,
        }),
    }
}

fn certificate(path: &Path, pem: &[u8]) -> Result<CertificateDer<'static>, TlsError> {
    CertificateDer::from_pem_slice(pem).map_err(|_| TlsError::Unusable {
        path: path.to_owned(),
        what: "certificate",
    })
}

/// All certificates of a file, of which there must be one.
fn certificates(path: &Path, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match all {
        Ok(all) if !all.is_empty() => Ok(all),
        _ => Err(TlsError::Unusable {
            path: path.to_owned(),
            what: "certificate",
        }),
    }
}

fn private_key(path: &Path, pem: &[u8], keys: &Keys) -> Result<PrivateKeyDer<'static>, TlsError> {
    let path = path.to_owned();
    match KeyFile::parse(&String::from_utf8_lossy(pem)) {
        Some(KeyFile::Open(key)) => Ok(key),
        Some(KeyFile::Locked(_)) => keys.opened(&path).map_err(|cause| without(&path, cause)),
        Some(KeyFile::Unknown(how)) => Err(TlsError::Protection { path, how }),
        None => Err(TlsError::Unusable {
            path,
            what: "private key",
        }),
    }
}

/// Decides whether a server is the one that is meant.
#[derive(Debug)]
struct Verifier {
    pin: Option<CertificateDer<'static>>,
    pin_name: Option<ServerName<'static>>,
    chain: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl Verifier {
    fn new(
        pin: Option<CertificateDer<'static>>,
        authorities: Option<Vec<CertificateDer<'static>>>,
    ) -> Result<Self, TlsError> {
        let mut roots = RootCertStore::empty();
        if let Some(authorities) = authorities {
            for authority in authorities {
                roots.add(authority)?;
            }
        } else {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
        if let Some(pin) = &pin {
            // A leaf is no authority; then only its being the very certificate counts.
            let _ = roots.add(pin.clone());
        }
        let provider = provider();
        let chain = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone());
        let pin_name = pin.as_ref().and_then(first_dns_name);
        Ok(Self {
            pin,
            pin_name,
            chain: chain.build().ok(),
            provider,
        })
    }
}

/// The first DNS name of a certificate's subject alternative names.
fn first_dns_name(certificate: &CertificateDer<'_>) -> Option<ServerName<'static>> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let names = &parsed.subject_alternative_name().ok()??.value.general_names;
    let name = names.iter().find_map(|name| match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        _ => None,
    })?;
    ServerName::try_from(name).ok()
}

fn check_dates(certificate: &CertificateDer<'_>, now: UnixTime) -> Result<(), rustls::Error> {
    let encoding = |_| rustls::Error::from(CertificateError::BadEncoding);
    let (_, parsed) = X509Certificate::from_der(certificate).map_err(encoding)?;
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    if now < parsed.validity().not_before.timestamp() {
        return Err(CertificateError::NotValidYet.into());
    }
    if now > parsed.validity().not_after.timestamp() {
        return Err(CertificateError::Expired.into());
    }
    Ok(())
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        host: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if self
            .pin
            .as_ref()
            .is_some_and(|pin| pin.as_ref() == leaf.as_ref())
        {
            check_dates(leaf, now)?;
            return Ok(ServerCertVerified::assertion());
        }
        let Some(chain) = &self.chain else {
            return Err(CertificateError::UnknownIssuer.into());
        };
        if let Some(name) = &self.pin_name
            && chain
                .verify_server_cert(leaf, between, name, ocsp, now)
                .is_ok()
        {
            return Ok(ServerCertVerified::assertion());
        }
        chain.verify_server_cert(leaf, between, host, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

/// Whether a request failed because of the server's certificate.
pub(super) fn is_about_certificates(error: &reqwest::Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(inner) = cause {
        if let Some(rustls::Error::InvalidCertificate(_)) = inner.downcast_ref() {
            return true;
        }
        // An I/O error hides what it was made of from `source`.
        cause = match inner
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
        {
            Some(made_of) => Some(made_of),
            None => inner.source(),
        };
    }
    false
}
