//! `incus-backup-verify`.

use std::io::{self, Write as _};

use super::report::tell;
use super::source::chosen;
use crate::cli::args::Verify;
use crate::cli::context::{Context, blocking, cores};
use crate::cli::exit::Exit;
use crate::cli::failure::{CommandError, exit_of_findings};
use crate::model::{CheckLevel, Version};
use crate::ui::{Columns, FindingRow, Message, Output, View, write_rows};
use crate::verify::{Due, Finding, Found, Latest, Options, run, select};

/// Checks what a target holds.
pub(in crate::cli) async fn verify(context: &Context, args: Verify) -> Result<Exit, CommandError> {
    if args.version == Some(None) {
        let mut out = Output::new(io::stdout());
        writeln!(out, "incus-backup-verify {}", env!("CARGO_PKG_VERSION"))
            .and_then(|()| out.finish())
            .map_err(CommandError::Output)?;
        return Ok(Exit::Done);
    }
    let columns = Columns::<FindingRow>::choose(args.rows.columns.as_deref())?;
    if args.level == CheckLevel::Drill {
        let text = "drills are not there yet; --level full reads everything that is stored";
        return Err(CommandError::Usage(text.to_owned()));
    }
    let target = context.target(&args.target).await?;
    let all = chosen(context, &target, &args.chosen).await?;
    let mut wanted = all.clone();
    if let Some(Some(version)) = args.version {
        wanted.retain(|stored| stored.id.version == version);
        if wanted.is_empty() {
            let text = format!("the target holds no version {version} of that");
            return Err(CommandError::NoVersion(text));
        }
    }
    let due = args
        .older_than
        .as_ref()
        .map_or(Due::Always, |span| Due::After(span.duration()));
    let latest = if args.latest {
        Latest::Newest
    } else {
        Latest::All
    };
    let wanted = select(wanted, args.level, due, Version::now().timestamp(), latest);
    let options = Options {
        level: args.level,
        parallel: args.parallel.unwrap_or_else(cores),
    };
    let (progress, cancel) = (context.progress.clone(), context.cancel.clone());
    let found =
        blocking(move || run(&target, (wanted, &all), options, &*progress, &cancel)).await?;
    write(context, &args, &columns, &found)?;
    Ok(exit_of_findings(&found))
}

fn write(
    context: &Context,
    args: &Verify,
    columns: &Columns<FindingRow>,
    found: &[Finding],
) -> Result<(), CommandError> {
    let rows: Vec<FindingRow> = found.iter().map(FindingRow::of).collect();
    let view = View::stdout(args.rows.format, &context.terminal);
    let mut out = Output::new(io::stdout());
    write_rows(&mut out, &rows, columns, &view).map_err(CommandError::Output)?;
    out.finish().map_err(CommandError::Output)?;
    for finding in found {
        let subject = finding.stored.id.resource.to_string();
        let message = match &finding.found {
            Found::Good | Found::Interrupted => continue,
            Found::Failed(failure) => tell(failure, &subject),
            Found::Damaged(damage) => {
                let version = finding.stored.id.version;
                let message =
                    Message::refusal(&subject, &format!("version {version} is damaged: {damage}"));
                message.hint(&match finding.good_version {
                    Some(good) => format!("version {good} of it is complete: --version {good}"),
                    None => "no other version of it is complete: back it up again".to_owned(),
                })
            }
        };
        let _ = io::stderr().write_all(context.render(&message).as_bytes());
    }
    if !context.verbosity.quiet {
        let _ = io::stderr().write_all(sum(found).as_bytes());
    }
    Ok(())
}

/// One line that sums it up.
fn sum(found: &[Finding]) -> String {
    let count = |fits: fn(&Found) -> bool| found.iter().filter(|it| fits(&it.found)).count();
    let good = count(|verdict| matches!(verdict, Found::Good));
    let damaged = count(|verdict| matches!(verdict, Found::Damaged(_)));
    let failed = count(|verdict| matches!(verdict, Found::Failed(_)));
    let mut parts = vec![match found.len() {
        0 => "nothing is due".to_owned(),
        1 => "1 version checked".to_owned(),
        count => format!("{count} versions checked"),
    }];
    for (count, word) in [
        (good, "good"),
        (damaged, "damaged"),
        (failed, "not checkable"),
    ] {
        if count > 0 {
            parts.push(format!("{count} {word}"));
        }
    }
    parts.join(", ") + "\n"
}
