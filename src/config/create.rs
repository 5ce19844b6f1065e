//! Backs the configuration of a server up.

use std::sync::Arc;
use std::time::Instant;

use super::document::{Document, Section, file_name, render};
use super::error::ConfigError;
use super::read::read;
use crate::incus::Client;
use crate::model::{
    Consistency, Kind, Method, ObjectId, ObjectKind, ResourceId, RunId, SourceName, Version,
};
use crate::plan::{Action, Approved, Failure, Outcome, Plan, Report, Row, Step};
use crate::target::{
    ConfigFacts, ConfigFile, Draft, Manifest, ManifestOptions, Requires, Stored, Target,
    UnreadableKind,
};

/// The file of what a server says of itself.
pub(super) const SURROUNDINGS: &str = "environment.json";
/// How often a server that changes while it is read is read again.
const TRIES: u32 = 3;

/// What was read of a server.
#[derive(Debug)]
pub struct Reading {
    /// Its configuration.
    pub document: Document,
    /// How it was read.
    pub method: Method,
}

/// What storing a configuration needs.
#[derive(Clone)]
pub struct CreateContext {
    /// Where to.
    pub target: Arc<dyn Target>,
    /// What the target calls the server.
    pub source: SourceName,
    /// The server's version.
    pub server_version: String,
    /// The run.
    pub run: RunId,
}

impl std::fmt::Debug for CreateContext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CreateContext")
            .field("source", &self.source)
            .field("run", &self.run)
            .finish_non_exhaustive()
    }
}

/// Why whoever is no administrator neither backs a configuration up nor restores it.
const NOT_SHOWN: &str = "only administrators are shown the configuration of a server";

/// The row of a server whose configuration this client is not shown: what it is shown goes on.
pub fn not_shown<W>() -> Plan<W> {
    let row = Row::new(Action::Skip, &ResourceId::config());
    Plan::new(vec![Step::rest(row.because(NOT_SHOWN))])
}

/// Reads a server until two readings are alike: there is no way to read it at one moment.
pub async fn gather(client: &Client) -> Result<Reading, ConfigError> {
    let mut document = read(client).await?;
    for _ in 0..TRIES {
        let again = read(client).await?;
        if again == document {
            return Ok(Reading {
                document,
                method: Method::ReadTwice,
            });
        }
        document = again;
    }
    Ok(Reading {
        document,
        method: Method::Live,
    })
}

/// Plans to store what was read (pure). A kind that could not be read has a row that says so.
pub fn plan_create(reading: Reading) -> Plan<Reading> {
    let mut steps = Vec::new();
    let document = &reading.document;
    for (kind, reason) in document.unreadable() {
        // A kind's own plural is as good a name as any for all of its objects.
        if let Ok(name) = kind.plural().parse() {
            let id = ObjectId::of_server(kind, name);
            let reason = format!("they cannot be read, and are not in the backup: {reason}");
            steps.push(Step::rest(
                Row::of_object(Action::Refuse, &id).because(&reason),
            ));
        }
    }
    let row = |action| Row::new(action, &ResourceId::config());
    if document.unreadable().count() == ObjectKind::ALL.len() {
        return Plan::new(vec![Step::rest(
            row(Action::Refuse).because("nothing of it can be read"),
        )]);
    }
    let count = format!("{} objects", document.len());
    let how = match reading.method.consistency() {
        Consistency::Consistent => "nothing changed while they were read",
        _ => "inconsistent: some changed while they were read",
    };
    let row = row(Action::Create).because(&count).because(how);
    steps.insert(0, Step::work(row, reading));
    Plan::new(steps)
}

/// Stores what the plan holds.
pub async fn apply_create(context: &CreateContext, plan: Approved<Reading>) -> Report {
    let mut outcomes = Vec::new();
    for step in plan.into_steps() {
        let (row, work) = step.into_parts();
        let Some(reading) = work else {
            outcomes.push(Outcome::rest(row));
            continue;
        };
        let begun = Instant::now();
        let context = context.clone();
        let stored = tokio::task::spawn_blocking(move || store(&context, &reading)).await;
        outcomes.push(match stored.unwrap_or(Err(ConfigError::Worker)) {
            Ok(stored) => {
                let outcome = Outcome::done(row.version(stored.id.version), begun.elapsed());
                match stored.manifest {
                    Some(manifest) => outcome.stored(stored.stored_size, manifest.consistency),
                    None => outcome,
                }
            }
            Err(error) => Outcome::failed(row, Failure::new(error), begun.elapsed()),
        });
    }
    outcomes.into_iter().collect()
}

fn store(context: &CreateContext, reading: &Reading) -> Result<Stored, ConfigError> {
    let id = ResourceId::config();
    let mut draft = context.target.begin(&context.source, &id, Version::now())?;
    let mut facts = ConfigFacts::default();
    for (kind, section) in &reading.document.sections {
        match section {
            Section::Objects(objects) | Section::Part(objects) => {
                let bytes = render(*kind, objects).map_err(std::io::Error::other);
                let bytes = bytes.map_err(ConfigError::Write)?;
                let (file, count) = (file_name(*kind), objects.len() as u64);
                facts
                    .files
                    .push(write(&mut *draft, kind.word(), file, &bytes, count)?);
            }
            Section::Unreadable(reason) => facts.unreadable.push(UnreadableKind {
                kind: kind.word().to_owned(),
                reason: reason.clone(),
            }),
        }
    }
    let mut bytes = serde_json::to_vec_pretty(&reading.document.surroundings)
        .map_err(std::io::Error::other)
        .map_err(ConfigError::Write)?;
    bytes.push(b'\n');
    facts.files.push(write(
        &mut *draft,
        "environment",
        SURROUNDINGS.to_owned(),
        &bytes,
        1,
    )?);
    Ok(draft.commit(manifest(context, reading.method, facts))?)
}

fn write(
    draft: &mut dyn Draft,
    kind: &str,
    file: String,
    bytes: &[u8],
    objects: u64,
) -> Result<ConfigFile, ConfigError> {
    let written = draft.describe(&file, bytes)?;
    Ok(ConfigFile {
        kind: kind.to_owned(),
        file,
        objects,
        size: written.size,
        sha256: written.sha256,
    })
}

fn manifest(context: &CreateContext, method: Method, facts: ConfigFacts) -> Manifest {
    Manifest {
        format: Manifest::FORMAT,
        kind: Kind::Config,
        source: context.source.clone(),
        server_version: context.server_version.clone(),
        project: None,
        pool: None,
        name: None,
        version: Version::now(),
        created_at: Version::now().timestamp(),
        run: context.run.to_string(),
        consistency: method.consistency(),
        method,
        options: ManifestOptions {
            instance_only: false,
            optimized: false,
        },
        encryption: None,
        archive: None,
        instance: None,
        volume: None,
        bucket: None,
        moment: None,
        image: None,
        config: Some(facts),
        retention: None,
        requires: Requires::default(),
    }
}
