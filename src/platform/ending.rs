//! The end of the service, announced to whatever waits within it.

use std::sync::Arc;

use tokio::sync::watch;

/// Whether the service has been asked to end. All clones see the same.
#[derive(Debug, Clone, Default)]
pub struct Ending(Arc<watch::Sender<bool>>);

impl Ending {
    /// Asks everything that waits to come to its end.
    pub fn begin(&self) {
        self.0.send_replace(true);
    }

    pub fn has_begun(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits for [`Ending::begin`].
    pub async fn begun(&self) {
        // The sender lives as long as this does.
        let _ = self.0.subscribe().wait_for(|begun| *begun).await;
    }
}
