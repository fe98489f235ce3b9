//! Rate limit by address: high enough for an office behind one address, too low for guessing links
//! or for keeping the database busy.

use std::num::NonZeroU32;
use std::sync::Arc;

use governor::clock::Clock;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use platform::{Error, Result};

/// Requests at once, and per second after that. Measured with the monotonic clock, which does not
/// follow the clock of the service.
const BURST: NonZeroU32 = NonZeroU32::new(120).expect("it is not zero");
const PER_SECOND: NonZeroU32 = NonZeroU32::new(2).expect("it is not zero");

/// Number of addresses beyond which idle ones are forgotten.
const MANY: usize = 10_000;

/// Counts the requests of each address, for all workers of a process.
#[derive(Clone)]
pub struct Limiter(Arc<DefaultKeyedRateLimiter<String>>);

impl Default for Limiter {
    fn default() -> Self {
        let quota = Quota::per_second(PER_SECOND).allow_burst(BURST);
        Self(Arc::new(RateLimiter::keyed(quota)))
    }
}

impl Limiter {
    pub(super) fn check(&self, address: &str) -> Result<()> {
        if self.0.len() > MANY {
            self.0.retain_recent();
        }
        self.0.check_key(&address.to_owned()).map_err(|until| {
            let wait = until.wait_time_from(self.0.clock().now()).as_secs();
            let wait = i64::try_from(wait).unwrap_or(i64::MAX).saturating_add(1);
            Error::too_many_requests("too_many_requests", wait)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_does_not_use_up_anothers() {
        let limiter = Limiter::default();
        let taken = (0..1000).take_while(|_| limiter.check("192.0.2.1").is_ok()).count();
        assert!((120..400).contains(&taken), "{taken}");
        assert_eq!(limiter.check("192.0.2.1").unwrap_err().code(), "too_many_requests");
        assert!(limiter.check("192.0.2.2").is_ok());
    }
}
