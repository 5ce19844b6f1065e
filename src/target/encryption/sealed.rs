//! One file, encrypted and decrypted as a stream.

use std::io::{self, Read, Seek, SeekFrom, Write};

use age::stream::{StreamReader, StreamWriter};
use age::{DecryptError, Decryptor, Identity};

use super::recipients::first_line;
use super::{Identities, Recipients, UnusableIdentity};

/// Why a file is not decrypted.
#[derive(Debug)]
pub(in crate::target) enum NotOpened {
    /// No key is given.
    NoKey,
    /// None of those that are given fits.
    OtherKey,
    /// The keys cannot be had.
    Unusable(UnusableIdentity),
    /// A plugin does not do its part.
    Plugin(String),
    /// It is not what was written.
    Damaged(io::Error),
}

/// Begins an encrypted file. It is whole only once its writer is finished.
pub(in crate::target) fn begin<W: Write>(
    recipients: &Recipients,
    out: W,
) -> io::Result<StreamWriter<W>> {
    let encryptor = recipients.encryptor().map_err(io::Error::other)?;
    encryptor.wrap_output(out)
}

/// What an encrypted file holds. Blocks, for a key may have to be asked for.
pub(in crate::target) fn opened<R: Read>(
    identities: &Identities,
    file: R,
) -> Result<StreamReader<R>, NotOpened> {
    if identities.is_empty() {
        return Err(NotOpened::NoKey);
    }
    let keys = identities.keys().map_err(NotOpened::Unusable)?;
    let decryptor = Decryptor::new(file).map_err(refused)?;
    let keys = keys.iter().map(|key| &**key as &dyn Identity);
    decryptor.decrypt(keys).map_err(refused)
}

fn refused(error: DecryptError) -> NotOpened {
    let damaged = |text: &str| {
        let error = io::Error::new(io::ErrorKind::InvalidData, text.to_owned());
        NotOpened::Damaged(error)
    };
    match error {
        DecryptError::NoMatchingKeys => NotOpened::OtherKey,
        DecryptError::Io(error) => NotOpened::Damaged(error),
        DecryptError::InvalidHeader | DecryptError::UnknownFormat => {
            damaged("it does not begin as a file of age does")
        }
        DecryptError::InvalidMac => damaged("its beginning was altered"),
        DecryptError::Plugin(_) | DecryptError::PluginResolve(_) => {
            NotOpened::Plugin(first_line(&error))
        }
        other => damaged(&first_line(&other)),
    }
}

/// A decrypted file, from any place on. The reader of the library must not be asked for what lies
/// behind the end.
pub(in crate::target) struct Placed<R> {
    stream: StreamReader<R>,
    size: u64,
    /// Where the next byte is read, and where the stream is.
    position: u64,
    stream_at: u64,
}

impl<R: Read + Seek> Placed<R> {
    /// Takes a decrypted file; its end is found right.
    pub(in crate::target) fn new(mut stream: StreamReader<R>) -> io::Result<Self> {
        let size = stream.seek(SeekFrom::End(0))?;
        stream.seek(SeekFrom::Start(0))?;
        Ok(Self {
            stream,
            size,
            position: 0,
            stream_at: 0,
        })
    }
}

impl<R: Read + Seek> Read for Placed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.position >= self.size {
            return Ok(0);
        }
        if self.stream_at != self.position {
            self.stream.seek(SeekFrom::Start(self.position))?;
            self.stream_at = self.position;
        }
        let count = self.stream.read(buffer)?;
        self.position += count as u64;
        self.stream_at = self.position;
        Ok(count)
    }
}

impl<R: Read + Seek> Seek for Placed<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let (base, offset) = match to {
            SeekFrom::Start(at) => (at, 0),
            SeekFrom::End(offset) => (self.size, offset),
            SeekFrom::Current(offset) => (self.position, offset),
        };
        let position = base.checked_add_signed(offset);
        self.position = position.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.position)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::*;
    use crate::testing::key_file::KeyFile;

    fn pair() -> (KeyFile, Recipients, Identities) {
        let key = KeyFile::new();
        let (recipients, identities) = (key.recipients(), key.identities());
        (key, recipients, identities)
    }

    fn encrypted(recipients: &Recipients, plain: &[u8]) -> Vec<u8> {
        let mut writer = begin(recipients, Vec::new()).unwrap();
        writer.write_all(plain).unwrap();
        writer.finish().unwrap()
    }

    fn read(identities: &Identities, bytes: &[u8]) -> io::Result<Vec<u8>> {
        let stream = opened(identities, bytes);
        let mut stream = stream.map_err(|error| io::Error::other(format!("{error:?}")))?;
        let mut plain = Vec::new();
        stream.read_to_end(&mut plain)?;
        Ok(plain)
    }

    fn plain(size: usize) -> Vec<u8> {
        (0..size)
            .map(|at| u8::try_from(at % 251).unwrap())
            .collect()
    }

    const CHUNK: usize = 64 * 1024;

    #[test]
    fn what_is_encrypted_comes_back_at_every_size_that_matters() {
        let (_file, recipients, identities) = pair();
        for size in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 7] {
            let plain = plain(size);
            let bytes = encrypted(&recipients, &plain);
            assert_eq!(read(&identities, &bytes).unwrap(), plain, "{size}");
        }
    }

    #[test]
    fn without_the_key_nothing_is_read() {
        let (_file, recipients, _) = pair();
        let (_other_file, _, other) = pair();
        let bytes = encrypted(&recipients, b"secret");
        let none = Identities::default();
        assert!(matches!(opened(&none, &*bytes), Err(NotOpened::NoKey)));
        assert!(matches!(opened(&other, &*bytes), Err(NotOpened::OtherKey)));
        assert!(!bytes.windows(6).any(|part| part == b"secret"));
    }

    #[test]
    fn any_part_is_read_without_the_rest_and_nothing_behind_the_end() {
        let (_file, recipients, identities) = pair();
        for size in [1, CHUNK, 3 * CHUNK + 7] {
            let plain = plain(size);
            let bytes = encrypted(&recipients, &plain);
            let stream = opened(&identities, Cursor::new(&bytes)).unwrap();
            let mut placed = Placed::new(stream).unwrap();
            assert_eq!(placed.seek(SeekFrom::End(0)).unwrap(), size as u64);
            for at in [size - 1, 0, size / 2, CHUNK, size + 5, 3 * CHUNK + 6, 0] {
                placed.seek(SeekFrom::Start(at as u64)).unwrap();
                let mut found = Vec::new();
                placed.read_to_end(&mut found).unwrap();
                assert_eq!(found, plain.get(at..).unwrap_or_default(), "{size} {at}");
            }
        }
    }

    #[test]
    fn a_file_that_is_cut_or_goes_on_is_not_whole() {
        let (_file, recipients, identities) = pair();
        let bytes = encrypted(&recipients, &plain(2 * CHUNK));
        for keep in [0, 10, bytes.len() - CHUNK - 16, bytes.len() - 1] {
            read(&identities, &bytes[..keep]).unwrap_err();
            let stream = opened(&identities, Cursor::new(&bytes[..keep]));
            assert!(
                stream.is_err() || Placed::new(stream.unwrap()).is_err(),
                "{keep}"
            );
        }
        let longer = [&bytes[..], b"x"].concat();
        read(&identities, &longer).unwrap_err();
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        /// Whatever bit is changed, nothing else than what was written is ever given.
        #[test]
        fn a_flipped_bit_is_found(at in any::<prop::sample::Index>(), bit in 0..8_u8) {
            let (_file, recipients, identities) = pair();
            let plain = plain(CHUNK + 100);
            let mut bytes = encrypted(&recipients, &plain);
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            prop_assert!(read(&identities, &bytes).is_err(), "byte {at}");
        }
    }
}
