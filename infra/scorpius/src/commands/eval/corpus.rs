//! Files of labelled sets: JSON lines, plain or gzip.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

/// Bytes of one line: the largest contract is some 50 KB, in hex, with its source.
const LINE_BYTES_MAX: u64 = 16 << 20;

/// The lines of a file, one after the other.
pub(crate) struct Lines(Box<dyn BufRead>);

/// Opens `path`; what begins as gzip is read as gzip.
pub(crate) fn open(path: &Path) -> std::io::Result<Lines> {
    let mut file = BufReader::new(File::open(path)?);
    let is_gzip = file.fill_buf()?.starts_with(&[0x1f, 0x8b]);
    Ok(Lines(match is_gzip {
        true => Box::new(BufReader::new(flate2::bufread::MultiGzDecoder::new(file))),
        false => Box::new(file),
    }))
}

impl Iterator for Lines {
    type Item = std::io::Result<String>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let mut line = String::new();
            match self.0.by_ref().take(LINE_BYTES_MAX).read_line(&mut line) {
                Ok(0) => return None,
                Ok(read) if read as u64 == LINE_BYTES_MAX => {
                    return Some(Err(std::io::Error::other("a line is longer than 16 MiB")));
                }
                Ok(_) if line.trim().is_empty() => {}
                Ok(_) => return Some(Ok(line)),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}
