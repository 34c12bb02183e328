//! A store with webhooks, and an endpoint that receives their messages.

use axum::http::HeaderMap;
use optin::job::store::sqlite::SqliteStore;
use optin::job::store::webhooks::WebhookStore;
use optin::job::store::{Outcome, Store};
use optin::job::webhook::address::Policy;
use optin::job::webhook::secret::SecretKey;
use optin::job::webhook::{DeliveryState, NewWebhook, Topic, Webhook};
use optin::job::{NewJob, Scope, TenantId};
use optin::prune::failure::Code;
use optin::worker::courier::{Courier, Options};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;

use crate::fixture::job::{claimed, created, failure, new_job};
use crate::fixture::postgres;

pub(super) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
pub(super) const PRIVATE_ALLOWED: Policy = Policy { private: true };

pub(super) fn secret_key(byte: u8) -> SecretKey {
    SecretKey::from_bytes(&[byte; 32])
}

pub(super) fn sealed(tenant: &TenantId, url: &str) -> String {
    secret_key(1).seal(tenant, url, SECRET)
}

/// A webhook endpoint that records requests and responds with a status that the test sets.
pub(super) struct Receiver {
    pub(super) url: String,
    pub(super) received: Arc<Mutex<Vec<(HeaderMap, String)>>>,
    status: Arc<Mutex<u16>>,
}

impl Receiver {
    pub(super) async fn start() -> Self {
        let received = Arc::new(Mutex::new(Vec::new()));
        let status = Arc::new(Mutex::new(200));
        let (requests, current) = (Arc::clone(&received), Arc::clone(&status));
        let receive = move |headers: HeaderMap, body: String| async move {
            requests.lock().unwrap().push((headers, body));
            let status = axum::http::StatusCode::from_u16(*current.lock().unwrap()).unwrap();
            (status, [("location", "http://127.0.0.1:9/elsewhere")])
        };
        let app = axum::Router::new().route("/hook", axum::routing::post(receive));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self {
            url,
            received,
            status,
        }
    }

    pub(super) fn respond_with(&self, status: u16) {
        *self.status.lock().unwrap() = status;
    }

    pub(super) fn count(&self) -> usize {
        self.received.lock().unwrap().len()
    }
}

/// A job store with webhooks, and a receiver.
pub(super) struct Harness {
    _folder: Option<TempDir>,
    pub(super) store: Arc<dyn Store>,
    pub(super) receiver: Receiver,
}

impl Harness {
    pub(super) async fn with_sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&folder.path().join("jobs.sqlite")).await;
        Self {
            store: Arc::new(store.unwrap()),
            receiver: Receiver::start().await,
            _folder: Some(folder),
        }
    }

    pub(super) async fn with_postgres() -> Self {
        Self {
            store: Arc::new(postgres::store(&postgres::database().await).await),
            receiver: Receiver::start().await,
            _folder: None,
        }
    }

    pub(super) async fn webhook(&self, tenant: &TenantId, events: &[Topic]) -> Webhook {
        let new = NewWebhook {
            tenant: tenant.clone(),
            url: self.receiver.url.clone(),
            secret: sealed(tenant, &self.receiver.url),
            events: events.to_vec(),
        };
        self.store.add_webhook(new).await.unwrap()
    }

    /// Creates a webhook that has this many deliveries.
    pub(super) async fn loaded(&self, tenant: &TenantId, url: &str, deliveries: usize) -> Webhook {
        let new = NewWebhook {
            tenant: tenant.clone(),
            url: url.to_owned(),
            secret: sealed(tenant, url),
            events: Vec::new(),
        };
        let webhook = self.store.add_webhook(new).await.unwrap();
        for _ in 0..deliveries {
            let test = self.store.test_webhook(&Scope::Service, webhook.id);
            test.await.unwrap();
        }
        webhook
    }

    pub(super) fn courier(&self, policy: Policy) -> Courier {
        let outbox: Arc<dyn WebhookStore> = Arc::clone(&self.store) as _;
        let options = Options {
            poll: Duration::from_millis(20),
            policy,
        };
        Courier::new(outbox, Arc::new(secret_key(1)), options).unwrap()
    }

    pub(super) async fn states(&self, webhook: &Webhook) -> Vec<DeliveryState> {
        let all = self
            .store
            .deliveries(&Scope::Service, webhook.id, None, 100);
        let (all, _) = all.await.unwrap();
        all.iter().map(|delivery| delivery.state).collect()
    }

    /// Creates a job that fails at once.
    pub(super) async fn failed_job(&self, tenant: &TenantId) {
        let job = NewJob {
            tenant: tenant.clone(),
            ..new_job("a")
        };
        created(self.store.as_ref(), job).await;
        let (_, lease) = claimed(self.store.as_ref(), 60_000).await;
        let outcome = Outcome::Failed(failure(Code::InvalidData));
        self.store.finish(&lease, outcome).await.unwrap();
    }
}
