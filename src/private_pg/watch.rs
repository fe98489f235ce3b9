//! The thread that supervises the server: starts it, restarts it when it dies, and stops it.

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

/// Interval of the checks whether the server is running.
const GLANCE: Duration = Duration::from_millis(50);

/// Interval of the checks of the log's size.
const LOOK_AT_LOG: Duration = Duration::from_secs(10);

/// A request to stop, made by dropping the sender.
pub struct Stop(Receiver<Infallible>);

impl Stop {
    /// Waits for the request. Returns `false` if none came within this time.
    pub fn asked_within(&self, time: Duration) -> bool {
        matches!(self.0.recv_timeout(time), Err(RecvTimeoutError::Disconnected))
    }
}

/// The handle of the supervising thread.
pub struct Supervisor {
    go_on: Option<Sender<Infallible>>,
    thread: Option<JoinHandle<bool>>,
    pid: Arc<AtomicU32>,
    stopped: bool,
}

impl Supervisor {
    /// Starts the thread and returns when the server is ready. The server needs a thread of its
    /// own that lives until [`Self::stop`]: it ends with the thread that started it, and a worker
    /// or a test may end long before the process.
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

    /// Stops the supervision and then the server. Returns whether the server has ended.
    pub fn stop(&mut self) -> bool {
        self.go_on = None;
        if let Some(thread) = self.thread.take() {
            self.stopped = thread.join().unwrap_or(false);
        }
        self.stopped
    }
}

/// Supervises the server until the stop. Returns whether the server has ended then.
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
        info!(pid = server.pid(), "PostgreSQL is running again");
    }
}

/// The pause before a start, which doubles each time.
struct Pause(Duration);

impl Pause {
    const SHORTEST: Duration = Duration::from_millis(50);
    const LONGEST: Duration = Duration::from_secs(10);
    /// A server that ran this long did not die of the same cause as the previous one.
    const STEADY: Duration = Duration::from_mins(1);
    /// The pause after a clean shutdown, in which `pg_ctl restart` can start the server itself.
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
