//! `aliases`.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::PathBuf;

use similar::TextDiff;

use super::super::report::dry_run_exit;
use crate::aliases::{
    AliasRow, ConfigFile, Foreign, Installed, aliases_in, edit, edits, plan_install, plan_remove,
};
use crate::cli::args::{AliasVerb, Answers, InstallAliases, PrintAliases, RemoveAliases, Rows};
use crate::cli::context::{Context, blocking};
use crate::cli::exit::Exit;
use crate::cli::failure::CommandError;
use crate::model::Version;
use crate::plan::Action;
use crate::ui::{Columns, Format, Message, Output, View, escape, write_rows};

/// The programs that may be installed beside this one.
const PROGRAMS: [&str; 10] = [
    "incus-backup",
    "incus-backup-all",
    "incus-backup-bucket",
    "incus-backup-config",
    "incus-backup-image",
    "incus-backup-instance",
    "incus-backup-prune",
    "incus-backup-setup",
    "incus-backup-verify",
    "incus-backup-volume",
];

/// Installs, removes or prints aliases.
pub(in crate::cli) async fn aliases(
    context: &Context,
    verb: AliasVerb,
) -> Result<Exit, CommandError> {
    match verb {
        AliasVerb::Install(args) => install(context, args).await,
        AliasVerb::Remove(args) => remove(context, args).await,
        AliasVerb::Print(args) => print(context, &args),
    }
}

async fn install(context: &Context, args: InstallAliases) -> Result<Exit, CommandError> {
    let file = read(context)?;
    let foreign = if args.force {
        Foreign::Replaced
    } else {
        Foreign::Stays
    };
    let rows = plan_install(&known(&file)?, &installed()?, foreign);
    change(context, file, rows, (&args.answers, &args.rows)).await
}

async fn remove(context: &Context, args: RemoveAliases) -> Result<Exit, CommandError> {
    let file = read(context)?;
    let rows = plan_remove(&known(&file)?, &PROGRAMS);
    change(context, file, rows, (&args.answers, &args.rows)).await
}

fn print(context: &Context, args: &PrintAliases) -> Result<Exit, CommandError> {
    let rows = plan_install(&BTreeMap::new(), &installed()?, Foreign::Stays);
    if is_for_people(&args.rows) && args.rows.columns.is_none() {
        let commands = rows.iter().map(|row| {
            let command = format!("'{}'", row.command.replace('\'', r"'\''"));
            format!("incus alias add {} {command}\n", row.name)
        });
        return write(&commands.collect::<String>());
    }
    write_result(context, &rows, &args.rows)
}

/// The client's configuration.
fn read(context: &Context) -> Result<ConfigFile, CommandError> {
    let folder = context.environment.incus.config_folder().ok_or_else(|| {
        CommandError::Usage("no home directory: say where with INCUS_CONF".to_owned())
    })?;
    Ok(ConfigFile::read(&folder)?)
}

/// What `install` would do.
pub(super) fn state(context: &Context) -> Result<(String, Vec<AliasRow>), CommandError> {
    let file = read(context)?;
    let rows = plan_install(&known(&file)?, &installed()?, Foreign::Stays);
    Ok((file.path().display().to_string(), rows))
}

fn known(file: &ConfigFile) -> Result<BTreeMap<String, String>, CommandError> {
    aliases_in(file.text()).map_err(|cause| CommandError::NotEditable {
        path: file.path().to_owned(),
        cause,
    })
}

/// The programs that stand beside this one: the client runs absolute paths only.
fn installed() -> Result<Vec<Installed>, CommandError> {
    let own = std::env::current_exe().map_err(CommandError::Start)?;
    let at = |name: &str| -> (String, PathBuf) { (name.to_owned(), own.with_file_name(name)) };
    let found = PROGRAMS.iter().map(|name| at(name));
    Ok(found
        .filter(|(_, path)| path.is_file())
        .map(|(name, path)| Installed { name, path })
        .collect())
}

/// Shows what changes, asks, and changes it.
async fn change(
    context: &Context,
    file: ConfigFile,
    rows: Vec<AliasRow>,
    (answers, output): (&Answers, &Rows),
) -> Result<Exit, CommandError> {
    let new = edit(file.text(), &edits(&rows)).map_err(|cause| CommandError::NotEditable {
        path: file.path().to_owned(),
        cause,
    })?;
    let refused: Vec<&AliasRow> = rows
        .iter()
        .filter(|row| row.action == Action::Refuse)
        .collect();
    let exit = dry_run_exit(refused.len(), rows.len());
    let changes = rows.iter().filter(|row| row.action.changes()).count();
    let shown = if changes == 0 {
        String::new()
    } else {
        diff(&file, &new)
    };
    if answers.dry_run {
        tell_refused(context, &refused);
        if is_for_people(output) && output.columns.is_none() {
            write(&shown)?;
        } else {
            write_result(context, &rows, output)?;
        }
        return Ok(exit);
    }
    if changes > 0 {
        if !answers.yes {
            let _ = io::stderr().write_all(shown.as_bytes());
        }
        let question = match changes {
            1 => format!("Change 1 alias in `{}`?", file.path().display()),
            count => format!("Change {count} aliases in `{}`?", file.path().display()),
        };
        let consent = context.consent(answers, question).await?;
        let replace = move || file.replace(&new, Version::now(), &consent);
        if let Some(kept) = blocking(replace).await?? {
            tracing::info!(kept = %kept.display(), "kept the old configuration");
        }
    }
    write_result(context, &rows, output)?;
    tell_refused(context, &refused);
    Ok(exit)
}

fn tell_refused(context: &Context, refused: &[&AliasRow]) {
    for row in refused {
        let text = context.render(&Message::refusal(&row.name, &row.reason));
        let _ = io::stderr().write_all(text.as_bytes());
    }
}

fn is_for_people(output: &Rows) -> bool {
    matches!(output.format, Format::Table | Format::TableNoHeader)
}

/// What changes, line by line.
fn diff(file: &ConfigFile, new: &str) -> String {
    let path = file.path().display().to_string();
    let diff = TextDiff::from_lines(file.said(), new);
    let text = diff.unified_diff().header(&path, &path).to_string();
    let lines = text.lines().map(|line| format!("{}\n", escape(line)));
    lines.collect()
}

fn write(text: &str) -> Result<Exit, CommandError> {
    let mut out = Output::new(io::stdout());
    out.write_all(text.as_bytes())
        .map_err(CommandError::Output)?;
    out.finish().map_err(CommandError::Output)?;
    Ok(Exit::Done)
}

fn write_result(context: &Context, rows: &[AliasRow], output: &Rows) -> Result<Exit, CommandError> {
    let columns = Columns::<AliasRow>::choose(output.columns.as_deref())?;
    let view = View::stdout(output.format, &context.terminal);
    let mut out = Output::new(io::stdout());
    write_rows(&mut out, rows, &columns, &view).map_err(CommandError::Output)?;
    out.finish().map_err(CommandError::Output)?;
    Ok(Exit::Done)
}
