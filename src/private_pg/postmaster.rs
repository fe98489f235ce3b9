//! The server's first process: is it there, is it ready, and how it is ended.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

/// How often something that nobody announces is looked for.
pub const TICK: Duration = Duration::from_millis(5);

/// How long the server gets to end by itself, and then once more when told to drop everything.
const GRACE: Duration = Duration::from_secs(10);

/// A running server: our child, or one that a killed process left behind.
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

    /// Why it is no more, if so.
    pub fn ended(&mut self) -> Option<String> {
        match &mut self.child {
            Some(child) => child.try_wait().ok().flatten().map(|status| status.to_string()),
            None => (!is_server(self.pid, &self.data)).then(|| "not seen how".to_owned()),
        }
    }

    pub fn is_ready(&self) -> bool {
        found(&self.data).is_some_and(|it| it.ready && it.pid == self.pid)
    }

    /// Asks it to end, and insists after a while. Whether it has ended.
    pub fn stop(&mut self) -> bool {
        for signal in [Signal::INT, Signal::QUIT] {
            let start = Instant::now();
            // Not asked when it is over: the pid may belong to somebody else by now.
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

/// What `postmaster.pid` says of a live server.
pub struct Found {
    pub pid: Pid,
    pub ready: bool,
    pub socket: PathBuf,
}

/// The live server on this data folder, read as `pg_ctl` reads it.
pub fn found(data: &Path) -> Option<Found> {
    let file = fs::read_to_string(data.join("postmaster.pid")).ok()?;
    let lines: Vec<&str> = file.lines().collect();
    let pid = pid_in(&file).filter(|pid| is_server(*pid, data))?;
    let line = |number: usize| lines.get(number).map(|it| it.trim()).unwrap_or_default();
    Some(Found { pid, ready: line(7) == "ready", socket: line(4).into() })
}

/// The pid of a dead server that another process has by now, or that stays a zombie because
/// nobody reaps it: PostgreSQL would take it for a running server for ever.
pub fn stale(data: &Path) -> Option<u32> {
    let file = fs::read_to_string(data.join("postmaster.pid")).ok()?;
    let pid = pid_in(&file).filter(|pid| !is_server(*pid, data))?;
    Some(pid.as_raw_nonzero().get().unsigned_abs())
}

/// Ends the children of a dead postmaster, which keep its memory and so keep the next one from
/// starting. Most notice by themselves, but one in the middle of a long calculation does not. What
/// they do is lost in any case: the next server begins with a recovery.
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

/// A negative one is of a server for a single user.
fn pid_in(file: &str) -> Option<Pid> {
    let pid: i32 = file.lines().next()?.trim().parse().ok()?;
    Pid::from_raw(pid.checked_abs()?)
}

fn is_server(pid: Pid, data: &Path) -> bool {
    if cfg!(target_os = "linux") && Path::new("/proc/self/cmdline").exists() {
        // Gone, a zombie, or its pid given to somebody else: three cases in one look.
        let command = fs::read(format!("/proc/{}/cmdline", pid.as_raw_nonzero()));
        let command = command.unwrap_or_default();
        command.split(|byte| *byte == 0).any(|it| it == data.as_os_str().as_encoded_bytes())
    } else {
        test_kill_process(pid).is_ok()
    }
}
