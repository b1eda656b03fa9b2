//! The whole database by `mariadb-dump` or `mysqldump`, compressed as it comes. The password goes by a pipe: no argument and no file
//! ever holds it, whenever either program is killed.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::backup::manifest::{DumpEntry, Manifest};
use crate::db::{self, Database, Flavour};
use crate::error::{Error, Result};
use crate::files::gz::Sink;
use crate::progress::Progress;
use crate::report::number;
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
    uncut(database)?;
    manifest.snapshot_at = chrono::Utc::now().format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string();
    let program = Program::find(database.flavour())?;
    let options = options(settings, &program, database.flavour(), dir)?;
    let name = program.name;
    let mut child = Command::new(name)
        // Not `--defaults-extra-file`: what is in ~/.my.cnf would then win over DB_SSL_MODE and the account.
        .arg("--defaults-file=/dev/stdin")
        .args(["--single-transaction", "--quick", "--routines", "--triggers", "--events", "--hex-blob"])
        .args(["--default-character-set=utf8mb4", "--no-tablespaces"])
        .args(program.extra(database.flavour()))
        .arg(database.name())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(Error::io("lancement de", name))?;
    if let Some(mut stdin) = child.stdin.take() {
        // It fits the pipe. A program that ends before it has read it says why by itself.
        let _ = stdin.write_all(options.as_bytes());
    }
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
    let status = child.wait().map_err(Error::io("attente de", name))?;
    let messages = messages.join().unwrap_or_default();
    let (bytes, sha256, complete) = copied?;
    if !status.success() || !complete {
        let reason = if messages.is_empty() { format!("fin prématurée ({status})") } else { messages };
        // What authenticates without the password itself is taken away from an open line, too.
        let hint = if reason.contains("could not be loaded") || reason.contains("secure connection") {
            "donnez DB_SOCKET, ou DB_SSL_MODE (REQUIRED, VERIFY_CA…), ou lancez `backup-critical --all` qui n'a pas besoin de ce programme"
        } else {
            "vérifiez les droits de l'utilisateur (SELECT, SHOW VIEW, TRIGGER, EVENT), puis relancez"
        };
        return Err(Error::Config { message: format!("{name} a échoué : {reason}"), hint: hint.into() });
    }
    manifest.dump = Some(DumpEntry { file, program: program.version, bytes, sha256 });
    manifest.write(dir)?;
    Ok(manifest)
}

/// The program's own session has the server's settings.
///
/// # Errors
/// [`Error::Config`] where one of them would cut its tables off, and neither it nor its exit code would tell.
fn uncut(database: &Database) -> Result<()> {
    let sql = "SELECT @@GLOBAL.sql_select_limit";
    let limit: Option<u64> = database.session()?.first("réglages du serveur", sql, ())?;
    // What the servers call no limit.
    if limit.is_none_or(|limit| limit >= u64::from(u32::MAX)) {
        return Ok(());
    }
    Err(Error::Config {
        message: format!("sql_select_limit = {} couperait chaque table de l'export", number(limit.unwrap_or(0))),
        hint: "lancez `backup-critical --all`, qui n'en dépend pas, ou demandez à l'administrateur SET GLOBAL sql_select_limit = DEFAULT"
            .into(),
    })
}

/// A dump program of one of the two families, whose options differ.
struct Program {
    name: &'static str,
    version: String,
    is_mariadb: bool,
}

impl Program {
    /// The server's own program first; the other family's works for most databases.
    fn find(flavour: Flavour) -> Result<Self> {
        let candidates = match flavour {
            Flavour::MariaDb => ["mariadb-dump", "mysqldump"],
            Flavour::MySql => ["mysqldump", "mariadb-dump"],
        };
        for name in candidates {
            if let Ok(output) = Command::new(name).arg("--version").stdin(Stdio::null()).output() {
                let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
                // MariaDB installs its program under the name of MySQL's too.
                let is_mariadb = version.to_ascii_lowercase().contains("mariadb");
                return Ok(Self { name, version, is_mariadb });
            }
        }
        Err(Error::Config {
            message: "ni mariadb-dump ni mysqldump n'est installé".into(),
            hint: "installez le paquet mariadb-client, ou lancez `backup-critical --all` qui n'en a pas besoin".into(),
        })
    }

    fn extra(&self, flavour: Flavour) -> &'static [&'static str] {
        match (self.is_mariadb, flavour) {
            (true, _) => &[],
            (false, Flavour::MySql) => &["--set-gtid-purged=OFF"],
            (false, Flavour::MariaDb) => &["--set-gtid-purged=OFF", "--column-statistics=0"],
        }
    }

    /// DB_SSL_MODE in this program's options, never weaker than our own connection. None of them is marked as one that may be unknown
    /// (`loose-`): a program that does not know it must refuse, not connect without.
    fn tls(&self, mode: TlsMode) -> &'static str {
        match (self.is_mariadb, mode) {
            (false, TlsMode::Disabled | TlsMode::OnDemand) => "ssl-mode=DISABLED\n",
            (false, TlsMode::Preferred) => "ssl-mode=PREFERRED\n",
            (false, TlsMode::Required) => "ssl-mode=REQUIRED\n",
            (false, TlsMode::VerifyCa) => "ssl-mode=VERIFY_CA\n",
            (false, TlsMode::VerifyIdentity) => "ssl-mode=VERIFY_IDENTITY\n",
            (true, TlsMode::Disabled | TlsMode::OnDemand) => "skip-ssl\n",
            // MariaDB's program uses TLS where the server offers it, which for REQUIRED our own connection has just seen it do. Since 11.4
            // it would check the certificate too.
            (true, TlsMode::Preferred | TlsMode::Required) => "ssl\nskip-ssl-verify-server-cert\n",
            // It has no way to insist on the authority without the name: VERIFY_CA checks both.
            (true, TlsMode::VerifyCa | TlsMode::VerifyIdentity) => "ssl\nssl-verify-server-cert\n",
        }
    }
}

/// The options file that the program reads from its standard input.
///
/// # Errors
/// [`Error::Config`] where the program cannot do what DB_SSL_MODE asks for.
fn options(settings: &Settings, program: &Program, flavour: Flavour, dir: &Path) -> Result<String> {
    let connection = settings.connection()?;
    let opts = connection.opts(false);
    let tls = match connection.tls {
        TlsMode::OnDemand if flavour == Flavour::MySql && db::offers_tls(&connection) => TlsMode::Required,
        TlsMode::OnDemand => TlsMode::Disabled,
        other => other,
    };
    let authority = settings.get("DB_SSL_CA");
    let verifies = matches!(tls, TlsMode::VerifyCa | TlsMode::VerifyIdentity);
    if verifies && !program.is_mariadb && authority.is_none() {
        return Err(Error::Config {
            message: format!("{} ne vérifie le serveur qu'avec une autorité, et DB_SSL_CA manque", program.name),
            hint: "réglez DB_SSL_CA, ou lancez `backup-critical --all` qui n'a pas besoin de ce programme".into(),
        });
    }
    // An open line, or one that TLS can be taken from; and one to somebody whose certificate nobody looks at.
    let is_open = opts.get_socket().is_none() && matches!(tls, TlsMode::Disabled | TlsMode::Preferred);
    let is_unproved = is_open || (tls == TlsMode::Required && connection.tls != TlsMode::OnDemand);
    // MySQL's program gives nothing away over an open line.
    if is_unproved && flavour == Flavour::MySql && (program.is_mariadb || tls != TlsMode::Disabled) {
        return Err(Error::Config {
            message: format!(
                "le serveur n'est pas vérifié : {} lui donnerait le mot de passe, qui que ce soit",
                program.name
            ),
            hint: "donnez DB_SOCKET, ou DB_SSL_MODE=VERIFY_CA et DB_SSL_CA, ou lancez `backup-critical --all` qui n'a pas besoin \
                   de ce programme"
                .into(),
        });
    }
    let mut text = String::from("[client]\n");
    let mut set = |name: &str, value: &str| text.push_str(&format!("{name}=\"{}\"\n", escaped(value)));
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
    if let Some(path) = authority.filter(|_| verifies) {
        set("ssl-ca", &path);
    }
    match &connection.server_key {
        Some(key) if is_open && !program.is_mariadb => set("server-public-key-path", &key.display().to_string()),
        // MariaDB's program asks any server for its key: it gets no plugin that could use one.
        _ if is_unproved && program.is_mariadb => set("plugin-dir", &dir.display().to_string()),
        _ => {}
    }
    text.push_str(program.tls(tls));
    Ok(text)
}

/// A value between double quotes in an options file.
fn escaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            other => text.push(other),
        }
    }
    text
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_mode_is_weakened_or_passed_over() {
        let program = |is_mariadb| Program { name: "", version: String::new(), is_mariadb };
        for (mode, mysql, mariadb) in [
            (TlsMode::Disabled, "ssl-mode=DISABLED", "skip-ssl"),
            (TlsMode::Preferred, "ssl-mode=PREFERRED", "skip-ssl-verify-server-cert"),
            (TlsMode::Required, "ssl-mode=REQUIRED", "skip-ssl-verify-server-cert"),
            (TlsMode::VerifyCa, "ssl-mode=VERIFY_CA", "ssl-verify-server-cert"),
            (TlsMode::VerifyIdentity, "ssl-mode=VERIFY_IDENTITY", "ssl-verify-server-cert"),
        ] {
            for (is_mariadb, expected) in [(false, mysql), (true, mariadb)] {
                let text = program(is_mariadb).tls(mode);
                assert!(text.lines().any(|line| line == expected), "{mode:?} {is_mariadb}: {text}");
                assert!(!text.contains("loose"), "{text}");
            }
        }
    }
}
