//! Deliveries in progress, and who has room for another one.
//!
//! Each webhook has a few places, so that a receiver that hangs delays only its own messages. A tenant has a share of all
//! places, so that the webhooks of one tenant never take the last place.

use std::collections::HashMap;
use std::hash::Hash;

use tokio::task::{Id, JoinSet};

use crate::job::TenantId;
use crate::job::store::webhooks::Busy;
use crate::job::webhook::WebhookId;

/// Maximum number of concurrent deliveries.
const PLACES: usize = 256;
/// Maximum number of concurrent deliveries to one webhook.
const PLACES_PER_WEBHOOK: usize = 2;

/// Deliveries in progress.
#[derive(Default)]
pub(super) struct Flights {
    tasks: JoinSet<()>,
    receivers: HashMap<Id, (WebhookId, TenantId)>,
    webhooks: HashMap<WebhookId, usize>,
    tenants: HashMap<TenantId, usize>,
}

impl Flights {
    /// Returns the number of free places.
    pub(super) fn free(&self) -> usize {
        PLACES.saturating_sub(self.receivers.len())
    }

    /// Returns whether no delivery is in progress.
    pub(super) fn is_empty(&self) -> bool {
        self.receivers.is_empty()
    }

    /// Returns the webhooks and tenants without a free place.
    pub(super) fn busy(&self) -> Busy {
        // One share remains free, for the first delivery of another tenant.
        let share = PLACES / (self.tenants.len() + 1);
        Busy {
            webhooks: at_least(&self.webhooks, PLACES_PER_WEBHOOK),
            tenants: at_least(&self.tenants, share.max(1)),
        }
    }

    /// Starts a delivery.
    pub(super) fn start(
        &mut self,
        receiver: (WebhookId, TenantId),
        task: impl Future<Output = ()> + Send + 'static,
    ) {
        *self.webhooks.entry(receiver.0).or_default() += 1;
        *self.tenants.entry(receiver.1.clone()).or_default() += 1;
        let id = self.tasks.spawn(task).id();
        self.receivers.insert(id, receiver);
    }

    /// Waits for the end of one delivery; forever if none is in progress.
    pub(super) async fn ended(&mut self) {
        let id = match self.tasks.join_next_with_id().await {
            Some(Ok((id, ()))) => id,
            Some(Err(error)) => error.id(),
            None => std::future::pending().await,
        };
        if let Some((webhook, tenant)) = self.receivers.remove(&id) {
            release(&mut self.webhooks, &webhook);
            release(&mut self.tenants, &tenant);
        }
    }
}

fn at_least<K: Clone>(counts: &HashMap<K, usize>, most: usize) -> Vec<K> {
    let busy = counts.iter().filter(|(_, count)| **count >= most);
    busy.map(|(key, _)| key.clone()).collect()
}

fn release<K: Eq + Hash>(counts: &mut HashMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}
