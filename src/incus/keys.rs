//! The keys that were opened in this run, and who is asked for a password.
//!
//! # Design
//!
//! A key is asked for once in a run, before anything is connected to ([`Config::unlock`]): connecting
//! never asks, so that it can be done again and again, and within a time. What was opened stays in
//! memory, the password does not. The guard of paused instances has nobody to ask: it takes the opened
//! key over by a pipe.
//!
//! [`Config::unlock`]: super::Config::unlock

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rustls::pki_types::PrivateKeyDer;
use serde::{Deserialize, Serialize};

use super::pem::{Form, LockedKey, NotOpened};
use crate::model::Secret;

/// Why the password of a key is not there.
#[derive(Debug, Clone, thiserror::Error)]
pub enum PasswordError {
    /// Nobody can be asked.
    #[error("there is no terminal to ask for it")]
    NoTerminal,
    /// Nobody answered.
    #[error("it was not given")]
    NotGiven,
    /// It is another one.
    #[error("what was given does not open it")]
    Wrong,
    /// No password helps.
    #[error("how is not supported")]
    Unsupported,
}

/// Asks for the password of a key; does not return before it is there.
pub trait AskPassword: Send + Sync {
    /// The password of the key in a file.
    fn ask(&self, key: &Path) -> Result<Secret, PasswordError>;
}

/// The keys of this run that needed a password.
#[derive(Clone, Default)]
pub struct Keys {
    asker: Option<Arc<dyn AskPassword>>,
    opened: Arc<Mutex<BTreeMap<PathBuf, Result<Opened, PasswordError>>>>,
}

/// A key that was opened.
#[derive(Clone)]
struct Opened {
    form: Form,
    der: Secret,
}

/// A key as it is handed over to the guard.
#[derive(Serialize, Deserialize)]
struct Handed {
    path: PathBuf,
    form: Form,
    der: String,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").finish_non_exhaustive()
    }
}

impl Keys {
    /// No key is open yet, and passwords are asked for.
    pub fn asking(asker: Arc<dyn AskPassword>) -> Self {
        Self {
            asker: Some(asker),
            ..Self::default()
        }
    }

    /// What [`hand_over`](super::Config::hand_over) made; nobody is asked for more.
    pub fn taken_over(line: &str) -> Self {
        let keys = Self::default();
        if let Ok(handed) = serde_json::from_str::<Handed>(line)
            && let Ok(der) = BASE64_STANDARD.decode(handed.der)
        {
            let opened = Opened {
                form: handed.form,
                der: Secret::new(der),
            };
            keys.all().insert(handed.path, Ok(opened));
        }
        keys
    }

    fn all(&self) -> std::sync::MutexGuard<'_, BTreeMap<PathBuf, Result<Opened, PasswordError>>> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens a key, unless this was tried already. Others that want it wait for the answer.
    pub(super) fn unlock(&self, path: &Path, key: &LockedKey) -> Result<(), PasswordError> {
        let mut all = self.all();
        let opened = all
            .entry(path.to_owned())
            .or_insert_with(|| self.ask(path, key));
        opened.as_ref().map(|_| ()).map_err(Clone::clone)
    }

    fn ask(&self, path: &Path, key: &LockedKey) -> Result<Opened, PasswordError> {
        let asker = self.asker.as_ref().ok_or(PasswordError::NoTerminal)?;
        // Before the question: no answer would help.
        if let Err(NotOpened::Unknown) = key.open(&Secret::default()) {
            return Err(PasswordError::Unsupported);
        }
        let (form, der) = key.open(&asker.ask(path)?).map_err(|why| match why {
            NotOpened::Wrong => PasswordError::Wrong,
            NotOpened::Unknown => PasswordError::Unsupported,
        })?;
        Ok(Opened { form, der })
    }

    /// A key that was opened before.
    pub(super) fn opened(&self, path: &Path) -> Result<PrivateKeyDer<'static>, PasswordError> {
        match self.all().get(path) {
            Some(Ok(opened)) => Ok(opened.form.key(opened.der.reveal().to_vec())),
            Some(Err(error)) => Err(error.clone()),
            None => Err(PasswordError::NoTerminal),
        }
    }

    /// A key that was opened, on one line; empty where it was not.
    pub(super) fn hand_over(&self, path: &Path) -> Secret {
        let handed = match self.all().get(path) {
            Some(Ok(opened)) => Handed {
                path: path.to_owned(),
                form: opened.form,
                der: BASE64_STANDARD.encode(opened.der.reveal()),
            },
            _ => return Secret::default(),
        };
        Secret::new(serde_json::to_vec(&handed).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::incus::pem::KeyFile;

    struct Answers(&'static str, AtomicUsize);

    impl AskPassword for Answers {
        fn ask(&self, _: &Path) -> Result<Secret, PasswordError> {
            self.1.fetch_add(1, Ordering::Relaxed);
            Ok(Secret::new(self.0.into()))
        }
    }

    fn locked(pem: &str) -> LockedKey {
        match KeyFile::parse(pem) {
            Some(KeyFile::Locked(key)) => key,
            other => panic!("{other:?}"),
        }
    }

    const PKCS8: &str = include_str!("../../tests/it/fixtures/keys/pkcs8.pem");
    const PBES1: &str = include_str!("../../tests/it/fixtures/keys/pkcs8-pbes1.pem");

    #[test]
    fn a_password_is_asked_for_once_right_or_wrong() {
        for (password, right) in [("secret", true), ("other", false)] {
            let asker = Arc::new(Answers(password, AtomicUsize::new(0)));
            let keys = Keys::asking(asker.clone());
            let path = Path::new("/client.key");
            for _ in 0..2 {
                assert_eq!(keys.unlock(path, &locked(PKCS8)).is_ok(), right);
                assert_eq!(keys.clone().opened(path).is_ok(), right);
            }
            assert_eq!(asker.1.load(Ordering::Relaxed), 1);
        }
    }

    #[test]
    fn nobody_is_asked_for_a_key_that_no_password_opens_or_where_nobody_is() {
        let asker = Arc::new(Answers("secret", AtomicUsize::new(0)));
        let failed = Keys::asking(asker.clone()).unlock(Path::new("k"), &locked(PBES1));
        assert!(matches!(failed, Err(PasswordError::Unsupported)));
        assert_eq!(asker.1.load(Ordering::Relaxed), 0);
        let failed = Keys::default().unlock(Path::new("k"), &locked(PKCS8));
        assert!(matches!(failed, Err(PasswordError::NoTerminal)));
    }

    #[test]
    fn a_key_is_handed_over_on_one_line_and_the_others_are_not() {
        let keys = Keys::asking(Arc::new(Answers("secret", AtomicUsize::new(0))));
        let (one, other) = (Path::new("/one.key"), Path::new("/other.key"));
        for path in [one, other] {
            keys.unlock(path, &locked(PKCS8)).unwrap();
        }
        let line = String::from_utf8(keys.hand_over(one).reveal().to_vec()).unwrap();
        assert!(!line.contains('\n'));
        let taken = Keys::taken_over(&line);
        assert_eq!(
            taken.opened(one).unwrap().secret_der(),
            keys.opened(one).unwrap().secret_der()
        );
        assert!(taken.opened(other).is_err());
        assert_eq!(Keys::default().hand_over(one).reveal(), b"");
        assert!(Keys::taken_over("").opened(one).is_err());
    }
}
