//! Images and their aliases.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Error;
use super::client::Client;
use super::export::{ChunkStream, chunks};
use super::instance::ETag;
use super::multipart::{Framing, parameter};
use super::operation::Operation;
use super::request::{Request, decode, open};
use crate::model::{AliasName, InstanceType, ProjectName, Sha256};

/// An image, as the API gives it.
#[derive(Debug, Clone, Deserialize)]
pub struct Image {
    /// The SHA-256 of its files, but for OCI images.
    pub fingerprint: Sha256,
    /// The project that it is in.
    #[serde(default = "ProjectName::default_project")]
    pub project: ProjectName,
    /// Of a container or of a virtual machine.
    #[serde(rename = "type")]
    pub image_type: InstanceType,
    /// Its architecture.
    #[serde(default)]
    pub architecture: String,
    /// The name that its file once had.
    #[serde(default)]
    pub filename: String,
    /// The size of its files.
    #[serde(default)]
    pub size: u64,
    /// The server fetched it by itself, and will again.
    #[serde(default)]
    pub cached: bool,
    /// Anybody may have it.
    #[serde(default)]
    pub public: bool,
    /// The server replaces it when its source has a newer one.
    #[serde(default)]
    pub auto_update: bool,
    /// What it says about itself.
    #[serde(default)]
    pub properties: Option<BTreeMap<String, String>>,
    /// The profiles of instances that are made of it.
    #[serde(default)]
    pub profiles: Option<Vec<String>>,
    /// What it is also called.
    #[serde(default)]
    pub aliases: Option<Vec<ImageAlias>>,
    /// Where the server found it.
    #[serde(default)]
    pub update_source: Option<Value>,
    /// When it came to the server.
    #[serde(default)]
    pub uploaded_at: String,
    /// The whole object.
    #[serde(skip)]
    pub raw: Value,
}

/// A name of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageAlias {
    /// The name.
    pub name: String,
    /// What it is for.
    #[serde(default)]
    pub description: String,
}

impl Image {
    /// Understands an image's object, of the API or of a record of it.
    pub fn parse(raw: Value) -> Result<Self, serde_json::Error> {
        let image: Self = Self::deserialize(&raw)?;
        Ok(Self { raw, ..image })
    }

    /// A property.
    pub fn property(&self, key: &str) -> Option<&str> {
        self.properties.as_ref()?.get(key).map(String::as_str)
    }

    /// Its aliases.
    pub fn aliases(&self) -> &[ImageAlias] {
        self.aliases.as_deref().unwrap_or_default()
    }

    /// Whether it was made from an OCI image: then its fingerprint is not that of its files
    /// (`images.go`, `imageExport` tells it by the same property).
    pub fn is_oci(&self) -> bool {
        self.property("type") == Some("oci")
    }
}

/// How the files of an image travel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageLayout {
    /// One file.
    Unified {
        /// Its name, by which its compression is known.
        filename: String,
    },
    /// Metadata and root file system, one after the other.
    Split {
        /// What divides them.
        boundary: String,
    },
}

/// The files of an image that come in.
pub struct ImageDownload {
    /// How they travel.
    pub layout: ImageLayout,
    /// The size of all that comes, where the server says it.
    pub total: Option<u64>,
    /// What comes.
    pub stream: ChunkStream,
}

impl std::fmt::Debug for ImageDownload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ImageDownload")
            .field("layout", &self.layout)
            .finish_non_exhaustive()
    }
}

/// What is told of an image that is sent.
#[derive(Debug, Clone)]
pub struct ImageUpload {
    /// The SHA-256 of its files; the server refuses others.
    pub content: Sha256,
    /// The name that its file once had.
    pub filename: String,
    /// What divides its two files; none for one.
    pub framing: Option<Framing>,
    /// The alias that it comes with; nothing in it needs an escape.
    pub alias: String,
}

impl Client {
    /// The images that are a project's own.
    pub async fn images(&self, project: &ProjectName) -> Result<Vec<Image>, Error> {
        let action = "list images";
        let all: Vec<Value> = self.list(&["images"], Some(project), action).await?;
        let mut images = Vec::new();
        for raw in all {
            images.push(parse(raw, action)?);
        }
        // A project without images of its own is given those of `default`.
        images.retain(|image: &Image| image.project == *project);
        Ok(images)
    }

    /// One image, and what names its present state.
    pub async fn image(
        &self,
        project: &ProjectName,
        fingerprint: &Sha256,
    ) -> Result<Option<(Image, ETag)>, Error> {
        let action = format!("read image `{fingerprint}`");
        let request = Request::get(&["images", &fingerprint.to_string()], action.clone());
        match self.read_some(&request.project(project)).await? {
            None => Ok(None),
            Some((raw, etag)) => {
                let image = parse(raw, &action)?;
                Ok(Some((image, ETag(etag.unwrap_or_default()))))
            }
        }
    }

    /// Downloads the files of an image.
    pub async fn export_image(
        &self,
        project: &ProjectName,
        fingerprint: &Sha256,
    ) -> Result<ImageDownload, Error> {
        let action = format!("download image `{fingerprint}`");
        let segments = ["images", &fingerprint.to_string(), "export"];
        let get = Request::get(&segments, action.clone()).project(project);
        let response = self.send(&get, None).await?;
        let protocol = || Error::Protocol {
            action: action.clone(),
            cause: None,
        };
        if response.status().as_u16() != 200 {
            open(response, &action).await?;
            return Err(protocol());
        }
        let header = |name: &str| {
            let value = response.headers().get(name)?.to_str().ok()?;
            Some(value.to_owned())
        };
        let kind = header("content-type").unwrap_or_default();
        let layout = if kind.starts_with("multipart/form-data") {
            let boundary = parameter(&kind, "boundary").ok_or_else(protocol)?;
            ImageLayout::Split { boundary }
        } else if kind.starts_with("application/octet-stream") {
            let disposition = header("content-disposition").unwrap_or_default();
            let filename = parameter(&disposition, "filename").unwrap_or_default();
            ImageLayout::Unified { filename }
        } else {
            return Err(protocol());
        };
        Ok(ImageDownload {
            layout,
            total: response.content_length(),
            stream: self.in_time(chunks(response, action)).boxed(),
        })
    }

    /// Sends the files of an image. An answer that comes before the whole body was sent ends the
    /// sending.
    pub async fn upload_image(
        &self,
        project: &ProjectName,
        upload: &ImageUpload,
        body: impl Stream<Item = std::io::Result<Bytes>> + Send + 'static,
    ) -> Result<Operation, Error> {
        let action = format!("upload image `{}`", upload.content);
        let kind = match &upload.framing {
            Some(framing) => framing.content_type(),
            None => "application/octet-stream".to_owned(),
        };
        let mut post = Request::new(Method::POST, &["images"], action.clone())
            .project(project)
            .header("content-type", &kind)
            .header("x-incus-fingerprint", &upload.content.to_string())
            .header("x-incus-aliases", &format!("alias={}", upload.alias));
        // A header takes no other characters; the name says nothing that is needed.
        let plain = |byte: u8| byte == b' ' || byte.is_ascii_graphic();
        if !upload.filename.is_empty() && upload.filename.bytes().all(plain) {
            post = post.header("x-incus-filename", &upload.filename);
        }
        let response = self
            .send(&post, Some(reqwest::Body::wrap_stream(self.in_time(body))))
            .await?;
        let envelope = open(response, &action).await?;
        Operation::parse(envelope.metadata, &action)
    }

    /// Replaces what can be changed of an image, if it is still in the state that `etag` names.
    pub async fn update_image(
        &self,
        project: &ProjectName,
        fingerprint: &Sha256,
        body: Value,
        etag: &ETag,
    ) -> Result<(), Error> {
        let action = format!("change image `{fingerprint}`");
        let segments = ["images", &fingerprint.to_string()];
        let request = Request::new(Method::PUT, &segments, action).project(project);
        let request = request.json(body).header("if-match", &etag.0);
        self.patiently(&request).await.map(drop)
    }

    /// Deletes an image.
    pub async fn delete_image(
        &self,
        project: &ProjectName,
        fingerprint: &Sha256,
    ) -> Result<Operation, Error> {
        let action = format!("delete image `{fingerprint}`");
        let segments = ["images", &fingerprint.to_string()];
        self.begin(&Request::new(Method::DELETE, &segments, action).project(project))
            .await
    }

    /// The image that an alias stands for.
    pub async fn alias_target(
        &self,
        project: &ProjectName,
        alias: &AliasName,
    ) -> Result<Option<Sha256>, Error> {
        #[derive(Deserialize)]
        struct Alias {
            target: Sha256,
        }
        let action = format!("read image alias `{alias}`");
        let request = Request::get(&["images", "aliases", alias.as_str()], action.clone());
        match self.read_some(&request.project(project)).await? {
            None => Ok(None),
            Some((raw, _)) => Ok(Some(decode::<Alias>(raw, &action)?.target)),
        }
    }

    /// Gives an image an alias that is not there yet.
    pub async fn create_alias(
        &self,
        project: &ProjectName,
        alias: &ImageAlias,
        target: &Sha256,
    ) -> Result<(), Error> {
        let action = format!("create image alias `{}`", alias.name);
        let request = Request::new(Method::POST, &["images", "aliases"], action).project(project);
        let body =
            json!({ "name": alias.name, "description": alias.description, "target": target });
        self.patiently(&request.json(body)).await.map(drop)
    }

    /// Has an alias that is there stand for an image.
    pub async fn update_alias(
        &self,
        project: &ProjectName,
        name: &AliasName,
        description: &str,
        target: &Sha256,
    ) -> Result<(), Error> {
        let action = format!("change image alias `{name}`");
        let segments = ["images", "aliases", name.as_str()];
        let request = Request::new(Method::PUT, &segments, action).project(project);
        let body = json!({ "description": description, "target": target });
        self.patiently(&request.json(body)).await.map(drop)
    }

    /// Deletes an alias, and not its image.
    pub async fn delete_alias(&self, project: &ProjectName, name: &str) -> Result<(), Error> {
        let action = format!("delete image alias `{name}`");
        let request = Request::new(Method::DELETE, &["images", "aliases", name], action);
        self.exchange(&request.project(project)).await.map(drop)
    }
}

fn parse(raw: Value, action: &str) -> Result<Image, Error> {
    Image::parse(raw).map_err(|cause| Error::Protocol {
        action: action.to_owned(),
        cause: Some(cause),
    })
}
