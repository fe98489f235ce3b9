//! Visible rows, part by part, for snapshots.

use std::borrow::Cow;

use access::Caller;
use auth::user;
use futures_util::future::BoxFuture;
use objects::object::CustomObject;
use platform::{Conn, Resource, Result};
use uuid::Uuid;

use crate::data::Data;

/// The part of a table to copy.
#[derive(Debug, Clone, Copy)]
pub enum Part<'a> {
    /// Up to this number of rows after this id, in the order of ids
    After(Uuid, i64),
    /// The rows with these ids
    These(&'a [Uuid]),
}

/// A copied row with all its fields. The feed masks them for the reader.
#[derive(Debug)]
pub struct CopiedRow {
    pub kind: Cow<'static, str>,
    pub id: Uuid,
    pub version: i64,
    pub data: Data,
}

/// A function that returns the rows of a part that the caller sees now.
pub type Copier =
    for<'a> fn(&'a mut Conn, &'a Caller, Part<'a>) -> BoxFuture<'a, Result<Vec<CopiedRow>>>;

/// Returns rows as the feed copies them.
pub fn copied<R: Resource>(rows: &[R]) -> Result<Vec<CopiedRow>> {
    let copied = |row: &R| {
        let (kind, id, version) = (row.kind(), row.id(), row.version());
        Ok(CopiedRow { kind, id, version, data: Data::of(row)? })
    };
    rows.iter().map(copied).collect()
}

/// Copies all users. They need a function of their own, because a user is not a row of one table.
pub fn users<'a>(
    conn: &'a mut Conn,
    _: &'a Caller,
    part: Part<'a>,
) -> BoxFuture<'a, Result<Vec<CopiedRow>>> {
    Box::pin(async move {
        let people = match part {
            Part::After(id, limit) => user::everybody(conn, id, limit).await?,
            Part::These(ids) => user::people(conn, ids).await?,
        };
        copied(&people)
    })
}

/// Copies the objects of the types that the caller may read.
pub fn objects<'a>(
    conn: &'a mut Conn,
    caller: &'a Caller,
    part: Part<'a>,
) -> BoxFuture<'a, Result<Vec<CopiedRow>>> {
    Box::pin(async move {
        let rows = match part {
            Part::After(id, limit) => CustomObject::following(conn, caller, id, limit).await?,
            Part::These(ids) => CustomObject::those(conn, caller, ids).await?,
        };
        copied(&rows)
    })
}
