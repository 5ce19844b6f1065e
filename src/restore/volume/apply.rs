//! Does what was planned and agreed to.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use serde::Deserialize;

use super::super::apply::{Context, outcome};
use super::super::description::saved;
use super::super::error::RestoreError;
use super::super::import::{Importing, take_back};
use super::super::legacy::drop_volume_snapshots;
use super::plan::VolumeWork;
use super::replace::replace;
use crate::archive::{Pass, Raw, Relocation};
use crate::incus::{Exportable, Import, ImportContent};
use crate::model::{ResourceName, VolumeContent};
use crate::plan::{Approved, Outcome, Report, Row, each_step};
use crate::progress::Task;
use crate::temporary::{MARK_KEYS, Mark, edit_volume, is_of_a_mark};

/// Restores what the plan names. One that fails does not stop the others.
pub async fn apply_volumes(context: &Context, plan: Approved<VolumeWork>) -> Report {
    let swaps = Swaps::default();
    let swaps = &swaps;
    let one = |row, work| async move { one(context, row, &work, swaps).await };
    each_step(plan.into_steps(), context.pace(), one).await
}

/// What the replacements of a run share.
#[derive(Debug, Default)]
pub(super) struct Swaps {
    /// The number of the last temporary volume.
    number: AtomicUsize,
    /// One exchange at a time: what one starts again, another may have to stop.
    pub(super) turn: tokio::sync::Mutex<()>,
}

impl Swaps {
    /// The number of the next temporary volume.
    pub(super) fn next(&self) -> usize {
        self.number.fetch_add(1, Ordering::Relaxed) + 1
    }
}

async fn one(context: &Context, row: Row, work: &VolumeWork, swaps: &Swaps) -> Outcome {
    let begun = Instant::now();
    let task: Arc<dyn Task> = context.progress.task(&row.subject()).into();
    let restored = if work.replace {
        replace(context, work, swaps, &task).await
    } else {
        create(context, work, &task).await
    };
    outcome(row, restored, &work.stored, begun)
}

async fn create(
    context: &Context,
    work: &VolumeWork,
    task: &Arc<dyn Task>,
) -> Result<(), RestoreError> {
    let to = work.at.named(&work.name);
    // A name that was taken since the plan was made must not be imported over; the server refuses
    // it too, but only after the whole upload.
    if context.client.exists(&to).await? {
        return Err(RestoreError::Taken(to));
    }
    import(context, work, &to, None, task).await
}

/// Imports the archive as `to`, with a mark or without. When this fails, nothing of that name is
/// left.
pub(super) async fn import(
    context: &Context,
    work: &VolumeWork,
    to: &Exportable,
    mark: Option<&Mark<ResourceName>>,
    task: &Arc<dyn Task>,
) -> Result<(), RestoreError> {
    let iso = work.content == VolumeContent::Iso;
    let importing = Importing {
        context,
        client: &context.client,
        stored: &work.stored,
        import: Import {
            to: to.clone(),
            pool: None,
            content: if iso {
                ImportContent::Iso
            } else {
                ImportContent::Archive
            },
        },
        task,
    };
    if !iso {
        let keys = mark.map(Mark::config).into_iter().flatten();
        // Marked from its first moment on; what it was once marked as, it no longer is.
        let edit = Relocation {
            name: Some(to.name().clone()),
            pool: Some(work.at.pool.clone()),
            without: MARK_KEYS.map(str::to_owned).to_vec(),
            with: keys.map(|(key, value)| (key.to_owned(), value)).collect(),
        };
        let passed = importing.run(|withhold| Pass::new(withhold, Some(Box::new(edit))));
        let contents = passed.await?;
        let finished = drop_volume_snapshots(context, &work.stored, (to, &contents)).await;
        if finished.is_err() {
            // What is not whole does not stay.
            take_back(context, to).await;
        }
        return finished;
    }
    importing.run(Raw::new).await?;
    // Nobody can mark it, so that none is replaced: it comes under its own name.
    let described = describe(context, work, to).await;
    if described.is_err() {
        // What is not whole does not stay.
        take_back(context, to).await;
    }
    described
}

/// What was saved beside an archive about its volume.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Description {
    volume: Described,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Described {
    config: std::collections::BTreeMap<String, String>,
    description: String,
}

/// An ISO says nothing of its volume: its configuration and description are put back afterwards.
async fn describe(
    context: &Context,
    work: &VolumeWork,
    to: &Exportable,
) -> Result<(), RestoreError> {
    let (target, id) = (context.target.clone(), work.stored.id.clone());
    let bytes = tokio::task::spawn_blocking(move || saved(&target, &id, "volume.json"))
        .await
        .map_err(|_| RestoreError::Worker)??;
    let described: Description = serde_json::from_slice(&bytes).unwrap_or_default();
    let Described {
        config,
        description,
    } = described.volume;
    let of_the_user =
        |key: &str| key != "size" && !key.starts_with("volatile.") && !is_of_a_mark(key);
    edit_volume(&context.client, to, |volume| {
        volume.description = description;
        volume
            .config
            .extend(config.into_iter().filter(|(key, _)| of_the_user(key)));
    })
    .await?;
    Ok(())
}
