//! `show`.

use std::io;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::source::{choose, must_be_one, project_of, versions};
use crate::cli::args::Show;
use crate::cli::context::{Context, blocking};
use crate::cli::exit::Exit;
use crate::cli::failure::CommandError;
use crate::list::newest_complete;
use crate::model::{Kind, Version};
use crate::target::{Manifest, Stored, Target};
use crate::ui::{Format, Output, write_details};

/// Shows what is known about a stored version.
pub(in crate::cli) async fn show(
    context: &Context,
    args: Show,
    kind: Kind,
) -> Result<Exit, CommandError> {
    let target = context
        .target(&args.target, &(&args.answers).into())
        .await?;
    let arguments = std::slice::from_ref(&args.name);
    let choice = choose(context, arguments, args.source.from.as_ref()).await?;
    if choice.named.names.is_empty() {
        return Err(CommandError::Usage(format!(
            "show needs the name of one {kind}"
        )));
    }
    let project = project_of(context, arguments, args.project.as_ref())?;
    let stored = versions(&target, &choice, kind, project.as_ref()).await?;
    let resources: Vec<_> = stored.iter().map(|it| it.id.resource.clone()).collect();
    must_be_one(&args.name, &resources)?;
    let stored = pick(&args.name, args.version, &stored)?;
    let Some(manifest) = manifest_of(&target, stored).await? else {
        return Err(CommandError::NoVersion(format!(
            "version {} of `{}` has no manifest that can be read: it is {}",
            stored.id.version, stored.id.resource, stored.state
        )));
    };
    let mut document = json!(manifest);
    document["state"] = json!(stored.state.to_string());
    document["protected"] = json!(stored.protected);
    document["problem"] = json!(stored.checks.problem());
    document["checks"] = checks(stored, args.output.format);
    let mut out = Output::new(io::stdout());
    write_details(&mut out, &document, args.output.format).map_err(CommandError::Output)?;
    out.finish().map_err(CommandError::Output)?;
    Ok(Exit::Done)
}

/// The whole manifest of a version. Of one of the earlier tool a listing need not have read it.
pub(super) async fn manifest_of(
    target: &Arc<dyn Target>,
    stored: &Stored,
) -> Result<Option<Manifest>, CommandError> {
    if !stored.is_legacy() || stored.manifest.is_none() {
        return Ok(stored.manifest.as_deref().cloned());
    }
    let (target, id) = (target.clone(), stored.id.clone());
    let opened = blocking(move || target.open(&id).map(|it| it.manifest().clone()));
    Ok(Some(opened.await??))
}

/// When and how it was checked: for people a level a line.
fn checks(stored: &Stored, format: Format) -> Value {
    if !matches!(format, Format::Table | Format::Compact) {
        return json!(stored.checks);
    }
    let mut lines = Map::new();
    for check in stored.checks.iter() {
        let found = check.damage.as_deref().unwrap_or("good");
        lines.insert(
            check.level.to_string(),
            json!(format!("{}, {found}", check.at)),
        );
    }
    lines.into()
}

/// The version that is meant; the newest complete one where none is named.
pub(super) fn pick<'a>(
    name: &str,
    version: Option<Version>,
    stored: &'a [Stored],
) -> Result<&'a Stored, CommandError> {
    let Some(version) = version else {
        return newest_complete(stored).or(stored.last()).ok_or_else(|| {
            CommandError::NoVersion(format!("the target holds no version of `{name}`"))
        });
    };
    stored
        .iter()
        .find(|stored| stored.id.version == version)
        .ok_or_else(|| {
            CommandError::NoVersion(format!("the target holds no version {version} of `{name}`"))
        })
}
