//! Limits of one caller: requests per second, concurrent long polls and streams, and concurrent requests behind a proxy.

use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::request::Parts;
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use super::address::AddressSource;
use super::problem::Problem;
use crate::job::key::KeyId;

/// Number of requests after which idle callers are removed.
const CLEANUP_INTERVAL: u32 = 4_096;

/// The limits. Each process counts separately.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Requests per second of one caller.
    pub rate: NonZeroU32,
    /// Burst of requests of one caller before the rate applies.
    pub burst: NonZeroU32,
    /// Maximum number of concurrent long polls and event streams of one caller.
    pub readers: usize,
    /// Maximum number of concurrent requests of one client address, if a proxy forwards it. The connections are then
    /// those of the proxy, so they cannot be counted instead.
    pub forwarded: usize,
    /// Request timeout, in addition to the `wait` of a long poll.
    pub time: Duration,
    /// Where the address of a caller without an API key is read from.
    pub addresses: AddressSource,
}

/// The identity that requests are counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Who {
    /// The API key.
    Key(KeyId),
    /// The address of a caller whose API key is not known to be valid, or of one that needs no key.
    Address(IpAddr),
    /// The same for requests of metrics: other requests from its address must not make a scrape fail.
    Scraper(IpAddr),
}

/// Counts requests and readers.
pub(super) struct Meter {
    limits: Limits,
    rates: DefaultKeyedRateLimiter<Who>,
    asked: AtomicU32,
    readers: Counts,
    forwarded: Counts,
}

/// Numbers of what callers hold at the same time.
type Counts = Arc<Mutex<HashMap<Who, usize>>>;

impl Meter {
    pub(super) fn new(limits: Limits) -> Self {
        let quota = Quota::per_second(limits.rate).allow_burst(limits.burst);
        Self {
            rates: RateLimiter::keyed(quota),
            asked: AtomicU32::new(0),
            readers: Counts::default(),
            forwarded: Counts::default(),
            limits,
        }
    }

    /// Request timeout.
    pub(super) fn time(&self) -> Duration {
        self.limits.time
    }

    /// The identity of a caller without an API key.
    pub(super) fn address(&self, request: &Parts) -> Who {
        Who::Address(self.limits.addresses.of(request))
    }

    /// The identity of a caller of the metrics without a known API key.
    pub(super) fn scraper(&self, request: &Parts) -> Who {
        Who::Scraper(self.limits.addresses.of(request))
    }

    /// Counts a request.
    ///
    /// # Errors
    /// Returns 429 if the rate limit is exceeded.
    pub(super) fn request(&self, who: Who) -> Result<(), Problem> {
        if self.asked.fetch_add(1, Ordering::Relaxed) % CLEANUP_INTERVAL == CLEANUP_INTERVAL - 1 {
            self.rates.retain_recent();
            self.rates.shrink_to_fit();
        }
        self.rates.check_key(&who).map_err(|until| {
            let wait = until.wait_time_from(DefaultClock::default().now());
            let detail = format!(
                "rate limit exceeded: {} requests per second; retry after the seconds in Retry-After",
                self.limits.rate
            );
            let seconds = u16::try_from(wait.as_secs() + 1).unwrap_or(u16::MAX);
            Problem::rate_limited(detail, seconds)
        })
    }

    /// Counts a reader until the result is dropped.
    ///
    /// # Errors
    /// Returns 429 if the caller has too many readers.
    pub(super) fn reader(&self, who: Who) -> Result<Held, Problem> {
        Held::one(&self.readers, who, self.limits.readers).map_err(|count| {
            let detail = format!(
                "too many long polls and event streams: {count} are open, the limit; close some"
            );
            Problem::rate_limited(detail, 1)
        })
    }

    /// Counts a request that came through a proxy until the result is dropped. `None` if there is no proxy.
    ///
    /// # Errors
    /// Returns 429 if the client address has too many requests.
    pub(super) fn forwarded(&self, request: &Parts) -> Result<Option<Held>, Problem> {
        if self.limits.addresses == AddressSource::Connection {
            return Ok(None);
        }
        let held = Held::one(
            &self.forwarded,
            self.address(request),
            self.limits.forwarded,
        );
        held.map(Some).map_err(|count| {
            let detail = format!(
                "too many concurrent requests from your address: {count} are open, the limit; retry when one has ended"
            );
            Problem::rate_limited(detail, 1)
        })
    }
}

/// What a caller holds, counted until it is dropped.
pub(super) struct Held {
    who: Who,
    counts: Counts,
}

impl Held {
    /// Counts one more.
    ///
    /// # Errors
    /// Returns the number that the caller holds, if that is the maximum.
    fn one(counts: &Counts, who: Who, most: usize) -> Result<Self, usize> {
        let mut counted = counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counted.entry(who).or_default();
        if *count >= most {
            return Err(*count);
        }
        *count += 1;
        Ok(Self {
            who,
            counts: Arc::clone(counts),
        })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.who) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.who);
            }
        }
    }
}
