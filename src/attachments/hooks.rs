//! Hooks for the visibility of files: the crates whose rows have attachments say who sees these
//! rows. The app registers them once, before it serves.

use std::sync::OnceLock;

use auth::Caller;
use futures_util::future::LocalBoxFuture;
use platform::{Conn, Result};
use uuid::Uuid;

/// Returns true if the caller may see the row with this id.
pub type Visible = for<'a> fn(&'a mut Conn, &'a Caller, Uuid) -> LocalBoxFuture<'a, Result<bool>>;

/// Registered checks, by the resource type that the change feed uses.
pub static VISIBLE: OnceLock<Vec<(&'static str, Visible)>> = OnceLock::new();

/// Returns true if the lookup found a visible row, and false if it failed with `not_found`.
pub fn found<T>(row: Result<T>) -> Result<bool> {
    match row {
        Ok(_) => Ok(true),
        Err(error) if error.code() == "not_found" => Ok(false),
        Err(error) => Err(error),
    }
}

/// Returns true if the caller may see the row. Rows of an unregistered type are visible to nobody.
pub(crate) async fn visible(
    conn: &mut Conn,
    caller: &Caller,
    kind: &str,
    id: Uuid,
) -> Result<bool> {
    match VISIBLE.get().into_iter().flatten().find(|entry| entry.0 == kind) {
        Some((_, visible)) => visible(conn, caller, id).await,
        None => Ok(false),
    }
}
