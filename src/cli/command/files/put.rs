//! `files put`.

use std::collections::BTreeMap;

use super::source::Source;
use crate::cli::args::PutFiles;
use crate::cli::command::report;
use crate::cli::context::{Agreed, Context};
use crate::cli::exit::Exit;
use crate::cli::failure::CommandError;
use crate::cli::names;
use crate::files::{
    self, Depth, Destination, Existing, FilePath, FilesError, Ownership, PutFile, apply_put,
    plan_put,
};
use crate::incus::{Client, FileThere};
use crate::model::{InstanceName, Kind};
use crate::plan::Report;

/// Puts files of a stored version back into their instance.
pub(super) async fn put(context: &Context, args: PutFiles) -> Result<Exit, CommandError> {
    let source = Source::find(context, (&args.file, &args.answers), Kind::Instance).await?;
    let id = source.version(&args.file)?.id.clone();
    let config = context.config()?;
    let named = names::resolve(&config, std::slice::from_ref(&source.name))?;
    let client = context.connect(&config, &named.remote).await?;
    let own: Option<InstanceName> = named.names.first().map(|name| name.parse()).transpose()?;
    let instance = args.target_name.clone().or(own);
    let instance = instance.ok_or_else(|| CommandError::Usage("name an instance".to_owned()))?;
    let destination = Destination {
        project: names::project(&config, &client, &named.remote, args.file.project.as_ref())?,
        instance,
        version: id.version,
    };
    let found = client.instance(&destination.project, &destination.instance);
    if found.await?.is_none() {
        return Err(FilesError::NoInstance(destination.instance.to_string()).into());
    }
    let which = (&id, args.file.snapshot.as_deref());
    let wanted = wanted(context, &source, which).await?;
    let looked = async { Ok(present(&client, &destination, &wanted).await?) };
    let present = context.unless_cancelled(looked).await?;
    let plan = plan_put(&destination, wanted, &present);
    let question = match plan.rows().filter(|row| row.action.changes()).count() {
        1 => format!("Put 1 file into `{}`?", destination.instance),
        count => format!("Put {count} files into `{}`?", destination.instance),
    };
    let approved = match context
        .agree(plan, question, &args.answers, &args.rows)
        .await?
    {
        Agreed::DryRun { refused, of } => return Ok(report::dry_run_exit(refused, of)),
        Agreed::Nothing(plan) => {
            return report::write(context, &Report::of_rest(plan.rows()), &args.rows);
        }
        Agreed::Approved(approved) => approved,
    };
    let folder = tempfile::tempdir().map_err(CommandError::Start)?;
    let local = folder.path().join("files");
    let (to, path) = (local.clone(), source.path.clone());
    let extract = source.with_reader(context, which, move |reader, place| {
        let how = (Ownership::Own, Existing::Stays);
        files::extract(reader, (place, &path), &to, how)
    });
    extract.await?;
    let from = (local.as_path(), &source.path);
    let report = apply_put(&client, &destination, approved, from, &context.cancel).await;
    report::write(context, &report, &args.rows)
}

/// What a version holds at the path and below.
async fn wanted(
    context: &Context,
    source: &Source,
    which: (&crate::target::StoredId, Option<&str>),
) -> Result<Vec<PutFile>, CommandError> {
    let root = source.path.clone();
    let wanted = source.with_reader(context, which, move |reader, place| {
        if place.is_disk() {
            return Err(FilesError::PutDisk);
        }
        let mut wanted = Vec::new();
        reader.members((place, &root, Depth::All), &mut |member| {
            let path = place.path_of(&member.path);
            if let Some(path) = path.filter(|path| path.is_in(&root)) {
                wanted.push(PutFile { path, member });
            }
            Ok(())
        })?;
        if wanted.is_empty() {
            return Err(reader.nothing(place, &root));
        }
        Ok(wanted)
    });
    wanted.await
}

/// What the instance has at those paths now. Below what is not there, nothing is looked for.
async fn present(
    client: &Client,
    destination: &Destination,
    wanted: &[PutFile],
) -> Result<BTreeMap<FilePath, FileThere>, crate::incus::Error> {
    let (project, name) = (&destination.project, &destination.instance);
    let mut present = BTreeMap::new();
    let mut absent: Option<&FilePath> = None;
    for file in wanted {
        if file.member.kind.is_special() || absent.is_some_and(|absent| file.path.is_in(absent)) {
            continue;
        }
        match client
            .file_there(project, name, &file.path.to_string())
            .await?
        {
            Some(found) => drop(present.insert(file.path.clone(), found)),
            None => absent = Some(&file.path),
        }
    }
    Ok(present)
}
