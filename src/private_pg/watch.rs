//! The thread that is the server's parent: starts it, brings it back when it dies, and stops it.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tracing::{error, info, warn};

use crate::cluster::{Access, Cluster};
use crate::postmaster::Postmaster;
use crate::{Error, failed};

/// How often the server is looked at.
const GLANCE: Duration = Duration::from_millis(50);

/// How often its log is.
const LOOK_AT_LOG: Duration = Duration::from_secs(10);

/// Asked for by dropping the other end.
pub struct Stop(Receiver<Infallible>);

impl Stop {
    /// Waits that long, or until the stop.
    pub fn asked_within(&self, time: Duration) -> bool {
        matches!(self.0.recv_timeout(time), Err(RecvTimeoutError::Disconnected))
    }
}

/// Our end of the thread.
pub struct Keeper {
    go_on: Option<Sender<Infallible>>,
    thread: Option<JoinHandle<bool>>,
    pid: Arc<AtomicU32>,
    stopped: bool,
}

impl Keeper {
    /// Answers when the server is ready. The thread lives until [`Self::stop`]: a worker or a test
    /// that starts a server ends long before the process does, and would take it along.
    pub fn start(mut cluster: Cluster) -> Result<(Self, Access), Error> {
        let (go_on, stop) = mpsc::channel();
        let (answer, opened) = mpsc::channel();
        let pid = Arc::new(AtomicU32::new(0));
        let shown = pid.clone();
        let thread = thread::Builder::new().name("postgres-keeper".to_owned());
        let thread = thread.spawn(move || {
            let stop = Stop(stop);
            match cluster.open(&stop) {
                Ok((server, access)) => {
                    shown.store(server.pid(), Ordering::Relaxed);
                    let _ = answer.send(Ok(access));
                    let stopped = keep(&cluster, server, &stop, &shown);
                    cluster.close();
                    stopped
                }
                Err(error) => {
                    let _ = answer.send(Err(error));
                    true
                }
            }
        });
        let thread = Some(thread.map_err(failed("cannot start a thread"))?);
        let access = opened.recv().map_err(|_| Error("the keeper of postgres ended".into()))??;
        Ok((Self { go_on: Some(go_on), thread, pid, stopped: false }, access))
    }

    pub fn pid(&self) -> Option<u32> {
        Some(self.pid.load(Ordering::Relaxed)).filter(|pid| *pid != 0)
    }

    /// First the watching ends, then the server.
    pub fn stop(&mut self) -> bool {
        self.go_on = None;
        if let Some(thread) = self.thread.take() {
            self.stopped = thread.join().unwrap_or(false);
        }
        self.stopped
    }
}

/// Until the stop. Whether the server has ended then.
fn keep(cluster: &Cluster, mut server: Postmaster, stop: &Stop, pid: &AtomicU32) -> bool {
    let mut pause = Pause::default();
    loop {
        let start = Instant::now();
        let mut looked = start;
        let how = loop {
            if stop.asked_within(GLANCE) {
                let stopped = server.stop();
                pid.store(0, Ordering::Relaxed);
                return stopped;
            }
            if let Some(how) = server.ended() {
                break how;
            }
            if looked.elapsed() > LOOK_AT_LOG {
                cluster.rotate_log();
                looked = Instant::now();
            }
        };
        pid.store(0, Ordering::Relaxed);
        warn!(pid = server.pid(), %how, "PostgreSQL ended; starting it again");
        pause.after(start.elapsed(), cluster.is_shut_down());
        server = loop {
            if stop.asked_within(pause.next()) {
                return true;
            }
            match cluster.launch(stop) {
                Ok(server) => break server,
                Err(error) => error!(%error, "PostgreSQL cannot be started; trying again"),
            }
        };
        pid.store(server.pid(), Ordering::Relaxed);
        info!(pid = server.pid(), "PostgreSQL is back");
    }
}

/// The pause before a start: each twice as long as the one before.
struct Pause(Duration);

impl Pause {
    const SHORTEST: Duration = Duration::from_millis(50);
    const LONGEST: Duration = Duration::from_secs(10);
    /// A server that was up for so long did not die of what ended the one before.
    const STEADY: Duration = Duration::from_mins(1);
    /// Somebody stopped it in order: `pg_ctl` gets the time to see that, and to start it itself.
    const IN_ORDER: Duration = Duration::from_millis(500);

    fn after(&mut self, up: Duration, in_order: bool) {
        if up >= Self::STEADY {
            *self = Self::default();
        }
        if in_order {
            self.0 = self.0.max(Self::IN_ORDER);
        }
    }

    fn next(&mut self) -> Duration {
        let pause = self.0;
        self.0 = (2 * pause).min(Self::LONGEST);
        pause
    }
}

impl Default for Pause {
    fn default() -> Self {
        Self(Self::SHORTEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_limit_and_begin_anew_after_a_steady_time() {
        let mut pause = Pause::default();
        let pauses: Vec<_> = (0..9).map(|_| pause.next().as_millis()).collect();
        assert_eq!(pauses, [50, 100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000]);
        pause.after(Duration::from_secs(59), false);
        assert_eq!(pause.next(), Pause::LONGEST);
        pause.after(Duration::from_mins(1), false);
        assert_eq!(pause.next(), Pause::SHORTEST);
        pause.after(Duration::from_mins(1), true);
        assert_eq!(pause.next(), Pause::IN_ORDER);
    }
}
