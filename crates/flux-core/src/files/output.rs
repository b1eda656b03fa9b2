//! Files that an operator names for a result: `--csv`, `--html`.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::error::{Error, Result};
use crate::files::replace;

/// Puts `content` where the operator asked for it. A file is replaced whole and keeps its rights; of a link, what it leads to is; what
/// is no regular file (`/dev/null`, `/dev/stdout`, a pipe) is written into.
///
/// # Errors
/// [`Error::Io`]; an old file is then as it was.
pub fn output(path: &Path, content: &[u8]) -> Result<()> {
    let Ok(found) = fs::metadata(path) else { return replace(path, content) };
    let wrap = || Error::io("écriture de", path);
    if fs::metadata("/proc/self/fd/1").is_ok_and(|own| (own.dev(), own.ino()) == (found.dev(), found.ino())) {
        // Whatever it is redirected to, the report goes there too: after this.
        let mut stdout = io::stdout().lock();
        return stdout.write_all(content).and_then(|()| stdout.flush()).map_err(wrap());
    }
    // What such a name leads to is open already, and no file of that name.
    let is_open = ["/proc", "/dev/fd", "/dev/stderr"].iter().any(|open| path.starts_with(open));
    if is_open || !found.is_file() {
        return File::options().append(true).open(path).and_then(|mut file| file.write_all(content)).map_err(wrap());
    }
    replace(&fs::canonicalize(path).map_err(wrap())?, content)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};

    use super::*;

    #[test]
    fn what_is_there_stays_what_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let place = |name: &str| dir.path().join(name);
        output(Path::new("/dev/null"), b"x").unwrap();
        assert!(fs::metadata("/dev/null").unwrap().file_type().is_char_device());
        symlink("/dev/null", place("null")).unwrap();
        output(&place("null"), b"x").unwrap();
        fs::write(place("private"), "old").unwrap();
        fs::set_permissions(place("private"), fs::Permissions::from_mode(0o640)).unwrap();
        symlink("private", place("link")).unwrap();
        output(&place("link"), b"new").unwrap();
        assert!(fs::symlink_metadata(place("link")).unwrap().is_symlink());
        assert!(fs::symlink_metadata(place("null")).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(place("private")).unwrap(), "new");
        assert_eq!(fs::metadata(place("private")).unwrap().mode() & 0o777, 0o640);
        output(&place("first"), b"1").unwrap();
        assert_eq!(fs::read_to_string(place("first")).unwrap(), "1");
        assert!(output(dir.path(), b"x").is_err());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 4, "nothing is left aside");
    }
}
