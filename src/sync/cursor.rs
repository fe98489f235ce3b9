//! Sealed positions of readers in the feed. A cursor is valid for one reader, one scope and one
//! epoch of the database, and for as long as the feed is kept.

use jiff::SignedDuration;
use platform::feed::Position;
use platform::{Error, Result, Seal, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Number of days for which the feed can be read.
pub const DAYS: i64 = 90;

/// The place at which a reader continues.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Place {
    /// The changes after this position. `as_of` is the time of the last change read, or of the
    /// request if there were no more
    Feed { after: Position, as_of: Timestamp },
    /// The current rows of this type after this id, then those of the following types, then the
    /// feed
    Copy { copy: Uuid, kind: String, after: Uuid, then: Position, begun: Timestamp },
}

impl Place {
    pub fn start(now: Timestamp) -> Self {
        Self::Feed { after: (0, 0), as_of: now }
    }

    fn as_of(&self) -> Timestamp {
        match self {
            Self::Feed { as_of, .. } => *as_of,
            Self::Copy { begun, .. } => *begun,
        }
    }
}

/// The properties that a cursor must match.
pub struct Marks<'a> {
    pub seal: &'a Seal,
    pub reader: Uuid,
    /// Digest of the scope
    pub scope: String,
    pub epoch: Uuid,
}

impl Marks<'_> {
    /// Opens a cursor. Fails with 410 if the epoch or the scope has changed, or the cursor has
    /// expired.
    pub fn open(&self, cursor: &str, now: Timestamp) -> Result<Place> {
        let text = self.seal.open(cursor, &self.context())?;
        let opened: (Place, String, Uuid) = serde_json::from_str(&text).map_err(Error::internal)?;
        let (place, scope, epoch) = opened;
        if epoch != self.epoch {
            return Err(Error::gone("epoch_changed"));
        }
        if scope != self.scope {
            return Err(Error::gone("scope_changed"));
        }
        if place.as_of().0 < now.0 - SignedDuration::from_hours(24 * DAYS) {
            return Err(Error::gone("cursor_expired"));
        }
        Ok(place)
    }

    pub fn close(&self, place: &Place) -> Result<String> {
        let text = serde_json::to_string(&(place, &self.scope, self.epoch));
        Ok(self.seal.close(&text.map_err(Error::internal)?, &self.context()))
    }

    fn context(&self) -> String {
        format!("changes {}", self.reader)
    }
}
