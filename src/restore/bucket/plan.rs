//! What will be done (pure).

use std::collections::BTreeSet;

use super::super::error::no_project;
use super::gather::{Facts, Request, Server};
use crate::incus::{BucketKey, Exportable};
use crate::model::{PoolName, ResourceId, ResourceName};
use crate::plan::{Action, Plan, Row, Step};
use crate::restore::Existing;
use crate::restore::select::{are_damaged, select};
use crate::target::{BucketFacts, Stored};

/// The drivers whose pools have buckets that the server serves itself, and the one that has its own.
const LOCAL: [&str; 5] = ["dir", "btrfs", "lvm", "lvmcluster", "zfs"];
const REMOTE: &str = "cephobject";

/// What applying one step needs.
#[derive(Debug)]
pub struct Work {
    /// The version to restore.
    pub stored: Stored,
    /// What it becomes.
    pub to: Exportable,
    /// Its pool is one whose buckets the server itself serves.
    pub local: bool,
    /// The access keys that others have.
    pub taken: BTreeSet<String>,
    /// The configuration keys that it loses.
    pub without: Vec<String>,
    /// It is lent a key that may write.
    pub lend: bool,
}

/// Plans the restore of what was asked for.
pub fn plan(request: &Request, facts: &Facts) -> Plan<Work> {
    // Two that are restored at once must not have one access key either.
    let mut taken = facts.access_keys.clone();
    facts
        .wanted
        .iter()
        .map(
            |(id, versions)| match choose(request, facts, id, versions) {
                Ok(chosen) => chosen.step(facts, &mut taken),
                Err(rest) => *rest,
            },
        )
        .collect()
}

/// Whether something that was asked for is refused because what is stored of it is damaged.
pub fn lacks_undamaged(request: &Request, facts: &Facts) -> bool {
    let mut wanted = facts.wanted.iter();
    wanted.any(|(_, versions)| are_damaged(versions, request.selection))
}

/// A bucket that can be restored.
struct Chosen<'a> {
    row: Row,
    stored: &'a Stored,
    bucket: &'a BucketFacts,
    server: &'a Server,
    pool: PoolName,
    name: ResourceName,
}

/// Looks what is in the way.
fn choose<'a>(
    request: &Request,
    facts: &'a Facts,
    id: &ResourceId,
    versions: &'a [Stored],
) -> Result<Chosen<'a>, Box<Step<Work>>> {
    let row = |action| Row::new(action, id);
    let refuse = |row: Row, reason: &str| Box::new(Step::rest(row.because(reason)));
    let stored = select(versions, request.selection)
        .map_err(|reason| refuse(row(Action::Refuse), &reason))?;
    let row = |action| row(action).version(stored.id.version);
    let refused = |reason: &str| refuse(row(Action::Refuse), reason);
    let manifest = stored.manifest.as_ref();
    let bucket = manifest.and_then(|manifest| manifest.bucket.as_ref());
    let (Some(bucket), Some(project), Some(pool), Some(name)) =
        (bucket, id.project(), id.pool(), id.name())
    else {
        return Err(refused("its manifest is not that of a bucket"));
    };
    let to = request.mapping.project(project);
    let Some(server) = facts.servers.get(to) else {
        let reason = no_project(to);
        return Err(refused(&reason));
    };
    let pool: PoolName = match request.mapping.pool(pool.as_str()).parse() {
        Ok(pool) => pool,
        Err(error) => return Err(refused(&error.to_string())),
    };
    if let Some(reason) = obstacle(facts, &pool) {
        return Err(refused(&reason));
    }
    let name = request.target_name.as_ref().unwrap_or(name).clone();
    if server.buckets.contains(&(pool.clone(), name.clone())) {
        return Err(match request.existing {
            Existing::Skip => Box::new(Step::rest(row(Action::Skip).because("it exists"))),
            Existing::Refuse => {
                refused("it exists; --skip-existing leaves it, --target-name restores beside it")
            }
            Existing::Replace => refused(
                "it exists, and a bucket cannot be replaced safely: Incus cannot rename buckets, so \
                 the old one would have to go before the new one is there; --target-name restores \
                 beside it",
            ),
        });
    }
    Ok(Chosen {
        row: row(Action::Create),
        stored,
        bucket,
        server,
        pool,
        name,
    })
}

/// Why a pool cannot be given a bucket, and what to do about it.
fn obstacle(facts: &Facts, pool: &PoolName) -> Option<String> {
    if !facts.imports {
        return Some("this server cannot import buckets".to_owned());
    }
    let Some(driver) = facts.pools.get(pool) else {
        return Some(format!(
            "missing pool: `{pool}`; restore to another one with --pool-map {pool}=POOL"
        ));
    };
    if driver == REMOTE {
        return None;
    }
    if !LOCAL.contains(&driver.as_str()) {
        return Some(format!(
            "pool `{pool}` is of {driver}, which has no buckets"
        ));
    }
    (!facts.served).then(|| {
        "the server does not serve buckets; it does after \
         `incus config set core.storage_buckets_address ADDRESS:PORT`"
            .to_owned()
    })
}

impl Chosen<'_> {
    fn step(self, facts: &Facts, taken: &mut BTreeSet<String>) -> Step<Work> {
        let Self {
            row,
            stored,
            bucket,
            server,
            pool,
            name,
        } = self;
        let id = &stored.id.resource;
        let mut shown = row;
        if let Some(manifest) = &stored.manifest {
            shown = shown.because(&manifest.consistency.to_string());
        }
        if id.name() != Some(&name) {
            shown = shown.because(&format!("as `{name}`"));
        }
        if id.pool() != Some(&pool) {
            shown = shown.because(&format!("to pool `{pool}`"));
        }
        if id.project() != Some(&server.home) {
            shown = shown.because(&format!("to project `{}`", server.home));
        }
        let keys = facts
            .keys
            .get(&stored.id)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let renewed = |key: &&BucketKey| taken.contains(&key.access_key);
        let renewed: Vec<&str> = keys
            .iter()
            .filter(renewed)
            .map(|key| key.name.as_str())
            .collect();
        if !renewed.is_empty() {
            shown = shown.because(&format!(
                "with new secrets for {}: another bucket of the server has theirs",
                renewed.join(", ")
            ));
        }
        let driver = facts.pools.get(&pool).map(String::as_str);
        // A plain directory has no quotas for buckets, and refuses what names one.
        let unlimited = driver == Some("dir") && bucket.size_limit.is_some();
        if unlimited {
            shown = shown.because("without its size limit: dir has none");
        }
        let work = Work {
            stored: stored.clone(),
            to: Exportable::bucket(server.home.clone(), pool, name),
            local: driver != Some(REMOTE),
            taken: taken.clone(),
            without: unlimited.then(|| "size".to_owned()).into_iter().collect(),
            lend: !bucket.keys.iter().any(|key| key.role == "admin"),
        };
        taken.extend(keys.iter().map(|key| key.access_key.clone()));
        Step::work(shown, work)
    }
}
