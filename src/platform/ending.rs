//! The shutdown of the service, announced to all tasks that wait.

use std::sync::Arc;

use tokio::sync::watch;

/// A flag that is set when the service begins to shut down. All clones share it.
#[derive(Debug, Clone, Default)]
pub struct Ending(Arc<watch::Sender<bool>>);

impl Ending {
    /// Begins the shutdown and wakes all tasks that wait for it.
    pub fn begin(&self) {
        self.0.send_replace(true);
    }

    pub fn has_begun(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits for [`Ending::begin`].
    pub async fn begun(&self) {
        // Cannot fail, because the sender lives as long as `self`.
        let _ = self.0.subscribe().wait_for(|begun| *begun).await;
    }
}
