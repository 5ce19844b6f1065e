//! Files inside instances (`/1.0/instances/NAME/files`), which the server reads and writes whether the
//! instance runs or not.

use reqwest::Method;

use super::Error;
use super::client::Client;
use super::request::{PATIENCE, Request, open};
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

fn files(method: Method, name: &InstanceName, action: String) -> Request {
    Request::new(method, &["instances", name.as_str(), "files"], action)
}

impl Client {
    /// What is at a path, which is not followed if it is a link; nothing where nothing is.
    pub async fn file_type(
        &self,
        project: &ProjectName,
        name: &InstanceName,
        path: &str,
    ) -> Result<Option<FileType>, Error> {
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
        let told = response.headers().get("x-incus-type");
        let told = told.and_then(|value| value.to_str().ok());
        if let (true, Some(told)) = (response.status().is_success(), told) {
            let protocol = || Error::Protocol {
                action: action.clone(),
                cause: None,
            };
            // What it holds is not read.
            return FileType::parse(told).map(Some).ok_or_else(protocol);
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
            // Of a file that is there as well.
            .header("x-incus-modify-perm", "uid,gid,mode")
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
