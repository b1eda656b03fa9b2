//! One server process, mariadbd or mysqld, on its own data folder.

use mysql::{Conn, OptsBuilder, prelude::Queryable};
use std::fs::{self, File};
use std::io::Read;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How to reach a server as its administrator.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) socket: Option<PathBuf>,
    pub(crate) user: String,
    pub(crate) password: String,
}

impl Address {
    pub(crate) fn opts(&self, user: &str, password: &str, database: Option<&str>) -> OptsBuilder {
        OptsBuilder::new()
            .ip_or_hostname(Some(&self.host))
            .tcp_port(self.port)
            .prefer_socket(false)
            .user(Some(user))
            .pass(Some(password))
            .db_name(database)
            .tcp_connect_timeout(Some(Duration::from_secs(10)))
    }

    pub(crate) fn admin(&self) -> Result<Conn, mysql::Error> {
        Conn::new(self.opts(&self.user, &self.password, None))
    }
}

/// Which program a server is. Both understand the same options but for a few.
#[derive(Clone, Debug)]
pub(crate) enum Family {
    MariaDb,
    /// The words of `FLUX_TEST_MYSQLD`: a program and its first arguments.
    MySql(Vec<String>),
}

impl Family {
    /// The MySQL that `FLUX_TEST_MYSQLD` names, if any.
    pub(crate) fn mysql() -> Option<Self> {
        let words: Vec<String> =
            std::env::var("FLUX_TEST_MYSQLD").ok()?.split_whitespace().map(str::to_owned).collect();
        (!words.is_empty()).then_some(Self::MySql(words))
    }

    fn command(&self) -> Command {
        match self {
            Self::MariaDb => with_sbin("mariadbd"),
            Self::MySql(words) => {
                let mut command = with_sbin(&words[0]);
                command.args(&words[1..]);
                command
            }
        }
    }

    fn own_settings(&self) -> &'static [&'static str] {
        match self {
            Self::MariaDb => &["--innodb-log-file-size=48M"],
            // Its second port would be the same for all servers, and the folder for files need not exist here.
            Self::MySql(_) => &["--innodb-redo-log-capacity=96M", "--mysqlx=OFF", "--secure-file-priv=NULL"],
        }
    }

    /// What the server does as root on every start, before the first connection is accepted; one statement per line.
    fn init_sql(&self, password: &str) -> String {
        let mut sql = String::new();
        if matches!(self, Self::MariaDb) {
            sql += "DELETE FROM mysql.global_priv WHERE User = '';\nFLUSH PRIVILEGES;\n";
        }
        for host in ["%", "localhost"] {
            sql += &format!("CREATE USER IF NOT EXISTS '{ADMIN}'@'{host}' IDENTIFIED BY '{password}';\n");
            sql += &format!("GRANT ALL ON *.* TO '{ADMIN}'@'{host}' WITH GRANT OPTION;\n");
        }
        sql + &format!("ALTER USER 'root'@'localhost' IDENTIFIED BY '{password}';\n")
    }
}

/// What one start of the server needs besides its data folder.
pub(crate) struct Launch<'a> {
    pub(crate) family: &'a Family,
    pub(crate) dir: &'a Path,
    pub(crate) args: &'a [String],
    pub(crate) password: &'a str,
    pub(crate) port: Option<u16>,
}

/// Settings that spare the disk. A kill -9 of the server loses nothing with them: what is written is in the page cache.
const FAST: [&str; 9] = [
    "--innodb-flush-log-at-trx-commit=2",
    "--innodb-flush-method=nosync",
    "--innodb-buffer-pool-size=128M",
    "--innodb-fast-shutdown=1",
    "--skip-name-resolve",
    "--skip-log-bin",
    "--max-connections=400",
    "--bind-address=127.0.0.1",
    "--local-infile=ON",
];

pub(crate) const ADMIN: &str = "flux_test";

/// Starts a server on `dir/data` (a copy of the template where there is none) and waits until it answers.
/// Another process may take the free port in between: then another one is tried, unless the port is given.
pub(crate) fn launch(launch: &Launch) -> (Child, Address) {
    let dir = launch.dir;
    let data = dir.join("data");
    if !data.exists() {
        copy_template(launch.family, &data);
    }
    let init = dir.join("init.sql");
    let password = launch.password;
    fs::write(&init, launch.family.init_sql(password)).expect("write init.sql");
    let socket = socket_path(dir);
    let log = dir.join("server.log");
    // A server that starts removes what others seem to have left behind in the folder for temporary tables.
    let scratch = dir.join("tmp");
    fs::create_dir_all(&scratch).expect("create the server's folder for temporary tables");

    for _ in 0..5 {
        let port = launch.port.unwrap_or_else(free_port);
        let mut child = server_command(launch.family)
            .arg(datadir_argument(dir))
            .arg(format!("--socket={}", socket.display()))
            .arg(format!("--tmpdir={}", scratch.display()))
            .arg(format!("--pid-file={}", dir.join("server.pid").display()))
            .arg(format!("--init-file={}", init.display()))
            .arg(format!("--port={port}"))
            .args(is_root().then_some("--user=root"))
            .args(FAST)
            .args(launch.family.own_settings())
            .args(launch.args)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::options().create(true).append(true).open(&log).expect("open the server's log"))
            .process_group(0)
            .spawn()
            .expect("start the server");
        let address = Address {
            host: Ipv4Addr::LOCALHOST.to_string(),
            port,
            socket: Some(socket.clone()),
            user: ADMIN.into(),
            password: password.into(),
        };
        let limit = Instant::now() + Duration::from_secs(60);
        while child.try_wait().expect("wait for the server").is_none() {
            if is_ours(&address, dir) {
                return (child, address);
            }
            if Instant::now() > limit {
                let _ = child.kill();
                let _ = child.wait();
            }
            sleep(Duration::from_millis(25));
        }
        if launch.port.is_some() {
            sleep(Duration::from_millis(300));
        }
    }
    panic!("the server does not start; end of {}:\n{}", log.display(), tail(&log, 3000));
}

/// True when the server at this address answers and stands on this very folder: not a stranger on a port taken over.
pub(crate) fn is_ours(address: &Address, dir: &Path) -> bool {
    let Ok(mut conn) = address.admin() else { return false };
    let datadir: Result<Option<String>, _> = conn.query_first("SELECT @@datadir");
    matches!(datadir, Ok(Some(found)) if Path::new(&found) == dir.join("data"))
}

/// True while the process with this pid is a server on this folder (a pid file alone may be stale).
pub(crate) fn runs_on(pid: u32, dir: &Path) -> bool {
    let cmdline = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    cmdline.split(|&b| b == 0).any(|arg| arg == datadir_argument(dir).as_bytes())
}

fn datadir_argument(dir: &Path) -> String {
    format!("--datadir={}", dir.join("data").display())
}

/// Sends a signal (`TERM`, `KILL`, `STOP` …); a process that is gone is no error.
pub(crate) fn send_signal(pid: u32, signal: &str) {
    kill_by_shell(signal, &pid.to_string());
}

/// The same to a whole process group.
pub(crate) fn send_signal_to_group(leader: u32, signal: &str) {
    kill_by_shell(signal, &format!("-{leader}"));
}

/// `kill` is built into every shell; the program of that name is not installed everywhere.
fn kill_by_shell(signal: &str, target: &str) {
    let script = format!("kill -s {signal} -- {target} 2>/dev/null");
    let _ = Command::new("/bin/sh").args(["-c", &script]).status();
}

/// A unix socket path is limited to 107 bytes; a deep checkout needs a short folder elsewhere.
fn socket_path(dir: &Path) -> PathBuf {
    let near = dir.join("s.sock");
    if near.as_os_str().len() <= 100 {
        return near;
    }
    let place = dir.join("socket-dir");
    let short = fs::read_to_string(&place).ok().filter(|known| Path::new(known).is_dir()).unwrap_or_else(|| {
        let made = tempfile::Builder::new().prefix("fluxt").tempdir_in("/tmp").expect("private folder in /tmp").keep();
        fs::write(&place, made.to_str().expect("UTF-8 path")).expect("remember the socket's folder");
        made.to_str().expect("UTF-8 path").into()
    });
    Path::new(&short).join("s.sock")
}

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|l| l.local_addr())
        .expect("a free port on the loopback")
        .port()
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|m| m.uid() == 0)
}

/// Ordinary users often lack `/usr/sbin` in their path.
fn with_sbin(program: &str) -> Command {
    let mut command = Command::new(program);
    command.env("PATH", format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default()));
    command
}

/// `--no-defaults` must be the first option of all.
fn server_command(family: &Family) -> Command {
    let mut command = family.command();
    command.arg("--no-defaults").current_dir("/");
    command
}

/// A fresh data folder is made once per server version, and copied from then on.
fn copy_template(family: &Family, data: &Path) {
    let version = family.command().arg("--version").output().expect(
        "mariadbd is missing: scripts/test installs it (apt-get install mariadb-server-core mariadb-client), \
         or name a server with FLUX_TEST_DB_HOST, FLUX_TEST_DB_PORT, FLUX_TEST_DB_USER, FLUX_TEST_DB_PASSWORD",
    );
    // The program's path comes first.
    let version = String::from_utf8_lossy(&version.stdout);
    let version: String = version.split_once("Ver").map_or(&*version, |(_, version)| version).into();
    let version: String = version.chars().filter(char::is_ascii_alphanumeric).collect();
    let template = crate::work_dir().join(format!("template-{version}"));
    let lock = File::create(crate::work_dir().join("template.lock")).expect("template.lock");
    lock.lock().expect("lock template.lock");
    if !template.exists() {
        let partial = template.with_extension("partial");
        let _ = fs::remove_dir_all(&partial);
        fs::create_dir_all(&partial).expect("create the template's folder");
        let mut command = match family {
            Family::MariaDb => {
                let mut command = with_sbin("mariadb-install-db");
                command.args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"]);
                command.arg("--skip-name-resolve").current_dir("/");
                command
            }
            Family::MySql(_) => {
                let mut command = server_command(family);
                command.args(["--initialize-insecure", "--innodb-flush-method=nosync"]);
                command
            }
        };
        command.arg(format!("--datadir={}", partial.display())).args(family.own_settings());
        command.args(is_root().then_some("--user=root"));
        let output = command.stdin(Stdio::null()).output().expect("make an empty data folder");
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "no empty data folder could be made:\n{text}");
        fs::rename(&partial, &template).expect("rename the template");
    }
    let copied = Command::new("cp").args(["-a", "--sparse=always"]).arg(&template).arg(data).status().expect("run cp");
    assert!(copied.success(), "cp of the template data folder failed");
}

/// The end of a file, for messages.
pub(crate) fn tail(path: &Path, bytes: usize) -> String {
    let mut text = Vec::new();
    let _ = File::open(path).and_then(|mut f| f.read_to_end(&mut text));
    String::from_utf8_lossy(&text[text.len().saturating_sub(bytes)..]).into_owned()
}
