//! Whether the members of an archive are those that its index promises.
//!
//! Memory does not grow with the number of members: whether what a hard link leads to has been there
//! is told by a filter that lets a wrong link through now and then, and never refuses a right one.

use super::ArchiveError;
use super::header::Header;
use super::index::{ContentType, INDEX, Index};
use super::seen::Seen;

/// What a volume is in an archive.
#[derive(Debug, Clone, Copy)]
enum Form {
    /// A folder of files: `NAME/`.
    Files,
    /// The image of a disk: `NAME.img`.
    Disk,
    /// In the storage driver's own format: `NAME.bin`.
    Stream,
    /// The objects of a bucket, of which there may be none: `NAME/KEY`.
    Objects,
}

/// How the archives of one type are laid out.
struct Layout {
    /// What the main member's name begins with.
    main: &'static str,
    /// The folder of its snapshots.
    snapshots: &'static str,
    form: Form,
}

impl Layout {
    fn of(content: ContentType) -> Self {
        let (main, snapshots, form) = match content {
            ContentType::Container => ("container", "snapshots", Form::Files),
            ContentType::VirtualMachine => {
                ("virtual-machine", "virtual-machine-snapshots", Form::Disk)
            }
            ContentType::Filesystem => ("volume", "volume-snapshots", Form::Files),
            ContentType::Block => ("volume", "volume-snapshots", Form::Disk),
            ContentType::Bucket => ("bucket", "bucket-snapshots", Form::Objects),
        };
        Self {
            main,
            snapshots,
            form,
        }
    }
}

/// What must be seen before the end.
#[derive(Debug)]
struct Promise {
    /// The member itself, or, where it ends in a slash, anything below.
    path: String,
    /// It must not be empty.
    is_disk: bool,
    seen: bool,
}

/// Checks member by member.
#[derive(Debug)]
pub(super) struct Check {
    promises: Vec<Promise>,
    /// Other top names may follow: 7.x puts dependent volumes under their devices' names.
    dependent: bool,
    /// The names of the snapshots that are folders; nothing else may stand among them.
    names: Option<Vec<String>>,
    main: &'static str,
    snapshots: &'static str,
    /// The files that a hard link can lead to.
    files: Seen,
}

impl Check {
    /// What an index promises (`instancewriter`, `backup_*_create` of the server).
    pub(super) fn new(index: &Index) -> Self {
        let Layout {
            main,
            snapshots,
            form,
        } = Layout::of(index.content);
        let form = if index.optimized { Form::Stream } else { form };
        let promise = |path: String, is_disk| Promise {
            path,
            is_disk,
            seen: false,
        };
        let mut promises = Vec::new();
        if let (Some(path), false) = (index.content.repeated(), index.optimized) {
            promises.push(promise(path.to_owned(), false));
        }
        match form {
            Form::Stream => promises.push(promise(format!("backup/{main}.bin"), true)),
            Form::Disk => promises.push(promise(format!("backup/{main}.img"), true)),
            Form::Files => promises.push(promise(format!("backup/{main}/"), false)),
            Form::Objects => {}
        }
        if index.content == ContentType::Container && !index.optimized {
            promises.push(promise(format!("backup/{main}/rootfs/"), false));
        }
        promises.extend(index.snapshots.iter().map(|name| match form {
            Form::Stream => promise(format!("backup/{snapshots}/{name}.bin"), true),
            Form::Disk => promise(format!("backup/{snapshots}/{name}.img"), true),
            Form::Files | Form::Objects => promise(format!("backup/{snapshots}/{name}/"), false),
        }));
        let dependent = index.config().get("dependent_volumes").is_some();
        let names = matches!(form, Form::Files).then(|| index.snapshots.clone());
        Self {
            promises,
            dependent,
            names,
            main,
            snapshots,
            files: Seen::new(),
        }
    }

    /// Takes note of a member, and refuses one that an export does not have.
    pub(super) fn member(&mut self, header: &Header) -> Result<(), ArchiveError> {
        let path = String::from_utf8_lossy(&header.path);
        let trimmed = path.trim_end_matches('/');
        let wrong = || ArchiveError::Name(path.clone().into_owned());
        let mut parts = trimmed.split('/');
        if parts.next() != Some("backup")
            || trimmed
                .split('/')
                .any(|part| matches!(part, "" | "." | ".."))
        {
            return Err(wrong());
        }
        let top = parts.next().unwrap_or_default();
        if !self.is_known(top, trimmed) {
            return Err(wrong());
        }
        if let (Some(names), true, Some(name)) = (&self.names, top == self.snapshots, parts.next())
            && !names.iter().any(|known| known == name)
        {
            return Err(wrong());
        }
        // A server from 7.0 on refuses a root file system that is a link.
        if trimmed == "backup/container/rootfs" && header.kind != b'5' {
            return Err(wrong());
        }
        match header.kind {
            b'1' => self.link(header, trimmed)?,
            b'5' => {}
            _ => self.files.note(&header.path),
        }
        for promise in &mut self.promises {
            let kept = match promise.path.strip_suffix('/') {
                Some(folder) => trimmed
                    .strip_prefix(folder)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
                None => trimmed == promise.path,
            };
            if kept {
                if promise.is_disk && header.size == 0 {
                    return Err(ArchiveError::Empty(promise.path.clone()));
                }
                promise.seen = true;
            }
        }
        Ok(())
    }

    fn is_known(&self, top: &str, path: &str) -> bool {
        let optimized = top.strip_prefix(self.main).is_some_and(|rest| {
            // Sub-volumes and zfs configuration volumes have names of their own.
            rest.is_empty()
                || rest == ".img"
                || (rest.starts_with(['.', '_', '-']) && rest.as_bytes().ends_with(b".bin"))
        });
        path == INDEX
            || path == "backup/optimized_header.yaml"
            || path == "backup"
            || top == self.snapshots
            || optimized
            || self.dependent
    }

    /// The volume that a member is in, such as `backup/container` or `backup/snapshots/NAME`.
    fn volume<'a>(&self, path: &'a str) -> Vec<&'a str> {
        let depth = if path.split('/').nth(1) == Some(self.snapshots) {
            3
        } else {
            2
        };
        path.split('/').take(depth).collect()
    }

    fn link(&self, header: &Header, path: &str) -> Result<(), ArchiveError> {
        let target = String::from_utf8_lossy(&header.link);
        let inside = !target
            .split('/')
            .any(|part| matches!(part, "" | "." | ".."));
        let (name, target) = (path.to_owned(), target.into_owned());
        if !inside || self.volume(&target) != self.volume(path) {
            return Err(ArchiveError::Link { name, target });
        }
        if !self.files.has(&header.link) {
            return Err(ArchiveError::Dangling { name, target });
        }
        Ok(())
    }

    /// Whether every promise was kept.
    pub(super) fn finish(&self) -> Result<(), ArchiveError> {
        match self.promises.iter().find(|promise| !promise.seen) {
            Some(promise) => Err(ArchiveError::Missing(promise.path.clone())),
            None => Ok(()),
        }
    }
}
