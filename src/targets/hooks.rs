//! Hooks of targets: figures that they need from other domains, and reactions to events in other
//! domains. The app registers them once, before it serves.

use std::sync::OnceLock;

use futures_util::future::LocalBoxFuture;
use platform::{Money, Result, Tx};

use crate::target::Target;

pub use crate::target::customer_merged;

/// Hook that returns the actual of a target, as the reports count it.
pub type Actual = for<'a> fn(&'a mut Tx, &'a Target) -> LocalBoxFuture<'a, Result<Option<Money>>>;

/// Called when a target is closed. Without a registered hook no actual is recorded.
pub static ACTUAL: OnceLock<Actual> = OnceLock::new();

pub(crate) async fn actual(tx: &mut Tx, target: &Target) -> Result<Option<Money>> {
    match ACTUAL.get() {
        Some(actual) => actual(tx, target).await,
        None => Ok(None),
    }
}
