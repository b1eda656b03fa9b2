//! Two files: the access log in the common format of web servers, and the audit log, which says who was let in and who was not.
//! Neither ever holds a token, a cookie or a password.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// Lines that wait to be written; when a disk does not keep up, further ones are lost and said to be.
const WAITING: usize = 10_000;

/// Bytes of a secret below which it is a word like others, that lines may hold.
const SHORTEST: usize = 8;

/// A file that lines are added to by a thread of its own: requests never wait for the disk. Opened for each batch, so that it can be
/// rotated at any time.
pub(crate) struct Journal {
    lines: Option<SyncSender<String>>,
    writer: Option<JoinHandle<()>>,
}

impl Journal {
    /// None of the `secrets` is ever written, wherever a line holds it.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn open(path: &Path, secrets: impl Iterator<Item = String>) -> std::io::Result<Self> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        append(path, "")?;
        let (lines, waiting) = sync_channel(WAITING);
        let path = path.to_path_buf();
        let secrets: Vec<String> = secrets.filter(|secret| secret.len() >= SHORTEST).collect();
        let writer =
            std::thread::Builder::new().name("journal".into()).spawn(move || write(&path, &waiting, &secrets))?;
        Ok(Self { lines: Some(lines), writer: Some(writer) })
    }

    pub(crate) fn line(&self, line: String) {
        if let Some(lines) = &self.lines
            && lines.try_send(line).is_err()
        {
            log::warn!("journal saturé : une ligne est perdue");
        }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.lines = None;
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

fn write(path: &Path, waiting: &Receiver<String>, secrets: &[String]) {
    loop {
        let mut batch = match waiting.recv_timeout(Duration::from_secs(1)) {
            Ok(line) => line,
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => return,
        };
        batch.push('\n');
        while batch.len() < 65_536
            && let Ok(line) = waiting.try_recv()
        {
            batch.push_str(&line);
            batch.push('\n');
        }
        for secret in secrets {
            if batch.contains(secret) {
                batch = batch.replace(secret, "...");
            }
        }
        if let Err(error) = append(path, &batch) {
            log::warn!("journal {} : {error}", path.display());
        }
    }
}

fn append(path: &Path, text: &str) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    // Addresses and names of people: not for everybody.
    options.mode(0o640);
    options.open(path)?.write_all(text.as_bytes())
}

/// Text of a stranger in a line: one line, no quotes that end it, not for ever.
pub(crate) fn tame(text: &str) -> String {
    text.chars().take(500).map(|c| if c.is_control() || c == '"' || c == '\\' { '.' } else { c }).collect()
}

/// What a name holds whose value is nobody's business.
const SECRET: [&str; 8] = ["token", "jeton", "key", "pass", "mdp", "secret", "auth", "session"];

/// A query as it may be kept: values that look like secrets are not.
pub(crate) fn without_secrets(query: &str) -> String {
    let is_secret = |text: &str| SECRET.iter().any(|word| text.to_lowercase().contains(word));
    // An address within the address may hold one as well.
    let is_address = |text: &str| text.contains('=') || text.to_lowercase().contains("%3d");
    let pair = |pair: &str| match form_urlencoded::parse(pair.as_bytes()).next() {
        Some((name, value)) if is_secret(&name) || (is_address(&value) && is_secret(&value)) => {
            format!("{}=...", pair.split('=').next().unwrap_or_default())
        }
        _ => pair.to_owned(),
    };
    query.split('&').map(pair).collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stranger_cannot_write_a_line_of_their_own() {
        assert_eq!(tame("a\r\n127.0.0.1 \"GET\\ \u{1b}[0m"), "a..127.0.0.1 .GET. .[0m");
        assert_eq!(without_secrets("zone=X&api_key=abc&Token=d"), "zone=X&api_key=...&Token=...");
        let inner = without_secrets("redirect=%2Fx%3Faccess_token%3Dabc&zone=PASSY");
        assert_eq!(inner, "redirect=...&zone=PASSY");
        assert_eq!(without_secrets("%6Aeton=abc&zone=X%3D1"), "%6Aeton=...&zone=X%3D1");
    }

    #[test]
    fn lines_are_written_in_order_and_all_at_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b.log");
        let journal = Journal::open(&path, ["jeton-1234".to_owned(), "9".to_owned()].into_iter()).unwrap();
        (0..1000).for_each(|n| journal.line(n.to_string()));
        journal.line("GET /x/jeton-1234?y=jeton-1234".to_owned());
        drop(journal);
        let expected: String = (0..1000).map(|n| format!("{n}\n")).collect();
        assert_eq!(std::fs::read_to_string(path).unwrap(), format!("{expected}GET /x/...?y=...\n"));
    }
}
