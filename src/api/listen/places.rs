//! Places for connections, in total and for each client address.
//!
//! When the places are taken, a new connection gets the place of an idle one, which has sent no complete request or does
//! not read its response: of the address with the most connections, the one that has been idle for the longest time. If
//! none is idle, it gets the place of the newest connection of that address, provided that the address has at least two
//! connections more than that of the new one. So a flood from some addresses does not shut out the others. Otherwise the
//! new connection gets a reserved place, on which only the probes are answered. A probe is known only after its head, so a
//! new connection always gets a place at once.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio_util::sync::CancellationToken;

use crate::api::address::network;
use crate::telemetry::metric;

/// Number of reserved places. The oldest connection on them gives its place up to a new one.
const RESERVED: usize = 256;

/// Time without progress after which a connection counts as idle, in milliseconds. Shorter waits are normal.
const IDLE_MS: u64 = 500;

/// Why a connection has a reserved place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::api) enum Crowded {
    /// The client address has this maximum number of connections, all in use.
    Address(usize),
    /// The service has this maximum number of connections, all in use.
    Service(usize),
}

/// The progress of one connection.
pub(super) struct Seat {
    network: IpAddr,
    opened: Instant,
    /// Since when the service waits for the client to send, in milliseconds after `opened` plus one. 0 if it does not.
    unsent: AtomicU64,
    /// Since when the service waits for the client to read.
    unread: AtomicU64,
    /// Canceled when the connection loses its place.
    closed: CancellationToken,
}

impl Seat {
    fn new(network: IpAddr) -> Self {
        Self {
            network,
            opened: Instant::now(),
            unsent: AtomicU64::new(1),
            unread: AtomicU64::new(0),
            closed: CancellationToken::new(),
        }
    }

    pub(super) fn sends(&self) {
        self.unsent.store(0, Ordering::Relaxed);
    }

    pub(super) fn does_not_send(&self) {
        self.start(&self.unsent);
    }

    pub(super) fn reads(&self) {
        self.unread.store(0, Ordering::Relaxed);
    }

    pub(super) fn does_not_read(&self) {
        self.start(&self.unread);
    }

    /// Waits until the connection loses its place.
    pub(super) async fn closed(&self) {
        self.closed.cancelled().await;
    }

    fn start(&self, since: &AtomicU64) {
        let now = self.opened.elapsed().as_millis() as u64 + 1;
        // A wait that has begun keeps its start.
        let _ = since.compare_exchange(0, now, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// The time without progress, in milliseconds. `None` if the service works for the client.
    fn idle_ms(&self) -> Option<u64> {
        let now = self.opened.elapsed().as_millis() as u64 + 1;
        [&self.unsent, &self.unread]
            .into_iter()
            .map(|since| since.load(Ordering::Relaxed))
            .filter(|since| *since > 0)
            .map(|since| now.saturating_sub(since))
            .max()
    }
}

/// The places of a listener.
#[derive(Clone)]
pub(super) struct Places {
    most: usize,
    most_per_address: usize,
    taken: Arc<Mutex<Taken>>,
}

#[derive(Default)]
struct Taken {
    next: u64,
    seats: HashMap<u64, Arc<Seat>>,
    networks: HashMap<IpAddr, usize>,
    reserved: VecDeque<(u64, Arc<Seat>)>,
}

/// The place of a connection, until it is dropped.
pub(super) struct Place {
    id: u64,
    pub(super) seat: Arc<Seat>,
    /// Set if the place is a reserved one.
    pub(super) crowded: Option<Crowded>,
    taken: Arc<Mutex<Taken>>,
}

impl Places {
    pub(super) fn new(most: usize, most_per_address: usize) -> Self {
        Self {
            most,
            most_per_address,
            taken: Arc::default(),
        }
    }

    /// Takes a place for a connection from this address.
    pub(super) fn take(&self, address: IpAddr) -> Place {
        let network = network(address);
        let mut taken = lock(&self.taken);
        let here = taken.networks.get(&network).copied().unwrap_or_default();
        let crowded = if here >= self.most_per_address {
            let freed = taken.free(|seat| seat.network == network);
            (!freed).then_some(Crowded::Address(self.most_per_address))
        } else if taken.seats.len() >= self.most {
            let freed = taken.free(|_| true) || taken.balance(here);
            (!freed).then_some(Crowded::Service(self.most))
        } else {
            None
        };
        let (id, seat) = (taken.next, Arc::new(Seat::new(network)));
        taken.next += 1;
        if crowded.is_some() {
            taken.reserve(id, &seat);
        } else {
            taken.seats.insert(id, Arc::clone(&seat));
            *taken.networks.entry(network).or_default() += 1;
        }
        Place {
            id,
            seat,
            crowded,
            taken: Arc::clone(&self.taken),
        }
    }

    /// Closes an idle connection, for its file descriptor.
    pub(super) fn free_one(&self) {
        lock(&self.taken).free(|_| true);
    }
}

impl Taken {
    /// Closes one of these connections that is idle. Returns whether there is one.
    fn free(&mut self, candidate: impl Fn(&Seat) -> bool) -> bool {
        let candidates = self.seats.iter().filter(|(_, seat)| candidate(seat));
        let idle = candidates.filter_map(|(id, seat)| {
            let idle_ms = seat.idle_ms().filter(|idle_ms| *idle_ms >= IDLE_MS)?;
            let held = self.networks.get(&seat.network).copied();
            Some((held.unwrap_or_default(), idle_ms, *id))
        });
        let Some((_, _, id)) = idle.max() else {
            return false;
        };
        self.evict(id);
        true
    }

    /// Closes the newest connection of the address with the most connections, if it has at least two more than the
    /// address of a new connection, which has `here`. Returns whether it has.
    fn balance(&mut self, here: usize) -> bool {
        let largest = self.networks.iter().max_by_key(|(_, held)| **held);
        let Some((network, _)) = largest.filter(|(_, held)| **held >= here + 2) else {
            return false;
        };
        let theirs = self
            .seats
            .iter()
            .filter(|(_, seat)| seat.network == *network);
        let Some(id) = theirs.map(|(id, _)| *id).max() else {
            return false;
        };
        self.evict(id);
        true
    }

    fn evict(&mut self, id: u64) {
        if let Some(seat) = self.remove(id) {
            close(&seat);
        }
    }

    fn reserve(&mut self, id: u64, seat: &Arc<Seat>) {
        if self.reserved.len() >= RESERVED
            && let Some((_, oldest)) = self.reserved.pop_front()
        {
            close(&oldest);
        }
        self.reserved.push_back((id, Arc::clone(seat)));
    }

    fn remove(&mut self, id: u64) -> Option<Arc<Seat>> {
        let seat = self.seats.remove(&id)?;
        if let Some(count) = self.networks.get_mut(&seat.network) {
            *count -= 1;
            if *count == 0 {
                self.networks.remove(&seat.network);
            }
        }
        Some(seat)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = lock(&self.taken);
        match self.crowded {
            // A connection that lost its place has been removed.
            None => drop(taken.remove(self.id)),
            Some(_) => taken.reserved.retain(|(id, _)| *id != self.id),
        }
    }
}

fn close(seat: &Seat) {
    metrics::counter!(metric::HTTP_CONNECTIONS_CLOSED, "reason" => "crowded").increment(1);
    seat.closed.cancel();
}

fn lock(taken: &Mutex<Taken>) -> MutexGuard<'_, Taken> {
    taken.lock().unwrap_or_else(PoisonError::into_inner)
}
