//! Files inside instances (`/1.0/instances/NAME/files`), which the server reads and writes whether the
//! instance runs or not.

use std::time::Duration;

use reqwest::Method;

use super::Error;
use super::client::Client;
use super::request::{Request, open};
use crate::model::{InstanceName, ProjectName};

/// What is at a path of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileType {
    /// A file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
}

impl FileType {
    fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Directory => "directory",
            Self::Symlink => "symlink",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::File, Self::Directory, Self::Symlink]
            .into_iter()
            .find(|known| known.as_str() == text)
    }
}

/// A file as it is in an instance, as far as the server tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileThere {
    /// What it is.
    pub kind: FileType,
    /// Its owner and group, as seen from inside.
    pub owner: Option<(u64, u64)>,
    /// Its permissions.
    pub mode: Option<u32>,
}

impl FileThere {
    /// Whether owner and permissions are those of another.
    pub fn is_as(&self, other: &NewFile) -> bool {
        self.owner == Some((other.uid, other.gid)) && self.mode == Some(other.mode)
    }
}

/// A file as it is to be in an instance.
#[derive(Debug, Clone)]
pub struct NewFile {
    /// What it is.
    pub kind: FileType,
    /// Its permissions.
    pub mode: u32,
    /// Its owner, as seen from inside.
    pub uid: u64,
    /// Its group, as seen from inside.
    pub gid: u64,
}

/// How long a look at a file may take.
const PATIENCE: Duration = Duration::from_secs(10);

fn files(method: Method, name: &InstanceName, action: String) -> Request {
    Request::new(method, &["instances", name.as_str(), "files"], action)
}

impl Client {
    /// What is at a path, which is not followed if it is a link; nothing where nothing is.
    pub async fn file_there(
        &self,
        project: &ProjectName,
        name: &InstanceName,
        path: &str,
    ) -> Result<Option<FileThere>, Error> {
        let action = format!("look at `{path}` in `{name}`");
        let request = files(Method::GET, name, action.clone());
        let request = request.project(project).with("path", path);
        // A server that opens a pipe waits for somebody to write to it.
        let answer = tokio::time::timeout(PATIENCE, self.send(&request, None)).await;
        let response = answer.map_err(|_| Error::Refused {
            action: action.clone(),
            code: 504,
            message: "it does not answer; is a pipe there?".to_owned(),
        })??;
        let header = |name| {
            let value = response.headers().get(name)?;
            value.to_str().ok()
        };
        let number = |name| header(name)?.parse().ok();
        if let (true, Some(told)) = (response.status().is_success(), header("x-incus-type")) {
            let protocol = || Error::Protocol {
                action: action.clone(),
                cause: None,
            };
            // What it holds is not read.
            return Ok(Some(FileThere {
                kind: FileType::parse(told).ok_or_else(protocol)?,
                owner: number("x-incus-uid").zip(number("x-incus-gid")),
                mode: header("x-incus-mode").and_then(|mode| u32::from_str_radix(mode, 8).ok()),
            }));
        }
        match open(response, &action).await {
            Ok(_) => Err(Error::Protocol {
                action,
                cause: None,
            }),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes a file: `body` is what it holds; of a link, where it leads.
    pub async fn put_file(
        &self,
        (project, name): (&ProjectName, &InstanceName),
        path: &str,
        file: &NewFile,
        body: reqwest::Body,
    ) -> Result<(), Error> {
        let action = format!("write `{path}` in `{name}`");
        let request = files(Method::POST, name, action.clone())
            .project(project)
            .with("path", path)
            .header("x-incus-type", file.kind.as_str())
            .header("x-incus-uid", &file.uid.to_string())
            .header("x-incus-gid", &file.gid.to_string())
            // Without the zero it would be read as decimal.
            .header("x-incus-mode", &format!("0{:o}", file.mode))
            .header("x-incus-write", "overwrite");
        let response = self.send(&request, Some(body)).await?;
        open(response, &action).await.map(drop)
    }

    /// Removes a file or a link, or a folder with nothing in it.
    pub async fn remove_file(
        &self,
        project: &ProjectName,
        name: &InstanceName,
        path: &str,
    ) -> Result<(), Error> {
        let action = format!("remove `{path}` in `{name}`");
        let request = files(Method::DELETE, name, action.clone());
        let request = request.project(project).with("path", path);
        open(self.send(&request, None).await?, &action)
            .await
            .map(drop)
    }
}
