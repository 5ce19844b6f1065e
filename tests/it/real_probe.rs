//! The client against a real daemon, over its socket and over HTTPS.

use incus_backup::incus::{Client, Config, Environment};
use incus_backup::model::{ProjectName, RemoteName};

use crate::lab::{lab, unique, variable};

fn environment() -> Environment {
    Environment {
        incus_conf: variable("INCUS_CONF").map(Into::into),
        incus_dir: variable("INCUS_DIR").map(Into::into),
        incus_socket: variable("INCUS_SOCKET").map(Into::into),
        ..Environment::default()
    }
}

async fn probe(remote: &str) {
    let environment = environment();
    let config = Config::load(&environment).unwrap();
    let remote: RemoteName = remote.parse().unwrap();
    let client = Client::connect(&config, &remote, &environment)
        .await
        .unwrap();
    let server = client.server();
    eprintln!(
        "{remote}: Incus {}, {} extensions",
        server.version,
        server.api_extensions.len()
    );
    assert!(client.has("container_backup"));
    let name: ProjectName = unique("probe").parse().unwrap();
    assert!(client.project(&name).await.unwrap().is_none());
    client.create_project(&name).await.unwrap();
    let made = client.project(&name).await.unwrap();
    client.delete_project(&name).await.unwrap();
    assert_eq!(made.unwrap().name, name);
    assert!(client.project(&name).await.unwrap().is_none());
    let refused = client.delete_project(&name).await.unwrap_err();
    assert!(refused.is_not_found(), "{refused}");
}

#[tokio::test]
async fn a_daemon_is_reached_by_its_socket() {
    if lab().is_some() {
        probe("local").await;
    }
}

#[tokio::test]
async fn a_daemon_is_reached_by_https() {
    if lab().is_some() {
        probe(&variable("LAB_HTTPS_REMOTE").expect("the lab names its HTTPS remote")).await;
    }
}
