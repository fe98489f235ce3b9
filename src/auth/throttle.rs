//! Failed logins, 登录限制: guessing is slow, and nobody locks out anybody else.
//!
//! Failures are counted in memory: an invented user name costs no row. An address from which the
//! account has logged in before, or a device that has, still passes with the correct password.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use aws_lc_rs::digest::{Context, SHA256};
use jiff::SignedDuration;
use platform::characters::fold;
use platform::{Error, Result, Timestamp};
use uuid::Uuid;

const WINDOW: SignedDuration = SignedDuration::from_mins(15);
/// An attempt that gets to be counted takes a password hash, so a window has far fewer subjects.
const REMEMBERED: usize = 100_000;
const NEVER: u32 = u32::MAX;

/// A digest of what is counted: people type their passwords into the wrong field.
type Key = [u8; 32];

/// Something whose failures are counted in a window.
#[derive(Debug, Clone, Copy)]
pub struct Subject {
    key: Key,
    /// More failures, and only a known origin passes
    suspect: u32,
    /// More failures, and nobody passes
    closed: u32,
    /// A success forgets all of its failures, and not only itself
    forgiven: bool,
}

impl Subject {
    fn new(parts: &[&[u8]], (suspect, closed): (u32, u32), forgiven: bool) -> Self {
        let mut digest = Context::new(&SHA256);
        for part in parts {
            digest.update(&(part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        let mut key = Key::default();
        key.copy_from_slice(digest.finish().as_ref());
        Self { key, suspect, closed, forgiven }
    }

    /// One account from one address, the account from everywhere, and the address for all of its
    /// accounts. A new password makes another account of it, so that setting one unlocks it.
    pub fn login(username: &str, stored: Option<&str>, address: &str) -> Vec<Self> {
        let (name, stored) = (fold(username), stored.unwrap_or_default());
        let (name, stored) = (name.as_bytes(), stored.as_bytes());
        vec![
            Self::new(&[b"pair", name, stored, address.as_bytes()], (10, 100), true),
            Self::new(&[b"account", name, stored], (100, NEVER), false),
            // An office behind one address has many people.
            Self::new(&[b"address", address.as_bytes()], (200, 1000), false),
        ]
    }

    /// A device that has logged in to the account before.
    pub fn device(person: Uuid, device: &str) -> Vec<Self> {
        vec![Self::new(&[b"device", person.as_bytes(), device.as_bytes()], (10, 10), true)]
    }

    /// The password that a signed-in person confirms.
    pub fn own_password(person: Uuid) -> Vec<Self> {
        vec![Self::new(&[b"own password", person.as_bytes()], (10, 10), true)]
    }

    /// The codes of a person whose password is known to the caller, from everywhere.
    pub fn second_factor(person: Uuid) -> Vec<Self> {
        vec![Self::new(&[b"second factor", person.as_bytes()], (10, 10), true)]
    }

    /// Programs behind an address whose secrets are wrong.
    pub fn programs(address: &str) -> Vec<Self> {
        vec![Self::new(&[b"programs", address.as_bytes()], (50, 50), false)]
    }
}

#[derive(Debug, Clone, Copy)]
struct Failures {
    count: u32,
    first_at: Timestamp,
}

impl Failures {
    fn is_over(&self, now: Timestamp) -> bool {
        self.first_at.0 + WINDOW <= now.0
    }

    /// Seconds until it is over
    fn wait(&self, now: Timestamp) -> i64 {
        (self.first_at.0 + WINDOW).duration_since(now.0).as_secs() + 1
    }
}

/// The failures of the last minutes, in one process.
#[derive(Clone, Default)]
pub struct Throttle(Arc<Mutex<HashMap<Key, Failures>>>);

/// An attempt that counts as failed until it has succeeded: of many at the same moment none gets
/// past the limit.
#[must_use]
pub struct Attempt {
    throttle: Throttle,
    subjects: Vec<Subject>,
    /// Seconds until others than known origins pass again
    pub suspect: Option<i64>,
}

impl Throttle {
    /// 429 when there were too many failures, whether the account exists or not.
    pub fn begin(&self, now: Timestamp, subjects: Vec<Subject>) -> Result<Attempt> {
        let mut counts = self.counts();
        // Who is refused anyhow leaves nothing behind: it would push out what counts.
        let closed = subjects.iter().filter_map(|subject| {
            let failures = counts.get(&subject.key)?;
            let closed = !failures.is_over(now) && failures.count >= subject.closed;
            closed.then(|| failures.wait(now))
        });
        if let Some(seconds) = closed.max() {
            return Err(too_many(seconds));
        }
        make_room(&mut counts, now);

        let mut suspect = None;
        for subject in &subjects {
            let new = Failures { count: 0, first_at: now };
            let failures = counts.entry(subject.key).or_insert(new);
            if failures.is_over(now) {
                *failures = new;
            }
            failures.count = failures.count.saturating_add(1);
            if failures.count > subject.suspect {
                suspect = suspect.max(Some(failures.wait(now)));
            }
        }
        Ok(Attempt { throttle: self.clone(), subjects, suspect })
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<Key, Failures>> {
        self.0.lock().expect("no panic under the lock")
    }
}

fn make_room(counts: &mut HashMap<Key, Failures>, now: Timestamp) {
    if counts.len() >= REMEMBERED {
        counts.retain(|_, failures| !failures.is_over(now));
    }
    if counts.len() >= REMEMBERED {
        counts.retain(|_, failures| failures.count > 1);
    }
    if counts.len() >= REMEMBERED {
        counts.clear();
    }
}

pub fn too_many(seconds: i64) -> Error {
    Error::too_many_requests("too_many_attempts", seconds).detail("too many failed attempts")
}

impl Attempt {
    /// The account starts again; of the address only this one is taken back, or one account of
    /// one's own would be enough to go on guessing at others.
    pub fn succeeded(self) {
        self.take_back(true);
    }

    /// Neither failed nor succeeded: nothing was tried.
    pub fn withdrawn(self) {
        self.take_back(false);
    }

    fn take_back(self, forgive: bool) {
        let mut counts = self.throttle.counts();
        for subject in &self.subjects {
            let Some(failures) = counts.get_mut(&subject.key) else { continue };
            failures.count = failures.count.saturating_sub(1);
            if failures.count == 0 || forgive && subject.forgiven {
                counts.remove(&subject.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp(jiff::Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds))
    }

    #[test]
    fn memory_is_bounded_and_the_guessed_account_stays() {
        let throttle = Throttle::default();
        let guess = |name: &str| throttle.begin(at(0), Subject::login(name, None, "a")).is_ok();
        for _ in 0..20 {
            assert!(guess("zhangwei"));
        }
        for number in 0..REMEMBERED {
            let subjects = Subject::device(Uuid::from_u128(number as u128), "");
            assert!(throttle.begin(at(0), subjects).is_ok());
        }

        let held = throttle.counts().len();
        assert!(held <= REMEMBERED, "{held}");
        let attempt = throttle.begin(at(0), Subject::login("zhangwei", None, "a")).unwrap();
        assert!(attempt.suspect.is_some());
    }

    #[test]
    fn a_window_ends() {
        let throttle = Throttle::default();
        let own = || Subject::own_password(Uuid::nil());
        for _ in 0..10 {
            assert!(throttle.begin(at(0), own()).is_ok());
        }
        assert!(throttle.begin(at(899), own()).is_err());
        assert!(throttle.begin(at(900), own()).is_ok());
    }

    #[test]
    fn a_success_forgets_the_failures_of_the_account_and_not_of_the_address() {
        let throttle = Throttle::default();
        let begin = |name: &str| throttle.begin(at(0), Subject::login(name, None, "a")).unwrap();
        for _ in 0..9 {
            let _ = begin("zhangwei");
        }
        begin("zhangwei").succeeded();
        for _ in 0..10 {
            assert!(begin("zhangwei").suspect.is_none());
        }
        assert!(begin("zhangwei").suspect.is_some());
        begin("lina").withdrawn();
        let address = Subject::login("", None, "a")[2].key;
        assert_eq!(throttle.counts()[&address].count, 20);
    }
}
