//! Functions with which crates that refer to customers serve this one.

use std::collections::HashSet;

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

/// The ids of the rows that were moved.
pub type Moved<'a> = LocalBoxFuture<'a, Result<Vec<Uuid>>>;

/// Moves rows, in the same transaction.
pub type Moves = for<'a> fn(&'a mut Tx, &'a Move<'a>) -> Moved<'a>;

/// Returns an error if a prospect must not be given up yet.
pub type GivenUp = for<'a> fn(&'a mut Tx, &'a Customer) -> LocalBoxFuture<'a, Result<()>>;

/// Returns whether a customer has ever bought anything.
pub type Bought = for<'a> fn(&'a mut Tx, &'a Customer) -> LocalBoxFuture<'a, Result<bool>>;

/// The functions that the app passes to all transactions.
#[derive(Clone, Copy)]
pub struct Hooks {
    /// Move the rows of a merged customer, in the order in which transactions lock them
    pub customer_merged: &'static [Moves],
    /// Checks what must have been tried before a prospect is given up
    pub check_given_up: GivenUp,
    /// A customer that has bought is exempt from this check
    pub ever_bought: Bought,
}

/// Moves rows of all types. Returns the ids of the rows.
pub(crate) async fn moved(tx: &mut Tx, rows: &Move<'_>) -> Result<Vec<Uuid>> {
    let mut moved = vec![];
    for hook in tx.extension::<Hooks>()?.customer_merged {
        moved.extend(hook(tx, rows).await?);
    }
    Ok(moved)
}

pub(crate) async fn check_given_up(tx: &mut Tx, customer: &Customer) -> Result<()> {
    let hooks: Hooks = tx.extension()?;
    if (hooks.ever_bought)(tx, customer).await? {
        return Ok(());
    }
    (hooks.check_given_up)(tx, customer).await
}

/// Writes the hook `customer_merged` of a table whose rows only get another customer. The function
/// returns the row for the other customer.
///
/// ```text
/// customers::merged! { meetings: Meeting, |row, to| Meeting { customer_id: to.id, ..row } }
/// ```
#[macro_export]
macro_rules! merged {
    ($table:ident: $row:ty, $moved:expr) => {
        /// Hook of customers: moves the loser's rows to the winner of a merge, or back when the merge
        /// is undone.
        pub fn customer_merged<'a>(
            tx: &'a mut platform::Tx,
            rows: &'a $crate::hooks::Move<'a>,
        ) -> $crate::hooks::Moved<'a> {
            use schema::$table::{customer_id, id, table};
            let moved: fn($row, &$crate::customer::Customer) -> $row = $moved;
            Box::pin(async move {
                let theirs = table.filter(customer_id.eq(rows.from.id)).order(id).select(id);
                let theirs = theirs.for_update().load::<uuid::Uuid>(tx.conn()).await?;
                let ids = rows.taken(theirs, |row| *row);
                let theirs = <$row>::query().filter(id.eq_any(&ids)).order(id);
                for before in theirs.load::<$row>(tx.conn()).await? {
                    before.save(tx, moved(before.clone(), rows.to)).await?;
                }
                Ok(ids)
            })
        }
    };
}
