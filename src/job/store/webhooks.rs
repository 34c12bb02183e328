//! The store of webhooks and deliveries, as a trait.

use async_trait::async_trait;

use super::error::StoreError;
use crate::job::tenant::{Scope, TenantId};
use crate::job::webhook::{Delivery, DeliveryId, Due, NewWebhook, Tried, Webhook, WebhookId};

/// Maximum number of webhooks per tenant.
pub(crate) const MAX_WEBHOOKS: i64 = 16;

/// The webhooks and tenants that receive no other delivery for now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Busy {
    /// Webhooks.
    pub webhooks: Vec<WebhookId>,
    /// Tenants.
    pub tenants: Vec<TenantId>,
}

/// Store of webhooks and deliveries. Objects outside the scope of a call are reported as not found. The job store
/// writes the deliveries about jobs, in the transaction of the change that they report.
#[async_trait]
pub trait WebhookStore: Send + Sync {
    /// Creates a webhook. Returns `TooMany` if the tenant has reached the maximum number.
    async fn add_webhook(&self, new: NewWebhook) -> Result<Webhook, StoreError>;

    /// Returns the id of the key that encrypts the secrets of this database. If there is none yet, it becomes `id`.
    async fn secret_key_id(&self, id: &str) -> Result<String, StoreError>;

    /// Replaces the stored secret of a webhook. Changes nothing if it is no longer `from`.
    async fn replace_secret(&self, id: WebhookId, from: &str, to: &str) -> Result<(), StoreError>;

    /// Returns the webhooks in the scope, oldest first.
    async fn webhooks(&self, scope: &Scope) -> Result<Vec<Webhook>, StoreError>;

    /// Returns a webhook.
    async fn webhook(&self, scope: &Scope, id: WebhookId) -> Result<Webhook, StoreError>;

    /// Enables or disables a webhook.
    async fn enable_webhook(
        &self,
        scope: &Scope,
        id: WebhookId,
        enabled: bool,
    ) -> Result<Webhook, StoreError>;

    /// Deletes a webhook and its deliveries.
    async fn remove_webhook(&self, scope: &Scope, id: WebhookId) -> Result<(), StoreError>;

    /// Writes a test delivery to the outbox.
    async fn test_webhook(&self, scope: &Scope, id: WebhookId) -> Result<Delivery, StoreError>;

    /// Returns the deliveries of a webhook that are older than `before`, newest first, at most `limit`; and whether
    /// more follow.
    async fn deliveries(
        &self,
        scope: &Scope,
        webhook: WebhookId,
        before: Option<DeliveryId>,
        limit: usize,
    ) -> Result<(Vec<Delivery>, bool), StoreError>;

    /// Makes a delivery due again, whatever its state.
    async fn redeliver(
        &self,
        scope: &Scope,
        webhook: WebhookId,
        delivery: DeliveryId,
    ) -> Result<Delivery, StoreError>;

    /// Returns deliveries of enabled webhooks that are due, at most `limit` and at most one for each webhook, and hides
    /// them from other callers for `hold_ms`. `busy` webhooks and tenants are left out.
    async fn due_deliveries(
        &self,
        limit: usize,
        hold_ms: i64,
        busy: &Busy,
    ) -> Result<Vec<Due>, StoreError>;

    /// Stores the outcome of a try and the time of the next one. `random` (0 to 1) adds jitter to that time.
    async fn settle_delivery(
        &self,
        delivery: DeliveryId,
        tried: Tried,
        random: f64,
    ) -> Result<(), StoreError>;

    /// Deletes deliveries that ended at least this long ago. Returns the number of deleted deliveries.
    async fn sweep_deliveries(&self, older_than_ms: i64) -> Result<u64, StoreError>;
}
