//! Webhooks and deliveries.

use serde::Deserialize;

use super::moment::Moment;

/// The webhooks of a tenant.
#[derive(Deserialize)]
pub(crate) struct Webhooks {
    pub(crate) data: Vec<Webhook>,
}

/// A webhook.
#[derive(Deserialize)]
pub(crate) struct Webhook {
    pub(crate) id: String,
    pub(crate) url: String,
    pub(crate) events: Vec<String>,
    pub(crate) enabled: bool,
    /// Present only in the response that creates it.
    pub(crate) secret: Option<String>,
}

/// The deliveries of a webhook, newest first.
#[derive(Deserialize)]
pub(crate) struct Deliveries {
    pub(crate) data: Vec<Delivery>,
}

/// A delivery.
#[derive(Deserialize)]
pub(crate) struct Delivery {
    pub(crate) id: String,
    pub(crate) event: String,
    pub(crate) state: String,
    pub(crate) attempts: u64,
    pub(crate) last_status: Option<u16>,
    pub(crate) last_error: Option<String>,
    pub(crate) created_at: Moment,
}
