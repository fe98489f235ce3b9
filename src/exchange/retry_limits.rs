//! Time limits and pauses of repeated requests.

use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

/// Time limits after which a request is given up.
#[derive(Debug, Clone, Copy)]
pub struct RetryLimits {
    /// For the first login; short, so that a wrong address is reported soon
    pub first_contact: Duration,
    /// For every later request with all its repetitions; long enough for a restart of the service
    pub request: Duration,
    /// Without a single byte of a response. The request is then repeated with the same
    /// `Idempotency-Key`, so that it takes effect once only.
    pub silence: Duration,
}

impl Default for RetryLimits {
    fn default() -> Self {
        Self {
            first_contact: Duration::from_secs(30),
            request: Duration::from_mins(5),
            silence: Duration::from_mins(2),
        }
    }
}

/// The pause after the first failure; it doubles from then on.
const SHORTEST: Duration = Duration::from_millis(200);
const LONGEST: Duration = Duration::from_secs(10);

/// A request with its repetitions.
#[derive(Debug)]
pub struct Attempt {
    end: Instant,
    failures: u32,
}

impl Attempt {
    pub fn within(time: Duration) -> Self {
        Self { end: Instant::now() + time, failures: 0 }
    }

    /// The pause before the next try: the one that the service asked for, or else a growing one.
    /// `None` if the next try would be too late.
    pub fn next(&mut self, asked: Option<Duration>) -> Option<Duration> {
        let backoff = SHORTEST.saturating_mul(1 << self.failures.min(10)).min(LONGEST);
        self.failures += 1;
        // Random, so that clients that failed together do not return together.
        let pause = match asked {
            Some(asked) => asked + SHORTEST.mul_f64(jitter()),
            None => backoff.mul_f64(0.5 + jitter() / 2.0),
        };
        (Instant::now() + pause <= self.end).then_some(pause)
    }
}

/// A random number from 0 to 1. The random keys of a hash map are good enough for this.
fn jitter() -> f64 {
    let bits = u32::try_from(RandomState::new().hash_one(0) >> 32).unwrap_or_default();
    f64::from(bits) / f64::from(u32::MAX)
}

/// Parses `Retry-After` in seconds. A date, which RFC 9110 allows but our service never sends,
/// is ignored.
pub fn retry_after(headers: &reqwest::header::HeaderMap) -> Option<Duration> {
    let seconds = headers.get("Retry-After")?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_limit_and_end() {
        let mut attempt = Attempt::within(Duration::from_hours(1));
        for longest in [200, 400, 800, 1600, 3200, 6400, 10_000, 10_000] {
            let pause = attempt.next(None).unwrap();
            let longest = Duration::from_millis(longest);
            assert!(pause >= longest / 2 && pause <= longest, "{pause:?} of {longest:?}");
        }
        assert!(attempt.next(Some(Duration::from_secs(7))).unwrap() >= Duration::from_secs(7));
        assert_eq!(attempt.next(Some(Duration::from_hours(1))), None);
    }
}
