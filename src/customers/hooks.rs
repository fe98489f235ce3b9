//! What happens downstream when something happens to a customer: the crates that refer to
//! customers register here, and app.rs wires them.

use std::sync::OnceLock;

use futures_util::future::LocalBoxFuture;
use platform::{Result, Tx};

use crate::customer::Customer;

/// Moves the references of the loser (second) to the winner (first), in the same transaction.
pub type Merged =
    for<'a> fn(&'a mut Tx, &'a Customer, &'a Customer) -> LocalBoxFuture<'a, Result<()>>;

static MERGED: OnceLock<Vec<Merged>> = OnceLock::new();

/// Fills the hooks, once per process.
pub fn wire(merged: Vec<Merged>) {
    let _ = MERGED.set(merged);
}

pub(crate) async fn merged(tx: &mut Tx, winner: &Customer, loser: &Customer) -> Result<()> {
    for hook in MERGED.get().into_iter().flatten() {
        hook(tx, winner, loser).await?;
    }
    Ok(())
}
