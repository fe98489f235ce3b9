//! Functions with which crates above serve this one, which cannot depend on them.

use futures_util::future::{BoxFuture, LocalBoxFuture};
use platform::{Conn, Result, Tx};
use serde_json::Value;

use crate::reference::Missing;

/// The functions that the app passes to all transactions.
#[derive(Clone, Copy)]
pub struct Hooks {
    /// The store for batch items whose references do not exist yet
    pub parking: Parking,
    /// Returns `true` if a source system has an API client, which owns its external ids
    pub has_client: for<'a> fn(&'a mut Conn, &'a str) -> BoxFuture<'a, Result<bool>>,
}

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
#[derive(Clone, Copy)]
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
