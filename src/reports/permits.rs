//! Turns at the database: reports are heavy, and one reader must not slow everyone else down.

use std::sync::Arc;
use std::time::Duration;

use platform::share::Shares;
use platform::{Error, Result};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use uuid::Uuid;

/// Reports that may run at the same time in one process, and CSV files that may be read from it. A
/// file takes as long as its reader, so that files have turns of their own.
const REPORTS: usize = 4;
const FILES: usize = 2;

/// Reports that one caller may run at the same time. A dashboard that asks for ten at once waits a
/// little.
const ONE_CALLER: usize = 2;

/// Maximum time to wait for a turn before 429 or 503.
const WAIT: Duration = Duration::from_secs(5);

/// The turns of one process, for all of its workers.
#[derive(Clone)]
pub struct ReportPermits {
    reports: Arc<Semaphore>,
    files: Arc<Semaphore>,
    callers: Shares,
    /// One file per caller: a slow reader could otherwise occupy all turns
    readers: Shares,
}

impl Default for ReportPermits {
    fn default() -> Self {
        let [reports, files] = [REPORTS, FILES].map(|size| Arc::new(Semaphore::new(size)));
        Self { reports, files, callers: Shares::new(ONE_CALLER), readers: Shares::new(1) }
    }
}

/// Held while a report runs.
pub struct ReportPermit(
    #[allow(dead_code, reason = "released when dropped")] [OwnedSemaphorePermit; 2],
);

impl ReportPermits {
    /// Waits for a turn. Fails with 429 `too_many_reports` when the caller has too many running,
    /// and with 503 `busy_reporting` when all callers together have.
    pub async fn take(&self, caller: Uuid, csv: bool) -> Result<ReportPermit> {
        // The caller's share comes first: waiting for it must not hold a turn that others need.
        let own = if csv { &self.readers } else { &self.callers };
        let own = timeout(WAIT, own.of(caller).acquire_owned()).await;
        let own = own.map_err(|_| Error::too_many_requests("too_many_reports", 2))?;

        let all = if csv { &self.files } else { &self.reports };
        let all = timeout(WAIT, all.clone().acquire_owned()).await;
        let all = all.map_err(|_| Error::unavailable("busy_reporting"))?;
        Ok(ReportPermit([own.map_err(Error::internal)?, all.map_err(Error::internal)?]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_caller_leaves_turns_to_others() {
        let (turns, caller, colleague) = (ReportPermits::default(), Uuid::now_v7(), Uuid::now_v7());
        let _running = [turns.take(caller, false).await, turns.take(caller, false).await];

        let third = turns.take(caller, false).await.err().unwrap();

        assert_eq!(third.code(), "too_many_reports");
        assert!(turns.take(colleague, false).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn slow_readers_of_files_do_not_hold_up_reports() {
        let (turns, slow, colleague) = (ReportPermits::default(), Uuid::now_v7(), Uuid::now_v7());
        let _one = turns.take(slow, true).await.ok().unwrap();
        assert_eq!(turns.take(slow, true).await.err().unwrap().code(), "too_many_reports");
        let _other = turns.take(Uuid::now_v7(), true).await.ok().unwrap();

        let file = turns.take(colleague, true).await.err().unwrap();

        assert_eq!(file.code(), "busy_reporting");
        assert!(turns.take(colleague, false).await.is_ok());
    }
}
