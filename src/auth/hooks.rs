//! Functions with which other crates serve this one, which cannot depend on them.

use futures_util::future::BoxFuture;
use platform::{Result, Tx};
use uuid::Uuid;

/// The functions that the app passes to all transactions.
#[derive(Clone, Copy)]
pub struct Hooks {
    /// Run for people who have joined their first team, so that rows that lack a team path can get
    /// one
    pub first_membership: &'static [Hook],
}

/// A function that runs for these people in the transaction of the change.
pub type Hook = for<'a> fn(&'a mut Tx, &'a [Uuid]) -> BoxFuture<'a, Result<()>>;

pub(crate) async fn first_membership(tx: &mut Tx, people: &[Uuid]) -> Result<()> {
    if !people.is_empty() {
        for hook in tx.extension::<Hooks>()?.first_membership {
            hook(tx, people).await?;
        }
    }
    Ok(())
}
