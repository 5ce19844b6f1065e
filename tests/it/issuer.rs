//! An issuer of tokens for logins by OIDC, and the tokens that a real server takes of it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use incus_backup::model::Version;
use rustls::SignatureScheme;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Value, json};

/// An issuer on loopback, which takes each refresh token once.
pub struct Issuer {
    pub url: String,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// The refresh token that is taken.
    refresh: String,
    /// What it gives instead.
    given: Value,
    /// The forms that were sent.
    forms: Vec<String>,
}

impl Issuer {
    /// One on loopback, which gives this for the refresh token.
    pub fn start(refresh: &str, given: Value) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").unwrap(), refresh, given)
    }

    /// One that listens there.
    pub fn on(listener: TcpListener, refresh: &str, given: Value) -> Self {
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State {
            refresh: refresh.to_owned(),
            given,
            forms: Vec::new(),
        }));
        let (own, shared) = (url.clone(), state.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                answer(&stream, &own, &shared);
            }
        });
        Self { url, state }
    }

    /// The forms that were sent to it.
    pub fn forms(&self) -> Vec<String> {
        self.state.lock().unwrap().forms.clone()
    }
}

fn answer(mut stream: &std::net::TcpStream, own: &str, state: &Mutex<State>) {
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    reader.read_line(&mut first).unwrap();
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if line.trim().is_empty() {
            break;
        }
        let line = line.to_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut form = vec![0; length];
    reader.read_exact(&mut form).unwrap();
    let (code, body) = if first.starts_with("GET /.well-known/openid-configuration ") {
        (
            200,
            json!({ "issuer": own, "token_endpoint": format!("{own}/token"),
                "jwks_uri": format!("{own}/keys") }),
        )
    } else if first.starts_with("GET /keys ") {
        let keys = include_str!("fixtures/keys/issuer.json");
        (200, serde_json::from_str(keys).unwrap())
    } else {
        let mut state = state.lock().unwrap();
        let form = String::from_utf8(form).unwrap();
        let wanted = format!(
            "grant_type=refresh_token&client_id=incus&refresh_token={}",
            state.refresh
        );
        state.forms.push(form.clone());
        if first.starts_with("POST /token ") && form == wanted {
            "used".clone_into(&mut state.refresh);
            (200, state.given.clone())
        } else {
            (400, json!({ "error": "invalid_grant" }))
        }
    };
    let body = body.to_string();
    let head = format!(
        "HTTP/1.1 {code} x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n",
        body.len()
    );
    let _ = stream.write_all(format!("{head}{body}").as_bytes());
}

/// A token of a user, signed by the issuer; valid for so many seconds from now on.
pub fn token(issuer: &str, user: &str, seconds: i64) -> String {
    let now = Version::now().timestamp().as_second();
    let claims = json!({ "iss": issuer, "sub": user, "aud": ["incus"], "iat": now - 600,
        "exp": now + seconds });
    let encoded = |text: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(text);
    let head = encoded(br#"{"alg":"RS256","kid":"test","typ":"JWT"}"#);
    let claimed = format!("{head}.{}", encoded(claims.to_string().as_bytes()));
    let pem = include_bytes!("fixtures/keys/issuer.pem");
    let key = PrivateKeyDer::from_pem_slice(pem).unwrap();
    let key = rustls::crypto::ring::sign::any_supported_type(&key).unwrap();
    let signer = key.choose_scheme(&[SignatureScheme::RSA_PKCS1_SHA256]);
    let signature = signer.unwrap().sign(claimed.as_bytes()).unwrap();
    format!("{claimed}.{}", encoded(&signature))
}
