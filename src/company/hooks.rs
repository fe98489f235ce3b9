//! Functions with which crates that count working time or amounts serve this one.

use futures_util::future::{BoxFuture, LocalBoxFuture};
use platform::{Result, Tx};

/// An action that runs in the transaction of the change.
pub type Hook = for<'a> fn(&'a mut Tx) -> LocalBoxFuture<'a, Result<()>>;

/// Returns whether there are amounts in the company's currency.
pub type UsesCurrency = for<'a> fn(&'a mut Tx) -> BoxFuture<'a, Result<bool>>;

/// The functions that the app passes to all transactions.
#[derive(Clone, Copy)]
pub struct Hooks {
    /// Run after a change of holidays, time zone or settings
    pub calendar_changed: &'static [Hook],
    /// Asked before the currency changes: amounts are not converted
    pub uses_currency: &'static [UsesCurrency],
}

pub(crate) async fn calendar_changed(tx: &mut Tx) -> Result<()> {
    for hook in tx.extension::<Hooks>()?.calendar_changed {
        hook(tx).await?;
    }
    Ok(())
}
