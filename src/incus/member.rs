//! The members of a cluster, and how each is reached.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::Error;
use super::client::Client;
use super::recent::Recent;
use super::request::{Request, decode};

/// How long a member may take to show that it is reached from here.
const REACH: Duration = Duration::from_secs(5);

/// A member of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Member {
    /// Its name.
    #[serde(rename = "server_name")]
    pub name: String,
    /// Where it listens.
    #[serde(default)]
    pub url: String,
    /// What the cluster says of it: `Online`, `Offline`, `Evacuated`.
    #[serde(default)]
    pub status: String,
}

impl Member {
    /// Whether it takes what is sent to it.
    pub fn is_online(&self) -> bool {
        self.status == "Online"
    }
}

impl Client {
    /// The members of the cluster; none where the server is in no cluster.
    pub async fn members(&self) -> Result<Vec<Member>, Error> {
        if !self.server().clustered {
            return Ok(Vec::new());
        }
        let action = "list the members of the cluster";
        let all: Vec<Value> = self.list(&["cluster", "members"], None, action).await?;
        all.into_iter().map(|raw| decode(raw, action)).collect()
    }

    /// The same cluster, reached through another member's address: what is imported lands on whoever
    /// receives it. Every member shows the certificate of the cluster. A UNIX socket leads to one member
    /// only.
    pub fn through(&self, member: &Member) -> Option<Self> {
        if self.server().name == member.name {
            return Some(self.at(self.base.clone()));
        }
        let by_https = self.base.starts_with("https://") && member.url.starts_with("https://");
        by_https.then(|| self.at(member.url.trim_end_matches('/').to_owned()))
    }

    fn at(&self, base: String) -> Self {
        Self {
            http: self.http.clone(),
            base,
            server: self.server.clone(),
            own_project: self.own_project.clone(),
            throttle: self.throttle.clone(),
            login: self.login.clone(),
            recent: Recent::default(),
        }
    }

    /// Whether a member is reached from here.
    pub async fn reaches(&self, member: &Member) -> bool {
        let Some(client) = self.through(member) else {
            return false;
        };
        let request = Request::get(&[], "read what the server is");
        let answered = tokio::time::timeout(REACH, client.exchange(&request)).await;
        matches!(answered, Ok(Ok(_)))
    }
}
