//! Taking files out of a version. Everything blocks.
//!
//! # Design
//!
//! What is taken out is made under a temporary name beside its place and gets its name at the end, so
//! that half of it is never mistaken for all of it. Links are made last: nothing is ever written through
//! one, wherever the archive says that it leads.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Seek as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::{FilePath, FilesError, Place, Reader};
use crate::archive::{Member, MemberKind, MemberPath, Members};
use crate::model::RunId;

/// The permissions that are kept: neither set-user-ID nor set-group-ID leaves an instance.
const PERMISSIONS: u32 = 0o1777;

/// Whether what is taken out belongs to whom it belonged to, by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ownership {
    /// It does; only root can have that.
    Kept,
    /// It belongs to who takes it out.
    Own,
}

/// What becomes of a file that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// It stays, and nothing is taken out.
    Stays,
    /// It is replaced, at once and whole.
    Replaced,
}

/// What was taken out.
#[derive(Debug, Default)]
pub struct Extracted {
    /// Where everything is now, in the order of paths: what it is, and where it was.
    pub members: Vec<(FilePath, Member)>,
    /// Devices and pipes, which were not taken out.
    pub skipped: Vec<FilePath>,
}

/// Takes a file out, or a folder with everything in it. It is at `to` when this returns.
pub fn extract(
    reader: &Reader,
    (place, path): (&Place, &FilePath),
    to: &Path,
    (ownership, existing): (Ownership, Existing),
) -> Result<Extracted, FilesError> {
    let present = fs::symlink_metadata(to).ok();
    let stays = |present: &fs::Metadata| existing == Existing::Stays || present.is_dir();
    if present.as_ref().is_some_and(stays) {
        return Err(FilesError::Exists(to.to_owned()));
    }
    let name = to.file_name().unwrap_or(OsStr::new("files"));
    let mut beside = OsStr::new(".").to_owned();
    beside.push(name);
    beside.push(format!(".partial-{}", RunId::begin().short()));
    let partial = Partial(to.with_file_name(beside));
    let extraction = Extraction::new(place, path, &partial.0, ownership);
    let inside = |member: &Member| {
        let found = place.path_of(&member.path);
        found.is_some_and(|found| found.is_in(path))
    };
    let mut extraction = reader.read((place, path), &inside, extraction)?;
    if extraction.extracted.members.is_empty() {
        return Err(reader.nothing(place, path));
    }
    extraction.link_inside()?;
    if !extraction.outside.is_empty() {
        let wanted = std::mem::take(&mut extraction.outside);
        let is_wanted = |member: &Member| wanted.contains_key(&member.path);
        let copies = Copies {
            wanted: &wanted,
            open: Vec::new(),
            ownership,
            member: None,
            found: 0,
        };
        let copies = reader.read((place, path), &is_wanted, copies)?;
        if copies.found < wanted.len() {
            return Err(reader.nothing(place, path));
        }
    }
    extraction.finish()?;
    // Nobody is asked to be quick: what came to stand there meanwhile stays.
    if existing == Existing::Stays && fs::symlink_metadata(to).is_ok() {
        return Err(FilesError::Exists(to.to_owned()));
    }
    fs::rename(&partial.0, to).map_err(|cause| write_error(to, cause))?;
    let mut extracted = std::mem::take(&mut extraction.extracted);
    extracted.members.sort_by(|one, other| one.0.cmp(&other.0));
    Ok(extracted)
}

fn write_error(path: &Path, cause: io::Error) -> FilesError {
    FilesError::Write {
        path: path.to_owned(),
        cause,
    }
}

/// What is being made; what of it is there when this is dropped goes.
struct Partial(PathBuf);

impl Drop for Partial {
    fn drop(&mut self) {
        let removed = match fs::symlink_metadata(&self.0) {
            Ok(found) if found.is_dir() => fs::remove_dir_all(&self.0),
            Ok(_) => fs::remove_file(&self.0),
            Err(_) => Ok(()),
        };
        if let Err(error) = removed {
            tracing::warn!(path = %self.0.display(), %error, "cannot remove what was begun");
        }
    }
}

struct Extraction<'a> {
    place: &'a Place,
    root: &'a FilePath,
    base: &'a Path,
    ownership: Ownership,
    extracted: Extracted,
    /// The file that is being written, and whether it has holes.
    open: Option<(File, PathBuf, Member)>,
    has_holes: bool,
    folders: BTreeMap<PathBuf, Member>,
    links: Vec<(PathBuf, MemberPath)>,
    /// Hard links whose file is not among what is taken out: the file, and where it is to be.
    outside: HashMap<MemberPath, Vec<PathBuf>>,
    hard: Vec<(PathBuf, MemberPath)>,
}

impl<'a> Extraction<'a> {
    fn new(place: &'a Place, root: &'a FilePath, base: &'a Path, ownership: Ownership) -> Self {
        Self {
            place,
            root,
            base,
            ownership,
            extracted: Extracted::default(),
            open: None,
            has_holes: false,
            folders: BTreeMap::new(),
            links: Vec::new(),
            outside: HashMap::new(),
            hard: Vec::new(),
        }
    }

    /// Where a path is made. Its parts lead nowhere else: see [`FilePath`].
    fn destination(&self, path: &FilePath) -> Option<PathBuf> {
        let below = path.below(self.root)?;
        let parts = below.parts().iter();
        Some(parts.fold(self.base.to_owned(), |place, part| {
            place.join(OsStr::from_bytes(part))
        }))
    }

    /// Hard links to what was taken out too; the others are left to be copied.
    fn link_inside(&mut self) -> Result<(), FilesError> {
        for (to, file) in std::mem::take(&mut self.hard) {
            let from = self.place.path_of(&file);
            let from = from.and_then(|path| self.destination(&path));
            match from.filter(|from| fs::symlink_metadata(from).is_ok_and(|it| it.is_file())) {
                Some(from) => {
                    fs::hard_link(&from, &to).map_err(|cause| write_error(&to, cause))?;
                }
                None => self.outside.entry(file).or_default().push(to),
            }
        }
        Ok(())
    }

    /// Links, and then what folders are like, from the innermost on.
    fn finish(&mut self) -> Result<(), FilesError> {
        for (at, to) in &self.links {
            symlink(OsStr::from_bytes(&to.0), at).map_err(|cause| write_error(at, cause))?;
        }
        for (folder, member) in self.folders.iter().rev() {
            File::open(folder)
                .and_then(|opened| describe(&opened, member, self.ownership))
                .map_err(|cause| write_error(folder, cause))?;
        }
        Ok(())
    }
}

fn make_folder(path: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        result => result,
    }
}

fn create(path: &Path) -> Result<File, FilesError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    options.open(path).map_err(|cause| write_error(path, cause))
}

/// Makes a file or a folder what it was.
fn describe(file: &File, member: &Member, ownership: Ownership) -> io::Result<()> {
    if ownership == Ownership::Kept {
        let number = |value: u64| u32::try_from(value).map_err(io::Error::other);
        std::os::unix::fs::fchown(file, Some(number(member.uid)?), Some(number(member.gid)?))?;
    }
    file.set_permissions(fs::Permissions::from_mode(member.mode & PERMISSIONS))?;
    let changed = u64::try_from(member.mtime).unwrap_or_default();
    file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(changed))
}

impl Members for Extraction<'_> {
    fn begin(&mut self, member: Member) -> io::Result<()> {
        let Some(path) = self.place.path_of(&member.path) else {
            return Ok(());
        };
        let Some(to) = self.destination(&path) else {
            return Ok(());
        };
        if member.kind.is_special() {
            if path == *self.root {
                return Err(FilesError::Special(path.to_string()).into());
            }
            self.extracted.skipped.push(path);
            return Ok(());
        }
        if let (Some(parent), true) = (to.parent(), path != *self.root) {
            // A tar has a folder before what is in it. One that does not is read all the same.
            let missing: Vec<&Path> = parent
                .ancestors()
                .take_while(|above| above.starts_with(self.base))
                .collect();
            for folder in missing.into_iter().rev() {
                make_folder(folder).map_err(|cause| write_error(folder, cause))?;
            }
        }
        match (member.kind, &member.link) {
            (MemberKind::Directory, _) => {
                make_folder(&to).map_err(|cause| write_error(&to, cause))?;
                self.folders.insert(to, member.clone());
            }
            (MemberKind::Symlink, Some(link)) => self.links.push((to, link.clone())),
            (MemberKind::Hardlink, Some(link)) => self.hard.push((to, link.clone())),
            _ => self.open = Some((create(&to)?, to, member.clone())),
        }
        self.extracted.members.push((path, member));
        Ok(())
    }

    fn data(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.open {
            Some((file, path, _)) => Ok(file
                .write_all(bytes)
                .map_err(|cause| write_error(path, cause))?),
            None => Ok(()),
        }
    }

    fn zeros(&mut self, count: u64) -> io::Result<()> {
        let Some((file, path, _)) = &mut self.open else {
            return Ok(());
        };
        let count = i64::try_from(count).map_err(io::Error::other)?;
        file.seek_relative(count)
            .map_err(|cause| write_error(path, cause))?;
        self.has_holes = true;
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        let Some((mut file, path, member)) = self.open.take() else {
            return Ok(());
        };
        if std::mem::take(&mut self.has_holes) {
            // One at the end is there only when the file is said to be as long.
            file.stream_position()
                .and_then(|size| file.set_len(size))
                .map_err(|cause| write_error(&path, cause))?;
        }
        Ok(describe(&file, &member, self.ownership).map_err(|cause| write_error(&path, cause))?)
    }
}

/// Writes files to other places than their own.
struct Copies<'a> {
    wanted: &'a HashMap<MemberPath, Vec<PathBuf>>,
    open: Vec<(File, PathBuf)>,
    ownership: Ownership,
    member: Option<Member>,
    found: usize,
}

impl Members for Copies<'_> {
    fn begin(&mut self, member: Member) -> io::Result<()> {
        for path in self.wanted.get(&member.path).into_iter().flatten() {
            self.open.push((create(path)?, path.clone()));
        }
        self.found += 1;
        self.member = Some(member);
        Ok(())
    }

    fn data(&mut self, bytes: &[u8]) -> io::Result<()> {
        for (file, path) in &mut self.open {
            file.write_all(bytes)
                .map_err(|cause| write_error(path, cause))?;
        }
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        for (file, path) in self.open.drain(..) {
            if let Some(member) = &self.member {
                describe(&file, member, self.ownership)
                    .map_err(|cause| write_error(&path, cause))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    const ROOT: &str = "backup/container/rootfs";

    fn member(path: &str, kind: MemberKind, link: Option<&str>) -> Member {
        Member {
            path: MemberPath(format!("{ROOT}{path}").into_bytes()),
            kind,
            size: 0,
            mode: 0o6755,
            uid: 0,
            gid: 0,
            mtime: 1_700_000_000,
            link: link.map(|link| MemberPath(link.as_bytes().to_vec())),
            at: 0,
            crc32: None,
        }
    }

    /// Takes these members out; gives the folder that everything is in, and how it ended.
    fn taken(root: &str, members: Vec<Member>) -> (tempfile::TempDir, io::Result<Vec<FilePath>>) {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path().join("out");
        let (place, root) = (Place::at(ROOT), FilePath::parse(root).unwrap());
        let mut extraction = Extraction::new(&place, &root, &base, Ownership::Own);
        let take = || {
            for member in members {
                let is_file = member.kind == MemberKind::File;
                extraction.begin(member)?;
                if is_file {
                    extraction.data(b"hello")?;
                }
                extraction.end()?;
            }
            extraction.link_inside()?;
            extraction.finish()?;
            Ok(std::mem::take(&mut extraction.extracted.skipped))
        };
        let ended = take();
        (folder, ended)
    }

    #[test]
    fn a_folder_comes_with_all_that_is_in_it_as_it_was() {
        let (folder, ended) = taken(
            "etc",
            vec![
                member("/etc", MemberKind::Directory, None),
                member("/etc/a", MemberKind::File, None),
                member("/etc/sub", MemberKind::Directory, None),
                member("/etc/sub/l", MemberKind::Symlink, Some("../a")),
                member(
                    "/etc/sub/h",
                    MemberKind::Hardlink,
                    Some("backup/container/rootfs/etc/a"),
                ),
                member("/etc/sub/p", MemberKind::Fifo, None),
            ],
        );
        let skipped: Vec<String> = ended.unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(skipped, ["/etc/sub/p"]);
        let out = folder.path().join("out");
        assert_eq!(fs::read(out.join("a")).unwrap(), b"hello");
        assert_eq!(fs::read_link(out.join("sub/l")).unwrap(), Path::new("../a"));
        let (file, link) = (out.join("a"), out.join("sub/h"));
        let (file, link) = (fs::metadata(file).unwrap(), fs::metadata(link).unwrap());
        assert_eq!((file.ino(), file.nlink()), (link.ino(), 2));
        // Neither set-user-ID nor set-group-ID comes along; times do, those of folders too.
        assert_eq!(file.mode() & 0o7777, 0o755);
        let times = [out.clone(), out.join("a"), out.join("sub")];
        for path in times {
            assert_eq!(fs::metadata(path).unwrap().mtime(), 1_700_000_000);
        }
        assert!(!out.join("sub/p").exists());
    }

    #[test]
    fn nothing_is_written_through_a_link() {
        let outside = tempfile::tempdir().unwrap();
        let elsewhere = outside.path().to_str().unwrap();
        let (folder, ended) = taken(
            "/",
            vec![
                member("", MemberKind::Directory, None),
                member("/l", MemberKind::Symlink, Some(elsewhere)),
                member("/l/x", MemberKind::File, None),
                member("/h", MemberKind::Hardlink, Some("/etc/passwd")),
            ],
        );
        // What is below the name of a link is in a folder of that name, and the link has no place.
        ended.unwrap_err();
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
        let out = folder.path().join("out");
        assert!(out.join("l").symlink_metadata().unwrap().is_dir());
        assert!(!out.join("h").exists());
    }

    #[test]
    fn a_member_that_comes_twice_is_refused() {
        let twice = [MemberKind::File, MemberKind::File];
        let members = twice.map(|kind| member("/etc/a", kind, None)).to_vec();
        let (_folder, ended) = taken("etc", members);
        let error = FilesError::from(ended.unwrap_err());
        assert!(matches!(error, FilesError::Write { .. }), "{error:?}");
    }

    #[test]
    fn a_file_alone_has_the_name_that_it_is_given() {
        let (folder, ended) = taken("etc/a", vec![member("/etc/a", MemberKind::File, None)]);
        ended.unwrap();
        assert_eq!(fs::read(folder.path().join("out")).unwrap(), b"hello");
    }
}
