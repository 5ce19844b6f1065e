//! How a run ended, as text for a mail.

use std::fmt::Write as _;
use std::time::Duration;

use super::preview::sum;
use super::{escape, human_duration};
use crate::model::Bytes;
use crate::notify::{Counts, Ending, Letter, Summary, Unsuccessful};

/// How many failures a text lists; the JSON of a webhook has all.
const LISTED: usize = 50;

/// A summary, and the same for people.
pub fn letter(summary: Summary) -> Letter {
    Letter {
        subject: subject(&summary),
        text: text(&summary),
        summary,
    }
}

fn subject(summary: &Summary) -> String {
    let ending = match summary.status {
        Ending::Success => "done",
        Ending::Partial => "done in part",
        Ending::Damaged => "something is damaged",
        Ending::Interrupted => "interrupted",
        Ending::Failed => "failed",
        Ending::Test => "test message",
    };
    let (command, host) = (escape(&summary.command), escape(&summary.host));
    format!("{command} on {host}: {ending}")
}

fn text(summary: &Summary) -> String {
    let mut text = format!("{}\n\n", subject(summary));
    let mut line = |key: &str, value: &str| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{key:<13}{value}");
    };
    let tally = &summary.tally;
    if summary.status == Ending::Test {
        line("Run:", "none; somebody tries whether this arrives");
    } else {
        line("Run:", summary.run.as_str());
        line("Begun:", &summary.begun_at.to_string());
        let took = Duration::from_secs(summary.seconds());
        if !took.is_zero() {
            line("Took:", &human_duration(took));
        }
        line("Exit status:", &summary.exit_code.to_string());
        let counted = counted(&tally.counts);
        if !counted.is_empty() {
            line("Result:", &counted);
        }
        if tally.bytes > Bytes(0) {
            line("Size:", &tally.bytes.to_string());
        }
    }
    if let Some(error) = &tally.error {
        let _ = writeln!(text, "\n{}", escape(error));
    }
    if !tally.failures.is_empty() {
        text.push('\n');
    }
    for failure in tally.failures.iter().take(LISTED) {
        let _ = writeln!(text, "{}", told(failure));
    }
    if let Some(more @ 1..) = tally.failures.len().checked_sub(LISTED) {
        let _ = writeln!(text, "and {more} more");
    }
    text
}

fn counted(counts: &Counts) -> String {
    let Counts {
        done,
        skipped,
        failed,
        refused,
        interrupted,
        damaged,
        drill_failed,
    } = *counts;
    let all = [
        (done, "done"),
        (skipped, "skipped"),
        (failed, "failed"),
        (refused, "refused"),
        (interrupted, "interrupted"),
        (damaged, "damaged"),
        (drill_failed, "not through the drill"),
    ];
    sum(all.map(|(count, word)| (usize::try_from(count).unwrap_or(usize::MAX), word)))
}

/// `failed: instance shop/web: disk full`.
fn told(failure: &Unsuccessful) -> String {
    let Unsuccessful {
        source,
        kind,
        project,
        pool,
        name,
        version,
        status,
        error,
    } = failure;
    let source = source.as_ref().map(|it| format!("{it}:"));
    let path = [
        project.as_ref().map(ToString::to_string),
        pool.as_ref().map(ToString::to_string),
        name.as_ref().map(ToString::to_string),
    ];
    let path: Vec<String> = path.into_iter().flatten().collect();
    let mut text = format!("{status}: {}{kind}", source.unwrap_or_default());
    if !path.is_empty() {
        let _ = write!(text, " {}", path.join("/"));
    }
    if let Some(version) = version {
        let _ = write!(text, " {version}");
    }
    if let Some(error) = error {
        let _ = write!(text, ": {error}");
    }
    escape(&text).into_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::{Kind, RunId};
    use crate::notify::Tally;

    fn summary(status: Ending, tally: Tally) -> Summary {
        let run: RunId = serde_json::from_value(json!("20260131T010000Z-00000001")).unwrap();
        Summary {
            format: Summary::FORMAT,
            begun_at: run.begun_at(),
            run,
            host: "vault".to_owned(),
            command: "incus-backup-all create".to_owned(),
            status,
            exit_code: 3,
            ended_at: "2026-01-31T01:12:03Z".parse().unwrap(),
            tally,
        }
    }

    fn failure(name: &str) -> Unsuccessful {
        Unsuccessful {
            source: None,
            kind: Kind::Volume,
            project: Some("default".parse().unwrap()),
            pool: Some("tank".parse().unwrap()),
            name: Some(name.parse().unwrap()),
            version: None,
            status: "failed",
            error: Some("cannot export: disk\nfull".to_owned()),
        }
    }

    #[test]
    fn a_letter_says_how_it_ended_and_what_failed() {
        let tally = Tally {
            counts: Counts {
                done: 38,
                failed: 1,
                ..Counts::default()
            },
            bytes: Bytes(3_328_599_655),
            failures: vec![failure("data")],
            error: None,
        };
        let letter = letter(summary(Ending::Partial, tally));
        assert_eq!(
            letter.subject,
            "incus-backup-all create on vault: done in part"
        );
        let expected = "incus-backup-all create on vault: done in part

Run:         20260131T010000Z-00000001
Begun:       2026-01-31T01:00:00Z
Took:        12 min 3 s
Exit status: 3
Result:      38 done, 1 failed
Size:        3.1 GiB

failed: volume default/tank/data: cannot export: disk\\nfull
";
        assert_eq!(letter.text, expected);
    }

    #[test]
    fn a_letter_does_not_list_thousands() {
        let tally = Tally {
            failures: vec![failure("data"); 52],
            error: Some("the target is gone".to_owned()),
            ..Tally::default()
        };
        let text = letter(summary(Ending::Failed, tally)).text;
        assert!(
            text.contains("\n\nthe target is gone\n\nfailed: "),
            "{text}"
        );
        assert!(text.ends_with("full\nand 2 more\n"), "{text}");
        assert_eq!(text.matches("failed: volume").count(), 50);
    }
}
