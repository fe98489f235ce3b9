//! Functions with which crates whose rows have files serve this one: they say who sees these rows.

use access::Caller;
use futures_util::future::LocalBoxFuture;
use platform::{Conn, Result};
use uuid::Uuid;

/// Returns true if the caller may see the row with this id.
pub type Visible = for<'a> fn(&'a mut Conn, &'a Caller, Uuid) -> LocalBoxFuture<'a, Result<bool>>;

/// The checks for the types of rows that have files. The app registers them.
#[derive(Clone, Copy)]
pub struct Owners(pub &'static [(&'static str, Visible)]);

/// Returns true if the lookup found a visible row, and false if it failed with `not_found`.
pub fn found<T>(row: Result<T>) -> Result<bool> {
    match row {
        Ok(_) => Ok(true),
        Err(error) if error.code() == "not_found" => Ok(false),
        Err(error) => Err(error),
    }
}

impl Owners {
    /// Returns true if the caller may see the row. Rows of an unregistered type are visible to
    /// nobody.
    pub(crate) async fn is_visible(
        self,
        conn: &mut Conn,
        caller: &Caller,
        kind: &str,
        id: Uuid,
    ) -> Result<bool> {
        match self.0.iter().find(|owner| owner.0 == kind) {
            Some((_, visible)) => visible(conn, caller, id).await,
            None => Ok(false),
        }
    }
}
