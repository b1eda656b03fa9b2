//! The server that all test processes of a run share.
//!
//! Three locks in `target/flux-test/`: `start.lock` (exclusive, while the state is read or changed), `users.lock` (shared,
//! held by every test process until it ends, however it ends) and `watcher.lock` (held by the one watcher). The watcher
//! ends the server when nobody has held `users.lock` for a minute.

use crate::instance::{ADMIN, Address, Family, Launch, is_ours, launch, runs_on, send_signal};
use crate::scratch::scratch_dir;
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::thread::sleep;
use std::time::Duration;

static MEMBERSHIP: OnceLock<File> = OnceLock::new();

/// Joins the running server or starts it. Waits while another process is starting it.
pub(crate) fn join() -> Address {
    let work = crate::work_dir();
    let dir = scratch_dir().join("shared");
    let start = open_lock(&work.join("start.lock"));
    start.lock().expect("lock start.lock");
    MEMBERSHIP.get_or_init(|| {
        let users = open_lock(&work.join("users.lock"));
        users.lock_shared().expect("lock users.lock");
        users
    });
    let state_file = work.join("shared.json");
    let state = read_state(&state_file);
    let known = state.as_ref().map(|(_, address)| address.clone()).filter(|address| is_ours(address, &dir));
    let address = known.unwrap_or_else(|| {
        if let Some((pid, _)) = state {
            while runs_on(pid, &dir) {
                send_signal(pid, "KILL");
                sleep(Duration::from_millis(20));
            }
        }
        let _ = fs::remove_file(&state_file);
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).expect("create the shared server's folder");
        let password = crate::unique("pw");
        // A torn page is no matter here: nobody kills this server and goes on with its data.
        let args = ["--skip-innodb-doublewrite".to_owned(), "--innodb-buffer-pool-size=384M".to_owned()];
        let (child, address) =
            launch(&Launch { family: &Family::MariaDb, dir: &dir, args: &args, password: &password, port: None });
        write_state(&state_file, child.id(), &address);
        address
    });
    watch(&work, &dir);
    address
}

fn open_lock(path: &Path) -> File {
    File::options()
        .create(true)
        .append(true)
        .open(path)
        .unwrap_or_else(|e| panic!("cannot open {}: {e}", path.display()))
}

fn read_state(path: &Path) -> Option<(u32, Address)> {
    let state: serde_json::Value = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
    let address = Address {
        host: "127.0.0.1".into(),
        port: state["port"].as_u64()?.try_into().ok()?,
        socket: Some(state["socket"].as_str()?.into()),
        user: ADMIN.into(),
        password: state["password"].as_str()?.into(),
    };
    Some((state["pid"].as_u64()?.try_into().ok()?, address))
}

/// One key per line: the watcher reads the pid with sed.
fn write_state(path: &Path, pid: u32, address: &Address) {
    let socket = address.socket.as_deref().and_then(Path::to_str).expect("UTF-8 socket path");
    let state = serde_json::json!({"pid": pid, "port": address.port, "socket": socket, "password": address.password});
    let partial = path.with_extension("partial");
    fs::write(&partial, serde_json::to_string_pretty(&state).expect("JSON")).expect("write the state");
    fs::rename(&partial, path).expect("rename the state");
}

/// `$1`: the work folder, `$2`: that of the server. A second watcher waits a moment for the first one's lock and goes.
const WATCHER: &str = r#"
cd "$1" || exit 1
exec 8>watcher.lock
flock -w 10 8 || exit 0
dir=$2 idle=0 last=
end() {
  if tr '\0' '\n' <"/proc/$1/cmdline" 2>/dev/null | grep -qxF -- "--datadir=$dir/data"; then kill -9 "$1"; fi
}
while pid=$(sed -n 's/^ *"pid": \([0-9]*\).*/\1/p' shared.json 2>/dev/null) && [ -n "$pid" ]; do
  last=$pid
  sleep 5 8>&-
  if flock -n users.lock true; then idle=$((idle + 5)); else idle=0; fi
  [ "$idle" -ge 60 ] || continue
  idle=0
  exec 7>>start.lock
  if flock -n 7 && flock -n users.lock true; then
    rm -f shared.json
    end "$pid"
    rm -rf "$dir"
    exit 0
  fi
  exec 7>&-
done
# The state is gone, with `cargo clean` for instance: so must be the server.
[ -z "$last" ] || { end "$last"; rm -rf "$dir"; }
"#;

#[allow(clippy::zombie_processes)] // it outlives this process
fn watch(work: &Path, dir: &Path) {
    let spawned = Command::new("/bin/sh")
        .args(["-c", WATCHER, "watcher"])
        .args([work, dir])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn();
    spawned.expect("start the watcher");
}
