//! Hooks that other crates run when a customer changes: crates that refer to customers provide
//! them, and `app.rs` wires them.

use std::collections::HashSet;
use std::sync::OnceLock;

use futures_util::future::LocalBoxFuture;
use platform::{Result, Tx};
use uuid::Uuid;

use crate::customer::Customer;

/// Rows that change their customer: all rows of the loser of a merge or, when the merge is undone,
/// the rows that it had moved.
pub struct Move<'a> {
    pub from: &'a Customer,
    pub to: &'a Customer,
    only: Option<HashSet<Uuid>>,
}

impl<'a> Move<'a> {
    pub(crate) fn merge(winner: &'a Customer, loser: &'a Customer) -> Self {
        Self { from: loser, to: winner, only: None }
    }

    pub(crate) fn back(winner: &'a Customer, loser: &'a Customer, moved: &[Uuid]) -> Self {
        Self { from: winner, to: loser, only: Some(moved.iter().copied().collect()) }
    }

    pub fn takes(&self, id: Uuid) -> bool {
        self.only.as_ref().is_none_or(|ids| ids.contains(&id))
    }

    /// Returns the ids of the rows that move. `None` if all rows move.
    pub fn only(&self) -> Option<Vec<Uuid>> {
        self.only.as_ref().map(|ids| ids.iter().copied().collect())
    }

    /// Keeps only the rows that move.
    pub fn taken<R>(&self, mut rows: Vec<R>, id: impl Fn(&R) -> Uuid) -> Vec<R> {
        rows.retain(|row| self.takes(id(row)));
        rows
    }
}

/// Moves rows, in the same transaction. Returns their ids.
pub type Moves = for<'a> fn(&'a mut Tx, &'a Move<'a>) -> LocalBoxFuture<'a, Result<Vec<Uuid>>>;

/// Returns an error if a prospect must not be given up yet.
pub type GivenUp = for<'a> fn(&'a mut Tx, &'a Customer) -> LocalBoxFuture<'a, Result<()>>;

/// The hook that checks what must have been tried before a prospect is given up.
pub static GIVEN_UP: OnceLock<GivenUp> = OnceLock::new();

/// Returns whether a customer has ever bought anything.
pub type Bought = for<'a> fn(&'a mut Tx, &'a Customer) -> LocalBoxFuture<'a, Result<bool>>;

/// The hook behind `check_given_up`: a customer that has bought is not given up like a prospect,
/// so the check does not apply to it.
pub static BOUGHT: OnceLock<Bought> = OnceLock::new();

static MERGED: OnceLock<Vec<Moves>> = OnceLock::new();

/// Registers the hooks that move rows, once per process.
pub fn wire(merged: Vec<Moves>) {
    let _ = MERGED.set(merged);
}

/// Runs all registered hooks. Returns the ids of the rows that they moved.
/// Runs all registered hooks. Returns the ids of the rows that they moved.
pub(crate) async fn moved(tx: &mut Tx, rows: &Move<'_>) -> Result<Vec<Uuid>> {
    let mut moved = vec![];
    for hook in MERGED.get().into_iter().flatten() {
        moved.extend(hook(tx, rows).await?);
    }
    Ok(moved)
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
