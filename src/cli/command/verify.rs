//! `incus-backup-verify`.

use std::io::{self, Write as _};
use std::sync::Arc;
use std::time::Duration;

use super::report::tell;
use super::source::chosen;
use super::whole::{Whole, check};
use crate::cli::args::Verify;
use crate::cli::context::{Agreed, Context, blocking, cores};
use crate::cli::exit::Exit;
use crate::cli::failure::{CommandError, exit_of_findings};
use crate::drill;
use crate::incus::Client;
use crate::model::{CheckLevel, Version};
use crate::notify::{Tally, Unsuccessful};
use crate::plan::Approved;
use crate::target::{Stored, Target};
use crate::ui::{Columns, FindingRow, Message, Output, View, write_rows};
use crate::verify::{Due, Finding, Found, Latest, Options, name_good_ones, run, select};

/// How long a copy may take to run, in seconds.
const DRILL_TIMEOUT: u64 = 300;

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
    refuse_what_only_drills_take(&args)?;
    let target = context.target(&args.target, &args.answers).await?;
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
    let has_key = !context
        .choice(&args.target)?
        .encryption
        .identities
        .is_empty();
    // Without a key more than what is stored cannot be looked at, however old the last look inside is.
    let level = |stored: &Stored| {
        if stored.is_encrypted() && !has_key {
            args.level.min(CheckLevel::Stored)
        } else {
            args.level
        }
    };
    let wanted = select(wanted, level, due, Version::now().timestamp(), latest);
    let drill = match args.level {
        CheckLevel::Drill => match prepare(context, &args, &wanted).await? {
            Prepared::DryRun => return Ok(Exit::Done),
            Prepared::Nothing => None,
            Prepared::Drill(drill) => Some(drill),
        },
        CheckLevel::Quick | CheckLevel::Stored | CheckLevel::Full => None,
    };
    let whole = check(context, &target, args.read_data_subset.clone()).await?;
    context.progress.expect(wanted.len());
    let options = Options {
        level: args.level.min(CheckLevel::Full),
        parallel: args.parallel.unwrap_or_else(cores),
    };
    let (progress, cancel) = (context.progress.clone(), context.cancel.clone());
    let from = target.clone();
    let (mut found, all) = blocking(move || {
        let found = run(&from, (wanted, &all), options, &*progress, &cancel);
        (found, all)
    })
    .await?;
    if let Some(agreed) = drill {
        drill_found(context, &args, (target, agreed), &mut found).await;
        found = name_good_ones(found, &all);
    }
    write(context, &args, &columns, &found)?;
    Ok(match (whole, exit_of_findings(&found)) {
        (Whole::Damaged, exit) if exit != Exit::Interrupted => Exit::Damaged,
        (_, exit) => exit,
    })
}

/// Drills what was found good.
async fn drill_found(
    context: &Context,
    args: &Verify,
    (target, (approved, client)): (Arc<dyn Target>, AgreedDrill),
    found: &mut [Finding],
) {
    let run = drill::Context {
        client,
        target,
        run: context.run.clone(),
        owner: context.owner.clone(),
        pool: args.pool.clone(),
        timeout: Duration::from_secs(args.drill_timeout.unwrap_or(DRILL_TIMEOUT)),
        progress: context.progress.clone(),
        cancel: context.cancel.clone(),
    };
    context.progress.expect(approved.works().count());
    drill::run(&run, approved, found).await;
}

/// The versions whose drill was agreed to, and the server that it is on.
type AgreedDrill = (Approved<drill::Work>, Arc<Client>);

/// What only drills can take is not passed over in silence.
fn refuse_what_only_drills_take(args: &Verify) -> Result<(), CommandError> {
    let given = [
        (args.remote.is_some(), "--remote"),
        (args.pool.is_some(), "--pool"),
        (args.drill_timeout.is_some(), "--drill-timeout"),
        (args.answers.dry_run, "--dry-run"),
    ];
    let given = given.into_iter().find(|(given, _)| *given);
    match given {
        Some((_, flag)) if args.level != CheckLevel::Drill => Err(CommandError::Usage(format!(
            "{flag} is for --level drill: the other levels change nothing"
        ))),
        _ => Ok(()),
    }
}

/// What came of asking about a drill.
enum Prepared {
    /// It was shown, and that was all.
    DryRun,
    /// No instance is among what is checked.
    Nothing,
    /// The user agreed.
    Drill(AgreedDrill),
}

/// Shows what will be drilled, and asks.
async fn prepare(
    context: &Context,
    args: &Verify,
    wanted: &[Stored],
) -> Result<Prepared, CommandError> {
    let config = context.config()?;
    let remote = match args.remote.as_deref().map(|text| config.split(text)) {
        None => config.default_remote(),
        Some(Ok((remote, ""))) => remote,
        Some(Ok((remote, name))) => {
            let text = format!("`{remote}:{name}` is not a remote; it is written as `{remote}:`");
            return Err(CommandError::Usage(text));
        }
        Some(Err(error)) => return Err(error.into()),
    };
    let plan = drill::plan(wanted, &remote, &context.run);
    let count = plan.rows().filter(|row| row.action.changes()).count();
    if count > 0 && count < wanted.len() {
        let text = "only instances are drilled; everything else is checked as `full`";
        context.progress.warn(text);
    }
    let question = match count {
        1 => format!("Restore a copy on `{remote}:`, to see it run?"),
        _ => format!("Restore copies of {count} instances on `{remote}:`, to see them run?"),
    };
    match context
        .agree(plan, question, &args.answers, &args.rows)
        .await?
    {
        Agreed::DryRun { .. } => Ok(Prepared::DryRun),
        Agreed::Nothing(_) => Ok(Prepared::Nothing),
        Agreed::Approved(approved) => {
            let client = Arc::new(context.connect(&config, &remote).await?);
            Ok(Prepared::Drill((approved, client)))
        }
    }
}

fn write(
    context: &Context,
    args: &Verify,
    columns: &Columns<FindingRow>,
    found: &[Finding],
) -> Result<(), CommandError> {
    context.done.note(tally(found));
    context.progress.expect(0);
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
            Found::Damaged(damage) => wrong(finding, "is damaged", damage),
            Found::DrillFailed(problem) => wrong(finding, "fails its drill", problem),
        };
        let _ = io::stderr().write_all(context.render(&message).as_bytes());
    }
    if let Some(text) = unopened(found) {
        context.progress.warn(&text);
    }
    if !context.verbosity.quiet {
        let _ = io::stderr().write_all(sum(found).as_bytes());
    }
    Ok(())
}

/// What was found, for those who are told of it.
fn tally(found: &[Finding]) -> Tally {
    let mut tally = Tally::default();
    for finding in found {
        let counts = &mut tally.counts;
        let (count, bad) = match &finding.found {
            Found::Good => (&mut counts.done, None),
            Found::Interrupted => (&mut counts.interrupted, Some(("interrupted", None))),
            Found::Damaged(why) => (&mut counts.damaged, Some(("damaged", Some(why.clone())))),
            Found::DrillFailed(why) => {
                let why = Some(why.clone());
                (&mut counts.drill_failed, Some(("drill-failed", why)))
            }
            Found::Failed(why) => (&mut counts.failed, Some(("failed", Some(why.to_string())))),
        };
        *count += 1;
        let stored = &finding.stored;
        match bad {
            None => tally.bytes += stored.stored_size,
            Some((status, why)) => tally.failures.push(Unsuccessful {
                source: Some(stored.id.source.clone()),
                version: Some(stored.id.version),
                ..Unsuccessful::of(&stored.id.resource, status, why)
            }),
        }
    }
    tally
}

/// Says what is wrong with a version, and which other one restores.
fn wrong(finding: &Finding, what: &str, why: &str) -> Message {
    let id = &finding.stored.id;
    let what = format!("version {} {what}", id.version);
    let message = Message::finding(&id.resource.to_string(), &what, why);
    message.hint(&match finding.good_version {
        Some(good) => format!("version {good} of it is complete: --version {good}"),
        None => "no other version of it is complete: back it up again".to_owned(),
    })
}

/// What is said of versions that nobody could look into.
fn unopened(found: &[Finding]) -> Option<String> {
    let unopened = found.iter().filter(|it| it.level == CheckLevel::Stored);
    let (what, it) = match unopened.count() {
        0 => return None,
        1 => ("1 version is".to_owned(), "it"),
        count => (format!("{count} versions are"), "them"),
    };
    Some(format!(
        "{what} encrypted, and no key is given that opens {it}: what is stored was compared with its \
         checksums, and not looked into"
    ))
}

/// One line that sums it up.
fn sum(found: &[Finding]) -> String {
    let count = |fits: fn(&Found) -> bool| found.iter().filter(|it| fits(&it.found)).count();
    let good = count(|verdict| matches!(verdict, Found::Good));
    let damaged = count(|verdict| matches!(verdict, Found::Damaged(_)));
    let drilled = count(|verdict| matches!(verdict, Found::DrillFailed(_)));
    let failed = count(|verdict| matches!(verdict, Found::Failed(_)));
    let mut parts = vec![match found.len() {
        0 => "nothing is due".to_owned(),
        1 => "1 version checked".to_owned(),
        count => format!("{count} versions checked"),
    }];
    for (count, word) in [
        (good, "good"),
        (damaged, "damaged"),
        (drilled, "whole, but not through its drill"),
        (failed, "not checkable"),
    ] {
        if count > 0 {
            parts.push(format!("{count} {word}"));
        }
    }
    parts.join(", ") + "\n"
}
