//! Limits on the resources that one caller, or all callers together, may use at the same time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};

use actix_web::{HttpMessage, HttpRequest};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;

use super::error::{Error, Result};
use super::write::Actor;

/// Number of callers from which on those that hold nothing are removed from the map.
const MANY: usize = 1000;

/// A semaphore for each caller, which exists while the caller holds or awaits permits.
#[derive(Clone)]
pub struct Shares {
    size: usize,
    parts: Arc<Mutex<HashMap<Uuid, Weak<Semaphore>>>>,
}

impl Shares {
    pub fn new(size: usize) -> Self {
        Self { size: size.max(1), parts: Arc::default() }
    }

    /// Leaves at least one of `size` permits, or an eighth of them, to other callers.
    pub fn but_one(size: usize) -> Self {
        Self::new(size - (size / 8).max(1))
    }

    /// Returns the semaphore of a caller.
    pub fn of(&self, caller: Uuid) -> Arc<Semaphore> {
        let mut parts = self.parts.lock().expect("no panic under the lock");
        if let Some(part) = parts.get(&caller).and_then(Weak::upgrade) {
            return part;
        }
        if parts.len() >= MANY {
            parts.retain(|_, part| part.strong_count() > 0);
        }
        let part = Arc::new(Semaphore::new(self.size));
        parts.insert(caller, Arc::downgrade(&part));
        part
    }
}

/// Maximum bytes of request bodies in memory at the same time: those of signed-in people and
/// programs, and those of anonymous clients, which are small.
const KNOWN: usize = 256 << 20;
const UNKNOWN: usize = 16 << 20;

/// Maximum bytes of a single caller: four batches of the largest size.
const ONE_CALLER: usize = 128 << 20;

/// Bytes of each body that count only against the caller's own limit. So other users can still
/// write when the common room is full.
const SMALL: usize = 64 << 10;

/// The memory for request bodies of one process, shared by its workers.
#[derive(Clone)]
pub struct Bodies {
    known: Arc<Semaphore>,
    unknown: Arc<Semaphore>,
    callers: Shares,
}

impl Default for Bodies {
    fn default() -> Self {
        let [known, unknown] = [KNOWN, UNKNOWN].map(|size| Arc::new(Semaphore::new(size)));
        Self { known, unknown, callers: Shares::new(ONE_CALLER) }
    }
}

impl Bodies {
    /// Returns the room of a request's body, which is empty at first.
    pub(crate) fn room(&self, req: &HttpRequest) -> Room {
        // The nil id stands for anonymous users with a link.
        let actor = req.extensions().get::<Actor>().map(|actor| actor.id);
        let (parts, spared) = match actor.filter(|id| !id.is_nil()) {
            Some(actor) => (vec![self.callers.of(actor), self.known.clone()], SMALL),
            None => (vec![self.unknown.clone()], 0),
        };
        Room { parts, held: vec![], spared }
    }
}

/// Room for a body, taken as its bytes arrive and released on drop. An announced `Content-Length`
/// does not reserve room, because announcing costs the sender nothing.
pub struct Room {
    parts: Vec<Arc<Semaphore>>,
    held: Vec<OwnedSemaphorePermit>,
    /// Remaining bytes that do not count against the common room
    spared: usize,
}

impl Room {
    /// Takes the room out of a request, for work that continues after the client disconnects.
    pub fn taken_by(req: &HttpRequest) -> Option<Self> {
        req.extensions_mut().remove()
    }

    /// Takes room for more bytes. Fails with 503 at once if there is none, because a partial body
    /// that waited would block its room for all others.
    pub(crate) fn extend(&mut self, bytes: usize) -> Result<()> {
        let spared = bytes.min(self.spared);
        self.spared -= spared;
        for (place, part) in self.parts.iter().enumerate() {
            // The first semaphore is the caller's own.
            let bytes = if place == 0 { bytes } else { bytes - spared };
            let bytes = u32::try_from(bytes).map_err(Error::internal)?;
            let more = part.clone().try_acquire_many_owned(bytes);
            let more = more.map_err(|_| Error::unavailable("busy_uploading"))?;
            match self.held.get_mut(place) {
                Some(held) => held.merge(more),
                None => self.held.push(more),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_without_a_part_are_forgotten() {
        let shares = Shares::new(2);
        let held = shares.of(Uuid::nil());

        for _ in 0..10 * MANY {
            shares.of(Uuid::now_v7());
        }

        assert!(shares.parts.lock().unwrap().len() <= MANY);
        assert!(Arc::ptr_eq(&held, &shares.of(Uuid::nil())));
    }

    #[test]
    fn room_is_given_back() {
        let bodies = Bodies::default();
        let mut room = Room { parts: vec![bodies.unknown.clone()], held: vec![], spared: 0 };

        room.extend(UNKNOWN - 10).unwrap();
        room.extend(10).unwrap();

        assert_eq!(room.extend(1).unwrap_err().code(), "busy_uploading");
        drop(room);
        assert_eq!(bodies.unknown.available_permits(), UNKNOWN);
    }
}
