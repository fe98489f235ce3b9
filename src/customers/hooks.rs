//! What happens downstream when something happens to a customer: the crates that refer to
//! customers register here, and app.rs wires them.

use std::sync::OnceLock;

use futures_util::future::LocalBoxFuture;
use platform::{Result, Tx};

use crate::customer::Customer;

/// Moves the references of the loser (second) to the winner (first), in the same transaction.
pub type Merged =
    for<'a> fn(&'a mut Tx, &'a Customer, &'a Customer) -> LocalBoxFuture<'a, Result<()>>;

/// Refuses to give a prospect up.
pub type GivenUp = for<'a> fn(&'a mut Tx, &'a Customer) -> LocalBoxFuture<'a, Result<()>>;

/// What has to be tried before (S37).
pub static GIVEN_UP: OnceLock<GivenUp> = OnceLock::new();

/// Tells whether a customer ever bought anything.
pub type Bought = for<'a> fn(&'a mut Tx, &'a Customer) -> LocalBoxFuture<'a, Result<bool>>;

/// Who has bought is no prospect that is given up.
pub static BOUGHT: OnceLock<Bought> = OnceLock::new();

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

pub(crate) async fn check_given_up(tx: &mut Tx, customer: &Customer) -> Result<()> {
    if let Some(bought) = BOUGHT.get()
        && bought(tx, customer).await?
    {
        return Ok(());
    }
    match GIVEN_UP.get() {
        Some(hook) => hook(tx, customer).await,
        None => Ok(()),
    }
}
