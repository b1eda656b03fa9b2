//! Compressed files: copies that are proved by reading them back, and sinks that know their own sum.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::files::hash::hex;
use crate::files::write::create_private_file;
use crate::progress;

/// Hash and length of what was compressed.
pub(crate) type Content = (blake3::Hash, u64);

/// Compresses an open file into a new one, of which `name` is what it is called, down to the disk, and reads it back.
///
/// # Errors
/// [`Error::Io`]; [`Error::Invariant`] when the copy does not hold what was read. `to` then holds what it may.
pub(crate) fn compress_file(from: File, to: &File, name: &Path) -> Result<Content> {
    progress::doing_with("compression de", name);
    let wrap = || Error::io("compression de", name);
    let written = encode(BufReader::new(from), name, to.try_clone().map_err(wrap())?)?;
    let mut copy = to.try_clone().map_err(wrap())?;
    copy.rewind().map_err(wrap())?;
    if content(copy, name)? == written {
        Ok(written)
    } else {
        Err(Error::Invariant(format!("la copie compressée de {} diffère", name.display())))
    }
}

fn encode(mut reader: impl Read, to: &Path, file: File) -> Result<Content> {
    let mut encoder = GzEncoder::new(BufWriter::new(file), Compression::new(6));
    let content =
        pump(&mut reader, &mut |bytes| encoder.write_all(bytes)).map_err(Error::io("compression dans", to))?;
    let writer = encoder.finish().map_err(Error::io("écriture de", to))?;
    let file = writer.into_inner().map_err(|error| Error::io("écriture de", to)(error.into_error()))?;
    file.sync_all().map_err(Error::io("écriture de", to))?;
    Ok(content)
}

/// What a compressed file holds, of which `name` is what it is called.
pub(crate) fn content(file: File, name: &Path) -> Result<Content> {
    progress::doing_with("relecture de", name);
    pump(&mut MultiGzDecoder::new(BufReader::new(file)), &mut |_| Ok(())).map_err(Error::io("lecture de", name))
}

/// Unpacks a compressed file into a private one in `folder`, of at most `most` bytes, which goes when it is dropped.
///
/// # Errors
/// [`Error::Io`]; [`Error::BadFile`] where it holds more.
pub(crate) fn unpack(path: &Path, folder: &Path, most: u64) -> Result<tempfile::NamedTempFile> {
    progress::doing_with("décompression de", path);
    let file = File::open(path).map_err(Error::io("lecture de", path))?;
    let aside = tempfile::NamedTempFile::new_in(folder).map_err(Error::io("écriture dans", folder))?;
    let mut writer = BufWriter::new(aside.as_file());
    let reader = MultiGzDecoder::new(BufReader::new(file));
    let copied = std::io::copy(&mut reader.take(most.saturating_add(1)), &mut writer);
    let copied = copied.and_then(|bytes| writer.flush().map(|()| bytes)).map_err(Error::io("lecture de", path))?;
    drop(writer);
    if copied > most {
        return Err(Error::BadFile(format!("{} contient plus que ce que dit son manifeste", path.display())));
    }
    Ok(aside)
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

/// A new compressed file, private, that knows its size and SHA-256.
pub(crate) struct Sink {
    encoder: GzEncoder<Summed>,
    path: PathBuf,
}

struct Summed {
    file: BufWriter<File>,
    hasher: Sha256,
    bytes: u64,
}

impl Write for Summed {
    fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
        let written = self.file.write(buffer)?;
        self.hasher.update(&buffer[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

impl Sink {
    pub(crate) fn new(path: &Path) -> Result<Self> {
        let file = BufWriter::with_capacity(256 * 1024, create_private_file(path)?);
        let summed = Summed { file, hasher: Sha256::new(), bytes: 0 };
        Ok(Self { encoder: GzEncoder::new(summed, Compression::new(4)), path: path.to_owned() })
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.encoder.write_all(bytes).map_err(Error::io("écriture de", &self.path))
    }

    /// Writes everything to the disk; size and SHA-256 of the compressed file.
    pub(crate) fn finish(self) -> Result<(u64, String)> {
        let Self { encoder, path } = self;
        let mut summed = encoder.finish().map_err(Error::io("écriture de", &path))?;
        summed.file.flush().map_err(Error::io("écriture de", &path))?;
        summed.file.get_ref().sync_all().map_err(Error::io("écriture de", &path))?;
        Ok((summed.bytes, hex(&summed.hasher.finalize())))
    }
}
