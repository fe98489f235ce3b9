//! A copy of everything that a reader sees, which joins the change feed without a hole: the rows as
//! they are when they are read, by type and id, and then the changes since the copy was begun. What
//! changed meanwhile comes once more, so that the copy ends where the service is.

use platform::changes::Op;
use platform::feed::Position;
use platform::{Conn, Result, Seal, Timestamp};
use serde::Deserialize;
use uuid::{Builder, Uuid};

use crate::change::ChangeEvent;
use crate::copies::{Copied, Part};
use crate::cursor::Place;
use crate::scope::Scope;

/// One step of a copy.
pub struct Copying<'a> {
    pub copy: Uuid,
    /// The type that is being copied, and the last id of it
    pub kind: &'a str,
    pub after: Uuid,
    /// Where the feed goes on
    pub then: Position,
    pub begun: Timestamp,
}

impl Copying<'_> {
    /// So many rows, and what comes next.
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
        let place = |name: &str| crate::kinds::KINDS.iter().position(|it| it.name == name);
        let first = place(self.kind);
        for kind in scope.kinds().filter(|it| place(it.name) >= first) {
            // Types that this page does not ask for are not copied: it begins with the next one.
            if kind.name != self.kind {
                after = Uuid::nil();
            }
            let left = limit - i64::try_from(items.len()).unwrap_or(limit);
            let rows = (kind.copy)(conn, scope.caller, Part::After(after, left)).await?;
            let full = i64::try_from(rows.len()).is_ok_and(|rows| rows == left);
            let last = rows.last().map(|it| it.id);
            for row in rows {
                items.push(self.event(scope, seal, kind.name, row)?);
            }
            if let (true, Some(after)) = (full, last) {
                let next = Place::Copy { copy, kind: kind.name.into(), after, then, begun };
                return Ok((items, next));
            }
        }
        Ok((items, Place::Feed { after: then, as_of: begun }))
    }

    /// The id follows from the row and the copy: whoever asks for a page twice gets the same.
    fn event(
        &self,
        scope: &Scope<'_>,
        seal: &Seal,
        kind: &str,
        row: Copied,
    ) -> Result<ChangeEvent> {
        let Copied { id, version, data } = row;
        let at = data.read().map_or(self.begun, |it: Stamp| it.updated_at);
        let name = format!("{} {kind} {id} {version}", self.copy);
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&seal.fingerprint(name.as_bytes())[..16]);
        let event_id = Builder::from_custom_bytes(bytes).into_uuid();
        let (kind, data) = (kind.to_owned(), Some(scope.shown(kind, data)?));
        Ok(ChangeEvent { event_id, kind, id, op: Op::Created, version, at, data })
    }
}

/// When a row was last changed.
#[derive(Deserialize)]
struct Stamp {
    updated_at: Timestamp,
}
