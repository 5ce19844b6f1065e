//! What is in stored archives, as `tar` sees it.

use std::path::Path;

use crate::lab::command;

/// The content of a member.
#[track_caller]
pub fn member(archive: &Path, member: &str) -> Vec<u8> {
    let output = command("tar")
        .args(["--zstd", "-xOf", archive.to_str().unwrap(), member])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{member}: {said}");
    output.stdout
}

/// The names of all members, in the alphabet's order.
pub fn members(archive: &Path) -> Vec<String> {
    let arguments = ["--zstd", "-tf", archive.to_str().unwrap()];
    let output = command("tar").args(arguments).output().unwrap();
    let names = String::from_utf8(output.stdout).unwrap();
    let mut names: Vec<String> = names.lines().map(str::to_owned).collect();
    names.sort();
    names
}

/// The last complete line of a file that numbers are appended to.
#[track_caller]
pub fn last(archive: &Path, file: &str) -> i64 {
    let text = String::from_utf8(member(archive, file)).unwrap();
    let complete = text.rsplit_once('\n').map(|(lines, _)| lines);
    let line = complete.unwrap_or_default().lines().last();
    line.and_then(|line| line.parse().ok()).unwrap_or(0)
}
