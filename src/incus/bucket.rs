//! Buckets, their keys, and whether the server serves them.

use std::collections::BTreeMap;
use std::fmt;

use reqwest::Method;
use serde::Deserialize;
use serde_json::Value;

use super::client::Client;
use super::exportable::Exportable;
use super::request::{Request, decode};
use super::{Error, Project};
use crate::model::{PoolName, ProjectName, ResourceName};

/// A bucket.
#[derive(Debug, Clone, Deserialize)]
pub struct Bucket {
    /// Its name.
    pub name: ResourceName,
    /// The project that it lives in, which need not be the one that was asked.
    #[serde(default = "ProjectName::default_project")]
    pub project: ProjectName,
    /// The cluster member that it is on; `none` or empty where it is on no single one.
    #[serde(default)]
    pub location: String,
    /// Its description.
    #[serde(default)]
    pub description: String,
    /// Its configuration.
    #[serde(default)]
    pub config: BTreeMap<String, String>,
    /// Where it is served; empty where it is not.
    #[serde(default)]
    s3_url: String,
    /// The whole object.
    #[serde(skip)]
    pub raw: Value,
}

/// A key of a bucket. What it says to others leaves its secrets out.
#[derive(Clone, Deserialize)]
pub struct BucketKey {
    /// Its name.
    pub name: String,
    /// What it may do: `admin` or `read-only`.
    #[serde(default)]
    pub role: String,
    /// What it is called in requests: of one server no two keys have the same.
    #[serde(default, rename = "access-key")]
    pub access_key: String,
    /// The whole object, secrets and all.
    #[serde(skip)]
    pub raw: Value,
}

impl fmt::Debug for BucketKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BucketKey")
            .field("name", &self.name)
            .field("role", &self.role)
            .finish_non_exhaustive()
    }
}

impl BucketKey {
    /// Understands a key's object, of the API or of a record of it.
    pub fn parse(raw: Value) -> Result<Self, serde_json::Error> {
        let key = Self::deserialize(&raw)?;
        Ok(Self { raw, ..key })
    }

    /// Whether it may write.
    pub fn may_write(&self) -> bool {
        self.role == "admin"
    }
}

impl Bucket {
    fn parse(raw: Value, action: &str) -> Result<Self, Error> {
        let bucket: Self = decode(raw.clone(), action)?;
        Ok(Self { raw, ..bucket })
    }

    /// Whether the server serves it, and so can read its objects.
    pub fn is_served(&self) -> bool {
        !self.s3_url.is_empty()
    }

    /// The cluster member that requests about it must name.
    pub fn member(&self) -> Option<String> {
        let somewhere = !matches!(self.location.as_str(), "" | "none");
        somewhere.then(|| self.location.clone())
    }

    /// It, in its pool, as what is exported.
    pub fn exportable(&self, pool: &PoolName) -> Exportable {
        Exportable::bucket(self.project.clone(), pool.clone(), self.name.clone()).on(self.member())
    }
}

impl Project {
    /// The project that its buckets live in: its own, or `default` where it has none of its own.
    pub fn of_buckets(&self) -> ProjectName {
        let own = self.config.get("features.storage.buckets");
        if own.is_some_and(|value| value == "true") {
            self.name.clone()
        } else {
            ProjectName::default_project()
        }
    }
}

/// What of the server's own configuration bears on buckets.
#[derive(Debug, Clone, Default)]
pub struct BucketService {
    /// Where it serves buckets of its own pools: `core.storage_buckets_address`.
    pub address: Option<String>,
    /// What it compresses exports with: `backups.compression_algorithm`.
    pub compression: Option<String>,
}

impl Client {
    /// The buckets of a pool that a project sees. A pool that cannot have any has none.
    pub async fn buckets(
        &self,
        pool: &PoolName,
        project: &ProjectName,
    ) -> Result<Vec<Bucket>, Error> {
        let action = format!("list the buckets of pool `{pool}`");
        let segments = ["storage-pools", pool.as_str(), "buckets"];
        let listed: Result<Vec<Value>, Error> = self.list(&segments, Some(project), &action).await;
        let all = match listed {
            Err(Error::Refused { message, .. }) if message.contains("does not support buckets") => {
                return Ok(Vec::new());
            }
            all => all?,
        };
        all.into_iter()
            .map(|raw| Bucket::parse(raw, &action))
            .collect()
    }

    /// One bucket.
    pub async fn bucket(&self, what: &Exportable) -> Result<Option<Bucket>, Error> {
        let action = format!("read bucket `{what}`");
        let request = what.request(Method::GET, &[], action.clone());
        match self.read_some(&request).await? {
            None => Ok(None),
            Some((raw, _)) => Ok(Some(Bucket::parse(raw, &action)?)),
        }
    }

    /// The keys of a bucket, with their secrets.
    pub async fn bucket_keys(&self, what: &Exportable) -> Result<Vec<BucketKey>, Error> {
        let action = format!("list the keys of bucket `{what}`");
        let request = what.request(Method::GET, &["keys"], action.clone());
        let all: Vec<Value> = self.list_at(request).await?;
        let parsed = all.into_iter().map(BucketKey::parse);
        parsed
            .collect::<Result<_, _>>()
            .map_err(|cause| Error::Protocol {
                action,
                cause: Some(cause),
            })
    }

    /// Deletes a key of a bucket.
    pub async fn delete_bucket_key(&self, what: &Exportable, name: &str) -> Result<(), Error> {
        let action = format!("delete key `{name}` of bucket `{what}`");
        let request = what.request(Method::DELETE, &["keys", name], action);
        self.patiently(&request).await.map(drop)
    }

    /// What of the server's own configuration bears on buckets; nothing where it is not shown.
    pub async fn bucket_service(&self) -> Result<BucketService, Error> {
        let request = Request::get(&[], "read the server's configuration");
        let (value, _) = self.read(&request).await?;
        let text = |key: &str| {
            let value = value.get("config")?.get(key)?.as_str()?;
            (!value.is_empty()).then(|| value.to_owned())
        };
        Ok(BucketService {
            address: text("core.storage_buckets_address"),
            compression: text("backups.compression_algorithm"),
        })
    }
}
