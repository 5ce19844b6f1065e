//! `show`.

use std::io::{self, Write as _};

use serde_json::{Value, json};

use super::super::show::manifest_of;
use super::choose::{pick_readable, versions};
use crate::cli::args::ConfigShow;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::CommandError;
use crate::config::{self, Document, Filter};
use crate::target::{Manifest, Stored};
use crate::ui::{Columns, Format, KindRow, Output, View, write_details, write_rows};

/// Shows what a stored version holds.
pub(in crate::cli) async fn show(
    context: &Context,
    args: ConfigShow,
) -> Result<Exit, CommandError> {
    let target = context
        .target(&args.target, &(&args.answers).into())
        .await?;
    let (remote, from) = (args.remote.as_ref(), args.source.from.as_ref());
    let stored = versions(context, &target, remote, from).await?;
    let stored = pick_readable(&target, &stored, args.version).await?;
    if args.scope.kinds.is_empty() && args.scope.project.is_none() {
        let manifest = manifest_of(&target, stored).await?;
        return overview(context, (stored, manifest), args.output.format);
    }
    let document = config::load(target, stored.id.clone()).await?;
    let filter = Filter::from(&args.scope);
    let objects = objects(&document, &filter, args.show_secrets);
    for (kind, reason) in document
        .unreadable()
        .filter(|(kind, _)| filter.takes_kind(*kind))
    {
        let text = format!("the {} are not in this backup: {reason}", kind.plural());
        context.progress.warn(&text);
    }
    let format = match args.output.format {
        Format::Json => Format::Json,
        Format::Csv | Format::CsvHeader => {
            return Err(CommandError::Usage(
                "objects are shown as YAML or JSON".to_owned(),
            ));
        }
        _ => Format::Yaml,
    };
    let mut out = Output::new(io::stdout());
    write_details(&mut out, &objects, format).map_err(CommandError::Output)?;
    out.finish().map_err(CommandError::Output)?;
    Ok(Exit::Done)
}

/// What is known about a version, and how many objects of each kind it has.
fn overview(
    context: &Context,
    (stored, manifest): (&Stored, Option<Manifest>),
    format: Format,
) -> Result<Exit, CommandError> {
    let Some(manifest) = manifest else {
        return Err(CommandError::NoVersion(format!(
            "version {} has no manifest that can be read: it is {}",
            stored.id.version, stored.state
        )));
    };
    let whole = serde_json::to_value(&manifest).map_err(io::Error::other);
    let mut document = whole.map_err(CommandError::Output)?;
    let mut out = Output::new(io::stdout());
    if matches!(format, Format::Json | Format::Yaml) {
        write_details(&mut out, &document, format).map_err(CommandError::Output)?;
    } else {
        if let Some(document) = document.as_object_mut() {
            document.retain(|key, _| !["config", "options", "requires"].contains(&key.as_str()));
        }
        write_details(&mut out, &document, Format::Table)
            .and_then(|()| writeln!(out, "state: {}", stored.state))
            .map_err(CommandError::Output)?;
        let view = View::stdout(format, &context.terminal);
        write_rows(&mut out, &kinds(&manifest), &Columns::default(), &view)
            .map_err(CommandError::Output)?;
    }
    out.finish().map_err(CommandError::Output)?;
    Ok(Exit::Done)
}

fn kinds(manifest: &Manifest) -> Vec<KindRow> {
    let facts = manifest.config.clone().unwrap_or_default();
    let readable = facts.files.into_iter().map(|file| KindRow {
        kind: file.kind,
        objects: Some(file.objects),
        size: Some(file.size),
        file: Some(file.file),
        unreadable: None,
    });
    let unreadable = facts.unreadable.into_iter().map(|unreadable| KindRow {
        kind: unreadable.kind,
        objects: None,
        size: None,
        file: None,
        unreadable: Some(unreadable.reason),
    });
    readable.chain(unreadable).collect()
}

fn objects(document: &Document, filter: &Filter, show_secrets: bool) -> Value {
    let all = document
        .sections
        .keys()
        .filter_map(|kind| document.objects(*kind));
    let wanted = all.flatten().filter(|(id, _)| filter.takes(id));
    wanted
        .map(|(id, object)| {
            let mut shown = json!(id);
            let object = json!(object);
            let object = if show_secrets {
                object
            } else {
                config::mask_object(id, &object)
            };
            if let (Some(shown), Value::Object(object)) = (shown.as_object_mut(), object) {
                shown.extend(object);
            }
            shown
        })
        .collect()
}
