//! The keys that files are decrypted with.

use std::fmt;
use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use age::armor::ArmoredReader;
use age::{Callbacks as _, DecryptError, Decryptor, Identity, IdentityFile, scrypt};

use super::prompt::{AskHolder, Holder};
use super::recipients::first_line;

/// Why a file of keys cannot be used. Nothing that it holds is part of the message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot use the keys in `{}`: {reason}", path.display())]
pub struct UnusableIdentity {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub reason: String,
}

type Opened = Result<Vec<Box<dyn Identity + Send + Sync>>, UnusableIdentity>;

/// Files of keys, as `age-keygen` writes them. They are read when the first one is needed, and once.
#[derive(Clone, Default)]
pub struct Identities {
    files: Vec<PathBuf>,
    holder: Holder,
    opened: Arc<OnceLock<Opened>>,
}

impl fmt::Debug for Identities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Identities").field(&self.files).finish()
    }
}

impl Identities {
    /// The keys in these files. For what opens them `holder` is asked: the passphrase of a file that is
    /// encrypted itself, and whatever plugins want to know.
    pub fn new(files: Vec<PathBuf>, holder: Arc<dyn AskHolder>) -> Self {
        Self {
            files,
            holder: Holder(holder),
            opened: Arc::default(),
        }
    }

    /// Whether no file is named.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// The files.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// The keys. Blocks, for somebody may be asked.
    pub(super) fn keys(&self) -> Result<&[Box<dyn Identity + Send + Sync>], UnusableIdentity> {
        let opened = self.opened.get_or_init(|| {
            let mut keys = Vec::new();
            for file in &self.files {
                let read = read(file, &self.holder).map_err(|reason| UnusableIdentity {
                    path: file.clone(),
                    reason,
                });
                keys.extend(read?);
            }
            Ok(keys)
        });
        opened.as_deref().map_err(Clone::clone)
    }
}

/// The beginnings of files that are encrypted themselves.
const ENCRYPTED: [&[u8]; 2] = [b"age-encryption.org/", b"-----BEGIN AGE ENCRYPTED FILE"];

/// How much work a passphrase may be, as a power of two: what `age` does without being asked.
const WORK: u8 = 22;

fn read(path: &Path, holder: &Holder) -> Result<Vec<Box<dyn Identity + Send + Sync>>, String> {
    use io::BufRead as _;
    let told = |error: io::Error| error.to_string();
    let mut file = BufReader::new(File::open(path).map_err(told)?);
    let beginning = file.fill_buf().map_err(told)?;
    let read = if ENCRYPTED.iter().any(|form| beginning.starts_with(form)) {
        unlock(path, file, holder)?
    } else {
        IdentityFile::from_buffer(file)
            .map_err(told)?
            .with_callbacks(holder.clone())
    };
    let keys = read.into_identities().map_err(|error| first_line(&error))?;
    if keys.is_empty() {
        return Err("it holds none".to_owned());
    }
    Ok(keys)
}

/// Reads a file that is encrypted with a passphrase.
fn unlock(
    path: &Path,
    file: BufReader<File>,
    holder: &Holder,
) -> Result<IdentityFile<Holder>, String> {
    let decryptor = Decryptor::new(ArmoredReader::new(file));
    let decryptor = decryptor.map_err(|error| first_line(&error))?;
    if !decryptor.is_scrypt() {
        return Err("it is encrypted, and not with a passphrase".to_owned());
    }
    let question = format!("Passphrase of `{}`", path.display());
    let passphrase = holder.request_passphrase(&question);
    let passphrase = passphrase.ok_or(
        "it is locked, and its passphrase, for which only a terminal is asked, is not given",
    )?;
    let mut key = scrypt::Identity::new(passphrase);
    key.set_max_work_factor(WORK);
    let stream = decryptor
        .decrypt(std::iter::once(&key as &dyn Identity))
        .map_err(|error| match error {
            DecryptError::DecryptionFailed => "its passphrase is another one".to_owned(),
            error => first_line(&error),
        })?;
    let read = IdentityFile::from_buffer(BufReader::new(stream));
    Ok(read
        .map_err(|error| error.to_string())?
        .with_callbacks(holder.clone()))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use age::secrecy::{ExposeSecret as _, SecretString};
    use age::x25519;

    use super::super::Nobody;
    use super::*;
    use crate::model::Secret;

    /// Knows a passphrase.
    #[derive(Debug)]
    struct Knows(&'static str);

    impl AskHolder for Knows {
        fn show(&self, _message: &str) {}
        fn confirm(&self, _message: &str, _yes: &str, _no: Option<&str>) -> Option<bool> {
            None
        }
        fn text(&self, _question: &str) -> Option<String> {
            None
        }
        fn passphrase(&self, _question: &str) -> Option<Secret> {
            Some(Secret::new(self.0.as_bytes().to_vec()))
        }
    }

    fn file(content: &[u8]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(content).unwrap();
        file
    }

    fn count(file: &tempfile::NamedTempFile, holder: Arc<dyn AskHolder>) -> Result<usize, String> {
        let keys = Identities::new(vec![file.path().to_owned()], holder);
        keys.keys().map(<[_]>::len).map_err(|error| error.reason)
    }

    fn key() -> String {
        let key = x25519::Identity::generate();
        key.to_string().expose_secret().to_owned()
    }

    #[test]
    fn a_file_may_hold_several_keys_and_comments() {
        let text = format!("# created: now\n\n{}\n# another\n{}\n", key(), key());
        assert_eq!(count(&file(text.as_bytes()), Arc::new(Nobody)), Ok(2));
    }

    #[test]
    fn what_is_no_key_is_told_by_its_line_and_not_repeated() {
        let secret = key();
        let text = format!("# a\n{}x\n", &secret[..30]);
        let error = count(&file(text.as_bytes()), Arc::new(Nobody)).unwrap_err();
        assert!(
            error.contains("line 2") && !error.contains(&secret[15..30]),
            "{error}"
        );
        assert_eq!(
            count(&file(b"# none\n"), Arc::new(Nobody)),
            Err("it holds none".to_owned())
        );
    }

    #[test]
    fn a_file_with_a_passphrase_is_opened_by_whoever_knows_it() {
        let mut recipient = age::scrypt::Recipient::new(SecretString::from("long".to_owned()));
        recipient.set_work_factor(2);
        let locked = age::encrypt(&recipient, key().as_bytes()).unwrap();
        let locked = file(&locked);
        assert_eq!(count(&locked, Arc::new(Knows("long"))), Ok(1));
        let wrong = count(&locked, Arc::new(Knows("short"))).unwrap_err();
        assert_eq!(wrong, "its passphrase is another one");
        let unknown = count(&locked, Arc::new(Nobody)).unwrap_err();
        assert!(unknown.contains("only a terminal is asked"), "{unknown}");
    }

    #[test]
    fn files_are_read_only_when_a_key_is_needed() {
        let keys = Identities::new(vec!["/nowhere/key".into()], Arc::new(Nobody));
        assert!(!keys.is_empty());
        let error = keys.keys().err().unwrap();
        assert_eq!(error.path, Path::new("/nowhere/key"));
    }
}
