//! Delivers the webhook messages in the outbox, until the endpoint accepts each one or its last try fails.
//!
//! A delivery starts as soon as it is due and its webhook has a place free. No delivery waits for the end of another
//! webhook's.

mod flights;
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
use crate::job::store::StoreError;
use crate::job::store::webhooks::WebhookStore;
use crate::job::webhook::address::Policy;
use crate::job::webhook::secret::SecretKey;
use crate::job::webhook::{Due, Tried};
use crate::telemetry::metric;
use crate::telemetry::pulse::Pulse;
use flights::Flights;
use resolver::{NotPublic, PolicyResolver};

/// Timeout of one delivery request.
const TIMEOUT: Duration = Duration::from_secs(15);
/// How long a claimed delivery is hidden from other processes, in milliseconds.
const HOLD_MS: i64 = 60_000;

/// Settings of the courier.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Interval between two polls of the outbox when no delivery is due.
    pub poll: Duration,
    /// Addresses that deliveries may connect to.
    pub policy: Policy,
}

/// Delivers webhook messages from the outbox.
pub struct Courier {
    sender: Arc<Sender>,
    poll: Duration,
}

/// What a delivery needs. Deliveries share it.
struct Sender {
    outbox: Arc<dyn WebhookStore>,
    secrets: Arc<SecretKey>,
    http: reqwest::Client,
    policy: Policy,
}

impl Courier {
    /// Creates a courier for this outbox, whose secrets are sealed with this key.
    ///
    /// # Errors
    /// Returns an error if the HTTP client cannot be created.
    pub fn new(
        outbox: Arc<dyn WebhookStore>,
        secrets: Arc<SecretKey>,
        options: Options,
    ) -> Result<Self, reqwest::Error> {
        // This fails if an earlier call installed the same provider; that is fine.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .timeout(TIMEOUT)
            // A redirect or a proxy could lead to an address that the policy has not checked.
            .redirect(redirect::Policy::none())
            .no_proxy()
            .dns_resolver(Arc::new(PolicyResolver(options.policy)))
            .user_agent(concat!("optin/", env!("CARGO_PKG_VERSION")))
            .build()?;
        let sender = Sender {
            outbox,
            secrets,
            http,
            policy: options.policy,
        };
        Ok(Self {
            sender: Arc::new(sender),
            poll: options.poll,
        })
    }

    /// Delivers until `stop` is canceled, and then until the deliveries in progress have ended.
    pub async fn run(&self, pulse: &Pulse, stop: CancellationToken) {
        let mut flights = Flights::default();
        while !stop.is_cancelled() {
            pulse.beat();
            let started = match self.start_due(&mut flights).await {
                Ok(count) => count,
                Err(error) => {
                    tracing::warn!(%error, "could not read the outbox; retrying");
                    0
                }
            };
            if started == 0 {
                tokio::select! {
                    () = tokio::time::sleep(self.poll) => {}
                    () = flights.ended() => {}
                    () = stop.cancelled() => {}
                }
            }
        }
        while !flights.is_empty() {
            flights.ended().await;
        }
    }

    /// Makes the deliveries that are due, until none is, and returns their number.
    ///
    /// # Errors
    /// Returns an error if the outbox cannot be read.
    pub async fn round(&self) -> Result<usize, StoreError> {
        let (mut flights, mut count) = (Flights::default(), 0);
        loop {
            let started = self.start_due(&mut flights).await?;
            count += started;
            if started == 0 {
                if flights.is_empty() {
                    return Ok(count);
                }
                flights.ended().await;
            }
        }
    }

    /// Starts deliveries that are due, and returns their number.
    async fn start_due(&self, flights: &mut Flights) -> Result<usize, StoreError> {
        if flights.free() == 0 {
            return Ok(0);
        }
        let outbox = &self.sender.outbox;
        let (free, busy) = (flights.free(), flights.busy());
        let due = outbox.due_deliveries(free, HOLD_MS, &busy).await?;
        let count = due.len();
        for due in due {
            let sender = Arc::clone(&self.sender);
            let receiver = (due.delivery.webhook, due.tenant.clone());
            flights.start(receiver, async move { sender.deliver(due).await });
        }
        Ok(count)
    }
}

impl Sender {
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
            // The delivery is due again after `HOLD_MS`: delivering twice is better than never.
            tracing::warn!(delivery = %id, %error, "could not write the outcome of a delivery");
        }
    }

    async fn attempt(&self, due: &Due) -> Tried {
        let failed = |error: String| Tried::Failed {
            status: None,
            error,
        };
        let url = match self.policy.check(&due.url) {
            Ok(url) => url,
            Err(error) => return failed(error),
        };
        let body = due.delivery.body.to_string();
        let id = due.delivery.id.to_string();
        let timestamp = jiff::Timestamp::now().as_second().to_string();
        let secret = self.secrets.open(&due.tenant, &due.url, &due.secret);
        let signature = secret.and_then(|secret| sign(&secret, &id, &timestamp, &body));
        let Some(signature) = signature else {
            return failed(
                "the secret of the webhook cannot be used; create the webhook again".to_owned(),
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
                error: format!("the endpoint returned status {status}"),
            },
            Err(error) => failed(describe(&error, &host)),
        }
    }
}

/// Returns the signature as Standard Webhooks defines it: `v1,` and the Base64 HMAC-SHA256 of id, timestamp and body.
/// Returns `None` if the secret is invalid.
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

/// Describes why a delivery failed. The text omits the URL: its owner knows it, and its path may be a secret.
fn describe(error: &reqwest::Error, host: &str) -> String {
    match network::cause::<NotPublic>(error) {
        Some(refused) => refused.to_string(),
        None => network::describe(error, host),
    }
}
