//! Snapshots of everything that a reader sees, which continue in the change feed without a gap:
//! first the rows as they are when they are read, by type and id, then the changes since the
//! snapshot began. Rows that changed meanwhile are returned again, so that the copy ends up in
//! sync.

use platform::changes::Op;
use platform::feed::Position;
use platform::{Conn, Result, Seal, Timestamp};
use serde::Deserialize;
use uuid::{Builder, Uuid};

use crate::change::ChangeEvent;
use crate::copies::{CopiedRow, Part};
use crate::cursor::Place;
use crate::scope::Scope;

/// A step of a snapshot.
pub struct SnapshotStep<'a> {
    pub copy: Uuid,
    /// The type that is being copied, and the last id copied of it
    pub kind: &'a str,
    pub after: Uuid,
    /// Position at which the feed continues
    pub then: Position,
    pub begun: Timestamp,
}

impl SnapshotStep<'_> {
    /// Returns up to `limit` rows, and the place of the next page.
    pub async fn page(
        &self,
        conn: &mut Conn,
        scope: &Scope<'_>,
        seal: &Seal,
        limit: i64,
    ) -> Result<(Vec<ChangeEvent>, Place)> {
        let Self { copy, then, begun, .. } = *self;
        let mut items: Vec<ChangeEvent> = vec![];
        let mut after = self.after;

        let place = |name: &str| crate::kinds::KINDS.iter().position(|kind| kind.name == name);
        let first = place(self.kind);
        for kind in scope.kinds().filter(|kind| place(kind.name) >= first) {
            // The type of the cursor may not be among those asked for: the next one starts at its
            // beginning.
            if kind.name != self.kind {
                after = Uuid::nil();
            }

            let left = limit - i64::try_from(items.len()).unwrap_or(limit);
            let rows = (kind.copy)(conn, scope.caller, Part::After(after, left)).await?;
            let full = i64::try_from(rows.len()).is_ok_and(|rows| rows == left);
            let last = rows.last().map(|row| row.id);
            for row in rows {
                items.push(self.event(scope, seal, row)?);
            }

            if let (true, Some(after)) = (full, last) {
                let next = Place::Copy { copy, kind: kind.name.into(), after, then, begun };
                return Ok((items, next));
            }
        }
        Ok((items, Place::Feed { after: then, as_of: begun }))
    }

    /// Makes the event of a row. Its id is derived from the row and the snapshot, so that a page
    /// that is read twice has the same ids.
    fn event(&self, scope: &Scope<'_>, seal: &Seal, row: CopiedRow) -> Result<ChangeEvent> {
        let CopiedRow { kind, id, version, data } = row;
        let at = data.read().map_or(self.begun, |stamp: Stamp| stamp.updated_at);

        let name = format!("{} {kind} {id} {version}", self.copy);
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&seal.fingerprint(name.as_bytes())[..16]);
        let event_id = Builder::from_custom_bytes(bytes).into_uuid();

        let (kind, data) = (kind.to_string(), Some(scope.shown(&kind, data)?));
        Ok(ChangeEvent { event_id, kind, id, op: Op::Created, version, at, data })
    }
}

/// The time of the last change of a row.
#[derive(Deserialize)]
struct Stamp {
    updated_at: Timestamp,
}
