//! Putting files of a version back into the instance that they are of.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::{FilePath, FilesError};
use crate::archive::{Member, MemberKind};
use crate::incus::{Client, FileThere, FileType, NewFile};
use crate::model::{Bytes, InstanceName, ProjectName, ResourceId, Version};
use crate::plan::{Action, Approved, Failure, Outcome, Plan, Report, Row, Step};
use crate::progress::Cancel;

/// The permissions that are put back: all of them, for it is the instance that they come from.
const PERMISSIONS: u32 = 0o7777;

/// Where files are put.
#[derive(Debug, Clone)]
pub struct Destination {
    /// The project of the instance.
    pub project: ProjectName,
    /// The instance.
    pub instance: InstanceName,
    /// The version that they are from.
    pub version: Version,
}

/// A file that is to be put back.
#[derive(Debug, Clone)]
pub struct PutFile {
    /// Where it is in the version, and will be in the instance.
    pub path: FilePath,
    /// What it is.
    pub member: Member,
}

/// What one step puts back.
#[derive(Debug)]
pub struct PutWork {
    file: PutFile,
    kind: FileType,
    /// What stands there goes first: a link is never written through, and a file that is there keeps
    /// its owner and permissions when it is written (`instance_file.go`, seen on 6.0.4).
    remove: bool,
}

/// Plans it (pure); `present` is what the instance has at the paths of `files` now.
pub fn plan_put(
    destination: &Destination,
    files: Vec<PutFile>,
    present: &BTreeMap<FilePath, FileThere>,
) -> Plan<PutWork> {
    let resource = ResourceId::instance(destination.project.clone(), &destination.instance);
    let step = |file: PutFile| {
        let found = present.get(&file.path);
        let there = found.map(|found| found.kind);
        let row = |action| Row::new(action, &resource).version(destination.version);
        let path = file.path.to_string();
        let kind = match file.member.kind {
            MemberKind::File | MemberKind::Hardlink => FileType::File,
            MemberKind::Directory => FileType::Directory,
            MemberKind::Symlink => FileType::Symlink,
            _ => {
                let reason = format!("{path}: a device or a pipe is not put back");
                return Step::rest(row(Action::Skip).because(&reason));
            }
        };
        let size = match file.member.kind {
            MemberKind::Hardlink => "a file with several names".to_owned(),
            _ => Bytes(file.member.size).to_string(),
        };
        let (action, reason) = match (kind, there) {
            (FileType::Directory, Some(FileType::Directory)) => {
                return Step::rest(row(Action::Keep).because(&format!("{path}: it is there")));
            }
            (FileType::Directory, None) => (Action::Create, format!("{path}: a directory")),
            (FileType::Symlink, None) => (Action::Create, format!("{path}: a link")),
            (_, None) => (Action::Create, format!("{path}: {size}")),
            (FileType::File, Some(FileType::File)) => (Action::Replace, format!("{path}: {size}")),
            (FileType::Symlink, Some(FileType::File | FileType::Symlink)) => {
                (Action::Replace, format!("{path}: by a link"))
            }
            (FileType::File, Some(FileType::Symlink)) => {
                (Action::Replace, format!("{path}: the link there goes"))
            }
            (_, Some(FileType::Directory)) => {
                (Action::Refuse, format!("{path}: a directory is there"))
            }
            (FileType::Directory, Some(_)) => (
                Action::Refuse,
                format!("{path}: something else than a directory is there"),
            ),
        };
        let work = PutWork {
            remove: match (kind, found) {
                (FileType::Symlink, Some(_)) => true,
                (FileType::File, Some(found)) => {
                    found.kind == FileType::Symlink || !found.is_as(&new_file(kind, &file.member))
                }
                _ => false,
            },
            file,
            kind,
        };
        Step::work(row(action).because(&reason), work)
    };
    files.into_iter().map(step).collect()
}

/// Does what the plan says, with what was taken out of the version to `local`, where `root` is.
pub async fn apply_put(
    client: &Client,
    destination: &Destination,
    plan: Approved<PutWork>,
    (local, root): (&Path, &FilePath),
    cancel: &Cancel,
) -> Report {
    let mut outcomes = Vec::new();
    for step in plan.into_steps() {
        let (row, work) = step.into_parts();
        let Some(work) = work else {
            outcomes.push(Outcome::rest(row));
            continue;
        };
        if cancel.is_cancelled() {
            outcomes.push(Outcome::interrupted(row));
            continue;
        }
        let begun = Instant::now();
        outcomes.push(match put(client, destination, &work, (local, root)).await {
            Ok(()) => Outcome::done(row, begun.elapsed()),
            Err(error) => Outcome::failed(row, Failure::new(error), begun.elapsed()),
        });
    }
    outcomes.into_iter().collect()
}

async fn put(
    client: &Client,
    destination: &Destination,
    work: &PutWork,
    (local, root): (&Path, &FilePath),
) -> Result<(), FilesError> {
    let (project, name) = (&destination.project, &destination.instance);
    let path = work.file.path.to_string();
    let member = &work.file.member;
    let body = match (work.kind, &member.link) {
        (FileType::Directory, _) => reqwest::Body::from(""),
        (FileType::Symlink, link) => {
            reqwest::Body::from(link.clone().map(|link| link.0).unwrap_or_default())
        }
        (FileType::File, _) => {
            let from = local_path(local, root, &work.file.path);
            let file = tokio::fs::File::open(&from).await;
            let file = file.map_err(|cause| FilesError::Write { path: from, cause })?;
            reqwest::Body::wrap_stream(tokio_util::io::ReaderStream::with_capacity(
                file,
                256 * 1024,
            ))
        }
    };
    if work.remove {
        client.remove_file(project, name, &path).await?;
    }
    let file = new_file(work.kind, member);
    Ok(client.put_file((project, name), &path, &file, body).await?)
}

fn new_file(kind: FileType, member: &Member) -> NewFile {
    NewFile {
        kind,
        mode: member.mode & PERMISSIONS,
        uid: member.uid,
        gid: member.gid,
    }
}

fn local_path(local: &Path, root: &FilePath, path: &FilePath) -> PathBuf {
    use std::os::unix::ffi::OsStrExt as _;
    let below = path.below(root);
    let parts = below.iter().flat_map(FilePath::parts);
    parts.fold(local.to_owned(), |place, part| {
        place.join(std::ffi::OsStr::from_bytes(part))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::MemberPath;

    fn file(path: &str, kind: MemberKind) -> PutFile {
        PutFile {
            path: FilePath::parse(path).unwrap(),
            member: Member {
                path: MemberPath(Vec::new()),
                kind,
                size: 12,
                mode: 0o644,
                uid: 0,
                gid: 0,
                mtime: 0,
                link: None,
                at: 0,
                crc32: None,
            },
        }
    }

    #[test]
    fn what_is_there_is_named_before_it_is_replaced_and_a_directory_never_is() {
        let destination = Destination {
            project: ProjectName::default_project(),
            instance: "web".parse().unwrap(),
            version: "20260131T235959Z".parse().unwrap(),
        };
        let (a_file, a_link, a_folder) = (FileType::File, FileType::Symlink, FileType::Directory);
        let cases = [
            ("new", MemberKind::File, None, "create /new: 12 B"),
            ("old", MemberKind::File, Some(a_file), "replace /old: 12 B"),
            (
                "l",
                MemberKind::File,
                Some(a_link),
                "replace /l: the link there goes",
            ),
            (
                "d",
                MemberKind::File,
                Some(a_folder),
                "refuse /d: a directory is there",
            ),
            (
                "e",
                MemberKind::Directory,
                Some(a_folder),
                "keep /e: it is there",
            ),
            ("f", MemberKind::Directory, None, "create /f: a directory"),
            (
                "g",
                MemberKind::Directory,
                Some(a_link),
                "refuse /g: something else than a directory is there",
            ),
            (
                "h",
                MemberKind::Symlink,
                Some(a_file),
                "replace /h: by a link",
            ),
            (
                "i",
                MemberKind::Fifo,
                None,
                "skip /i: a device or a pipe is not put back",
            ),
        ];
        let files = cases.iter().map(|case| file(case.0, case.1)).collect();
        let present = cases
            .iter()
            .filter_map(|case| {
                let there = FileThere {
                    kind: case.2?,
                    owner: None,
                    mode: None,
                };
                Some((FilePath::parse(case.0).unwrap(), there))
            })
            .collect();
        let plan = plan_put(&destination, files, &present);
        let told: Vec<String> = plan
            .rows()
            .map(|row| format!("{} {}", row.action, row.reason))
            .collect();
        let expected: Vec<&str> = cases.iter().map(|case| case.3).collect();
        assert_eq!(told, expected);
    }
}
