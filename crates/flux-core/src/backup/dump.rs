//! The whole database by `mariadb-dump` or `mysqldump`, compressed as it comes. The password goes by a private file.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::backup::manifest::{DumpEntry, Manifest};
use crate::db::{Database, Flavour};
use crate::error::{Error, Result};
use crate::files::gz::Sink;
use crate::progress::Progress;
use crate::settings::{Settings, TlsMode};
use crate::signals;

/// What a dump that is whole ends with.
const END: &[u8] = b"-- Dump completed";

pub(super) fn take(
    settings: &Settings,
    database: &Database,
    dir: &Path,
    progress: &Progress,
    mut manifest: Manifest,
) -> Result<Manifest> {
    manifest.snapshot_at = chrono::Utc::now().format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string();
    let (program, version) = program(database.flavour())?;
    let secret = options_file(settings)?;
    let mut defaults = std::ffi::OsString::from("--defaults-extra-file=");
    defaults.push(secret.path());
    let mut child = Command::new(program)
        .arg(defaults)
        .args(["--single-transaction", "--quick", "--routines", "--triggers", "--events", "--hex-blob"])
        .args(["--default-character-set=utf8mb4", "--no-tablespaces"])
        .args(extra(database.flavour(), program))
        .arg(database.name())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(Error::io("lancement de", program))?;
    let stderr = child.stderr.take();
    let messages = std::thread::spawn(move || {
        let mut text = Vec::new();
        if let Some(stderr) = stderr {
            let _ = stderr.take(64 * 1024).read_to_end(&mut text);
        }
        String::from_utf8_lossy(&text).trim().to_owned()
    });
    let file = "base.sql.gz".to_owned();
    let copied = child.stdout.take().map_or_else(
        || Err(Error::Invariant("pas de sortie".into())),
        |stdout| copy(stdout, &dir.join(&file), progress),
    );
    if copied.is_err() {
        let _ = child.kill();
    }
    let status = child.wait().map_err(Error::io("attente de", program))?;
    let messages = messages.join().unwrap_or_default();
    let (bytes, sha256, complete) = copied?;
    if !status.success() || !complete {
        let reason = if messages.is_empty() { format!("fin prématurée ({status})") } else { messages };
        return Err(Error::Config {
            message: format!("{program} a échoué : {reason}"),
            hint: "vérifiez les droits de l'utilisateur (SELECT, SHOW VIEW, TRIGGER, EVENT), puis relancez".into(),
        });
    }
    manifest.dump = Some(DumpEntry { file, program: version, bytes, sha256 });
    manifest.write(dir)?;
    Ok(manifest)
}

/// The server's own program first; the other family's works for most databases.
fn program(flavour: Flavour) -> Result<(&'static str, String)> {
    let candidates = match flavour {
        Flavour::MariaDb => ["mariadb-dump", "mysqldump"],
        Flavour::MySql => ["mysqldump", "mariadb-dump"],
    };
    for program in candidates {
        if let Ok(output) = Command::new(program).arg("--version").stdin(Stdio::null()).output() {
            return Ok((program, String::from_utf8_lossy(&output.stdout).trim().to_owned()));
        }
    }
    Err(Error::Config {
        message: "ni mariadb-dump ni mysqldump n'est installé".into(),
        hint: "installez le paquet mariadb-client, ou lancez `backup-critical --all` qui n'en a pas besoin".into(),
    })
}

/// What the programs do not agree on.
fn extra(flavour: Flavour, program: &str) -> &'static [&'static str] {
    let theirs = Command::new(program)
        .arg("--version")
        .output()
        .is_ok_and(|output| !String::from_utf8_lossy(&output.stdout).to_ascii_lowercase().contains("mariadb"));
    match (theirs, flavour) {
        (true, Flavour::MySql) => &["--set-gtid-purged=OFF"],
        (true, Flavour::MariaDb) => &["--set-gtid-purged=OFF", "--column-statistics=0"],
        (false, _) => &[],
    }
}

/// An options file that only this user can read, gone when dropped.
fn options_file(settings: &Settings) -> Result<tempfile::NamedTempFile> {
    let connection = settings.connection()?;
    let tls = connection.tls;
    let opts = connection.opts(false);
    let mut text = String::from("[client]\n");
    let mut set = |name: &str, value: &str| {
        let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        text.push_str(&format!("{name}=\"{value}\"\n"));
    };
    set("user", opts.get_user().unwrap_or_default());
    set("password", opts.get_pass().unwrap_or_default());
    match opts.get_socket() {
        Some(socket) => set("socket", socket),
        None => {
            set("host", &opts.get_ip_or_hostname());
            set("port", &opts.get_tcp_port().to_string());
            set("protocol", "TCP");
        }
    }
    match tls {
        TlsMode::Disabled => text.push_str("loose-skip-ssl\nloose-ssl-mode=DISABLED\nloose-get-server-public-key\n"),
        TlsMode::Preferred => {}
        TlsMode::Required => text.push_str("loose-ssl-mode=REQUIRED\nloose-ssl\n"),
        TlsMode::VerifyCa | TlsMode::VerifyIdentity => {
            text.push_str("loose-ssl-mode=VERIFY_CA\nloose-ssl-verify-server-cert\n");
            if let Some(path) = settings.get("DB_SSL_CA") {
                text.push_str(&format!("ssl-ca=\"{path}\"\n"));
            }
        }
    }
    let wrap = || Error::io("écriture du fichier d'options dans", std::env::temp_dir());
    // Made with rights for its owner only.
    let mut file = tempfile::Builder::new().prefix("flux-").suffix(".cnf").tempfile().map_err(wrap())?;
    file.write_all(text.as_bytes()).and_then(|()| file.flush()).map_err(wrap())?;
    Ok(file)
}

/// Compresses what comes; also whether it ends as a whole dump does.
fn copy(mut from: impl Read, to: &Path, progress: &Progress) -> Result<(u64, String, bool)> {
    let bar = progress.step("export");
    let mut sink = Sink::new(to)?;
    let mut buffer = vec![0; 128 * 1024];
    let mut tail: Vec<u8> = Vec::new();
    let mut total = 0u64;
    loop {
        signals::check()?;
        let read = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Error::io("lecture de l'export pour", to)(error)),
        };
        sink.write(&buffer[..read])?;
        tail.extend_from_slice(&buffer[..read]);
        let surplus = tail.len().saturating_sub(200);
        tail.drain(..surplus);
        total += read as u64;
        bar.set_message(crate::report::bytes(total));
    }
    bar.finish_and_clear();
    let (bytes, sha256) = sink.finish()?;
    Ok((bytes, sha256, memchr::memmem::find(&tail, END).is_some()))
}
