//! The first process of a server: checks whether it is running and ready, and stops it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

/// Polling interval.
pub const TICK: Duration = Duration::from_millis(5);

/// Time that the server gets to stop after each of the two signals, `SIGINT` and `SIGQUIT`.
const GRACE: Duration = Duration::from_secs(10);

/// A running server: our child, or one that was adopted from a killed process.
pub struct Postmaster {
    pid: Pid,
    child: Option<Child>,
    data: PathBuf,
}

impl Postmaster {
    pub fn started(child: Child, data: &Path) -> Self {
        Self { pid: Pid::from_child(&child), child: Some(child), data: data.to_owned() }
    }

    pub fn adopted(found: &Found, data: &Path) -> Self {
        Self { pid: found.pid, child: None, data: data.to_owned() }
    }

    pub fn pid(&self) -> u32 {
        self.pid.as_raw_nonzero().get().unsigned_abs()
    }

    /// The reason why the server has ended, or `None` while it is running.
    pub fn ended(&mut self) -> Option<String> {
        match &mut self.child {
            Some(child) => child.try_wait().ok().flatten().map(|status| status.to_string()),
            None => (!is_server(self.pid, &self.data)).then(|| "not seen how".to_owned()),
        }
    }

    pub fn is_ready(&self) -> bool {
        found(&self.data).is_some_and(|found| found.ready && found.pid == self.pid)
    }

    /// Requests a fast shutdown, and an immediate one if the first takes too long. Returns whether
    /// the server has ended.
    pub fn stop(&mut self) -> bool {
        for signal in [Signal::INT, Signal::QUIT] {
            let start = Instant::now();
            // After its end, the pid may belong to another process.
            if self.ended().is_none() {
                let _ = kill_process(self.pid, signal);
            }
            while start.elapsed() < GRACE {
                if self.ended().is_some() {
                    return true;
                }
                sleep(TICK);
            }
        }
        false
    }
}

/// A running server as described by `postmaster.pid`.
pub struct Found {
    pub pid: Pid,
    pub ready: bool,
    pub socket: PathBuf,
}

/// Finds the running server on a data folder, in the same way as `pg_ctl`.
pub fn found(data: &Path) -> Option<Found> {
    let file = fs::read_to_string(data.join("postmaster.pid")).ok()?;
    let lines: Vec<&str> = file.lines().collect();
    let pid = pid_in(&file).filter(|pid| is_server(*pid, data))?;
    let line = |number: usize| lines.get(number).map(|line| line.trim()).unwrap_or_default();
    Some(Found { pid, ready: line(7) == "ready", socket: line(4).into() })
}

/// The pid of a dead server if the pid belongs to another process by now, or to a zombie that
/// nobody reaps. PostgreSQL would take either for a running server for ever.
pub fn stale(data: &Path) -> Option<u32> {
    let file = fs::read_to_string(data.join("postmaster.pid")).ok()?;
    let pid = pid_in(&file).filter(|pid| !is_server(*pid, data))?;
    Some(pid.as_raw_nonzero().get().unsigned_abs())
}

/// Ends the children of a dead postmaster. They hold its shared memory, which prevents the next one
/// from starting. Most end by themselves, but not one in the middle of a long calculation. Their
/// work is lost in any case, because the next server begins with a recovery.
pub fn end_orphans(name: &str, signal: Signal) {
    let title = format!("postgres: {name}: ");
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let pid = entry.file_name().to_str().and_then(|name| name.parse().ok());
        let Some(pid) = pid.and_then(Pid::from_raw) else { continue };
        let command = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        if command.starts_with(title.as_bytes()) {
            let _ = kill_process(pid, signal);
        }
    }
}

/// Parses the pid, which is negative for a server in single-user mode.
fn pid_in(file: &str) -> Option<Pid> {
    let pid: i32 = file.lines().next()?.trim().parse().ok()?;
    Pid::from_raw(pid.checked_abs()?)
}

fn is_server(pid: Pid, data: &Path) -> bool {
    if cfg!(target_os = "linux") && Path::new("/proc/self/cmdline").exists() {
        // The command line tells all cases apart: it is empty for zombies and missing processes,
        // and different if the pid has been reused.
        let command = fs::read(format!("/proc/{}/cmdline", pid.as_raw_nonzero()));
        let command = command.unwrap_or_default();
        command
            .split(|byte| *byte == 0)
            .any(|argument| argument == data.as_os_str().as_encoded_bytes())
    } else {
        test_kill_process(pid).is_ok()
    }
}
