//! Access control: every operation requires the scope that the OpenAPI document declares.

use optin::artifact::key::Key;
use optin::job::key::{FreshKey, KeyScope, NewKey};
use optin::job::store::JobStore;
use optin::job::store::keys::KeyStore;
use optin::job::{JobId, Scope};
use serde_json::{Value, json};
use std::time::Duration;
use strum::VariantArray;

use super::harness::{Harness, Options, Response, request};

/// An operation of the OpenAPI document.
struct Operation {
    method: String,
    path: String,
    /// The required scope, or `None` if the operation requires no key.
    scope: Option<String>,
}

fn operations() -> Vec<Operation> {
    let document = optin::api::openapi();
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let security = &operation["security"];
            let scope = operation["x-required-scope"].as_str().map(str::to_owned);
            assert!(
                match scope.is_some() {
                    // `{}` is an alternative because a service on loopback requires no key.
                    true => security == &json!([{"api_key": []}, {}]),
                    false => security == &json!([{}]),
                },
                "{method} {path} must declare its scope or that it requires no key"
            );
            found.push(Operation {
                method: method.to_uppercase(),
                path: path.clone(),
                scope,
            });
        }
    }
    found
}

impl Operation {
    fn path_for(&self, id: &str) -> String {
        self.path
            .replace("{id}", id)
            .replace("{name}", "frontier.json")
    }
}

/// Returns a harness that requires API keys.
pub async fn with_required_keys() -> Harness {
    Harness::with(Options {
        keys_required: true,
        ..Options::default()
    })
    .await
}

/// Creates an API key.
pub async fn create_key(
    harness: &Harness,
    tenant: &str,
    scope: KeyScope,
    lifetime_ms: Option<i64>,
) -> FreshKey {
    let fresh = FreshKey::draw(harness.jobs.clock().await.unwrap());
    let new = NewKey {
        tenant: tenant.parse().unwrap(),
        name: "test".into(),
        scope,
        lifetime_ms,
    };
    harness.jobs.create_key(new, &fresh).await.unwrap();
    fresh
}

/// Creates an API key without an expiry and returns its text.
pub async fn api_key(harness: &Harness, tenant: &str, scope: KeyScope) -> String {
    create_key(harness, tenant, scope, None).await.reveal()
}

/// Sends a JSON request with an API key.
pub async fn send_with_key(
    harness: &Harness,
    method: &str,
    path: &str,
    key: &str,
    body: &Value,
) -> Response {
    let bearer = format!("Bearer {key}");
    let headers = [
        ("authorization", bearer.as_str()),
        ("content-type", "application/json"),
    ];
    harness.send(method, path, &headers, body.to_string()).await
}

/// Creates a job of this tenant that succeeds with the file `frontier.json`.
async fn succeeded_job(harness: &Harness, tenant: &str) -> JobId {
    let writer = api_key(harness, tenant, KeyScope::Write).await;
    let created = send_with_key(harness, "POST", "/v1/jobs", &writer, &request()).await;
    assert_eq!(created.status, 202, "{created:?}");
    let lease = harness.claim().await;
    let frontier = json!({"macs": 9, "parameters": 9, "points": []}).to_string();
    harness
        .succeed(&lease, "frontier.json", frontier.as_bytes())
        .await;
    lease.job
}

#[tokio::test]
async fn every_operation_requires_its_declared_scope() {
    let harness = with_required_keys().await;
    let unknown = JobId::at(0).to_string();
    let mut checked = 0;
    for operation in operations() {
        let path = operation.path_for(&unknown);
        let at = format!("{} {path}", operation.method);
        let without_key = harness.send(&operation.method, &path, &[], "").await;
        let Some(needed) = &operation.scope else {
            assert_ne!(without_key.status, 401, "{at}");
            continue;
        };
        without_key.problem(401, "unauthenticated");
        for &scope in KeyScope::VARIANTS {
            let key = api_key(&harness, "a", scope).await;
            let response =
                send_with_key(&harness, &operation.method, &path, &key, &json!({})).await;
            let allowed = match scope {
                KeyScope::Metrics => needed == "metrics",
                KeyScope::Read => needed == "read",
                KeyScope::Write => needed == "read" || needed == "write",
                KeyScope::Admin => true,
            };
            if !allowed {
                let body = response.problem(403, "forbidden");
                assert!(
                    body["detail"].as_str().unwrap().contains(needed.as_str()),
                    "{at}"
                );
            } else {
                assert!(
                    ![401, 403].contains(&response.status.as_u16()),
                    "{at}: {response:?}"
                );
            }
        }
        checked += 1;
    }
    assert!(checked >= 13, "only {checked} operations require a key");
}

/// Returns a body that the operation accepts.
fn body(method: &str, path: &str) -> Value {
    match method {
        "PATCH" => json!({"enabled": true}),
        _ if path.ends_with("/resolve") => json!({"target": {"value": "40%"}}),
        _ if path.ends_with("/parts") => json!({"number": 1, "sha256": "0".repeat(64)}),
        _ => json!({}),
    }
}

#[tokio::test]
async fn ids_of_another_tenant_are_not_found_on_any_path() {
    let harness = with_required_keys().await;
    let job = succeeded_job(&harness, "a").await.to_string();
    let owned = create_key(&harness, "a", KeyScope::Read, None)
        .await
        .id()
        .to_string();
    let other_tenant = api_key(&harness, "b", KeyScope::Admin).await;
    let owner = api_key(&harness, "a", KeyScope::Admin).await;
    let url = json!({"url": "https://example.org/hook"});
    let webhook = send_with_key(&harness, "POST", "/v1/webhooks", &owner, &url)
        .await
        .json()["id"]
        .clone();
    let webhook = webhook.as_str().unwrap();
    let announced = json!({"name": "a.tsv", "bytes": 1, "sha256": "0".repeat(64)});
    let upload = send_with_key(&harness, "POST", "/v1/uploads", &owner, &announced)
        .await
        .json()["id"]
        .clone();
    let upload = upload.as_str().unwrap();
    let key = Key::upload("a", upload).unwrap();
    harness.artifacts.put_bytes(&key, "x".into()).await.unwrap();
    let test = format!("/v1/webhooks/{webhook}/test");
    let delivery = send_with_key(&harness, "POST", &test, &owner, &json!({}))
        .await
        .json()["id"]
        .clone();
    let mut requests = Vec::new();
    for operation in operations() {
        // Signed URLs require no key. They do not reveal whether a file exists.
        if !operation.path.contains("{id}") || operation.path.starts_with("/v1/blobs") {
            continue;
        }
        let id: &str = match operation.path.split('/').nth(2) {
            Some("keys") => &owned,
            Some("webhooks") => webhook,
            Some("uploads") => upload,
            _ => &job,
        };
        let path = operation
            .path_for(id)
            .replace("{delivery}", delivery.as_str().unwrap());
        send_with_key(
            &harness,
            &operation.method,
            &path,
            &other_tenant,
            &body(&operation.method, &path),
        )
        .await
        .problem(404, "not_found");
        requests.push((operation.method, path));
    }
    assert!(requests.len() >= 8, "{requests:?}");
    // The same requests succeed for the owner. This shows that the test sends valid requests.
    // A completed upload takes no more parts.
    requests.sort_by_key(|(method, path)| {
        let last = path.ends_with("/complete");
        (method == "DELETE", last, path.clone())
    });
    for (method, path) in requests {
        let response = send_with_key(&harness, &method, &path, &owner, &body(&method, &path)).await;
        assert!(
            response.status.as_u16() < 400,
            "{method} {path}: {response:?}"
        );
    }
}

#[tokio::test]
async fn all_invalid_keys_get_401_with_the_same_message() {
    let harness = with_required_keys().await;
    let good = api_key(&harness, "a", KeyScope::Admin).await;
    let revoked = create_key(&harness, "a", KeyScope::Admin, None).await;
    harness
        .jobs
        .revoke_key(&Scope::Service, revoked.id())
        .await
        .unwrap();
    let expired = create_key(&harness, "a", KeyScope::Admin, Some(1))
        .await
        .reveal();
    tokio::time::sleep(Duration::from_millis(20)).await;
    let (front, secret) = good.rsplit_once('_').unwrap();
    let wrong_secret = format!("{front}_{}", secret.chars().rev().collect::<String>());
    assert_ne!(wrong_secret, good);
    let headers = [
        None,
        Some(good.clone()),
        Some(format!("Basic {good}")),
        Some("Bearer".to_owned()),
        Some("Bearer optk_1_2".to_owned()),
        Some(format!("Bearer {}", good.to_uppercase())),
        Some(format!("Bearer {wrong_secret}")),
        Some(format!("Bearer {}", FreshKey::draw(0).reveal())),
        Some(format!("Bearer {}", revoked.reveal())),
        Some(format!("Bearer {expired}")),
    ];
    let mut details = Vec::new();
    for header in headers {
        let headers: Vec<_> = header
            .iter()
            .map(|value| ("authorization", value.as_str()))
            .collect();
        let response = harness.send("GET", "/v1/jobs", &headers, "").await;
        let body = response.problem(401, "unauthenticated");
        assert_eq!(
            response.header("www-authenticate"),
            "Bearer realm=\"optin\""
        );
        details.push(body["detail"].as_str().unwrap().to_owned());
    }
    details.dedup();
    assert_eq!(details.len(), 1, "{details:?}");
    assert_eq!(
        send_with_key(&harness, "GET", "/v1/jobs", &good, &json!({}))
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn endpoints_without_a_scope_and_signed_urls_require_no_key() {
    let harness = with_required_keys().await;
    for path in ["/livez", "/readyz", "/openapi.json", "/docs/"] {
        assert_eq!(harness.get(path).await.status, 200, "{path}");
    }
    harness
        .get("/metrics")
        .await
        .problem(401, "unauthenticated");
    harness.get("/v1/nowhere").await.problem(404, "not_found");
    harness
        .send("PATCH", "/v1/jobs", &[], "")
        .await
        .problem(405, "method_not_allowed");
    let job = succeeded_job(&harness, "a").await;
    let reader = api_key(&harness, "a", KeyScope::Read).await;
    let path = format!("/v1/jobs/{job}/artifacts/frontier.json");
    let response = send_with_key(&harness, "GET", &path, &reader, &json!({})).await;
    let url = response
        .header("location")
        .strip_prefix("https://optin.example")
        .unwrap();
    let file = harness.get(url).await.json();
    assert_eq!(file["macs"], 9, "a signed URL requires no key");
}

#[tokio::test]
async fn tenants_have_separate_job_lists_and_idempotency_keys() {
    let harness = with_required_keys().await;
    let mut ids = Vec::new();
    for tenant in ["a", "b"] {
        let bearer = format!(
            "Bearer {}",
            api_key(&harness, tenant, KeyScope::Write).await
        );
        let headers = [
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
            ("idempotency-key", "same"),
        ];
        let created = harness
            .send("POST", "/v1/jobs", &headers, request().to_string())
            .await;
        ids.push(created.json()["id"].clone());
        let listed = harness.send("GET", "/v1/jobs", &headers, "").await.json();
        assert_eq!(listed["data"].as_array().unwrap().len(), 1);
        assert_eq!(&listed["data"][0]["id"], ids.last().unwrap());
    }
    assert_ne!(ids[0], ids[1]);
}

#[tokio::test]
async fn a_key_records_when_it_was_last_used() {
    let harness = with_required_keys().await;
    let fresh = create_key(&harness, "a", KeyScope::Read, None).await;
    let last_used_at = async || {
        harness
            .jobs
            .key(fresh.id())
            .await
            .unwrap()
            .unwrap()
            .key
            .last_used_at
    };
    let wrong = format!("optk_{}_{}", fresh.id(), "0".repeat(64));
    send_with_key(&harness, "GET", "/v1/jobs", &wrong, &json!({}))
        .await
        .problem(401, "unauthenticated");
    assert_eq!(
        last_used_at().await,
        None,
        "a rejected request does not count as use"
    );
    send_with_key(&harness, "GET", "/v1/jobs", &fresh.reveal(), &json!({})).await;
    assert!(last_used_at().await.is_some());
}
