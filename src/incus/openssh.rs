//! Private keys in OpenSSH's own format, as `ssh-keygen -p -o` writes them.
//!
//! # Design
//!
//! The format is that of `PROTOCOL.key` in OpenSSH's sources. TLS takes none of it, so that a key is written
//! anew: as SEC1, PKCS#1 or PKCS#8, whichever its kind is at home in. The crate `ssh-key` has no release
//! that goes with the ciphers of today, and would leave that writing to be done.

use cbc::cipher::block_padding::NoPadding;
use cbc::cipher::{BlockModeDecrypt, KeyIvInit, StreamCipher};
use num_bigint::BigUint;
use zeroize::Zeroizing;

use super::pem::{Form, NotOpened};
use crate::model::Secret;

/// What a file begins with.
const MAGIC: &[u8] = b"openssh-key-v1\0";
/// More rounds of bcrypt than anybody waits for; `ssh-keygen` makes 16 to 24.
const MOST_ROUNDS: u32 = 10_000;
/// What TLS can sign with here.
const KINDS: [&str; 4] = [
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ssh-ed25519",
    "ssh-rsa",
];
/// The ciphers that are opened: OpenSSH's default, and its relatives.
const CIPHERS: [Cipher; 6] = [
    Cipher("aes256-ctr", 32, counted::<ctr::Ctr128BE<aes::Aes256>>),
    Cipher("aes192-ctr", 24, counted::<ctr::Ctr128BE<aes::Aes192>>),
    Cipher("aes128-ctr", 16, counted::<ctr::Ctr128BE<aes::Aes128>>),
    Cipher("aes256-cbc", 32, chained::<cbc::Decryptor<aes::Aes256>>),
    Cipher("aes192-cbc", 24, chained::<cbc::Decryptor<aes::Aes192>>),
    Cipher("aes128-cbc", 16, chained::<cbc::Decryptor<aes::Aes128>>),
];

/// Its name, the length of its key in bytes, and what decrypts.
#[derive(Debug, Clone, Copy)]
struct Cipher(&'static str, usize, Decrypt);

/// Decrypts in place, with a key and a vector.
type Decrypt = fn(&mut [u8], &[u8], &[u8]) -> Option<()>;

/// A file that was understood as far as that goes without a password.
#[derive(Debug)]
pub(super) struct OpensshKey {
    sealed: Zeroizing<Vec<u8>>,
    lock: Option<Lock>,
}

#[derive(Debug)]
struct Lock {
    cipher: Cipher,
    salt: Vec<u8>,
    rounds: u32,
}

impl OpensshKey {
    /// Understands a file; nothing where it is damaged.
    ///
    /// # Errors
    ///
    /// What of it is not supported.
    pub(super) fn parse(bytes: &[u8]) -> Option<Result<Self, String>> {
        let (cipher, derivation, kind, sealed) = parts(bytes)?;
        if !KINDS.contains(&kind) {
            return Some(Err(format!("OpenSSH's kind {kind}")));
        }
        let lock = match cipher {
            "none" => Ok(None),
            name => Lock::parse(name, derivation).map(Some),
        };
        Some(lock.map(|lock| Self {
            sealed: Zeroizing::new(sealed.to_vec()),
            lock,
        }))
    }

    /// Whether anybody who can read the file can use it.
    pub(super) fn is_open(&self) -> bool {
        self.lock.is_none()
    }

    /// Opens it; one that is open needs no password.
    pub(super) fn open(&self, password: &[u8]) -> Result<(Form, Secret), NotOpened> {
        let mut clear = self.sealed.clone();
        if let Some(lock) = &self.lock {
            lock.open(&mut clear, password).ok_or(NotOpened::Wrong)?;
        }
        let mut reader = Reader(&clear);
        // The same number twice tells that the password is right.
        let (first, second) = (reader.number(), reader.number());
        if first.is_none() || first != second {
            return Err(NotOpened::Wrong);
        }
        key(&mut reader).ok_or(NotOpened::Unknown)
    }
}

/// The cipher's name, what its key is derived from, the kind of the key, and the key.
fn parts(bytes: &[u8]) -> Option<(&str, &[u8], &str, &[u8])> {
    let mut reader = Reader(bytes.strip_prefix(MAGIC)?);
    let (cipher, _derived_by, derivation) = (reader.text()?, reader.string()?, reader.string()?);
    if reader.number()? != 1 {
        return None;
    }
    let kind = Reader(reader.string()?).text()?;
    Some((cipher, derivation, kind, reader.string()?))
}

impl Lock {
    fn parse(cipher: &str, derivation: &[u8]) -> Result<Self, String> {
        let known = CIPHERS.into_iter().find(|known| known.0 == cipher);
        let cipher = known.ok_or_else(|| format!("OpenSSH's cipher {cipher}"))?;
        let mut reader = Reader(derivation);
        match (reader.string(), reader.number()) {
            (Some(salt), Some(rounds)) if rounds <= MOST_ROUNDS => Ok(Self {
                cipher,
                salt: salt.to_vec(),
                rounds,
            }),
            _ => Err("OpenSSH's bcrypt, with rounds out of bounds".to_owned()),
        }
    }

    fn open(&self, sealed: &mut [u8], password: &[u8]) -> Option<()> {
        let Cipher(_, length, decrypt) = self.cipher;
        let mut derived = Zeroizing::new(vec![0; length + 16]);
        bcrypt_pbkdf::bcrypt_pbkdf(password, &self.salt, self.rounds, &mut derived).ok()?;
        let (key, vector) = derived.split_at(length);
        decrypt(sealed, key, vector)
    }
}

fn counted<C: KeyIvInit + StreamCipher>(bytes: &mut [u8], key: &[u8], vector: &[u8]) -> Option<()> {
    let mut cipher = C::new_from_slices(key, vector).ok()?;
    cipher.try_apply_keystream(bytes).ok()
}

fn chained<C: KeyIvInit + BlockModeDecrypt>(
    bytes: &mut [u8],
    key: &[u8],
    vector: &[u8],
) -> Option<()> {
    let cipher = C::new_from_slices(key, vector).ok()?;
    cipher.decrypt_padded::<NoPadding>(bytes).ok().map(|_| ())
}

/// What is opened, as TLS takes it.
fn key(reader: &mut Reader<'_>) -> Option<(Form, Secret)> {
    match reader.text()? {
        "ecdsa-sha2-nistp256" => ecdsa(reader, 32, &[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7]),
        "ecdsa-sha2-nistp384" => ecdsa(reader, 48, &[0x2b, 0x81, 4, 0, 34]),
        "ssh-ed25519" => ed25519(reader),
        "ssh-rsa" => rsa(reader),
        _ => None,
    }
}

/// `ECPrivateKey` (RFC 5915), of a curve with so many bytes and this object identifier.
fn ecdsa(reader: &mut Reader<'_>, length: usize, curve: &[u8]) -> Option<(Form, Secret)> {
    let (_curve, point, number) = (reader.string()?, reader.string()?, reader.string()?);
    let number = number.strip_prefix(&[0]).unwrap_or(number);
    let mut padded = Zeroizing::new(vec![0; length.checked_sub(number.len())?]);
    padded.extend_from_slice(number);
    let der = tagged(
        SEQUENCE,
        &[
            &tagged(INTEGER, &[&[1]]),
            &tagged(OCTET_STRING, &[&padded]),
            &tagged(EXPLICIT, &[&tagged(OBJECT_IDENTIFIER, &[curve])]),
            &tagged(EXPLICIT + 1, &[&tagged(BIT_STRING, &[&[0], point])]),
        ],
    );
    Some((Form::Sec1, secret(&der)))
}

/// `PrivateKeyInfo` (RFC 8410).
fn ed25519(reader: &mut Reader<'_>) -> Option<(Form, Secret)> {
    let (_public, both) = (reader.string()?, reader.string()?);
    let seed = tagged(OCTET_STRING, &[both.get(..32)?]);
    let name = tagged(OBJECT_IDENTIFIER, &[&[0x2b, 0x65, 0x70]]);
    let parts: [&[u8]; 3] = [
        &tagged(INTEGER, &[&[0]]),
        &tagged(SEQUENCE, &[&name]),
        &tagged(OCTET_STRING, &[&seed]),
    ];
    Some((Form::Pkcs8, secret(&tagged(SEQUENCE, &parts))))
}

/// `RSAPrivateKey` (RFC 8017), whose two further exponents OpenSSH leaves out.
fn rsa(reader: &mut Reader<'_>) -> Option<(Form, Secret)> {
    let mut next = || Some(BigUint::from_bytes_be(reader.string()?));
    let (modulus, public, private) = (next()?, next()?, next()?);
    let (coefficient, p, q) = (next()?, next()?, next()?);
    let one = BigUint::from(1u8);
    if p <= one || q <= one {
        return None;
    }
    let exponent = |prime: &BigUint| &private % (prime - &one);
    let (of_p, of_q) = (exponent(&p), exponent(&q));
    let zero = BigUint::ZERO;
    let numbers = [
        &zero,
        &modulus,
        &public,
        &private,
        &p,
        &q,
        &of_p,
        &of_q,
        &coefficient,
    ];
    let mut inner = Zeroizing::new(Vec::new());
    for number in numbers {
        // A leading zero keeps the number from being a negative one.
        let bytes = Zeroizing::new(number.to_bytes_be());
        let sign: &[u8] = if bytes.first().is_some_and(|first| *first > 127) {
            &[0]
        } else {
            &[]
        };
        inner.extend_from_slice(&tagged(INTEGER, &[sign, &bytes]));
    }
    Some((Form::Pkcs1, secret(&tagged(SEQUENCE, &[&inner]))))
}

fn secret(der: &[u8]) -> Secret {
    Secret::new(der.to_vec())
}

// The tags of DER (X.690) that keys are made of.
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const OBJECT_IDENTIFIER: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
const EXPLICIT: u8 = 0xa0;

/// A value of DER, of what is inside one after the other.
fn tagged(tag: u8, parts: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let mut der = Zeroizing::new(vec![tag]);
    let bytes = length.to_be_bytes();
    let bytes = &bytes[(length.leading_zeros() / 8) as usize..];
    match bytes {
        [] => der.push(0),
        [short @ ..=127] => der.push(*short),
        long => {
            // At most eight bytes say how long anything is.
            der.extend(u8::try_from(long.len()).map(|count| 0x80 | count));
            der.extend_from_slice(long);
        }
    }
    for part in parts {
        der.extend_from_slice(part);
    }
    der
}

/// Reads the values of RFC 4251.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn number(&mut self) -> Option<u32> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u32::from_be_bytes(*bytes))
    }

    fn string(&mut self) -> Option<&'a [u8]> {
        let length = self.number()?.try_into().ok()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.string()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(0, &[0x30, 0])]
    #[case(127, &[0x30, 127])]
    #[case(128, &[0x30, 0x81, 128])]
    #[case(256, &[0x30, 0x82, 1, 0])]
    fn lengths_are_as_short_as_they_can_be(#[case] length: usize, #[case] head: &[u8]) {
        let der = tagged(SEQUENCE, &[&vec![7; length]]);
        assert_eq!((&der[..head.len()], der.len()), (head, head.len() + length));
    }

    #[test]
    fn what_is_cut_short_is_no_key() {
        let whole = [MAGIC, &[0, 0, 0, 4], b"none", &[0; 7]].concat();
        for length in 0..whole.len() {
            assert!(OpensshKey::parse(&whole[..length]).is_none());
        }
    }
}
