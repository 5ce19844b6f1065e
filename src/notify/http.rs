//! Webhooks and pings.

use std::sync::Arc;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, Url};
use rustls::{ClientConfig, RootCertStore};

use super::error::NotifyError;
use super::send::Means;

/// How many characters of a text are sent to an address that waits for a call.
const TEXT: usize = 10_000;

/// A call of an address that waits for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    /// The run begins.
    Start,
    /// It ended well.
    Success,
    /// It did not.
    Fail,
}

/// An address of HTTP.
pub(super) fn address(text: &str) -> Result<Url, NotifyError> {
    let url = Url::parse(text.trim()).map_err(|_| NotifyError::Address)?;
    if matches!(url.scheme(), "https" | "http") && url.has_host() {
        Ok(url)
    } else {
        Err(NotifyError::Address)
    }
}

/// The address of a call: what a query asks for stays at the end.
pub(super) fn called(mut url: Url, call: Call) -> Url {
    let path = url.path().trim_end_matches('/').to_owned();
    match call {
        Call::Start => url.set_path(&format!("{path}/start")),
        Call::Success => {}
        Call::Fail => url.set_path(&format!("{path}/fail")),
    }
    url
}

/// Sends JSON.
pub(super) async fn webhook(
    url: Url,
    headers: HeaderMap,
    json: &serde_json::Value,
    means: &Means,
) -> Result<(), NotifyError> {
    let mut all = HeaderMap::new();
    all.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    all.extend(headers);
    post(url, all, json.to_string(), means).await
}

/// Calls an address.
pub(super) async fn ping(
    url: Url,
    call: Call,
    text: &str,
    means: &Means,
) -> Result<(), NotifyError> {
    let mut headers = HeaderMap::new();
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    headers.insert(CONTENT_TYPE, plain);
    post(
        called(url, call),
        headers,
        text.chars().take(TEXT).collect(),
        means,
    )
    .await
}

async fn post(
    url: Url,
    headers: HeaderMap,
    body: String,
    means: &Means,
) -> Result<(), NotifyError> {
    let client = client(&url, means)?;
    let request = client.post(url).headers(headers).body(body);
    let status = request.send().await?.status();
    if status.is_success() {
        Ok(())
    } else {
        Err(NotifyError::Status(status))
    }
}

fn client(url: &Url, means: &Means) -> Result<Client, NotifyError> {
    let mut client = Client::builder()
        .http1_only()
        .no_proxy()
        .redirect(Policy::none())
        .user_agent(concat!("incus-backup/", env!("CARGO_PKG_VERSION")))
        .tls_backend_preconfigured(tls(url)?);
    if let Some(proxy) = &means.https_proxy {
        let except = means.no_proxy.as_deref();
        let except = except.and_then(reqwest::NoProxy::from_string);
        client = client.proxy(reqwest::Proxy::https(proxy)?.no_proxy(except));
    }
    Ok(client.build()?)
}

/// Knows the system's authorities, where the address needs one.
fn tls(url: &Url) -> Result<ClientConfig, NotifyError> {
    let mut roots = RootCertStore::empty();
    if url.scheme() == "https" {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            return Err(NotifyError::NoRoots);
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

/// A header, which is not shown where the client is shown.
pub(super) fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), NotifyError> {
    let unfit = || NotifyError::Header(name.to_owned());
    let key: HeaderName = name.parse().map_err(|_| unfit())?;
    let mut value = HeaderValue::from_str(value).map_err(|_| unfit())?;
    value.set_sensitive(true);
    Ok((key, value))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("https://h.example/a-b", Call::Start, "https://h.example/a-b/start")]
    #[case("https://h.example/a-b/", Call::Success, "https://h.example/a-b/")]
    #[case("https://h.example/a-b/", Call::Fail, "https://h.example/a-b/fail")]
    #[case(
        "https://h/k/slug?create=1",
        Call::Fail,
        "https://h/k/slug/fail?create=1"
    )]
    #[case("http://h:8000", Call::Start, "http://h:8000/start")]
    fn a_call_has_its_own_path(#[case] url: &str, #[case] call: Call, #[case] expected: &str) {
        assert_eq!(called(address(url).unwrap(), call).as_str(), expected);
    }

    #[rstest]
    #[case("ftp://h/")]
    #[case("h.example")]
    #[case("https://")]
    #[case("")]
    fn what_is_no_address_is_not_shown(#[case] text: &str) {
        let error = address(text).unwrap_err().to_string();
        assert_eq!(error, NotifyError::Address.to_string());
    }

    #[test]
    fn a_header_of_two_lines_is_refused() {
        let error = header("X-A", "one\r\nX-B: two").unwrap_err().to_string();
        assert_eq!(error, "the value of header `X-A` is not one line of text");
    }
}
