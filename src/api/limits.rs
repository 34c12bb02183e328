//! Limits of one caller: requests per second, and concurrent long polls and streams.

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
    /// Request timeout, in addition to the `wait` of a long poll.
    pub time: Duration,
    /// Where the address of a caller without an API key is read from.
    pub addresses: AddressSource,
}

/// The identity that requests are counted by: the API key, or the address of a caller without one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Who {
    Key(KeyId),
    Address(IpAddr),
}

/// Counts requests and readers.
pub(super) struct Meter {
    limits: Limits,
    rates: DefaultKeyedRateLimiter<Who>,
    asked: AtomicU32,
    readers: Arc<Mutex<HashMap<Who, usize>>>,
}

impl Meter {
    pub(super) fn new(limits: Limits) -> Self {
        let quota = Quota::per_second(limits.rate).allow_burst(limits.burst);
        Self {
            rates: RateLimiter::keyed(quota),
            asked: AtomicU32::new(0),
            readers: Arc::default(),
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
    pub(super) fn reader(&self, who: Who) -> Result<Reading, Problem> {
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        let count = readers.entry(who).or_default();
        if *count >= self.limits.readers {
            let detail = format!(
                "too many long polls and event streams: {count} are open, the limit; close some"
            );
            return Err(Problem::rate_limited(detail, 1));
        }
        *count += 1;
        Ok(Reading {
            who,
            readers: Arc::clone(&self.readers),
        })
    }
}

/// A counted reader.
pub(super) struct Reading {
    who: Who,
    readers: Arc<Mutex<HashMap<Who, usize>>>,
}

impl Drop for Reading {
    fn drop(&mut self) {
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = readers.get_mut(&self.who) {
            *count -= 1;
            if *count == 0 {
                readers.remove(&self.who);
            }
        }
    }
}
