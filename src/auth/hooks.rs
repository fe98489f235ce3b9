//! Hooks that other crates run when something changes here. The application fills them once, before
//! it serves requests, because this crate cannot depend on the crates that use it.

use std::sync::OnceLock;

use futures_util::future::{BoxFuture, LocalBoxFuture};
use platform::{Result, Tx};
use serde_json::Value;
use uuid::Uuid;

use crate::reference::Missing;

/// The store for batch items whose references do not exist yet. Without it, such items fail.
pub static PARKING: OnceLock<Parking> = OnceLock::new();

/// The type and source system of batch items.
#[derive(Debug, Clone, Copy)]
pub struct ItemSource<'a> {
    pub kind: &'static str,
    pub source_system: &'a str,
}

/// A batch item to park until its references exist.
#[derive(Debug)]
pub struct Parked {
    pub external_id: String,
    /// The item as it was sent
    pub item: Value,
    pub missing: Vec<Missing>,
}

type ForKeys =
    for<'a> fn(&'a mut Tx, ItemSource<'a>, &'a [String]) -> LocalBoxFuture<'a, Result<()>>;

/// The functions of the store for parked items.
pub struct Parking {
    /// Returns `true` if rows of this type can be imported, so that waiting for them makes sense
    pub arrives: fn(&str) -> bool,
    /// Drops the parked items with these external ids, because newer ones have been sent
    pub superseded: ForKeys,
    /// Returns the number of items that can still be parked for a source system
    pub room: for<'a> fn(&'a mut Tx, &'a str) -> LocalBoxFuture<'a, Result<usize>>,
    /// Parks items
    pub park: for<'a> fn(&'a mut Tx, ItemSource<'a>, Vec<Parked>) -> LocalBoxFuture<'a, Result<()>>,
    /// Reports that rows with these external ids exist now, so that items waiting for them can be
    /// applied
    pub arrived: ForKeys,
}

/// A function that runs for these people in the transaction of the change.
pub type Hook = for<'a> fn(&'a mut Tx, &'a [Uuid]) -> BoxFuture<'a, Result<()>>;

/// Runs for people who have joined their first team, so that rows that lack a team path can get
/// one.
pub static FIRST_MEMBERSHIP: OnceLock<Vec<Hook>> = OnceLock::new();

pub(crate) async fn run(hooks: &OnceLock<Vec<Hook>>, tx: &mut Tx, people: &[Uuid]) -> Result<()> {
    if !people.is_empty() {
        for hook in hooks.get().into_iter().flatten() {
            hook(tx, people).await?;
        }
    }
    Ok(())
}
