//! What is asked for, and what is true.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::super::document::Document;
use super::super::error::ConfigError;
use super::super::filter::Filter;
use super::super::read::read;
use crate::incus::Client;
use crate::model::{ObjectKind, ResourceName};

/// A request to give a server a configuration.
#[derive(Debug, Clone, Default)]
pub struct RestoreRequest {
    /// Which objects.
    pub filter: Filter,
    /// Delete what the backup lacks, where nothing uses it.
    pub force: bool,
    /// Create volumes and buckets without their data.
    pub empty_volumes: bool,
    /// The device, data set or folder of a pool, where it is another one than the backup names.
    pub pool_sources: BTreeMap<String, String>,
}

/// How this client reaches the server, and so what would cut it off.
#[derive(Debug, Clone, Default)]
pub struct Connection {
    /// It reaches it by an address of the server's.
    pub by_address: bool,
    /// The fingerprint of the certificate that the server knows it by.
    pub certificate: Option<String>,
}

/// What is true when a restore is planned.
#[derive(Debug, Clone)]
pub struct RestoreFacts {
    /// What the backup declares.
    pub backup: Document,
    /// What the server declares.
    pub server: Document,
    /// The members of the server's cluster; none where it is in none.
    pub members: Vec<ResourceName>,
    /// How it is reached.
    pub connection: Connection,
    /// The time, for certificates that have expired.
    pub now: Timestamp,
}

/// Reads the server that a backup is to be given to.
pub async fn gather_restore(
    client: &Client,
    backup: Document,
    now: Timestamp,
) -> Result<RestoreFacts, ConfigError> {
    let server = read(client).await?;
    let document = client.server_document(None).await?;
    let members = server.objects(ObjectKind::ClusterMember);
    Ok(RestoreFacts {
        members: members
            .into_iter()
            .flatten()
            .map(|(id, _)| id.name.clone())
            .collect(),
        connection: Connection {
            by_address: client.is_remote(),
            certificate: Client::own_certificate(&document).map(str::to_owned),
        },
        backup,
        server,
        now,
    })
}
