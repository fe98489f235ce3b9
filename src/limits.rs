//! Rate limit by caller. It is generous, and only keeps a runaway program from slowing everyone
//! down.

use std::num::NonZeroU32;
use std::sync::Arc;

use actix_web::HttpMessage;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::web::Data;
use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};
use platform::{Actor, Error, Result};
use uuid::Uuid;

/// Seconds whose requests may arrive at once.
const WINDOW: u32 = 10;

/// Number of callers beyond which idle ones are forgotten.
const MANY: usize = 10_000;

type Counter =
    RateLimiter<Uuid, DefaultKeyedStateStore<Uuid>, DefaultClock, StateInformationMiddleware>;

/// Counts the requests of each caller, for all workers of a process.
#[derive(Clone, Default)]
pub struct Limits(Option<(NonZeroU32, Arc<Counter>)>);

impl Limits {
    /// Allows this many requests per second and caller; 0 means no limit.
    pub fn per_second(requests: u32) -> Self {
        Self(NonZeroU32::new(requests).map(|rate| {
            let burst = rate.saturating_mul(NonZeroU32::new(WINDOW).expect("it is not zero"));
            let counter = RateLimiter::keyed(Quota::per_second(rate).allow_burst(burst));
            (rate, Arc::new(counter.with_middleware()))
        }))
    }

    /// Counts a request. Returns the values of `RateLimit-Policy` and `RateLimit`, and an error 429
    /// if the limit is exceeded.
    fn count(&self, caller: Uuid) -> Option<([String; 2], Result<()>)> {
        let (rate, counter) = self.0.as_ref()?;
        if counter.len() > MANY {
            counter.retain_recent();
        }
        let (left, outcome) = match counter.check_key(&caller) {
            Ok(state) => (state.remaining_burst_capacity(), Ok(())),
            Err(until) => {
                let wait = until.wait_time_from(counter.clock().now()).as_secs();
                let wait = i64::try_from(wait).unwrap_or(i64::MAX).saturating_add(1);
                (0, Err(Error::too_many_requests("too_many_requests", wait)))
            }
        };

        let quota = rate.get().saturating_mul(WINDOW);
        let full_in = quota.saturating_sub(left).div_ceil(rate.get());
        let headers = [
            format!("\"caller\";q={quota};w={WINDOW}"),
            format!("\"caller\";r={left};t={full_in}"),
        ];
        Some((headers, outcome))
    }
}

/// Counts the requests of authenticated callers. The headers follow the IETF draft "`RateLimit`
/// header fields for HTTP".
pub async fn pace(
    req: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let limits = req.app_data::<Data<Limits>>().expect("the app registers the limits");
    let caller = req.extensions().get::<Actor>().map(|actor| actor.id);
    let Some((headers, outcome)) = caller.and_then(|caller| limits.count(caller)) else {
        return Ok(next.call(req).await?.map_into_boxed_body());
    };

    let mut response = match outcome {
        Ok(()) => next.call(req).await?.map_into_boxed_body(),
        Err(error) => req.error_response(error).map_into_boxed_body(),
    };

    for (name, value) in ["ratelimit-policy", "ratelimit"].into_iter().zip(headers) {
        let value = HeaderValue::try_from(value)?;
        response.headers_mut().insert(HeaderName::from_static(name), value);
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_caller_does_not_use_up_anothers_requests() {
        let (limits, wild, other) = (Limits::per_second(5), Uuid::now_v7(), Uuid::now_v7());

        let taken = (0..1000).take_while(|_| limits.count(wild).unwrap().1.is_ok()).count();

        assert!((50..100).contains(&taken), "{taken}");
        let ([policy, state], outcome) = limits.count(wild).unwrap();
        assert_eq!(outcome.unwrap_err().code(), "too_many_requests");
        assert_eq!(policy, "\"caller\";q=50;w=10");
        assert_eq!(state, "\"caller\";r=0;t=10");
        let ([_, state], outcome) = limits.count(other).unwrap();
        assert!(outcome.is_ok());
        assert_eq!(state, "\"caller\";r=49;t=1");
        assert!(Limits::per_second(0).count(wild).is_none());
    }
}
