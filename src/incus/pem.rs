//! Keys in PEM files, and what opens those that are protected by a password.
//!
//! # Design
//!
//! `incus` opens what Go's `x509.DecryptPEMBlock` does (`Proc-Type: 4,ENCRYPTED`) and keys of OpenSSH,
//! but not PKCS#8, which is what OpenSSL makes today. Here all three are opened.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use cbc::cipher::KeyIvInit;
use cbc::cipher::block_padding::Pkcs7;
use md5::{Digest as _, Md5};
use rustls::pki_types::PrivateKeyDer;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize as _, Zeroizing};

use super::openssh::OpensshKey;
use crate::model::Secret;

/// The first private key of a file.
#[derive(Debug)]
pub(super) enum KeyFile {
    /// Anybody who can read it can use it.
    Open(PrivateKeyDer<'static>),
    /// It needs a password.
    Locked(LockedKey),
    /// It is protected in a way that is not known here.
    Unknown(String),
}

/// A key that needs a password.
#[derive(Debug)]
pub(super) struct LockedKey(Lock);

#[derive(Debug)]
enum Lock {
    /// PKCS#8 says by itself how it is protected.
    Pkcs8(Vec<u8>),
    /// So does OpenSSH.
    Openssh(OpensshKey),
    /// A cipher with an initial vector, and what is inside.
    Legacy {
        bytes: Vec<u8>,
        cipher: Cipher,
        vector: Vec<u8>,
        form: Form,
    },
}

/// What of `DEK-Info` is opened: single DES is no protection.
#[derive(Debug, Clone, Copy)]
enum Cipher {
    Aes128,
    Aes192,
    Aes256,
    TripleDes,
}

/// How a key is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Form {
    Pkcs1,
    Pkcs8,
    Sec1,
}

/// Why a password does not open a key.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NotOpened {
    /// It is another one, or the file is damaged.
    Wrong,
    /// It is protected in a way that is not known here.
    Unknown,
}

impl Form {
    /// What the line that begins a key names.
    fn of_label(label: &str) -> Option<Self> {
        match label {
            "RSA PRIVATE KEY" => Some(Self::Pkcs1),
            "PRIVATE KEY" => Some(Self::Pkcs8),
            "EC PRIVATE KEY" => Some(Self::Sec1),
            _ => None,
        }
    }

    /// A key of this form, as TLS takes it.
    pub(super) fn key(self, der: Vec<u8>) -> PrivateKeyDer<'static> {
        match self {
            Self::Pkcs1 => PrivateKeyDer::Pkcs1(der.into()),
            Self::Pkcs8 => PrivateKeyDer::Pkcs8(der.into()),
            Self::Sec1 => PrivateKeyDer::Sec1(der.into()),
        }
    }
}

/// One block of a PEM file.
struct Block<'a> {
    label: &'a str,
    headers: Vec<(&'a str, &'a str)>,
    bytes: Vec<u8>,
}

impl KeyFile {
    /// Understands a file; nothing where it holds no private key.
    pub(super) fn parse(pem: &str) -> Option<Self> {
        let block = Block::find(pem, "PRIVATE KEY")?;
        if block.label == "ENCRYPTED PRIVATE KEY" {
            return Some(Self::Locked(LockedKey(Lock::Pkcs8(block.bytes))));
        }
        if block.label == "OPENSSH PRIVATE KEY" {
            return Self::of_openssh(&block.bytes);
        }
        let Some(form) = Form::of_label(block.label) else {
            return Some(Self::Unknown(block.label.to_owned()));
        };
        if block.header("Proc-Type").is_none() {
            return Some(Self::Open(form.key(block.bytes)));
        }
        let how = block.header("DEK-Info").unwrap_or_default();
        let Some((cipher, vector)) = Cipher::parse(how) else {
            return Some(Self::Unknown(how.to_owned()));
        };
        Some(Self::Locked(LockedKey(Lock::Legacy {
            bytes: block.bytes,
            cipher,
            vector,
            form,
        })))
    }

    fn of_openssh(bytes: &[u8]) -> Option<Self> {
        Some(match OpensshKey::parse(bytes)? {
            Ok(key) if key.is_open() => {
                let (form, der) = key.open(&[]).ok()?;
                Self::Open(form.key(der.reveal().to_vec()))
            }
            Ok(key) => Self::Locked(LockedKey(Lock::Openssh(key))),
            Err(how) => Self::Unknown(how),
        })
    }
}

impl LockedKey {
    /// Opens it.
    pub(super) fn open(&self, password: &Secret) -> Result<(Form, Secret), NotOpened> {
        let password = password.reveal();
        let (form, der) = match &self.0 {
            Lock::Pkcs8(bytes) => (Form::Pkcs8, pkcs8(bytes, password)?),
            Lock::Openssh(key) => key.open(password)?,
            Lock::Legacy {
                bytes,
                cipher,
                vector,
                form,
            } => {
                let der = cipher.decrypt(bytes, vector, password);
                (*form, der.ok_or(NotOpened::Wrong)?)
            }
        };
        // A wrong password may leave something that only looks whole at its end.
        let key = form.key(der.reveal().to_vec());
        let usable = rustls::crypto::ring::sign::any_supported_type(&key).is_ok();
        zeroized(key);
        if usable {
            Ok((form, der))
        } else {
            Err(NotOpened::Wrong)
        }
    }
}

fn zeroized(mut key: PrivateKeyDer<'static>) {
    key.zeroize();
}

fn pkcs8(bytes: &[u8], password: &[u8]) -> Result<Secret, NotOpened> {
    use pkcs8::pkcs5;
    // What is not understood without a password is not understood with one.
    let locked = pkcs8::EncryptedPrivateKeyInfoRef::try_from(bytes);
    let locked = locked.map_err(|_| NotOpened::Unknown)?;
    let opened = locked.decrypt(password).map_err(|error| match error {
        pkcs8::Error::EncryptedPrivateKey(
            pkcs5::Error::NoPbes1CryptSupport
            | pkcs5::Error::UnsupportedAlgorithm { .. }
            | pkcs5::Error::AlgorithmParametersInvalid { .. },
        ) => NotOpened::Unknown,
        _ => NotOpened::Wrong,
    })?;
    Ok(Secret::new(opened.as_bytes().to_vec()))
}

impl Cipher {
    /// Understands `AES-256-CBC,` and a vector in hexadecimal.
    fn parse(text: &str) -> Option<(Self, Vec<u8>)> {
        let (name, vector) = text.split_once(',')?;
        let (cipher, length) = match name.trim() {
            "AES-128-CBC" => (Self::Aes128, 16),
            "AES-192-CBC" => (Self::Aes192, 16),
            "AES-256-CBC" => (Self::Aes256, 16),
            "DES-EDE3-CBC" => (Self::TripleDes, 8),
            _ => return None,
        };
        let vector = vector.trim().as_bytes();
        let bytes: Vec<u8> = vector
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
            .collect::<Option<_>>()?;
        (bytes.len() == length).then_some((cipher, bytes))
    }

    fn decrypt(self, bytes: &[u8], vector: &[u8], password: &[u8]) -> Option<Secret> {
        match self {
            Self::Aes128 => decrypt::<cbc::Decryptor<aes::Aes128>>(bytes, vector, password),
            Self::Aes192 => decrypt::<cbc::Decryptor<aes::Aes192>>(bytes, vector, password),
            Self::Aes256 => decrypt::<cbc::Decryptor<aes::Aes256>>(bytes, vector, password),
            Self::TripleDes => decrypt::<cbc::Decryptor<des::TdesEde3>>(bytes, vector, password),
        }
    }
}

fn decrypt<D>(bytes: &[u8], vector: &[u8], password: &[u8]) -> Option<Secret>
where
    D: KeyIvInit + cbc::cipher::BlockModeDecrypt,
{
    let key = derived(password, vector, D::key_size());
    let cipher = D::new_from_slices(&key, vector).ok()?;
    let mut buffer = Zeroizing::new(bytes.to_vec());
    let opened = cipher.decrypt_padded::<Pkcs7>(&mut buffer).ok()?;
    Some(Secret::new(opened.to_vec()))
}

/// The key of a password, as OpenSSL's `EVP_BytesToKey` with MD5 makes it for PEM files.
fn derived(password: &[u8], vector: &[u8], length: usize) -> Zeroizing<Vec<u8>> {
    let mut key = Zeroizing::new(Vec::with_capacity(length + 16));
    while key.len() < length {
        let before = key.len().saturating_sub(16);
        let mut hash = Md5::new();
        hash.update(key.get(before..).unwrap_or_default());
        hash.update(password);
        hash.update(vector.get(..8).unwrap_or_default());
        key.extend_from_slice(&hash.finalize());
    }
    key.truncate(length);
    key
}

impl<'a> Block<'a> {
    /// The first block whose label ends so.
    fn find(pem: &'a str, ending: &str) -> Option<Self> {
        let mut lines = pem.lines().map(str::trim);
        let label = lines.by_ref().find_map(|line| {
            let label = line.strip_prefix("-----BEGIN ")?.strip_suffix("-----")?;
            label.ends_with(ending).then_some(label)
        })?;
        let mut headers = Vec::new();
        let mut text = Zeroizing::new(String::new());
        for line in lines {
            if line.starts_with("-----END ") {
                let bytes = BASE64_STANDARD.decode(text.as_bytes()).ok()?;
                return Some(Self {
                    label,
                    headers,
                    bytes,
                });
            }
            match line.split_once(':') {
                Some((name, value)) => headers.push((name, value.trim())),
                None => text.push_str(line),
            }
        }
        None
    }

    fn header(&self, name: &str) -> Option<&'a str> {
        let found = self.headers.iter().find(|(key, _)| *key == name);
        found.map(|(_, value)| *value)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    macro_rules! fixture {
        ($name:literal) => {
            include_str!(concat!("../../tests/it/fixtures/keys/", $name, ".pem"))
        };
    }

    fn opened(pem: &str, password: &str) -> Result<(Form, Secret), NotOpened> {
        match KeyFile::parse(pem) {
            Some(KeyFile::Locked(key)) => key.open(&Secret::new(password.into())),
            other => panic!("not locked: {other:?}"),
        }
    }

    /// Where the secret number of the key of `plain.pem` is.
    fn number() -> Vec<u8> {
        match KeyFile::parse(fixture!("plain")).unwrap() {
            KeyFile::Open(PrivateKeyDer::Sec1(key)) => key.secret_sec1_der()[8..56].to_vec(),
            other => panic!("{other:?}"),
        }
    }

    #[rstest]
    #[case::aes128(fixture!("ec-aes128"), Form::Sec1)]
    #[case::aes192(fixture!("ec-aes192"), Form::Sec1)]
    #[case::aes256(fixture!("ec-aes256"), Form::Sec1)]
    #[case::triple_des(fixture!("ec-des3"), Form::Sec1)]
    #[case::pkcs8(fixture!("pkcs8"), Form::Pkcs8)]
    #[case::pkcs8_scrypt(fixture!("pkcs8-scrypt"), Form::Pkcs8)]
    #[case::pkcs8_old(fixture!("pkcs8-des3"), Form::Pkcs8)]
    #[case::openssh(fixture!("openssh"), Form::Sec1)]
    #[case::openssh_cbc(fixture!("openssh-cbc"), Form::Sec1)]
    fn what_openssl_and_openssh_protect_is_opened_by_its_password_alone(
        #[case] pem: &str,
        #[case] form: Form,
    ) {
        let (found, der) = opened(pem, "secret").unwrap();
        assert_eq!(found, form);
        let number = number();
        assert!(der.reveal().windows(48).any(|part| part == number));
        assert_eq!(opened(pem, "Secret").unwrap_err(), NotOpened::Wrong);
        assert_eq!(opened(pem, "").unwrap_err(), NotOpened::Wrong);
    }

    #[rstest]
    #[case::rsa(fixture!("rsa-aes256"), Form::Pkcs1)]
    #[case::openssh_rsa(fixture!("openssh-rsa"), Form::Pkcs1)]
    #[case::openssh_p256(fixture!("openssh-p256"), Form::Sec1)]
    #[case::openssh_ed25519(fixture!("openssh-ed25519"), Form::Pkcs8)]
    fn keys_of_other_kinds_are_opened(#[case] pem: &str, #[case] form: Form) {
        // What TLS cannot sign with would be a wrong password.
        assert_eq!(opened(pem, "secret").unwrap().0, form);
        assert_eq!(opened(pem, "Secret").unwrap_err(), NotOpened::Wrong);
    }

    #[test]
    fn a_key_of_openssh_without_a_password_is_open() {
        match KeyFile::parse(fixture!("openssh-open")).unwrap() {
            KeyFile::Open(PrivateKeyDer::Sec1(key)) => {
                assert_eq!(key.secret_sec1_der()[8..56], number());
            }
            other => panic!("{other:?}"),
        }
    }

    #[rstest]
    #[case::cipher(fixture!("openssh-chacha"), "OpenSSH's cipher chacha20-poly1305@openssh.com")]
    #[case::kind(fixture!("openssh-p521"), "OpenSSH's kind ecdsa-sha2-nistp521")]
    #[case::single_des(
        "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\
         DEK-Info: DES-CBC,0011223344556677\n\nAAAA\n-----END RSA PRIVATE KEY-----\n",
        "DES-CBC,0011223344556677"
    )]
    fn what_is_protected_otherwise_is_named(#[case] pem: &str, #[case] how: &str) {
        match KeyFile::parse(pem) {
            Some(KeyFile::Unknown(said)) => assert_eq!(said, how),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_first_way_of_pkcs8_is_not_supported() {
        let failed = opened(fixture!("pkcs8-pbes1"), "secret").unwrap_err();
        assert_eq!(failed, NotOpened::Unknown);
    }

    #[test]
    fn parameters_before_a_key_are_passed_over() {
        let before = "-----BEGIN EC PARAMETERS-----\nBgUrgQQAIg==\n-----END EC PARAMETERS-----\n";
        let both = format!("{before}{}", fixture!("plain"));
        assert!(matches!(KeyFile::parse(&both), Some(KeyFile::Open(_))));
        assert!(KeyFile::parse(before).is_none());
    }

    proptest! {
        #[test]
        fn a_damaged_file_opens_nothing_and_ends_nothing(at in 40usize..400, byte in 32u8..127) {
            for pem in [fixture!("ec-aes256"), fixture!("ec-des3"), fixture!("openssh-open")] {
                let mut bytes = pem.as_bytes().to_vec();
                let at = at.min(bytes.len() - 1);
                bytes[at] = byte;
                let text = String::from_utf8_lossy(&bytes);
                if let Some(KeyFile::Locked(key)) = KeyFile::parse(&text) {
                    let _ = key.open(&Secret::new(b"secret".to_vec()));
                }
            }
        }
    }
}
