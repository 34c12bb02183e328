//! Webhooks: what is written, to whom it goes, and where it never goes.

use axum::http::HeaderMap;
use optin::job::store::sqlite::SqliteStore;
use optin::job::store::webhooks::WebhookStore;
use optin::job::store::{Outcome, Store, StoreError};
use optin::job::webhook::address::Policy;
use optin::job::webhook::schedule::settle;
use optin::job::webhook::{DeliveryState, NewWebhook, Topic, Tried, Webhook};
use optin::job::{NewJob, Scope, TenantId};
use optin::prune::failure::Code;
use optin::worker::courier::{Courier, Options};
use serde_json::Value;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;

use crate::fixture::job::{claimed, created, failure, new_job};
use crate::fixture::postgres;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const LAB: Policy = Policy { private: true };

/// A receiver that answers as it is told, and keeps what it got.
struct Receiver {
    url: String,
    got: Arc<Mutex<Vec<(HeaderMap, String)>>>,
    answer: Arc<Mutex<u16>>,
}

impl Receiver {
    async fn start() -> Self {
        let got = Arc::new(Mutex::new(Vec::new()));
        let answer = Arc::new(Mutex::new(200));
        let (kept, says) = (Arc::clone(&got), Arc::clone(&answer));
        let receive = move |headers: HeaderMap, body: String| async move {
            kept.lock().unwrap().push((headers, body));
            let status = axum::http::StatusCode::from_u16(*says.lock().unwrap()).unwrap();
            (status, [("location", "http://127.0.0.1:9/elsewhere")])
        };
        let app = axum::Router::new().route("/hook", axum::routing::post(receive));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, got, answer }
    }

    fn answers(&self, status: u16) {
        *self.answer.lock().unwrap() = status;
    }

    fn count(&self) -> usize {
        self.got.lock().unwrap().len()
    }
}

struct House {
    _folder: Option<TempDir>,
    store: Arc<dyn Store>,
    receiver: Receiver,
}

impl House {
    async fn over_sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&folder.path().join("jobs.sqlite")).await;
        Self {
            store: Arc::new(store.unwrap()),
            receiver: Receiver::start().await,
            _folder: Some(folder),
        }
    }

    async fn over_postgres() -> Self {
        Self {
            store: Arc::new(postgres::store(&postgres::database().await).await),
            receiver: Receiver::start().await,
            _folder: None,
        }
    }

    async fn webhook(&self, tenant: &TenantId, events: &[Topic]) -> Webhook {
        let new = NewWebhook {
            tenant: tenant.clone(),
            url: self.receiver.url.clone(),
            secret: SECRET.to_owned(),
            events: events.to_vec(),
        };
        self.store.add_webhook(new).await.unwrap()
    }

    fn courier(&self, policy: Policy) -> Courier {
        let outbox: Arc<dyn WebhookStore> = Arc::clone(&self.store) as _;
        let options = Options {
            poll: Duration::from_millis(20),
            policy,
        };
        Courier::new(outbox, options).unwrap()
    }

    async fn states(&self, webhook: &Webhook) -> Vec<DeliveryState> {
        let all = self
            .store
            .deliveries(&Scope::Service, webhook.id, None, 100);
        let (all, _) = all.await.unwrap();
        all.iter().map(|delivery| delivery.state).collect()
    }

    /// A job that fails at once.
    async fn failed_job(&self, tenant: &TenantId) {
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

/// Each of these holds over either store.
macro_rules! over_both {
    ($($name:ident,)+) => {
        mod sqlite {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
                async fn $name() {
                    super::$name(super::House::over_sqlite().await).await;
                }
            )+
        }
        mod postgres_server {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
                async fn $name() {
                    super::$name(super::House::over_postgres().await).await;
                }
            )+
        }
    };
}

over_both!(
    a_receiver_hears_of_its_tenants_jobs_and_can_check_who_says_so,
    what_did_not_happen_is_not_told,
    a_receiver_that_fails_is_tried_again_later_and_one_that_is_gone_never,
    couriers_side_by_side_share_the_outbox,
    another_tenants_webhook_is_not_there_and_there_is_an_end_to_them,
    nothing_is_sent_inside_our_network,
);

async fn a_receiver_hears_of_its_tenants_jobs_and_can_check_who_says_so(house: House) {
    let (own, other) = (TenantId::only(), "other".parse().unwrap());
    let webhook = house.webhook(&own, &[Topic::Started, Topic::Failed]).await;
    let deaf = house.webhook(&own, &[Topic::Succeeded]).await;
    let stranger = house.webhook(&other, &Topic::ENDS).await;
    house.failed_job(&own).await;
    assert_eq!(house.states(&webhook).await, [DeliveryState::Pending; 2]);
    assert!(house.states(&deaf).await.is_empty() && house.states(&stranger).await.is_empty());
    assert_eq!(house.courier(LAB).round().await.unwrap(), 2);
    assert_eq!(house.states(&webhook).await, [DeliveryState::Delivered; 2]);
    let got = house.receiver.got.lock().unwrap();
    let verifier = standardwebhooks::Webhook::new(SECRET).unwrap();
    let mut told = Vec::new();
    for (headers, body) in got.iter() {
        verifier.verify(body.as_bytes(), headers).unwrap();
        let mut altered = body.clone().into_bytes();
        altered[10] ^= 1;
        assert!(verifier.verify(&altered, headers).is_err());
        let body: Value = serde_json::from_str(body).unwrap();
        assert!(body["data"]["job"].as_str().unwrap().starts_with("job_"));
        told.push((body["type"].clone(), body["data"]["code"].clone()));
    }
    told.sort_by_key(|(topic, _)| topic.to_string());
    assert_eq!(
        told,
        [
            ("job.failed".into(), "invalid_data".into()),
            ("job.started".into(), Value::Null)
        ]
    );
}

async fn what_did_not_happen_is_not_told(house: House) {
    let own = TenantId::only();
    let webhook = house.webhook(&own, &Topic::ENDS).await;
    created(house.store.as_ref(), new_job("a")).await;
    let (_, stale) = claimed(house.store.as_ref(), 1).await;
    tokio::time::sleep(Duration::from_millis(30)).await;
    let (_, lease) = claimed(house.store.as_ref(), 60_000).await;
    let outcome = || Outcome::Failed(failure(Code::InvalidData));
    let refused = house.store.finish(&stale, outcome()).await;
    assert!(matches!(refused, Err(StoreError::LeaseLost(_))));
    assert!(house.states(&webhook).await.is_empty());
    house.store.finish(&lease, outcome()).await.unwrap();
    assert_eq!(house.states(&webhook).await.len(), 1);
}

async fn a_receiver_that_fails_is_tried_again_later_and_one_that_is_gone_never(house: House) {
    let own = TenantId::only();
    let webhook = house.webhook(&own, &Topic::ENDS).await;
    let service = Scope::Service;
    let courier = house.courier(LAB);
    for status in [500, 302, 404] {
        house.receiver.answers(status);
        let test = house
            .store
            .test_webhook(&service, webhook.id)
            .await
            .unwrap();
        assert_eq!(courier.round().await.unwrap(), 1);
        let (all, _) = house
            .store
            .deliveries(&service, webhook.id, None, 1)
            .await
            .unwrap();
        assert_eq!((all[0].id, all[0].state), (test.id, DeliveryState::Pending));
        assert_eq!(all[0].last_status, Some(i64::from(status)));
        assert!(all[0].next_at > Some(all[0].created_at + 4_000));
    }
    assert_eq!(courier.round().await.unwrap(), 0, "not before its time");
    house.receiver.answers(200);
    let (all, _) = house
        .store
        .deliveries(&service, webhook.id, None, 10)
        .await
        .unwrap();
    let again = house.store.redeliver(&service, webhook.id, all[0].id);
    assert_eq!(again.await.unwrap().attempts, 0);
    assert_eq!(courier.round().await.unwrap(), 1);
    assert_eq!(house.states(&webhook).await[0], DeliveryState::Delivered);
    house.receiver.answers(410);
    house
        .store
        .test_webhook(&service, webhook.id)
        .await
        .unwrap();
    courier.round().await.unwrap();
    assert_eq!(house.states(&webhook).await[0], DeliveryState::Failed);
    assert!(
        !house
            .store
            .webhook(&service, webhook.id)
            .await
            .unwrap()
            .enabled
    );
    let before = house.receiver.count();
    house
        .store
        .test_webhook(&service, webhook.id)
        .await
        .unwrap();
    assert_eq!(courier.round().await.unwrap(), 0, "it is switched off");
    assert_eq!(house.receiver.count(), before);
}

async fn couriers_side_by_side_share_the_outbox(house: House) {
    let webhook = house.webhook(&TenantId::only(), &Topic::ENDS).await;
    for _ in 0..40 {
        house
            .store
            .test_webhook(&Scope::Service, webhook.id)
            .await
            .unwrap();
    }
    let couriers: Vec<_> = (0..4).map(|_| house.courier(LAB)).collect();
    let rounds = couriers
        .iter()
        .map(|courier| async { while courier.round().await.unwrap() > 0 {} });
    futures::future::join_all(rounds).await;
    assert_eq!(house.receiver.count(), 40, "each once");
}

async fn another_tenants_webhook_is_not_there_and_there_is_an_end_to_them(house: House) {
    let webhook = house.webhook(&TenantId::only(), &Topic::ENDS).await;
    let stranger = Scope::Tenant("stranger".parse().unwrap());
    let test = house
        .store
        .test_webhook(&Scope::Service, webhook.id)
        .await
        .unwrap();
    let missing =
        |answer: Result<(), StoreError>| assert!(matches!(answer, Err(StoreError::Missing(_))));
    missing(house.store.webhook(&stranger, webhook.id).await.map(drop));
    missing(
        house
            .store
            .enable_webhook(&stranger, webhook.id, false)
            .await
            .map(drop),
    );
    missing(
        house
            .store
            .test_webhook(&stranger, webhook.id)
            .await
            .map(drop),
    );
    missing(
        house
            .store
            .deliveries(&stranger, webhook.id, None, 1)
            .await
            .map(drop),
    );
    missing(
        house
            .store
            .redeliver(&stranger, webhook.id, test.id)
            .await
            .map(drop),
    );
    missing(house.store.remove_webhook(&stranger, webhook.id).await);
    assert!(house.store.webhooks(&stranger).await.unwrap().is_empty());
    for _ in 1..16 {
        house.webhook(&TenantId::only(), &[]).await;
    }
    let one_more = NewWebhook {
        tenant: TenantId::only(),
        url: String::new(),
        secret: String::new(),
        events: Vec::new(),
    };
    let refused = house.store.add_webhook(one_more).await;
    assert!(matches!(refused, Err(StoreError::TooMany { most: 16, .. })));
    house
        .store
        .remove_webhook(&Scope::Service, webhook.id)
        .await
        .unwrap();
    assert_eq!(
        house.courier(LAB).round().await.unwrap(),
        0,
        "its deliveries went too"
    );
}

#[test]
fn tries_are_given_up_after_days() {
    let failed = || Tried::Failed {
        status: Some(500),
        error: "no".into(),
    };
    let mut total = 0;
    let mut tries = 0;
    loop {
        let settled = settle(tries, failed(), 0.0);
        tries = settled.attempts;
        match settled.wait_ms {
            Some(wait) => {
                let most = settle(tries - 1, failed(), 1.0).wait_ms.unwrap();
                assert!(wait < most && most <= wait * 5 / 4);
                total += wait;
            }
            None => {
                assert_eq!(settled.state, DeliveryState::Failed);
                break;
            }
        }
    }
    assert_eq!(tries, 10);
    assert!(total > 3 * 24 * 3_600_000);
}

#[test]
fn urls_lead_to_the_public_internet_or_are_refused() {
    let open = Policy::default();
    for good in [
        "https://example.org/hook",
        "https://8.8.8.8/",
        "https://[2606:4700::1]/x",
    ] {
        open.check(good).unwrap();
    }
    for bad in [
        "http://example.org/",
        "ftp://example.org/",
        "hook",
        "https://user:password@example.org/",
        "https://127.0.0.1/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://0.0.0.0/",
        "https://10.0.0.1/",
        "https://100.64.0.1/",
        "https://169.254.169.254/latest/meta-data",
        "https://172.16.0.1/",
        "https://192.168.1.1/",
        "https://198.18.0.1/",
        "https://224.0.0.1/",
        "https://255.255.255.255/",
        "https://[::1]/",
        "https://[::]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://[fd00::1]/",
        "https://[fe80::1]/",
        "https://[2002:7f00:1::]/",
        "https://[2001:db8::1]/",
        "https://[ff02::1]/",
    ] {
        assert!(open.check(bad).is_err(), "{bad}");
    }
    LAB.check("http://127.0.0.1:1/hook").unwrap();
}

/// A name, a redirect and a literal that lead inside are refused when the connection would be made.
async fn nothing_is_sent_inside_our_network(house: House) {
    let port = house.receiver.url.rsplit(':').next().unwrap().to_owned();
    for url in [
        format!("https://localhost:{port}"),
        format!("https://127.0.0.1:{port}"),
    ] {
        let new = NewWebhook {
            tenant: TenantId::only(),
            url,
            secret: SECRET.to_owned(),
            events: Vec::new(),
        };
        let webhook = house.store.add_webhook(new).await.unwrap();
        house
            .store
            .test_webhook(&Scope::Service, webhook.id)
            .await
            .unwrap();
        assert_eq!(house.courier(Policy::default()).round().await.unwrap(), 1);
        let (all, _) = house
            .store
            .deliveries(&Scope::Service, webhook.id, None, 1)
            .await
            .unwrap();
        let said = all[0].last_error.clone().unwrap();
        assert!(said.contains("address on the public internet"), "{said}");
    }
    assert_eq!(house.receiver.count(), 0);
}
