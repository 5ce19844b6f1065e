//! Programs that are told.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};

use super::error::NotifyError;
use super::summary::Letter;

/// How much of what a program says is told.
const SAID: usize = 300;
/// What is not the matter of the program.
const KEPT_BACK: [&str; 3] = [
    "RESTIC_PASSWORD",
    "RESTIC_PASSWORD_COMMAND",
    "NOTIFY_SOCKET",
];

/// What the program reads: the summary, with the headers of a mail before it, where there are some.
pub(super) fn input(headers: &BTreeMap<String, String>, letter: &Letter) -> String {
    let mut text = String::new();
    for (name, value) in headers {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{name}: {value}");
    }
    if !headers.is_empty() {
        if !headers.keys().any(|it| it.eq_ignore_ascii_case("subject")) {
            let _ = writeln!(text, "Subject: {}", letter.subject);
        }
        text.push('\n');
    }
    text.push_str(&letter.text);
    text
}

/// Runs a program, without a shell.
pub(super) async fn run(
    arguments: &[String],
    input: &str,
    letter: &Letter,
) -> Result<(), NotifyError> {
    let program = arguments.first().cloned().unwrap_or_default();
    let begun = command(&program, arguments, letter).spawn();
    let child = begun.map_err(|cause| NotifyError::Start {
        program: program.clone(),
        cause,
    })?;
    let id = child.id().and_then(|id| i32::try_from(id).ok());
    let mut group = Group {
        id: id.and_then(Pid::from_raw),
        child,
        ended: false,
    };
    let stdin = group.child.stdin.take();
    let stderr = group.child.stderr.take();
    let fed = async {
        if let Some(mut stdin) = stdin {
            // One that does not read is judged by its exit status.
            let _ = stdin.write_all(input.as_bytes()).await;
            let _ = stdin.shutdown().await;
        }
    };
    let (status, (), said) = tokio::join!(group.child.wait(), fed, end_of(stderr));
    group.ended = true;
    let status = status.map_err(|cause| NotifyError::Start {
        program: program.clone(),
        cause,
    })?;
    if status.success() {
        return Ok(());
    }
    Err(NotifyError::Failed {
        program,
        status,
        said,
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the file that owns the programs of notifications"
)]
fn command(program: &str, arguments: &[String], letter: &Letter) -> Command {
    let summary = &letter.summary;
    let mut command = Command::new(program);
    command
        .args(arguments.iter().skip(1))
        .env("INCUS_BACKUP_STATUS", summary.status.word())
        .env("INCUS_BACKUP_EXIT_CODE", summary.exit_code.to_string())
        .env("INCUS_BACKUP_COMMAND", &summary.command)
        .env("INCUS_BACKUP_RUN", summary.run.as_str())
        .env("INCUS_BACKUP_HOST", &summary.host)
        .env("INCUS_BACKUP_SUBJECT", &letter.subject)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        // The signals of a terminal are for the run, which ends it.
        .process_group(0);
    for name in KEPT_BACK {
        command.env_remove(name);
    }
    command
}

/// A program and all that it starts, which do not outlive the patience with them.
struct Group {
    /// Known before the program ends: what it started may hold its streams longer.
    id: Option<Pid>,
    child: Child,
    ended: bool,
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.id.filter(|_| !self.ended) {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// The end of what a program said, as the end of a sentence.
async fn end_of(stream: Option<impl AsyncRead + Unpin>) -> String {
    let mut end: Vec<u8> = Vec::new();
    let Some(mut stream) = stream else {
        return String::new();
    };
    let mut part = [0; 4096];
    while let Ok(count @ 1..) = stream.read(&mut part).await {
        end.extend_from_slice(part.get(..count).unwrap_or_default());
        let surplus = end.len().saturating_sub(SAID);
        end.drain(..surplus);
    }
    let text = String::from_utf8_lossy(&end);
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|it| !it.is_empty())
        .collect();
    if lines.is_empty() {
        String::new()
    } else {
        format!(": {}", lines.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::super::summary::tests::letter;
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split('|').map(str::to_owned).collect()
    }

    #[test]
    fn a_mail_begins_with_its_headers_and_anything_else_with_the_summary() {
        let none = BTreeMap::new();
        assert_eq!(input(&none, &letter()), "It is done in part.\n");
        let mut headers = BTreeMap::from([("To".to_owned(), "root".to_owned())]);
        let mail = "To: root\nSubject: all create on vault: partial\n\nIt is done in part.\n";
        assert_eq!(input(&headers, &letter()), mail);
        headers.insert("subject".to_owned(), "own".to_owned());
        let mail = "To: root\nsubject: own\n\nIt is done in part.\n";
        assert_eq!(input(&headers, &letter()), mail);
    }

    #[tokio::test]
    async fn a_program_reads_the_text_and_has_the_status_in_its_environment() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("said");
        let script = "{ cat; echo $INCUS_BACKUP_STATUS $INCUS_BACKUP_EXIT_CODE; } > \"$0\"";
        let arguments = words(&format!("sh|-c|{script}|{}", file.display()));
        run(&arguments, "text\n", &letter()).await.unwrap();
        let said = std::fs::read_to_string(&file).unwrap();
        assert_eq!(said, "text\npartial 3\n");
    }

    #[tokio::test]
    async fn what_fails_says_what_it_said_and_what_is_not_read_is_no_failure() {
        let failing = words("sh|-c|echo no such user >&2; exit 67");
        let error = run(&failing, "x", &letter()).await.unwrap_err().to_string();
        assert_eq!(error, "`sh` failed (exit status: 67): no such user");
        let large = "x".repeat(1 << 20);
        run(&words("true"), &large, &letter()).await.unwrap();
        let missing = words("/nowhere/mail");
        let error = run(&missing, "x", &letter()).await.unwrap_err().to_string();
        assert_eq!(error, "cannot run `/nowhere/mail`");
    }
}
