//! Limits of what one caller, or everybody together, takes at the same moment.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};

use actix_web::{HttpMessage, HttpRequest};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;

use super::error::{Error, Result};
use super::write::Actor;

/// Callers that are remembered before those that hold nothing are forgotten.
const MANY: usize = 1000;

/// A semaphore for each caller. It exists while the caller holds or awaits a part of it.
#[derive(Clone)]
pub struct Shares {
    size: usize,
    parts: Arc<Mutex<HashMap<Uuid, Weak<Semaphore>>>>,
}

impl Shares {
    pub fn new(size: usize) -> Self {
        Self { size: size.max(1), parts: Arc::default() }
    }

    /// For what has so many parts: one of them, or an eighth, is never a single caller's.
    pub fn but_one(size: usize) -> Self {
        Self::new(size - (size / 8).max(1))
    }

    /// The caller's own semaphore.
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

/// Bytes of request bodies that may be in memory at the same moment: of people and programs that have
/// signed in, and of everybody else, whose bodies are small.
const KNOWN: usize = 256 << 20;
const UNKNOWN: usize = 16 << 20;

/// The part of a single caller: four batches of the largest size.
const ONE_CALLER: usize = 128 << 20;

/// Bytes of each body that take nothing of the common room, only of the caller's own: whoever fills it
/// keeps nobody else from writing.
const SMALL: usize = 64 << 10;

/// The room for request bodies of one process, for all of its workers.
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
    /// The room of one request's body, empty at first.
    pub(crate) fn room(&self, req: &HttpRequest) -> Room {
        // The nil id stands for whoever has a link: nobody in particular.
        let actor = req.extensions().get::<Actor>().map(|actor| actor.id);
        let (parts, spared) = match actor.filter(|id| !id.is_nil()) {
            Some(actor) => (vec![self.callers.of(actor), self.known.clone()], SMALL),
            None => (vec![self.unknown.clone()], 0),
        };
        Room { parts, held: vec![], spared }
    }
}

/// Room for a body, taken as its bytes arrive and given back when this is dropped. What a request
/// only announces takes none: announcing costs its sender nothing.
pub struct Room {
    parts: Vec<Arc<Semaphore>>,
    held: Vec<OwnedSemaphorePermit>,
    /// Bytes that may still come without the common room
    spared: usize,
}

impl Room {
    /// The room of a request's body, for work that goes on when its sender hangs up.
    pub fn taken_by(req: &HttpRequest) -> Option<Self> {
        req.extensions_mut().remove()
    }

    /// Takes room for as many bytes more, or 503 at once: half a body that waited would keep its room
    /// from all others.
    pub(crate) fn extend(&mut self, bytes: usize) -> Result<()> {
        let spared = bytes.min(self.spared);
        self.spared -= spared;
        for (place, part) in self.parts.iter().enumerate() {
            // The first one is the caller's own.
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
