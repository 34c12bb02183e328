//! Where receivers and deliveries live, as a trait.

use async_trait::async_trait;

use super::StoreError;
use crate::job::tenant::Scope;
use crate::job::webhook::{Delivery, DeliveryId, Due, NewWebhook, Tried, Webhook, WebhookId};

/// Receivers that one tenant may have.
pub(crate) const MOST_WEBHOOKS: i64 = 16;

/// Where receivers and deliveries live. What is outside the scope of a call is answered like what is not
/// there. The deliveries that tell of jobs are written by the job store, with the change that they tell of.
#[async_trait]
pub trait WebhookStore: Send + Sync {
    /// Adds a receiver. `TooMany` when its tenant has as many as it may.
    async fn add_webhook(&self, new: NewWebhook) -> Result<Webhook, StoreError>;

    /// A tenant's receivers, oldest first.
    async fn webhooks(&self, scope: &Scope) -> Result<Vec<Webhook>, StoreError>;

    /// One receiver.
    async fn webhook(&self, scope: &Scope, id: WebhookId) -> Result<Webhook, StoreError>;

    /// Switches a receiver on or off.
    async fn enable_webhook(
        &self,
        scope: &Scope,
        id: WebhookId,
        enabled: bool,
    ) -> Result<Webhook, StoreError>;

    /// Forgets a receiver and its deliveries.
    async fn remove_webhook(&self, scope: &Scope, id: WebhookId) -> Result<(), StoreError>;

    /// Writes a test to the outbox.
    async fn test_webhook(&self, scope: &Scope, id: WebhookId) -> Result<Delivery, StoreError>;

    /// Deliveries to a receiver, newest first, at most `limit`, older than `before`; and whether more follow.
    async fn deliveries(
        &self,
        scope: &Scope,
        webhook: WebhookId,
        before: Option<DeliveryId>,
        limit: usize,
    ) -> Result<(Vec<Delivery>, bool), StoreError>;

    /// Makes a delivery due again, whatever became of it.
    async fn redeliver(
        &self,
        scope: &Scope,
        webhook: WebhookId,
        delivery: DeliveryId,
    ) -> Result<Delivery, StoreError>;

    /// Takes deliveries that are due, for so long: until then nobody else takes them. Only those of receivers
    /// that are switched on.
    async fn due_deliveries(&self, limit: usize, hold_ms: i64) -> Result<Vec<Due>, StoreError>;

    /// Writes how a try went, and when the next is due. `random` (0 to 1) spreads the next tries.
    async fn settle_delivery(
        &self,
        delivery: DeliveryId,
        tried: Tried,
        random: f64,
    ) -> Result<(), StoreError>;

    /// Forgets deliveries that ended longer ago than this. Answers how many.
    async fn sweep_deliveries(&self, older_than_ms: i64) -> Result<u64, StoreError>;
}
