//! Limits of callers and requests.

use async_trait::async_trait;
use axum::body::Body;
use axum::http::Request;
use optin::api::{AddressSource, router};
use optin::job::Scope;
use optin::job::key::{ApiKey, FreshKey, KeyId, KeyScope, NewKey, StoredKey};
use optin::job::store::StoreError;
use optin::job::store::audit::AuditLog;
use optin::job::store::keys::KeyStore;
use serde_json::json;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tower::ServiceExt;

use super::access::{api_key, send_with_key};
use super::harness::{Harness, Options, request, state};

/// Options with a rate limit of one request per second and this burst.
fn one_per_second(burst: u32) -> Options {
    let mut options = Options::default();
    options.limits.rate = NonZeroU32::MIN;
    options.limits.burst = NonZeroU32::new(burst).unwrap();
    options
}

#[tokio::test]
async fn a_caller_over_its_rate_limit_gets_429_and_others_do_not() {
    let harness = Harness::with(Options {
        keys_required: true,
        ..one_per_second(3)
    })
    .await;
    let limited = api_key(&harness, "a", KeyScope::Read).await;
    let other = api_key(&harness, "a", KeyScope::Read).await;
    for _ in 0..3 {
        assert_eq!(
            send_with_key(&harness, "GET", "/v1/jobs", &limited, &json!({}))
                .await
                .status,
            200
        );
    }
    let response = send_with_key(&harness, "GET", "/v1/jobs", &limited, &json!({})).await;
    response.problem(429, "rate_limited");
    let wait: u64 = response.header("retry-after").parse().unwrap();
    assert!((1..=2).contains(&wait), "{wait}");
    assert_eq!(
        send_with_key(&harness, "GET", "/v1/jobs", &other, &json!({}))
            .await
            .status,
        200
    );
    assert_eq!(
        harness.get("/livez").await.status,
        200,
        "`/livez` requires no key and is not rate limited"
    );
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    assert_eq!(
        send_with_key(&harness, "GET", "/v1/jobs", &limited, &json!({}))
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn requests_without_a_valid_key_are_counted_by_address() {
    let guessing = Harness::with(Options {
        keys_required: true,
        ..one_per_second(2)
    })
    .await;
    for _ in 0..2 {
        guessing
            .get("/v1/jobs")
            .await
            .problem(401, "unauthenticated");
    }
    guessing.get("/v1/jobs").await.problem(429, "rate_limited");
    let known = api_key(&guessing, "a", KeyScope::Read).await;
    let (front, _) = known.rsplit_once('_').unwrap();
    let wrong = format!("{front}_{}", "0".repeat(64));
    send_with_key(&guessing, "GET", "/v1/jobs", &wrong, &json!({}))
        .await
        .problem(429, "rate_limited");
    tokio::time::sleep(Duration::from_millis(100)).await;
    let deeds = guessing.jobs.deeds(&Scope::Service, None, 10).await;
    assert!(
        deeds.unwrap().0.is_empty(),
        "rate-limited guesses of a key must not be recorded in the audit log"
    );
    // Scrapes are exempt: they must not fail because the key is rate limited.
    let scraper = api_key(&guessing, "a", KeyScope::Admin).await;
    for _ in 0..5 {
        let page = send_with_key(&guessing, "GET", "/metrics", &scraper, &json!({})).await;
        assert_eq!(page.status, 200);
    }
    let open = Harness::with(one_per_second(2)).await;
    for _ in 0..2 {
        assert_eq!(open.get("/v1/jobs").await.status, 200);
    }
    open.get("/v1/jobs").await.problem(429, "rate_limited");
}

#[tokio::test]
async fn callers_behind_a_proxy_are_counted_by_their_forwarded_address() {
    for (source, header) in [
        (AddressSource::XForwardedFor, "x-forwarded-for"),
        (AddressSource::XRealIp, "x-real-ip"),
        (AddressSource::TrueClientIp, "true-client-ip"),
        (AddressSource::CfConnectingIp, "cf-connecting-ip"),
    ] {
        let mut options = one_per_second(1);
        options.limits.addresses = source;
        options.limits.readers = 1;
        let harness = Harness::with(options).await;
        let from = async |address: &str| {
            harness
                .send("GET", "/v1/jobs", &[(header, address)], "")
                .await
        };
        for address in ["203.0.113.1", "203.0.113.2", "2001:db8::1"] {
            assert_eq!(from(address).await.status, 200, "{header}: {address}");
            from(address).await.problem(429, "rate_limited");
        }
        // The holder of an IPv6 network has all its addresses.
        from("2001:db8::ffff:1").await.problem(429, "rate_limited");
        assert_eq!(from("2001:db8:0:1::1").await.status, 200);
        // Without a valid header, requests are counted by the address of the connection.
        assert_eq!(harness.get("/v1/jobs").await.status, 200);
        harness.get("/v1/jobs").await.problem(429, "rate_limited");
        from("no address").await.problem(429, "rate_limited");
        if source == AddressSource::XForwardedFor {
            // A client can write any addresses before the one that the proxy adds.
            from("198.51.100.9, 203.0.113.1")
                .await
                .problem(429, "rate_limited");
            assert_eq!(from("203.0.113.1, 198.51.100.9").await.status, 200);
        }
    }
    // The header is ignored unless a proxy is configured.
    let open = Harness::with(one_per_second(1)).await;
    let headers = |address: &'static str| [("x-forwarded-for", address)];
    let first = open
        .send("GET", "/v1/jobs", &headers("203.0.113.1"), "")
        .await;
    assert_eq!(first.status, 200);
    let second = open
        .send("GET", "/v1/jobs", &headers("203.0.113.2"), "")
        .await;
    second.problem(429, "rate_limited");
}

#[tokio::test]
async fn concurrent_long_polls_and_streams_are_limited_until_they_end() {
    let mut options = Options::default();
    options.limits.readers = 1;
    let harness = Harness::with(options).await;
    let id = harness.create_job().await;
    let poll = format!("/v1/jobs/{id}?wait=1");
    let stream = format!("/v1/jobs/{id}/events");
    let (first, second) = tokio::join!(harness.get(&poll), async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        harness
            .send("GET", &stream, &[("accept", "text/event-stream")], "")
            .await
    });
    assert_eq!(first.status, 200);
    second.problem(429, "rate_limited");
    assert_eq!(second.header("retry-after"), "1");
    assert_eq!(
        harness.get(&poll).await.status,
        200,
        "a finished long poll no longer counts"
    );
    assert_eq!(harness.get(&format!("/v1/jobs/{id}")).await.status, 200);
}

#[tokio::test]
async fn a_request_that_exceeds_its_timeout_gets_503() {
    let mut options = Options::default();
    options.limits.time = Duration::from_millis(100);
    let harness = Harness::with(options).await;
    let mut slow = request();
    slow["model"]["uri"] = json!("file:///models/slow");
    harness
        .post("/v1/jobs", &slow)
        .await
        .problem(503, "timed_out");
    // A long poll may take as long as its `wait`, beyond the timeout.
    let id = harness.create_job().await;
    let start = Instant::now();
    assert_eq!(
        harness.get(&format!("/v1/jobs/{id}?wait=1")).await.status,
        200
    );
    assert!(start.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn concurrent_requests_behind_a_proxy_are_limited_per_forwarded_address() {
    let mut options = Options::default();
    options.limits.addresses = AddressSource::XForwardedFor;
    options.limits.forwarded = 1;
    let harness = Harness::with(options).await;
    let id = harness.create_job().await;
    let from = async |address: &str, path: &str| {
        let headers = [("x-forwarded-for", address)];
        harness.send("GET", path, &headers, "").await
    };
    let poll = format!("/v1/jobs/{id}?wait=1");
    let (first, ()) = tokio::join!(from("203.0.113.1", &poll), async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let second = from("203.0.113.1", "/v1/jobs").await;
        second.problem(429, "rate_limited");
        assert_eq!(second.header("retry-after"), "1");
        assert_eq!(from("203.0.113.1", "/livez").await.status, 200);
        assert_eq!(from("203.0.113.2", "/v1/jobs").await.status, 200);
    });
    assert_eq!(first.status, 200);
    assert_eq!(from("203.0.113.1", "/v1/jobs").await.status, 200);
}

/// A key store that counts how often it is asked for a key.
struct Counting {
    keys: Arc<dyn KeyStore>,
    asked: AtomicUsize,
}

#[async_trait]
impl KeyStore for Counting {
    async fn create_key(&self, new: NewKey, fresh: &FreshKey) -> Result<ApiKey, StoreError> {
        self.keys.create_key(new, fresh).await
    }

    async fn key(&self, id: KeyId) -> Result<Option<StoredKey>, StoreError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.keys.key(id).await
    }

    async fn list_keys(
        &self,
        scope: &Scope,
        before: Option<KeyId>,
        limit: usize,
    ) -> Result<(Vec<ApiKey>, bool), StoreError> {
        self.keys.list_keys(scope, before, limit).await
    }

    async fn revoke_key(&self, scope: &Scope, id: KeyId) -> Result<Option<ApiKey>, StoreError> {
        self.keys.revoke_key(scope, id).await
    }

    async fn note_use(&self, id: KeyId) -> Result<(), StoreError> {
        self.keys.note_use(id).await
    }
}

/// Neither guesses nor a known key beyond its rate load the database.
#[tokio::test]
async fn a_request_beyond_its_rate_does_not_reach_the_database() {
    let harness = Harness::new().await;
    let known = api_key(&harness, "a", KeyScope::Read).await;
    let (front, _) = known.rsplit_once('_').unwrap();
    let wrong = format!("{front}_{}", "0".repeat(64));
    let unknown = format!("optk_{}_{}", "0".repeat(32), "0".repeat(64));
    let options = Options {
        keys_required: true,
        ..one_per_second(4)
    };
    let mut state = state(options, &harness.jobs, &harness.artifacts, "https://o");
    let counting = Arc::new(Counting {
        keys: Arc::clone(&state.keys),
        asked: AtomicUsize::new(0),
    });
    state.keys = Arc::clone(&counting) as Arc<dyn KeyStore>;
    let router = router(state);
    let get = async |path: &str, key: &str| {
        let request = Request::get(path).header("host", "o");
        let request = request.header("authorization", format!("Bearer {key}"));
        let response = router.clone().oneshot(request.body(Body::empty()).unwrap());
        response.await.unwrap().status().as_u16()
    };
    assert_eq!(get("/v1/jobs", &known).await, 200);
    let mut statuses = Vec::new();
    for guess in [&wrong, &unknown].into_iter().cycle().take(100) {
        statuses.push(get("/v1/jobs", guess).await);
    }
    assert_eq!(statuses[..3], [401, 401, 401]);
    let refused = statuses.iter().filter(|status| **status == 429).count();
    assert!(refused > 90, "{statuses:?}");
    let asked = counting.asked.swap(0, Ordering::SeqCst);
    assert_eq!(asked, 1 + 100 - refused);
    // A client with a valid key at the same address is not affected, up to its own rate.
    let mut answered = 0;
    while get("/v1/jobs", &known).await == 200 {
        answered += 1;
    }
    assert!((3..50).contains(&answered), "{answered}");
    assert_eq!(counting.asked.swap(0, Ordering::SeqCst), answered);
    // Guesses of keys for the metrics have a rate of their own.
    let mut statuses = Vec::new();
    for _ in 0..50 {
        statuses.push(get("/metrics", &unknown).await);
    }
    assert_eq!(statuses[..4], [401; 4]);
    let refused = statuses.iter().filter(|status| **status == 429).count();
    assert_eq!(counting.asked.load(Ordering::SeqCst), 50 - refused);
    assert!(refused > 40, "{statuses:?}");
}
