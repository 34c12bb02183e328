//! Delivers what is in the outbox, until each receiver has taken it or was given up.

mod resolver;

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::header::CONTENT_TYPE;
use reqwest::redirect;
use sha2::Sha256;
use tokio_util::sync::CancellationToken;

use crate::artifact::network;
use crate::job::store::webhooks::WebhookStore;
use crate::job::webhook::address::Policy;
use crate::job::webhook::{Due, Tried};
use crate::telemetry::metric;
use crate::telemetry::pulse::Pulse;
use resolver::{Judged, NotPublic};

/// How long a receiver may take.
const TIMEOUT: Duration = Duration::from_secs(15);
/// A delivery in hand is not taken by another for so long.
const HOLD_MS: i64 = 60_000;
/// Deliveries on their way at a time.
const AT_ONCE: usize = 16;

/// How often the outbox is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Time between two looks when nothing was due.
    pub poll: Duration,
    /// Where deliveries may go.
    pub policy: Policy,
}

/// Delivers.
pub struct Courier {
    outbox: Arc<dyn WebhookStore>,
    http: reqwest::Client,
    options: Options,
}

impl Courier {
    /// A courier for this outbox.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn new(outbox: Arc<dyn WebhookStore>, options: Options) -> Result<Self, reqwest::Error> {
        // Another call may have installed it before: it is the same one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .timeout(TIMEOUT)
            // A redirect or a proxy would lead where nobody has judged the address.
            .redirect(redirect::Policy::none())
            .no_proxy()
            .dns_resolver(Arc::new(Judged(options.policy)))
            .user_agent(concat!("optin/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self {
            outbox,
            http,
            options,
        })
    }

    /// Delivers until it is told to stop.
    pub async fn run(&self, pulse: &Pulse, stop: CancellationToken) {
        while !stop.is_cancelled() {
            pulse.beat();
            let delivered = match self.round().await {
                Ok(count) => count,
                Err(error) => {
                    tracing::warn!(%error, "the outbox cannot be read; trying again");
                    0
                }
            };
            if delivered == 0 {
                tokio::select! {
                    () = tokio::time::sleep(self.options.poll) => {}
                    () = stop.cancelled() => {}
                }
            }
        }
    }

    /// Tries what is due now. Answers how many that were.
    ///
    /// # Errors
    /// When the outbox cannot be read.
    pub async fn round(&self) -> Result<usize, crate::job::store::StoreError> {
        let due = self.outbox.due_deliveries(AT_ONCE, HOLD_MS).await?;
        let count = due.len();
        futures::future::join_all(due.into_iter().map(|due| self.deliver(due))).await;
        Ok(count)
    }

    async fn deliver(&self, due: Due) {
        let tried = self.attempt(&due).await;
        let outcome = match &tried {
            Tried::Delivered(_) => "delivered",
            Tried::Failed { .. } => "failed",
            Tried::Gone => "gone",
        };
        metrics::counter!(metric::DELIVERIES, "outcome" => outcome).increment(1);
        let id = due.delivery.id;
        if let Tried::Failed { error, .. } = &tried {
            tracing::info!(delivery = %id, webhook = %due.delivery.webhook, error, "a delivery failed");
        }
        let random = rand::random::<f64>();
        if let Err(error) = self.outbox.settle_delivery(id, tried, random).await {
            // It is due again when the hold ends: told twice rather than never.
            tracing::warn!(delivery = %id, %error, "how a delivery went was not written");
        }
    }

    async fn attempt(&self, due: &Due) -> Tried {
        let failed = |error: String| Tried::Failed {
            status: None,
            error,
        };
        let url = match self.options.policy.check(&due.url) {
            Ok(url) => url,
            Err(error) => return failed(error),
        };
        let body = due.delivery.body.to_string();
        let id = due.delivery.id.to_string();
        let timestamp = jiff::Timestamp::now().as_second().to_string();
        let Some(signature) = sign(&due.secret, &id, &timestamp, &body) else {
            return failed(
                "the webhook's secret cannot be read; make the webhook again".to_owned(),
            );
        };
        let host = network::host(&url);
        let sent = self
            .http
            .post(url)
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", signature)
            .body(body)
            .send()
            .await;
        match sent.map(|response| response.status().as_u16()) {
            Ok(status @ 200..300) => Tried::Delivered(status),
            Ok(410) => Tried::Gone,
            Ok(status) => Tried::Failed {
                status: Some(status),
                error: format!("the receiver answered {status}"),
            },
            Err(error) => failed(told(&error, &host)),
        }
    }
}

/// `v1,` and the HMAC-SHA256 of id, time and body, as Standard Webhooks has it; `None` when the secret is none.
#[must_use]
pub fn sign(secret: &str, id: &str, timestamp: &str, body: &str) -> Option<String> {
    let key = BASE64_STANDARD
        .decode(secret.strip_prefix("whsec_")?)
        .ok()?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).ok()?;
    mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
    let tag = BASE64_STANDARD.encode(mac.finalize().into_bytes());
    Some(format!("v1,{tag}"))
}

/// Why nothing was delivered, without the URL: its owner knows it, and a path may be a secret.
fn told(error: &reqwest::Error, host: &str) -> String {
    match network::cause::<NotPublic>(error) {
        Some(refused) => refused.to_string(),
        None => network::told(error, host),
    }
}
