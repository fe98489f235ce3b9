//! Functions with which other crates serve this one, and its own for merges of customers.

use futures_util::future::LocalBoxFuture;
use platform::{Money, Result, Tx};

use crate::target::Target;

pub use crate::target::{customer_merged, uses_currency};

/// Returns the actual of a target, as the reports count it.
pub type Actual = for<'a> fn(&'a mut Tx, &'a Target) -> LocalBoxFuture<'a, Result<Option<Money>>>;

/// The functions that the app passes to all transactions.
#[derive(Clone, Copy)]
pub struct Hooks {
    /// Called when a target is closed
    pub actual: Actual,
}
