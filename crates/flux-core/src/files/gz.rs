//! Compressed copies of files, with what they were made from.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::Path;

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;

use crate::error::{Error, Result};
use crate::files::paths;

/// Hash and length of what was compressed.
pub(crate) type Content = (blake3::Hash, u64);

/// Compresses `from` into the new file `to`, down to the disk.
pub(crate) fn compress(from: &Path, to: &Path) -> Result<Content> {
    let mut reader = BufReader::new(File::open(from).map_err(Error::io("lecture de", from))?);
    let file = paths::create_private_file(to)?;
    let mut encoder = GzEncoder::new(BufWriter::new(file), Compression::new(6));
    let content =
        pump(&mut reader, &mut |bytes| encoder.write_all(bytes)).map_err(Error::io("compression de", from))?;
    let writer = encoder.finish().map_err(Error::io("écriture de", to))?;
    let file = writer.into_inner().map_err(|error| Error::io("écriture de", to)(error.into_error()))?;
    file.sync_all().map_err(Error::io("écriture de", to))?;
    Ok(content)
}

/// What a compressed file holds.
pub(crate) fn content(path: &Path) -> Result<Content> {
    let file = File::open(path).map_err(Error::io("lecture de", path))?;
    pump(&mut MultiGzDecoder::new(BufReader::new(file)), &mut |_| Ok(())).map_err(Error::io("lecture de", path))
}

fn pump(reader: &mut impl Read, write: &mut dyn FnMut(&[u8]) -> std::io::Result<()>) -> std::io::Result<Content> {
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; 64 * 1024];
    let mut total = 0u64;
    loop {
        let read = reader.read(&mut buffer)?;
        if read == 0 {
            return Ok((hasher.finalize(), total));
        }
        hasher.update(&buffer[..read]);
        write(&buffer[..read])?;
        total += read as u64;
    }
}
