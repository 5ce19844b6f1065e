//! A target, what ended runs left, and what is protected.

use super::finding::Verdict::{Fine, Note, Problem, Warning};
use super::{Check, Finding};
use crate::model::{Age, Bytes};
use crate::protection::Protection;
use crate::target::ResticVersion;

/// How many names are told before the rest is counted.
const NAMES: usize = 5;

/// Whether what is backed up next finds room: so much as is backed up now takes.
pub fn room(target: &str, free: Option<Bytes>, need: Bytes) -> Option<Finding> {
    let about = (Check::Room, target);
    let free = free?;
    let text = format!("{free} are free, and one version of everything takes {need}");
    Some(if free < need {
        Finding::new(Problem, about, text).mend(format!(
            "incus-backup-prune --target {target} --keep-daily 7 --keep-weekly 4"
        ))
    } else {
        Finding::new(Fine, about, text)
    })
}

/// Whether restic is one that this program is tested with.
pub fn restic(binary: &str, version: ResticVersion) -> Finding {
    let about = (Check::Restic, binary);
    let oldest = ResticVersion::OLDEST;
    if version >= oldest {
        return Finding::new(Fine, about, format!("it is restic {version}"));
    }
    let text =
        format!("restic {version} is older than {oldest}, with which this program is tested");
    Finding::new(Warning, about, text).mend("restic self-update, or `restic-binary` in backup.yml")
}

/// Whom new versions of a target are encrypted to. That no key is here is as it should be: whoever only
/// makes backups needs none.
pub fn encrypted(target: &str, recipients: usize, has_keys: bool) -> Finding {
    let to = match recipients {
        1 => "1 recipient".to_owned(),
        count => format!("{count} recipients"),
    };
    let text = if has_keys {
        format!("new versions are encrypted to {to}")
    } else {
        format!(
            "new versions are encrypted to {to}; no key is named here, without which nothing is restored or \
             looked into"
        )
    };
    Finding::new(Fine, (Check::Keys, target), text)
}

/// Whether a file of keys is for its owner alone; `mode` is nothing where it is not there.
pub fn key_file(file: &str, mode: Option<u32>) -> Finding {
    let about = (Check::Keys, file);
    match mode {
        None => Finding::new(Note, about, "this file of keys cannot be read here"),
        Some(mode) if mode & 0o077 != 0 => {
            let text = format!(
                "others may read this file of keys (mode {:04o})",
                mode & 0o7777
            );
            Finding::new(Warning, about, text).mend(format!("chmod 600 {file}"))
        }
        Some(_) => Finding::new(Fine, about, "this file of keys is for its owner alone"),
    }
}

/// Locks of processes that are gone: they stop every run.
pub fn locks(target: &str, holders: &[String]) -> Finding {
    let about = (Check::Locks, target);
    if holders.is_empty() {
        return Finding::new(Fine, about, "no lock of a process that is gone");
    }
    let text = format!("it is locked by {}, which is gone", holders.join(", "));
    // Whatever reads the target takes them away first, and a list changes nothing else.
    Finding::new(Problem, about, text)
        .mend(format!("incus-backup-all list --target {target} --unlock"))
}

/// What ended runs left on a server.
pub fn left_over_on_server(remote: &str, names: &[String]) -> Finding {
    let about = (Check::LeftOver, remote);
    if names.is_empty() {
        return Finding::new(Fine, about, "ended runs left nothing behind");
    }
    let text = format!("left behind by ended runs: {}", some(names));
    // The next run removes it, whatever it does.
    let command = format!("incus-backup-all create {remote}:");
    Finding::new(Warning, about, text).mend(command)
}

/// What ended runs left in a target.
pub fn left_over_on_target(target: &str, count: u64) -> Finding {
    let about = (Check::LeftOver, target);
    match count {
        0 => Finding::new(Fine, about, "ended runs left nothing behind"),
        count => Finding::new(
            Warning,
            about,
            format!("{count} unfinished versions of ended runs take up room"),
        )
        .mend(format!(
            "incus-backup-prune --target {target} --keep-last 9999"
        )),
    }
}

/// What of a server has no recent backup in a target.
pub fn protection(
    (remote, target): (&str, &str),
    source: &str,
    judged: &[Protection],
    max_age: Age,
) -> Finding {
    let about = (Check::Protection, source);
    let lacking = judged.iter().filter(|it| it.lack.is_some());
    let names: Vec<String> = lacking
        .map(|it| format!("{} {}", it.resource.kind(), it.resource.path()))
        .map(|name| name.trim_end().to_owned())
        .collect();
    if names.is_empty() {
        let text = match judged.len() {
            0 => "there is nothing to back up".to_owned(),
            count => format!("all of {count} have a complete backup of the last {max_age}"),
        };
        return Finding::new(Fine, about, text);
    }
    let text = format!(
        "{} of {} have no complete backup of the last {max_age}: {}",
        names.len(),
        judged.len(),
        some(&names)
    );
    Finding::new(Problem, about, text).mend(format!(
        "incus-backup-all create {remote}: --target {target}"
    ))
}

fn some(names: &[String]) -> String {
    let told = names.iter().take(NAMES).cloned().collect::<Vec<_>>();
    match names.len().saturating_sub(NAMES) {
        0 => told.join(", "),
        more => format!("{} and {more} more", told.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::doctor::Verdict;

    #[rstest]
    #[case(Some(9), 10, Some(Problem))]
    #[case(Some(10), 10, Some(Fine))]
    #[case(None, 10, None)]
    fn room_is_compared_with_the_need(
        #[case] free: Option<u64>,
        #[case] need: u64,
        #[case] verdict: Option<Verdict>,
    ) {
        let found = room("nas", free.map(Bytes), Bytes(need));
        assert_eq!(found.map(|it| it.verdict), verdict);
    }

    #[rstest]
    #[case((0, 17, 3), Warning)]
    #[case((0, 18, 0), Fine)]
    #[case((1, 0, 0), Fine)]
    fn an_old_restic_is_a_warning(#[case] (a, b, c): (u32, u32, u32), #[case] verdict: Verdict) {
        let found = restic("restic", ResticVersion::new(a, b, c));
        assert_eq!(found.verdict, verdict);
        assert!(found.message.contains(&format!("{a}.{b}.{c}")));
    }

    #[rstest]
    #[case(Some(0o100_600), Fine)]
    #[case(Some(0o100_400), Fine)]
    #[case(Some(0o100_640), Warning)]
    #[case(Some(0o100_604), Warning)]
    #[case(None, Note)]
    fn a_key_that_others_may_read_is_a_warning(
        #[case] mode: Option<u32>,
        #[case] verdict: Verdict,
    ) {
        assert_eq!(key_file("/etc/key", mode).verdict, verdict);
    }

    #[test]
    fn a_machine_without_the_key_is_as_it_should_be() {
        let found = encrypted("nas", 2, false);
        assert_eq!(found.verdict, Fine);
        assert!(
            found.message.contains("2 recipients; no key"),
            "{}",
            found.message
        );
    }

    #[test]
    fn many_names_are_counted() {
        let names: Vec<String> = (0..7).map(|at| format!("i{at}")).collect();
        let found = left_over_on_server("prod", &names);
        assert_eq!(
            found.message,
            "left behind by ended runs: i0, i1, i2, i3, i4 and 2 more"
        );
        assert_eq!(left_over_on_server("prod", &[]).verdict, Fine);
        assert_eq!(left_over_on_target("nas", 2).verdict, Warning);
        assert_eq!(left_over_on_target("nas", 0).verdict, Fine);
        assert_eq!(locks("nas", &[]).verdict, Fine);
        assert_eq!(locks("nas", &["pid 3 on host".to_owned()]).verdict, Problem);
    }
}
