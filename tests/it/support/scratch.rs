//! Files and databases of the tests, which disappear afterwards.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{LazyLock, Mutex};

use diesel_async::SimpleAsyncConnection;

/// Room in memory from which the files of the tests are kept there, in bytes.
const ROOM: u64 = 2 << 30;

/// The folder of this run. In memory, if there is room: a test creates and drops a database of a
/// thousand files, which takes twice as long on a disk.
pub static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let memory = PathBuf::from("/dev/shm");
    sweep(&memory);
    sweep(&std::env::temp_dir());

    let has_room = free(&memory).is_some_and(|free| free >= ROOM);
    let place = if has_room { memory } else { std::env::temp_dir() };
    let folder = place.join(format!("salesbook-test-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    remove_after_this_process(&folder);
    folder
});

/// Removes the folders of earlier runs that could not clean up.
fn sweep(place: &Path) {
    for entry in fs::read_dir(place).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let pid = name.strip_prefix("salesbook-test-").and_then(|pid| pid.parse::<u32>().ok());
        if pid.is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// The free space of a file system, in bytes. `None` if it does not exist.
fn free(place: &Path) -> Option<u64> {
    let output = Command::new("df").args(["--output=avail", "--block-size=1"]).arg(place).output();
    String::from_utf8(output.ok()?.stdout).ok()?.lines().nth(1)?.trim().parse().ok()
}

/// Starts a shell that waits for the end of this process. The test runner ends it without running
/// destructors of statics.
fn remove_after_this_process(folder: &Path) {
    let script = "tail --pid=\"$0\" -f /dev/null; sleep 2; rm -rf \"$1\"";
    let mut shell = Command::new("sh");
    shell.args(["-c", script, &std::process::id().to_string()]).arg(folder);
    shell.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    drop(shell.spawn());
}

/// The names of databases that no test uses any more.
static UNUSED: Mutex<Vec<String>> = Mutex::new(vec![]);

/// A database that can be dropped after its last user.
pub struct Database(pub String);

impl Drop for Database {
    fn drop(&mut self) {
        UNUSED.lock().unwrap().push(std::mem::take(&mut self.0));
    }
}

/// Drops the databases that no test uses any more. One that is still busy has its turn later.
pub async fn drop_unused(admin: &str) {
    let unused = std::mem::take(&mut *UNUSED.lock().unwrap());
    if unused.is_empty() {
        return;
    }
    let mut conn = salesbook::platform::db::connect(admin).await.unwrap();
    for name in unused {
        // `with (force)` would also end a worker of autovacuum, which only a superuser may.
        let end = format!(
            "select pg_terminate_backend(pid) from pg_stat_activity
            where datname = '{name}' and usename = current_user"
        );
        conn.batch_execute(&end).await.unwrap();
        if conn.batch_execute(&format!("drop database {name}")).await.is_err() {
            UNUSED.lock().unwrap().push(name);
        }
    }
}
