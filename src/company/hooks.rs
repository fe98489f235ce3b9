//! Functions with which crates that count working time serve this one.

use futures_util::future::LocalBoxFuture;
use platform::{Result, Tx};

/// An action that runs in the transaction of the change.
pub type Hook = for<'a> fn(&'a mut Tx) -> LocalBoxFuture<'a, Result<()>>;

/// The functions that the app passes to all transactions.
#[derive(Clone, Copy)]
pub struct Hooks {
    /// Run after a change of holidays, time zone or settings
    pub calendar_changed: &'static [Hook],
}

pub(crate) async fn calendar_changed(tx: &mut Tx) -> Result<()> {
    for hook in tx.extension::<Hooks>()?.calendar_changed {
        hook(tx).await?;
    }
    Ok(())
}
