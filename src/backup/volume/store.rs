//! From a volume, or the copy that stands in for it, to a stored version.

use super::super::apply::Context;
use super::super::attempt::{blocking, document};
use super::super::error::BackupError;
use super::super::export::Export;
use super::super::store::Writing;
use super::apply::{VolumeSubject, still_idle};
use super::copy::VolumeCopy;
use super::record::{Held, archive_facts, archive_name, describe};
use crate::archive::{Edit, OriginalVolume, Pass, Raw, Relocation};
use crate::incus::{Exportable, VolumeSnapshot};
use crate::model::{Bytes, Kind, Method, ResourceId, Version, VolumeContent};
use crate::progress::Task;
use crate::target::{Draft, Moment, Stored};
use crate::temporary::is_of_a_mark;

/// Stores a volume as the server exports it.
pub(in crate::backup) async fn store(
    context: &Context,
    subject: &VolumeSubject,
    moment: Option<Moment>,
    task: &dyn Task,
) -> Result<Stored, BackupError> {
    let draft = begin(context, subject).await?;
    let (draft, held) = if subject.volume.content_type == VolumeContent::Iso {
        export_iso(context, subject, draft, task).await?
    } else {
        // Whatever a killed run left on it is no part of the volume.
        let marks = subject.volume.config.keys().filter(|key| is_of_a_mark(key));
        let edit = Relocation {
            without: marks.cloned().collect(),
            ..Relocation::default()
        };
        export(context, &subject.what, (draft, Some(Box::new(edit))), task).await?
    };
    if subject.method == Method::Direct
        && subject.volume.content_type != VolumeContent::Iso
        && !still_idle(context, subject).await?
    {
        return Err(BackupError::Mounted(subject.what.clone()));
    }
    commit(context, subject, draft, Some(held), moment).await
}

/// Stores a copy as the volume that it is a copy of, and deletes it.
pub(in crate::backup) async fn store_copy(
    context: &Context,
    subject: &VolumeSubject,
    copy: VolumeCopy<'_>,
    moment: Option<Moment>,
    task: &dyn Task,
) -> Result<Stored, BackupError> {
    let exported = async {
        let draft = begin(context, subject).await?;
        let edit = OriginalVolume {
            volume: subject.volume.raw.clone(),
            snapshots: raw(&subject.snapshots),
        };
        export(context, &copy.what, (draft, Some(Box::new(edit))), task).await
    };
    let exported = exported.await;
    copy.take_back().await;
    let (draft, held) = exported?;
    commit(context, subject, draft, Some(held), moment).await
}

/// Stores what is known of a volume whose content the server does not give.
pub(super) async fn store_config(
    context: &Context,
    subject: &VolumeSubject,
    moment: Option<Moment>,
) -> Result<Stored, BackupError> {
    let draft = begin(context, subject).await?;
    commit(context, subject, draft, None, moment).await
}

async fn begin(context: &Context, subject: &VolumeSubject) -> Result<Box<dyn Draft>, BackupError> {
    let (target, source) = (context.target.clone(), context.source.clone());
    let volume = &subject.volume;
    let (project, pool) = (volume.project.clone(), subject.pool.name.clone());
    let id = ResourceId::in_pool(Kind::Volume, project, pool, volume.name.clone());
    Ok(blocking(move || target.begin(&source, &id, Version::now())).await??)
}

/// A draft, and what is rewritten on the way to it.
type Sinks = (Box<dyn Draft>, Option<Box<dyn Edit + Send>>);

async fn export(
    context: &Context,
    what: &Exportable,
    (mut draft, edit): Sinks,
    task: &dyn Task,
) -> Result<(Box<dyn Draft>, Held), BackupError> {
    let file = archive_name(VolumeContent::Filesystem, context.options.compression);
    let writing = Writing::to(context, &mut *draft, &file)?.listed(&mut *draft)?;
    let export = Export {
        context,
        what,
        task,
    };
    let archive = export
        .run(writing, |frames| Pass::new(frames, edit))
        .await?;
    let contents = archive.contents;
    let held = Held {
        archive: archive_facts(
            context,
            file,
            archive.written,
            (contents.size, contents.members),
        ),
        snapshots: contents.index.snapshots,
        optimized: contents.index.optimized,
    };
    Ok((draft, held))
}

/// The server gives an ISO as it is: nothing in it says whether it is complete, but its size.
async fn export_iso(
    context: &Context,
    subject: &VolumeSubject,
    mut draft: Box<dyn Draft>,
    task: &dyn Task,
) -> Result<(Box<dyn Draft>, Held), BackupError> {
    let file = archive_name(VolumeContent::Iso, context.options.compression);
    let writing = Writing::to(context, &mut *draft, &file)?;
    let what = &subject.what;
    let export = Export {
        context,
        what,
        task,
    };
    let archive = export.run(writing, Raw::new).await?;
    let received = archive.contents;
    let size = subject.volume.config.get("size");
    if let Some(size) = size.and_then(|size| size.parse().ok()).map(Bytes)
        && !is_size_of_iso(received, size)
    {
        return Err(BackupError::IsoSize {
            what: what.clone(),
            received,
            size,
        });
    }
    let held = Held {
        archive: archive_facts(context, file, archive.written, (received, 0)),
        snapshots: Vec::new(),
        optimized: false,
    };
    Ok((draft, held))
}

/// Whether so much is a whole ISO. On block devices one is followed by what fills its last extent.
fn is_size_of_iso(received: Bytes, size: Bytes) -> bool {
    received == size || (received > size && received.0.is_multiple_of(512))
}

fn raw(snapshots: &[VolumeSnapshot]) -> Vec<serde_json::Value> {
    snapshots
        .iter()
        .map(|snapshot| snapshot.raw.clone())
        .collect()
}

async fn commit(
    context: &Context,
    subject: &VolumeSubject,
    mut draft: Box<dyn Draft>,
    held: Option<Held>,
    moment: Option<Moment>,
) -> Result<Stored, BackupError> {
    let manifest = describe(context, subject, held, moment);
    let description = serde_json::json!({
        "volume": subject.volume.raw,
        "snapshots": raw(&subject.snapshots),
    });
    blocking(move || {
        draft.describe("volume.json", &document(&description)?)?;
        Ok(draft.commit(manifest)?)
    })
    .await?
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(1000, 1000, true)]
    #[case(999, 1000, false)]
    #[case(1024, 1000, true)]
    #[case(1100, 1000, false)]
    fn an_iso_is_whole_or_it_is_not(#[case] received: u64, #[case] size: u64, #[case] whole: bool) {
        assert_eq!(is_size_of_iso(Bytes(received), Bytes(size)), whole);
    }
}
