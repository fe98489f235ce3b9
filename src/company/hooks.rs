//! Hooks for changes of the company. Crates that count working time register here; `app.rs` wires
//! them.

use std::sync::OnceLock;

use futures_util::future::LocalBoxFuture;
use platform::{Result, Tx};

/// An action that runs in the transaction of the change.
pub type Hook = for<'a> fn(&'a mut Tx) -> LocalBoxFuture<'a, Result<()>>;

/// Hooks for changed holidays, time zone or settings.
pub static CALENDAR: OnceLock<Vec<Hook>> = OnceLock::new();

pub(crate) async fn calendar_changed(tx: &mut Tx) -> Result<()> {
    for hook in CALENDAR.get().into_iter().flatten() {
        hook(tx).await?;
    }
    Ok(())
}
