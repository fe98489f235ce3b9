//! Functions with which other crates serve this one.

use std::collections::HashSet;

use futures_util::future::BoxFuture;
use platform::{Result, Tx};
use uuid::Uuid;

/// Returns those of the visits on which a complaint or a suggestion of the customer was recorded.
pub type ComplainedOn = for<'a> fn(&'a mut Tx, &'a [Uuid]) -> BoxFuture<'a, Result<HashSet<Uuid>>>;

/// The functions that the app passes to all transactions.
#[derive(Clone, Copy)]
pub struct Hooks {
    pub complained_on: ComplainedOn,
}

pub(crate) async fn complained_on(tx: &mut Tx, visits: &[Uuid]) -> Result<HashSet<Uuid>> {
    (tx.extension::<Hooks>()?.complained_on)(tx, visits).await
}
