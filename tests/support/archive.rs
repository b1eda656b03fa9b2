//! Zip archives, as a library writes them.

use std::io::{Cursor, Write};

use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// An archive of these entries, compressed.
pub fn zip_of(entries: impl IntoIterator<Item = (impl Into<String>, impl AsRef<[u8]>)>) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in entries {
        writer.start_file(name.into(), SimpleFileOptions::default()).unwrap();
        writer.write_all(content.as_ref()).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// One of texts.
pub fn zip(entries: &[(&str, &str)]) -> Vec<u8> {
    zip_of(entries.iter().copied())
}
