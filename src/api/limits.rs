//! How much of the service one caller may take: requests per second, and readers who wait.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::ConnectInfo;
use axum::http::Extensions;
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use super::problem::Problem;
use crate::job::key::KeyId;

/// Callers that have gone quiet are forgotten after so many requests.
const FORGET_EVERY: u32 = 4_096;

/// The limits; each is counted in this process alone.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Requests a second of one caller.
    pub rate: NonZeroU32,
    /// Requests of one caller at once, before the rate counts.
    pub burst: NonZeroU32,
    /// Long polls and event streams of one caller at a time.
    pub readers: usize,
    /// Longest time to answer a request, beside the wait that it asks for.
    pub time: Duration,
}

/// Who is counted: the key, or the address of whoever shows none. Behind a proxy that is the proxy's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Who {
    Key(KeyId),
    Address(IpAddr),
}

impl Who {
    /// Whoever holds the key, or sits at the other end of the connection.
    pub(super) fn asks(key: Option<KeyId>, extensions: &Extensions) -> Self {
        let address = || {
            let info = extensions.get::<ConnectInfo<SocketAddr>>();
            info.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |info| info.0.ip())
        };
        key.map_or_else(|| Self::Address(address()), Self::Key)
    }
}

/// Counts.
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

    /// Longest time to answer a request.
    pub(super) fn time(&self) -> Duration {
        self.limits.time
    }

    /// Counts a request.
    pub(super) fn request(&self, who: Who) -> Result<(), Problem> {
        if self.asked.fetch_add(1, Ordering::Relaxed) % FORGET_EVERY == FORGET_EVERY - 1 {
            self.rates.retain_recent();
            self.rates.shrink_to_fit();
        }
        self.rates.check_key(&who).map_err(|until| {
            let wait = until.wait_time_from(DefaultClock::default().now());
            let detail = format!(
                "more than {} requests a second; slow down, and ask again after Retry-After seconds",
                self.limits.rate
            );
            let seconds = u16::try_from(wait.as_secs() + 1).unwrap_or(u16::MAX);
            Problem::rate_limited(detail, seconds)
        })
    }

    /// Counts a reader until the answer is dropped.
    pub(super) fn reader(&self, who: Who) -> Result<Reading, Problem> {
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        let count = readers.entry(who).or_default();
        if *count >= self.limits.readers {
            let detail = format!(
                "{count} long polls and event streams of yours are open already, as many as one caller may have; close some"
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

/// A reader's place.
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
