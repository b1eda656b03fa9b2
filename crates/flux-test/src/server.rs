//! A database server for tests: the shared one of the run, a given one, or one of the test's own.

use crate::instance::{Address, Family, Launch, launch, send_signal};
use crate::scratch::scratch_dir;
use crate::{TestDb, shared};
use mysql::{Conn, prelude::Queryable};
use std::env;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Mutex, OnceLock};
use std::thread::sleep;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A server that tests may fill. See the crate's documentation for which one it is.
pub struct Server {
    pub(crate) address: Address,
    own: Option<Own>,
}

/// What belongs to a dedicated server.
struct Own {
    family: Family,
    dir: TempDir,
    args: Vec<String>,
    process: Mutex<Option<Process>>,
}

/// The server and its guard, a shell that ends it when this test process is gone, killed included.
struct Process {
    server: Child,
    guard: Child,
    _lifeline: Option<ChildStdin>,
}

impl Server {
    /// The server of the run.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Server> = OnceLock::new();
        SHARED.get_or_init(|| Self { address: given().unwrap_or_else(shared::join), own: None })
    }

    /// A server of the test's own, of the same family as that of the run, with additional options, for tests that stop or
    /// kill it or need special settings (`["--local-infile=OFF"]`, `["--innodb-lock-wait-timeout=1"]`). Gone on drop.
    /// None, by [`crate::skip`], on a MySQL of which `FLUX_TEST_MYSQLD` does not name the program.
    #[track_caller]
    pub fn dedicated<S: AsRef<str>>(extra_args: impl IntoIterator<Item = S>) -> Option<Self> {
        let family = if is_mysql() { Family::mysql() } else { Some(Family::MariaDb) };
        if family.is_none() {
            crate::skip("needs a server of its own: FLUX_TEST_MYSQLD names no mysqld");
        }
        family.map(|family| Self::of(family, extra_args))
    }

    /// A MariaDB of the test's own, whatever the server of the run is.
    pub fn mariadb() -> Self {
        Self::of::<&str>(Family::MariaDb, [])
    }

    fn of<S: AsRef<str>>(family: Family, extra_args: impl IntoIterator<Item = S>) -> Self {
        let dir = tempfile::Builder::new().prefix("own-").tempdir_in(scratch_dir()).expect("folder of the server");
        let args: Vec<String> = extra_args.into_iter().map(|a| a.as_ref().to_owned()).collect();
        let password = crate::unique("pw");
        let (child, address) =
            launch(&Launch { family: &family, dir: dir.path(), args: &args, password: &password, port: None });
        let process = Mutex::new(Some(Process::guarded(child, dir.path())));
        Self { address, own: Some(Own { family, dir, args, process }) }
    }

    /// A fresh database on this server.
    pub fn new_db(&self) -> TestDb {
        TestDb::on(self)
    }

    /// A connection with all rights, without a database.
    pub fn admin(&self) -> Conn {
        let Address { host, port, .. } = &self.address;
        self.address.admin().unwrap_or_else(|e| panic!("cannot connect to the test server {host}:{port}: {e}"))
    }

    /// `10.11.19-MariaDB-…` or `9.4.0`.
    pub fn version(&self) -> String {
        self.admin().query_first("SELECT VERSION()").expect("SELECT VERSION()").expect("one row")
    }

    /// MySQL rather than MariaDB.
    pub fn is_mysql(&self) -> bool {
        !self.version().contains("MariaDB")
    }

    /// Address and port for TCP.
    pub fn tcp(&self) -> (&str, u16) {
        (&self.address.host, self.address.port)
    }

    /// The unix socket, where it is known.
    pub fn socket(&self) -> Option<&std::path::Path> {
        self.address.socket.as_deref()
    }

    /// Kills a dedicated server as the OOM killer would.
    pub fn kill9(&self) {
        self.end("KILL");
    }

    /// Stops a dedicated server in order.
    pub fn stop(&self) {
        self.end("TERM");
    }

    /// Starts a dedicated server again on its data and its port, stopping it first where it runs.
    pub fn restart(&self) {
        self.stop();
        let own = self.own();
        let args = Launch {
            family: &own.family,
            dir: own.dir.path(),
            args: &own.args,
            password: &self.address.password,
            port: Some(self.address.port),
        };
        let (child, _) = launch(&args);
        *own.process.lock().expect("server process") = Some(Process::guarded(child, own.dir.path()));
    }

    /// Process id of a dedicated server that runs: to suspend it with `kill -STOP`, for instance.
    pub fn pid(&self) -> Option<u32> {
        self.own().process.lock().expect("server process").as_ref().map(|p| p.server.id())
    }

    fn own(&self) -> &Own {
        self.own.as_ref().expect("only a server made by Server::dedicated may be stopped or killed")
    }

    fn end(&self, signal: &str) {
        if let Some(mut process) = self.own().process.lock().expect("server process").take() {
            process.end(signal);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.own.is_some() {
            self.kill9();
        }
    }
}

impl Process {
    fn guarded(server: Child, dir: &Path) -> Self {
        let script = r#"cat >/dev/null; kill -9 "$1"; sleep 0.2; rm -rf "$2""#;
        let mut guard = Command::new("/bin/sh")
            .args(["-c", script, "guard", &server.id().to_string()])
            .arg(dir)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("start the guard of the server");
        let lifeline = guard.stdin.take();
        Self { server, guard, _lifeline: lifeline }
    }

    /// The guard goes first: the pid that it would kill may be another's once the server is gone.
    fn end(&mut self, signal: &str) {
        let _ = self.guard.kill();
        let _ = self.guard.wait();
        send_signal(self.server.id(), signal);
        let limit = Instant::now() + Duration::from_secs(60);
        while matches!(self.server.try_wait(), Ok(None)) {
            if Instant::now() > limit {
                let _ = self.server.kill();
            }
            sleep(Duration::from_millis(5));
        }
    }
}

/// The server named by the environment, if any.
fn given() -> Option<Address> {
    let var = |name: &str| env::var(name).ok().filter(|v| !v.is_empty());
    let socket = var("FLUX_TEST_DB_SOCKET").map(PathBuf::from);
    if socket.is_none() && var("FLUX_TEST_DB_HOST").is_none() {
        return None;
    }
    Some(Address {
        host: var("FLUX_TEST_DB_HOST").unwrap_or_else(|| "localhost".into()),
        port: var("FLUX_TEST_DB_PORT").map_or(3306, |p| p.parse().expect("FLUX_TEST_DB_PORT is a port")),
        socket,
        user: var("FLUX_TEST_DB_USER").unwrap_or_else(|| "root".into()),
        password: var("FLUX_TEST_DB_PASSWORD").unwrap_or_default(),
    })
}

/// True when the server of the run is MySQL rather than MariaDB.
pub fn is_mysql() -> bool {
    static ANSWER: OnceLock<bool> = OnceLock::new();
    *ANSWER.get_or_init(|| Server::shared().is_mysql())
}
