//! What will be done (pure).

use std::collections::BTreeSet;

use super::super::error::no_project;
use super::super::member::Choice;
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
    /// The cluster member that it goes to, and what is to be said of that.
    member: Option<String>,
    note: Option<String>,
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
    // Of a pool of Ceph it is on no single member.
    let remote = facts
        .pools
        .get(&pool)
        .is_some_and(|driver| driver == REMOTE);
    let was = bucket.location.as_deref().filter(|_| !remote);
    let asked = request.mapping.member.as_deref();
    let chosen = facts.members.place(asked, was);
    let (member, note) = match chosen.map_err(|reason| refused(&reason))? {
        Choice::Here => (None, None),
        Choice::To(_) if remote => (None, None),
        Choice::To(member) => {
            let note = asked.map(|_| format!("onto member `{}`", member.name));
            (Some(member.name.clone()), note)
        }
        Choice::Elsewhere(why) => (None, Some(why)),
    };
    Ok(Chosen {
        row: row(Action::Create),
        stored,
        bucket,
        server,
        pool,
        name,
        member,
        note,
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
            member,
            note,
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
        if let Some(note) = note {
            shown = shown.because(&note);
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
            to: Exportable::bucket(server.home.clone(), pool, name).on(member),
            local: driver != Some(REMOTE),
            taken: taken.clone(),
            without: unlimited.then(|| "size".to_owned()).into_iter().collect(),
            lend: !bucket.keys.iter().any(|key| key.role == "admin"),
        };
        taken.extend(keys.iter().map(|key| key.access_key.clone()));
        Step::work(shown, work)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::super::member::{Members, Reach};
    use super::*;
    use crate::incus::Member;
    use crate::model::{Bytes, Checks, Kind, ProjectName, SourceName, Version};
    use crate::plan::Consent;
    use crate::restore::bucket::Scope;
    use crate::restore::{Mapping, Selection};
    use crate::target::{Manifest, State, StoredId};

    const MANIFEST: &str = r#"{
  "format": 2, "type": "bucket", "source": "prod", "server_version": "6.0.4",
  "project": "default", "pool": "tank", "name": "photos", "version": "20260131T235959Z",
  "created_at": "2026-02-01T00:00:09Z", "run": "20260131T235958Z-00c0ffee",
  "consistency": "inconsistent", "method": "live",
  "options": { "instance_only": false, "optimized": false },
  "bucket": { "driver": "dir", "location": "m2", "keys": [] }, "requires": {} }"#;

    fn stored() -> Stored {
        let project: ProjectName = "default".parse().unwrap();
        let version: Version = "20260131T235959Z".parse().unwrap();
        let (pool, name) = ("tank".parse().unwrap(), "photos".parse().unwrap());
        let resource = ResourceId::in_pool(Kind::Bucket, project, pool, name);
        Stored {
            id: StoredId {
                source: "prod".parse().unwrap(),
                resource,
                version,
            },
            size: Bytes(1),
            stored_size: Bytes(1),
            state: State::Complete,
            protected: false,
            legacy: false,
            checks: Checks::default(),
            manifest: Some(Box::new(Manifest::parse(MANIFEST.as_bytes()).unwrap())),
        }
    }

    fn facts(driver: &str, members: &[&str]) -> Facts {
        let stored = stored();
        let project: ProjectName = "default".parse().unwrap();
        let member = |name: &&str| {
            let member = Member {
                name: (*name).to_owned(),
                url: String::new(),
                status: "Online".to_owned(),
            };
            (member, Reach::Not)
        };
        let server = Server {
            home: project.clone(),
            buckets: BTreeSet::new(),
        };
        Facts {
            wanted: vec![(stored.id.resource.clone(), vec![stored])],
            servers: [(project, server)].into(),
            pools: [("tank".parse().unwrap(), driver.to_owned())].into(),
            imports: true,
            served: true,
            members: Members {
                own: "m1".to_owned(),
                all: members.iter().map(member).collect(),
            },
            ..Facts::default()
        }
    }

    #[rstest]
    #[case::where_it_was("dir", &["m1", "m2"], None, Some("m2"), "inconsistent")]
    #[case::where_it_is_wanted("dir", &["m1", "m2", "m3"], Some("m3"), Some("m3"), "inconsistent; onto member `m3`")]
    #[case::where_that_is_gone("dir", &["m1", "m3"], None, None, "inconsistent; onto member `m1`, for `m2`, where it was, is not in this cluster")]
    #[case::of_ceph("cephobject", &["m1", "m2"], None, None, "inconsistent")]
    #[case::alone("dir", &[], None, None, "inconsistent")]
    #[case::alone_and_asked("dir", &[], Some("m2"), None, "this server is in no cluster: leave --member out")]
    fn a_bucket_comes_back_where_it_was_or_where_it_is_wanted(
        #[case] driver: &str,
        #[case] members: &[&str],
        #[case] asked: Option<&str>,
        #[case] member: Option<&str>,
        #[case] reason: &str,
    ) {
        let source: SourceName = "prod".parse().unwrap();
        let request = Request {
            source,
            scope: Scope::AllProjects,
            selection: Selection::Newest,
            existing: Existing::Refuse,
            target_name: None,
            mapping: Mapping {
                member: asked.map(str::to_owned),
                ..Mapping::default()
            },
        };
        let plan = plan(&request, &facts(driver, members));
        assert_eq!(plan.rows().next().unwrap().reason, reason);
        let (project, pool, name) = ("default", "tank", "photos");
        let to = Exportable::bucket(
            project.parse().unwrap(),
            pool.parse().unwrap(),
            name.parse().unwrap(),
        );
        let to = to.on(member.map(str::to_owned));
        let approved = plan.approve(Consent::given_by_yes());
        assert!(approved.works().all(|work| work.to == to));
        assert_eq!(
            approved.works().count(),
            usize::from(!reason.contains("leave"))
        );
    }
}
