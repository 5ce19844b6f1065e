//! The plaintext of what is compressed.

use std::io::{self, Read};

use super::gzip;

/// Reads what a manifest says is compressed by `none`, `gzip` or, by default, `zstd`.
pub fn unpacked<'a>(reader: impl Read + 'a, compression: &str) -> Box<dyn Read + 'a> {
    match compression {
        "none" => Box::new(reader),
        "gzip" => Box::new(gzip::decoder(reader)),
        _ => Box::new(decoder(reader)),
    }
}

/// Reads the plaintext of all frames.
pub fn decoder(reader: impl Read) -> impl Read {
    Lazy {
        reader: Some(reader),
        decoder: None,
    }
}

/// A frame can ask its reader to remember up to 128 MiB. Those written here are of 4 MiB; twice
/// that is allowed.
const WINDOW_LOG: u32 = 23;

/// A decoder whose set-up fails when it is read.
struct Lazy<R: Read> {
    reader: Option<R>,
    decoder: Option<zstd::Decoder<'static, io::BufReader<R>>>,
}

impl<R: Read> Read for Lazy<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(reader) = self.reader.take() {
            let reader = io::BufReader::with_capacity(256 * 1024, reader);
            let mut decoder = zstd::Decoder::with_buffer(reader)?;
            decoder.window_log_max(WINDOW_LOG)?;
            self.decoder = Some(decoder);
        }
        self.decoder
            .as_mut()
            .map_or(Ok(0), |decoder| decoder.read(buffer))
    }
}
