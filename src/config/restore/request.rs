//! What is asked for, and what is true.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::super::document::Document;
use super::super::error::ConfigError;
use super::super::filter::Filter;
use super::super::read::read;
use super::super::renamed::{Renamed, renamed};
use crate::incus::Client;
use crate::model::{ObjectId, ObjectKind, ResourceName};
use crate::plan::{Existing, Mapping};

/// A request to give a server a configuration.
#[derive(Debug, Clone, Default)]
pub struct RestoreRequest {
    /// Which objects.
    pub filter: Filter,
    /// What becomes of objects that are there and differ.
    pub existing: Existing,
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
    /// What the backup declares, by the names that things have on the server.
    pub backup: Document,
    /// Why objects of it are as they are.
    pub notes: BTreeMap<ObjectId, String>,
    /// The objects of the backup that have no place on the server, and why.
    pub left_out: Vec<(ObjectId, String)>,
    /// What the server declares.
    pub server: Document,
    /// The members of the server's cluster; none where it is in none.
    pub members: Vec<ResourceName>,
    /// How it is reached.
    pub connection: Connection,
    /// The time, for certificates that have expired.
    pub now: Timestamp,
}

/// Reads the server that a backup is to be given to, where things may have other names.
pub async fn gather_restore(
    client: &Client,
    backup: Document,
    mapping: &Mapping,
    now: Timestamp,
) -> Result<RestoreFacts, ConfigError> {
    let server = read(client).await?;
    let document = client.server_document(None).await?;
    let Renamed {
        backup,
        notes,
        left_out,
    } = renamed(backup, &server, mapping)?;
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
        notes,
        left_out,
        server,
        now,
    })
}
