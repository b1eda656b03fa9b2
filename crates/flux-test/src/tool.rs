//! Runs the real program.

use crate::instance::{send_signal, send_signal_to_group};
use crate::{Home, Outcome, home};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::symlink;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

/// A folder with `flux` and a link to it per tool, as an installation has them.
///
/// Cargo builds the program before the tests of its package, so that no other can be judged.
pub fn bin_dir() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let profile = crate::profile_dir();
        let flux = profile.join("flux");
        assert!(flux.is_file(), "{} is missing: cargo test -p flux builds it", flux.display());
        let folder = crate::work_dir().join("bin").join(profile.file_name().unwrap_or_default());
        fs::create_dir_all(&folder).expect("create the folder of links");
        let list = Command::new(&flux).args(["list", "--names"]).output().expect("list the tools");
        let names = String::from_utf8(list.stdout).expect("names are text");
        for name in std::iter::once("flux").chain(names.lines()) {
            // Other tests do the same at the same time: each link is put in place whole.
            let new = folder.join(crate::unique(name));
            symlink(&flux, &new).and_then(|()| fs::rename(&new, folder.join(name))).expect("link a tool");
        }
        folder
    })
}

/// One call of a tool: cleared environment, UTC, the home as current folder, a time limit.
#[must_use]
pub struct Tool {
    program: PathBuf,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    cwd: Option<PathBuf>,
    limit: Duration,
    stdin: Vec<u8>,
    keyboard: bool,
}

impl Tool {
    /// The program under test, called as this tool (or as `flux`).
    pub fn new(name: &str) -> Self {
        let program = bin_dir().join(name);
        assert!(program.is_file(), "{name} is no tool");
        Self::program(program)
    }

    /// Any program, under the same conditions.
    pub fn program(program: impl Into<PathBuf>) -> Self {
        let env =
            [("PATH", std::env::var_os("PATH").unwrap_or_default()), ("TZ", "UTC".into()), ("LANG", "C.UTF-8".into())];
        let env = env.into_iter().map(|(k, v)| (k.into(), v)).collect();
        Self {
            program: program.into(),
            args: Vec::new(),
            env,
            cwd: None,
            limit: Duration::from_secs(180),
            stdin: Vec::new(),
            keyboard: false,
        }
    }

    /// Runs in this home, with its database in the environment.
    pub fn home(mut self, home: &Home) -> Self {
        self.cwd = Some(home.path().to_owned());
        self.env("HOME", home.path()).envs(home.env())
    }

    /// One argument.
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// Several arguments.
    pub fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args.extend(args.into_iter().map(|a| a.as_ref().to_owned()));
        self
    }

    /// Sets a variable, in place of an earlier one of that name.
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self = self.env_remove(&name);
        self.env.push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Removes a variable.
    pub fn env_remove(mut self, name: impl AsRef<OsStr>) -> Self {
        self.env.retain(|(known, _)| known != name.as_ref());
        self
    }

    fn envs(mut self, pairs: &[(String, String)]) -> Self {
        for (name, value) in pairs {
            self = self.env(name, value);
        }
        self
    }

    /// Another current folder than the home.
    pub fn current_dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.cwd = Some(dir.into());
        self
    }

    /// Arms a fail point: `("db.commit:2", "kill")`, see the core's `failpoint`.
    pub fn fail_at(self, place: &str, action: &str) -> Self {
        assert!(!crate::profile_dir().ends_with("release"), "release builds have no fail points");
        self.env("FLUX_FAILPOINT", format!("{place}={action}"))
    }

    /// Another time limit than three minutes.
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// What it reads on its standard input; nothing where none is given.
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }

    /// Keeps its standard input open, for [`Running::types`].
    pub fn keyboard(mut self) -> Self {
        self.keyboard = true;
        self
    }

    /// Runs it to its end. A tool that outlives the time limit is killed and fails the test.
    #[track_caller]
    pub fn run(self) -> Outcome {
        self.spawn().wait()
    }

    /// Starts it and returns at once.
    #[track_caller]
    pub fn spawn(self) -> Running {
        let cwd = self.cwd.unwrap_or_else(std::env::temp_dir);
        let mut child = Command::new(&self.program)
            .args(&self.args)
            .env_clear()
            .envs(self.env)
            .current_dir(&cwd)
            .stdin(if self.stdin.is_empty() && !self.keyboard { Stdio::null() } else { Stdio::piped() })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap_or_else(|e| panic!("cannot start {}: {e}", self.program.display()));
        let mut keyboard = child.stdin.take();
        if let Some(input) = &mut keyboard {
            // A tool may end without reading it.
            let _ = input.write_all(&self.stdin);
        }
        let name = self.program.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let args: Vec<String> = self.args.iter().map(|a| a.to_string_lossy().into_owned()).collect();
        Running {
            keyboard: keyboard.filter(|_| self.keyboard),
            stdout: Captured::of(child.stdout.take()),
            stderr: Captured::of(child.stderr.take()),
            child,
            command: format!("{name} {}", args.join(" ")).trim_end().to_owned(),
            cwd,
            started: Instant::now(),
            limit: self.limit,
            peak_rss_kib: 0,
        }
    }
}

/// A tool that runs. Dropped before its end, it is killed.
#[must_use]
pub struct Running {
    child: Child,
    keyboard: Option<ChildStdin>,
    stdout: Captured,
    stderr: Captured,
    command: String,
    cwd: PathBuf,
    started: Instant,
    limit: Duration,
    peak_rss_kib: u64,
}

impl Running {
    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// True until it has ended.
    pub fn is_running(&mut self) -> bool {
        self.status().is_none()
    }

    /// What it has printed so far.
    pub fn shown(&self) -> String {
        self.stdout.text()
    }

    /// Waits until it has printed enough, or has ended.
    #[track_caller]
    pub fn wait_shown(&mut self, enough: impl Fn(&str) -> bool) {
        while self.is_running() && !enough(&self.shown()) {
            assert!(self.started.elapsed() < self.limit, "{} only prints {}", self.command, self.shown());
            sleep(Duration::from_millis(10));
        }
    }

    /// Waits until it has said this on its standard error.
    #[track_caller]
    pub fn wait_said(&mut self, text: &str) {
        while !self.stderr.text().contains(text) {
            assert!(self.is_running(), "{} has ended without {text:?}: {}", self.command, self.stderr.text());
            assert!(self.started.elapsed() < self.limit, "{} only says {}", self.command, self.stderr.text());
            sleep(Duration::from_millis(10));
        }
    }

    /// Types a line, where there is a [`Tool::keyboard`].
    pub fn types(&mut self, line: &str) {
        // A tool may end without reading it.
        let _ = self.keyboard.as_mut().expect("a keyboard").write_all(format!("{line}\n").as_bytes());
    }

    /// SIGKILL; call [`Running::wait`] for what it left.
    pub fn kill9(&mut self) {
        self.child.kill().expect("kill the tool");
    }

    /// SIGKILL, and waits for its end. False where it had ended by itself before.
    #[track_caller]
    pub fn killed(mut self) -> bool {
        self.kill9();
        let outcome = self.wait();
        assert!(
            outcome.code == 137 || (0..=4).contains(&outcome.code),
            "neither killed nor an end of its own\n{outcome}"
        );
        outcome.code == 137
    }

    /// Waits until it has paused itself, at a fail point with `=pause`; [`Running::resume`] lets it go on.
    #[track_caller]
    pub fn wait_paused(&mut self) {
        while !is_stopped(self.pid()) {
            assert!(self.is_running() && self.started.elapsed() < self.limit, "{} never pauses", self.command);
            sleep(Duration::from_millis(1));
        }
    }

    /// Ends a pause.
    pub fn resume(&mut self) {
        self.signal("CONT");
    }

    /// Sends a signal by name: `TERM`, `INT`, `STOP`, `CONT`.
    pub fn signal(&mut self, name: &str) {
        if self.is_running() {
            send_signal(self.child.id(), name);
        }
    }

    /// Waits for its end, at most for what is left of the time limit.
    #[track_caller]
    pub fn wait(mut self) -> Outcome {
        self.keyboard = None;
        let mut pause = Duration::from_micros(500);
        let status = loop {
            if let Some(status) = self.status() {
                break status;
            }
            if self.started.elapsed() > self.limit {
                self.kill_group();
                let status = self.child.wait().expect("wait for the killed tool");
                let outcome = self.outcome(status);
                panic!("killed after its time limit of {:?}\n{outcome}", self.limit);
            }
            sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(10));
        };
        self.outcome(status)
    }

    /// Programs that the tool has started hold its output open: they go too.
    fn kill_group(&mut self) {
        send_signal_to_group(self.child.id(), "KILL");
    }

    fn status(&mut self) -> Option<ExitStatus> {
        self.peak_rss_kib = self.peak_rss_kib.max(peak_rss_kib(self.child.id()));
        self.child.try_wait().expect("wait for the tool")
    }

    fn outcome(&mut self, status: ExitStatus) -> Outcome {
        Outcome {
            code: status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default()),
            stdout: self.stdout.whole(),
            stderr: self.stderr.whole(),
            peak_rss_kib: self.peak_rss_kib,
            duration: self.started.elapsed(),
            command: self.command.clone(),
            logs: home::logs(&self.cwd),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.kill_group();
            let _ = self.child.wait();
        }
    }
}

/// What is read of a stream, as it comes.
struct Captured {
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

impl Captured {
    fn of(stream: Option<impl Read + Send + 'static>) -> Self {
        let mut stream = stream.expect("output is piped");
        let bytes = Arc::<Mutex<Vec<u8>>>::default();
        let into = Arc::clone(&bytes);
        let reader = spawn(move || {
            let mut buffer = [0; 8_192];
            loop {
                match stream.read(&mut buffer) {
                    Ok(0) => break,
                    Ok(read) => locked(&into).extend(&buffer[..read]),
                    Err(e) if e.kind() == ErrorKind::Interrupted => {}
                    Err(_) => break,
                }
            }
        });
        Self { bytes, reader: Some(reader) }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&locked(&self.bytes)).into_owned()
    }

    /// To its end.
    fn whole(&mut self) -> String {
        if let Some(reader) = self.reader.take() {
            reader.join().expect("reader of the output");
        }
        self.text()
    }
}

fn locked(bytes: &Mutex<Vec<u8>>) -> MutexGuard<'_, Vec<u8>> {
    bytes.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The state follows the program's name, which is in parentheses.
fn is_stopped(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T'))
}

/// 0 as long as the child still is in the memory of this process, which it leaves a moment after `spawn` has returned.
fn peak_rss_kib(pid: u32) -> u64 {
    let process = Path::new("/proc").join(pid.to_string());
    let program = |process: &Path| fs::read_link(process.join("exe")).ok();
    if program(&process) == program(Path::new("/proc/self")) {
        return 0;
    }
    let status = fs::read_to_string(process.join("status")).unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    line.and_then(|l| l.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}
