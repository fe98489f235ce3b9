//! Throttling of failed logins, 登录限制: it slows down guessing, but users cannot lock out others.
//!
//! Failures are counted in memory, so that an invented user name takes no row. An address or a
//! device that has logged in to the account before is still accepted with the correct password.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use aws_lc_rs::digest::{Context, SHA256};
use jiff::SignedDuration;
use platform::characters::fold;
use platform::{Error, Result, Timestamp};
use uuid::Uuid;

/// The time for which failures are counted.
const WINDOW: SignedDuration = SignedDuration::from_mins(15);
/// The maximum number of counters. A window has far fewer, because a counted attempt takes the time
/// of a password hash.
const REMEMBERED: usize = 100_000;
const NEVER: u32 = u32::MAX;

/// A digest of a counted subject. Not the user name itself, because people type passwords into the
/// wrong field.
type Key = [u8; 32];

/// A subject whose failures are counted, such as an account or an address.
#[derive(Debug, Clone, Copy)]
pub struct Subject {
    key: Key,
    /// The number of attempts above which only known origins are accepted
    suspect: u32,
    /// The number of attempts from which all are refused
    closed: u32,
    /// `true` if a success clears all failures, `false` if it only removes its own attempt
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

    /// The subjects of a login: the account from this address, the account from all addresses, and
    /// the address for all accounts. The stored password is a part of the key, so that setting a
    /// new password unlocks the account.
    pub fn login(username: &str, stored: Option<&str>, address: &str) -> Vec<Self> {
        let (name, stored) = (fold(username), stored.unwrap_or_default());
        let (name, stored) = (name.as_bytes(), stored.as_bytes());
        vec![
            Self::new(&[b"pair", name, stored, address.as_bytes()], (10, 100), true),
            Self::new(&[b"account", name, stored], (100, NEVER), false),
            // Higher, because many people may share the address of an office.
            Self::new(&[b"address", address.as_bytes()], (200, 1000), false),
        ]
    }

    /// The subject of a login from a device that has logged in to the account before.
    pub fn device(person: Uuid, device: &str) -> Vec<Self> {
        vec![Self::new(&[b"device", person.as_bytes(), device.as_bytes()], (10, 10), true)]
    }

    /// The subject of a signed-in user who confirms their own password.
    pub fn own_password(person: Uuid) -> Vec<Self> {
        vec![Self::new(&[b"own password", person.as_bytes()], (10, 10), true)]
    }

    /// The subject of codes of a user's second factor, from all addresses. The caller knows the
    /// password already.
    pub fn second_factor(person: Uuid) -> Vec<Self> {
        vec![Self::new(&[b"second factor", person.as_bytes()], (10, 10), true)]
    }

    /// The subject of API clients with wrong secrets at one address.
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

    /// Returns the seconds until the window ends.
    fn wait(&self, now: Timestamp) -> i64 {
        (self.first_at.0 + WINDOW).duration_since(now.0).as_secs() + 1
    }
}

/// The recent failures, in the memory of one process.
#[derive(Clone, Default)]
pub struct Throttle(Arc<Mutex<HashMap<Key, Failures>>>);

/// An attempt, which counts as failed until it succeeds, so that concurrent attempts cannot exceed
/// the limit.
#[must_use]
pub struct Attempt {
    throttle: Throttle,
    subjects: Vec<Subject>,
    /// Seconds until unknown origins are accepted again. `None` if they are accepted now
    pub suspect: Option<i64>,
}

impl Throttle {
    /// Begins an attempt. Returns 429 after too many failures, whether or not the account exists.
    pub fn begin(&self, now: Timestamp, subjects: Vec<Subject>) -> Result<Attempt> {
        let mut counts = self.counts();
        // Refused attempts create no counters, which would displace those that matter.
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

/// Keeps the number of counters bounded: drops expired ones first, then those with a single
/// failure, at last all.
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
    Error::too_many_requests("too_many_attempts", seconds)
        .detail("There were too many failed attempts.")
}

impl Attempt {
    /// Clears the failures of the account from this address. For the other subjects, only this
    /// attempt is undone: otherwise an attacker with one account could go on guessing others.
    pub fn succeeded(self) {
        self.take_back(true);
    }

    /// Takes the attempt back if nothing was tried.
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
