//! What a file's visibility needs to know from further down: the crates that have attachments
//! say who sees their rows. The app fills this once, before it serves.

use std::sync::OnceLock;

use auth::Caller;
use futures_util::future::LocalBoxFuture;
use platform::{Conn, Result};
use uuid::Uuid;

/// May the caller see the row with this id?
pub type Visible = for<'a> fn(&'a mut Conn, &'a Caller, Uuid) -> LocalBoxFuture<'a, Result<bool>>;

/// By the type of the resource, as the change feed calls it.
pub static VISIBLE: OnceLock<Vec<(&'static str, Visible)>> = OnceLock::new();

/// Whether the visible lookup of a row has found it.
pub fn found<T>(row: Result<T>) -> Result<bool> {
    match row {
        Ok(_) => Ok(true),
        Err(error) if error.code() == "not_found" => Ok(false),
        Err(error) => Err(error),
    }
}

/// Rows of a type that nobody has registered are seen by nobody.
pub(crate) async fn visible(
    conn: &mut Conn,
    caller: &Caller,
    kind: &str,
    id: Uuid,
) -> Result<bool> {
    match VISIBLE.get().into_iter().flatten().find(|it| it.0 == kind) {
        Some((_, visible)) => visible(conn, caller, id).await,
        None => Ok(false),
    }
}
