//! Lookups of targets and of their owners.

use access::Caller;
use futures_util::future::BoxFuture;
use intake::reference::{Found, Wanted};
use platform::{Conn, Result};
use schema::targets;

use super::Target;

intake::find! {
    /// Finds the referenced targets that the caller may see.
    find_targets in targets, sees Target
}

/// Finds nothing, because the company and channels are owners without an id.
pub(super) fn find_nothing<'a>(
    _: &'a mut Conn,
    _: &'a Caller,
    _: &'a Wanted,
) -> BoxFuture<'a, Result<Found>> {
    Box::pin(async { Ok(Found::default()) })
}

/// Finds owners whose type is not known: ids are taken as they are, and external ids are unknown.
pub(super) fn find_as_given<'a>(
    _: &'a mut Conn,
    _: &'a Caller,
    wanted: &'a Wanted,
) -> BoxFuture<'a, Result<Found>> {
    Box::pin(async {
        let mut found = Found::default();
        found.extend(wanted.ids.iter().map(|id| (*id, 0, None, None)));
        Ok(found)
    })
}
