//! As much of an S3 client as tests need: objects put, got and listed, with signature version 4.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use incus_backup::model::{Sha256, Version};
use reqwest::Method;
use sha2::Digest as _;

/// A bucket, and a key to it.
pub struct S3 {
    client: reqwest::Client,
    /// Such as `https://127.0.0.1:9000/bucket`.
    url: String,
    access: String,
    secret: String,
}

fn hmac(key: &[u8], text: &str) -> Vec<u8> {
    let mut block = [0u8; 64];
    block[..key.len()].copy_from_slice(key);
    let pad = |byte: u8| block.map(|own| own ^ byte);
    let hash = |first: [u8; 64], second: &[u8]| {
        let hasher = sha2::Sha256::new_with_prefix(first).chain_update(second);
        hasher.finalize().to_vec()
    };
    hash(pad(0x5c), &hash(pad(0x36), text.as_bytes()))
}

/// Percent-encodes all but what the signature leaves as it is.
fn encode(text: &str, kept: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        let plain = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        if plain || kept.as_bytes().contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

impl S3 {
    /// Reaches a bucket where the server says that it serves it, by one of its keys.
    pub fn new(bucket: &serde_json::Value, key: &serde_json::Value) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        // The server's certificate is its own.
        let client = reqwest::Client::builder().tls_danger_accept_invalid_certs(true);
        Self {
            client: client.build().unwrap(),
            url: text(&bucket["s3_url"]),
            access: text(&key["access-key"]),
            secret: text(&key["secret-key"]),
        }
    }

    /// Sends a request; gives the status and the body.
    async fn send(&self, method: Method, path: &str, query: &str, body: &[u8]) -> (u16, Vec<u8>) {
        let url: reqwest::Url = format!("{}{path}?{query}", self.url).parse().unwrap();
        let host = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap());
        let time = Version::now().to_string();
        let (time, day) = (time.as_str(), &time[..8]);
        let hash = Sha256::of(body);
        let signed = "host;x-amz-content-sha256;x-amz-date";
        let request = format!(
            "{method}\n{}\n{query}\nhost:{host}\nx-amz-content-sha256:{hash}\nx-amz-date:{time}\n\n\
             {signed}\n{hash}",
            url.path()
        );
        let scope = format!("{day}/us-east-1/s3/aws4_request");
        let digest = Sha256::of(request.as_bytes());
        let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{digest}");
        let mut key = format!("AWS4{}", self.secret).into_bytes();
        for part in scope.split('/') {
            key = hmac(&key, part);
        }
        let mut signature = String::new();
        for byte in hmac(&key, &text) {
            let _ = write!(signature, "{byte:02x}");
        }
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={signed}, Signature={signature}",
            self.access
        );
        let request = self.client.request(method, url).body(body.to_vec());
        let request = request
            .header("x-amz-date", time)
            .header("x-amz-content-sha256", hash.to_string())
            .header("authorization", authorization);
        let response = request.send().await.unwrap();
        (
            response.status().as_u16(),
            response.bytes().await.unwrap().to_vec(),
        )
    }

    /// Stores an object; gives the status.
    pub async fn put(&self, key: &str, content: &[u8]) -> u16 {
        let path = format!("/{}", encode(key, "/"));
        self.send(Method::PUT, &path, "", content).await.0
    }

    /// Every object by its key.
    pub async fn objects(&self) -> BTreeMap<String, Vec<u8>> {
        let (status, list) = self.send(Method::GET, "", "list-type=2", b"").await;
        let list = String::from_utf8(list).unwrap();
        assert_eq!(status, 200, "{list}");
        let mut objects = BTreeMap::new();
        for part in list.split("<Key>").skip(1) {
            let key = part.split("</Key>").next().unwrap().replace("&amp;", "&");
            let path = format!("/{}", encode(&key, "/"));
            let (status, content) = self.send(Method::GET, &path, "", b"").await;
            assert_eq!(status, 200, "{key}");
            objects.insert(key, content);
        }
        objects
    }
}
