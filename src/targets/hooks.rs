//! What targets need to know from further down, and what happens to them when something happens
//! further up. The app fills and wires this once, before it serves.

use std::sync::OnceLock;

use futures_util::future::LocalBoxFuture;
use platform::{Money, Result, Tx};

use crate::target::Target;

pub use crate::target::customer_merged;

/// What has been reached of a target, as the reports count it.
pub type Actual = for<'a> fn(&'a mut Tx, &'a Target) -> LocalBoxFuture<'a, Result<Option<Money>>>;

/// Asked when a target is closed; while nobody answers, nothing is kept.
pub static ACTUAL: OnceLock<Actual> = OnceLock::new();

pub(crate) async fn actual(tx: &mut Tx, target: &Target) -> Result<Option<Money>> {
    match ACTUAL.get() {
        Some(actual) => actual(tx, target).await,
        None => Ok(None),
    }
}
