//! What restic says when it fails: by its exit code where it has one for it, by its words before.

use crate::target::TargetError;

/// What a restic that failed said, and how it ended.
#[derive(Debug)]
pub(super) struct Failed<'a> {
    /// What it was to do: `backup`.
    pub(super) verb: &'a str,
    /// The repository, as it is shown.
    pub(super) repository: &'a str,
    /// Its exit code; nothing where a signal ended it.
    pub(super) code: Option<i32>,
    /// The end of what it wrote to stderr.
    pub(super) stderr: &'a str,
}

impl Failed<'_> {
    /// As an error of the target.
    pub(super) fn error(&self) -> TargetError {
        let repository = self.repository.to_owned();
        let words = words(self.stderr);
        // Before 0.17 every failure was 1.
        let says = |text: &str| words.contains(text);
        match self.code {
            Some(10) => TargetError::NoRepository(repository),
            Some(11) => locked(repository, &words),
            Some(12) => TargetError::Password(repository),
            _ if words.lines().any(is_missing) => TargetError::NoRepository(repository),
            _ if is_unremoved(&words) && (says("403") || says("Forbidden")) => {
                TargetError::AppendOnly(repository)
            }
            _ if says("wrong password or no key found") => TargetError::Password(repository),
            _ if says("already locked") => locked(repository, &words),
            code => TargetError::Restic {
                verb: self.verb.to_owned(),
                repository,
                said: match (words.as_str(), code) {
                    ("", Some(code)) => format!("it ended with exit code {code}"),
                    ("", None) => "it was killed".to_owned(),
                    _ => words,
                },
            },
        }
    }
}

/// What a line of its output is, while it works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told<'a> {
    /// It says something.
    Words(&'a str),
    /// It says how far it is: `10 of 21 packs`, in its words `10 / 21 packs`.
    Status(&'a str),
    /// It says nothing.
    Nothing,
}

impl<'a> Told<'a> {
    /// Reads a line: `[0:01] 47.62%  10 / 21 packs` is how far it is, and so is a line of JSON that
    /// calls itself so.
    pub(super) fn read(line: &'a str) -> Self {
        let line = line.trim();
        if line.is_empty() || line.starts_with("{\"message_type\":\"status\"") {
            return Self::Nothing;
        }
        let status = || {
            let (time, rest) = line.strip_prefix('[')?.split_once(']')?;
            let (percent, amount) = rest.trim_start().split_once('%')?;
            let plain = |text: &str| text.chars().all(|c| c.is_ascii_digit() || ":.".contains(c));
            (plain(time) && plain(percent)).then(|| amount.trim())
        };
        status().map_or(Self::Words(line), Self::Status)
    }
}

/// Whether it says that there is no repository: whoever is not let in cannot open its file either.
fn is_missing(words: &str) -> bool {
    let says = |text: &str| words.contains(text);
    let missing = ["no such file", "not exist", "not found", "(404)"];
    says("repository does not exist")
        || (says("unable to open config file") && missing.iter().any(|text| says(text)))
}

/// Whether it says that something stays that was to go. With a server that lets nothing be removed restic
/// (0.14.0 to 0.18.0) says so, and ends as if all were well.
pub(super) fn is_unremoved(stderr: &str) -> bool {
    let says = |text: &str| stderr.contains(text);
    says("unable to remove snapshot/") || says("unable to modify the tags")
}

/// Who has the lock, in restic's words: `PID 5 on host by root (UID 0, GID 0)`.
fn locked(what: String, words: &str) -> TargetError {
    let holder = words
        .split_once("already locked")
        .map_or(words, |(_, rest)| rest)
        .trim_start_matches(" exclusively")
        .trim_start_matches(" by ");
    let holder = holder.split(" storage ID ").next().unwrap_or(holder);
    TargetError::RepositoryLocked {
        repository: what,
        holder: holder.trim_end_matches(',').to_owned(),
    }
}

/// The words of what was written, the messages of JSON lines included, in one line.
fn words(stderr: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for line in stderr.lines() {
        let json: Option<serde_json::Value> = serde_json::from_str(line).ok();
        let text = match &json {
            Some(json) => match (&json["message"], &json["error"]["message"]) {
                (serde_json::Value::String(text), _) | (_, serde_json::Value::String(text)) => text,
                _ => continue,
            },
            None => line,
        };
        for line in text.lines() {
            let line = line.trim().trim_start_matches("\u{1b}[2K");
            let line = line.strip_prefix("Fatal: ").unwrap_or(line);
            if !line.is_empty() && !lines.iter().any(|known| known == line) {
                lines.push(line.to_owned());
            }
        }
    }
    lines.join(" ")
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;
    use crate::testing::mutation::{Change, mutated_text};

    fn error(code: i32, stderr: &str) -> TargetError {
        let failed = Failed {
            verb: "backup",
            repository: "/r",
            code: Some(code),
            stderr,
        };
        failed.error()
    }

    #[rstest]
    #[case(10, "", "there is no restic repository at `/r`")]
    #[case(
        1,
        "Fatal: unable to open config file: stat /r/config: no such file\nIs there a repository",
        "there is no restic repository at `/r`"
    )]
    #[case(
        1,
        "Fatal: unable to open config file: <config/> does not exist",
        "there is no restic repository at `/r`"
    )]
    #[case(
        1,
        "Fatal: unable to open config file: unexpected HTTP response (401): 401 Unauthorized\nIs there a",
        "restic backup failed at `/r`: unable to open config file: unexpected HTTP response (401): 401 \
         Unauthorized Is there a"
    )]
    #[case(
        0,
        "Remove(<snapshot/6f>) failed: unexpected HTTP response (403): 403 Forbidden\n\
         unable to remove snapshot/6f from the repository",
        "restic repository `/r` takes additions only: its server lets nothing be removed"
    )]
    #[case(
        0,
        "unable to remove snapshot/6f from the repository",
        "restic backup failed at `/r`: unable to remove snapshot/6f from the repository"
    )]
    #[case(12, "", "the password of restic repository `/r` is wrong")]
    #[case(
        1,
        "Fatal: wrong password or no key found",
        "the password of restic repository `/r` is wrong"
    )]
    #[case(
        1,
        "{\"message_type\":\"exit_error\",\"code\":1,\"message\":\"Fatal: no space left\"}",
        "restic backup failed at `/r`: no space left"
    )]
    #[case(3, "", "restic backup failed at `/r`: it ended with exit code 3")]
    fn a_failure_is_told_in_its_own_words(
        #[case] code: i32,
        #[case] stderr: &str,
        #[case] text: &str,
    ) {
        assert_eq!(error(code, stderr).to_string(), text);
    }

    #[rstest]
    #[case("[0:01] 47.62%  10 / 21 packs", Told::Status("10 / 21 packs"))]
    #[case("[12:00:01] 100.00%  2 / 2 snapshots", Told::Status("2 / 2 snapshots"))]
    #[case("check all packs", Told::Words("check all packs"))]
    #[case("[a] 5% of it", Told::Words("[a] 5% of it"))]
    #[case("  ", Told::Nothing)]
    #[case("{\"message_type\":\"status\",\"percent_done\":0}", Told::Nothing)]
    fn how_far_it_is_stands_in_a_line_of_its_own(#[case] line: &str, #[case] told: Told) {
        assert_eq!(Told::read(line), told);
    }

    #[rstest]
    #[case(11)]
    #[case(1)]
    fn a_lock_names_its_holder(#[case] code: i32) {
        let text = "repository is already locked exclusively by PID 7 on here by root (UID 0, GID 0)\n\
                    lock was created at 2026-01-02 (1m ago)\nstorage ID abc\n";
        assert_eq!(
            error(code, text).to_string(),
            "restic repository `/r` is locked by PID 7 on here by root (UID 0, GID 0) lock was created \
             at 2026-01-02 (1m ago)"
        );
    }

    proptest! {
        /// Whatever restic says, it is told in one line.
        #[test]
        fn what_restic_says_is_told_in_one_line(
            code in proptest::option::of(0..20),
            changes in vec(any::<Change>(), 0..5),
        ) {
            let good = "{\"message_type\":\"error\",\"error\":{\"message\":\"no space\"},\"during\":\"x\"}\n\
                        Fatal: unable to create lock: repository is already locked by PID 7 on here\n";
            let stderr = mutated_text(good, &changes);
            let failed = Failed { verb: "backup", repository: "/r", code, stderr: &stderr };
            let told = failed.error().to_string();
            prop_assert!(told.contains("/r") && !told.contains('\n'), "{told:?}");
        }
    }
}
