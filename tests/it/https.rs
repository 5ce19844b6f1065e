//! The fake daemon by HTTPS: a front of its own certificate, which knows its client by a certificate too.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsAcceptor;

use crate::fake::World;

/// A certificate and its key, as PEM files hold them.
pub struct Pair {
    pub certificate: String,
    pub key: String,
}

impl Pair {
    /// One that signs itself, for a name.
    pub fn of(name: &str) -> Self {
        let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
        Self {
            certificate: made.cert.pem(),
            key: made.signing_key.serialize_pem(),
        }
    }

    fn certificates(&self) -> Vec<CertificateDer<'static>> {
        use rustls::pki_types::pem::PemObject as _;
        CertificateDer::pem_slice_iter(self.certificate.as_bytes())
            .map(Result::unwrap)
            .collect()
    }

    fn private_key(&self) -> PrivateKeyDer<'static> {
        use rustls::pki_types::pem::PemObject as _;
        PrivateKeyDer::from_pem_slice(self.key.as_bytes()).unwrap()
    }
}

/// A front that runs until the process ends.
pub struct Front {
    pub url: String,
}

impl Front {
    /// Hands what comes by TLS on to a socket, from whoever has the key of the client's certificate, or
    /// from anybody where there is none.
    pub fn before(socket: &Path, server: &Pair, client: Option<&Pair>) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap();
        let builder = match client {
            Some(client) => {
                let mut roots = RootCertStore::empty();
                roots.add(client.certificates().remove(0)).unwrap();
                let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
                builder.with_client_cert_verifier(verifier.build().unwrap())
            }
            None => builder.with_no_client_auth(),
        };
        let config = builder
            .with_single_cert(server.certificates(), server.private_key())
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        listener.set_nonblocking(true).unwrap();
        let (acceptor, socket) = (TlsAcceptor::from(Arc::new(config)), socket.to_owned());
        std::thread::spawn(move || {
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap()
                .block_on(serve(listener, acceptor, socket));
        });
        Self { url }
    }
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, socket: PathBuf) {
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(join(stream, acceptor.clone(), socket.clone()));
    }
}

async fn join(stream: TcpStream, acceptor: TlsAcceptor, socket: PathBuf) {
    let Ok(mut stream) = acceptor.accept(stream).await else {
        return;
    };
    let Ok(mut daemon) = UnixStream::connect(socket).await else {
        return;
    };
    let _ = tokio::io::copy_bidirectional(&mut stream, &mut daemon).await;
}

/// The client's configuration in a world, with the default remote `far` at a URL.
pub fn configuration(world: &World, url: &str, more: &str) -> PathBuf {
    let conf = world.folder.path().join("conf");
    std::fs::create_dir_all(conf.join("servercerts")).unwrap();
    let text = format!("default-remote: far\nremotes:\n  far: {{addr: '{url}'{more}}}\n");
    std::fs::write(conf.join("config.yml"), text).unwrap();
    conf
}

/// A configuration whose remote is a front that knows this client; the key is not there yet.
pub fn known_client(world: &World, client: &Pair) -> PathBuf {
    let server = Pair::of("fake");
    let socket = world.folder.path().join("unix.socket");
    let front = Front::before(&socket, &server, Some(client));
    let conf = configuration(world, &front.url, "");
    std::fs::write(conf.join("servercerts/far.crt"), server.certificate).unwrap();
    std::fs::write(conf.join("client.crt"), &client.certificate).unwrap();
    conf
}
