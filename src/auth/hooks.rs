//! What happens elsewhere when something happens here. The app fills these lists once, before it
//! serves: a domain further down cannot be called from here otherwise.

use std::sync::OnceLock;

use futures_util::future::{BoxFuture, LocalBoxFuture};
use platform::{Result, Tx};
use serde_json::Value;
use uuid::Uuid;

use crate::reference::Missing;

/// What keeps items of batches until that to which they refer arrives. Without it they fail.
pub static PARKING: OnceLock<Parking> = OnceLock::new();

/// Items of one type and system.
#[derive(Debug, Clone, Copy)]
pub struct Lot<'a> {
    pub kind: &'static str,
    pub source_system: &'a str,
}

/// An item to be kept.
#[derive(Debug)]
pub struct Parked {
    pub external_id: String,
    /// As it was sent
    pub item: Value,
    pub missing: Vec<Missing>,
}

type ForKeys = for<'a> fn(&'a mut Tx, Lot<'a>, &'a [String]) -> LocalBoxFuture<'a, Result<()>>;

pub struct Parking {
    /// Can something of this type arrive at all?
    pub arrives: fn(&str) -> bool,
    /// Newer items with these external ids are here: the kept ones are given up
    pub superseded: ForKeys,
    /// How many more items of this system can be kept
    pub room: for<'a> fn(&'a mut Tx, &'a str) -> LocalBoxFuture<'a, Result<usize>>,
    pub park: for<'a> fn(&'a mut Tx, Lot<'a>, Vec<Parked>) -> LocalBoxFuture<'a, Result<()>>,
    /// These are there now: what waits for them can be applied
    pub arrived: ForKeys,
}

/// Something to be done in the transaction of the change, for these people.
pub type Hook = for<'a> fn(&'a mut Tx, &'a [Uuid]) -> BoxFuture<'a, Result<()>>;

/// These people have been in no team before, and are in one now: what waited for a team path can
/// be given it.
pub static FIRST_MEMBERSHIP: OnceLock<Vec<Hook>> = OnceLock::new();

pub(crate) async fn run(hooks: &OnceLock<Vec<Hook>>, tx: &mut Tx, people: &[Uuid]) -> Result<()> {
    if !people.is_empty() {
        for hook in hooks.get().into_iter().flatten() {
            hook(tx, people).await?;
        }
    }
    Ok(())
}
