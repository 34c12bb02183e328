//! Who may do what: the document says it, and every operation holds to it.

use optin::artifact::key::Key;
use optin::job::key::{FreshKey, KeyScope, NewKey};
use optin::job::store::JobStore;
use optin::job::store::keys::KeyStore;
use optin::job::{JobId, Scope};
use serde_json::{Value, json};
use std::time::Duration;
use strum::VariantArray;

use super::face::{Answer, Face, Options, request};

/// An operation of the document.
struct Operation {
    method: String,
    path: String,
    /// The scope that it names; `None` when it is open to all.
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
                    // A service on loopback requires no key.
                    true => security == &json!([{"api_key": []}, {}]),
                    false => security == &json!([{}]),
                },
                "{method} {path} says neither which scope it needs nor that it is open"
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
    fn about(&self, id: &str) -> String {
        self.path
            .replace("{id}", id)
            .replace("{name}", "frontier.json")
    }
}

pub async fn locked() -> Face {
    Face::with(Options {
        keys_required: true,
        ..Options::default()
    })
    .await
}

pub async fn made(
    face: &Face,
    tenant: &str,
    scope: KeyScope,
    lifetime_ms: Option<i64>,
) -> FreshKey {
    let fresh = FreshKey::draw(face.jobs.clock().await.unwrap());
    let new = NewKey {
        tenant: tenant.parse().unwrap(),
        name: "test".into(),
        scope,
        lifetime_ms,
    };
    face.jobs.create_key(new, &fresh).await.unwrap();
    fresh
}

pub async fn key(face: &Face, tenant: &str, scope: KeyScope) -> String {
    made(face, tenant, scope, None).await.reveal()
}

pub async fn ask(face: &Face, method: &str, path: &str, key: &str, body: &Value) -> Answer {
    let bearer = format!("Bearer {key}");
    let headers = [
        ("authorization", bearer.as_str()),
        ("content-type", "application/json"),
    ];
    face.send(method, path, &headers, body.to_string()).await
}

/// A job of this tenant that has succeeded with one file.
async fn ended(face: &Face, tenant: &str) -> JobId {
    let writer = key(face, tenant, KeyScope::Write).await;
    let created = ask(face, "POST", "/v1/jobs", &writer, &request()).await;
    assert_eq!(created.status, 202, "{created:?}");
    let lease = face.claim().await;
    let frontier = json!({"macs": 9, "parameters": 9, "points": []}).to_string();
    face.succeed(&lease, "frontier.json", frontier.as_bytes())
        .await;
    lease.job
}

#[tokio::test]
async fn every_operation_asks_for_its_scope() {
    let face = locked().await;
    let nobody = JobId::at(0).to_string();
    let mut asked = 0;
    for operation in operations() {
        let path = operation.about(&nobody);
        let at = format!("{} {path}", operation.method);
        let bare = face.send(&operation.method, &path, &[], "").await;
        let Some(needed) = &operation.scope else {
            assert_ne!(bare.status, 401, "{at}");
            continue;
        };
        bare.problem(401, "unauthenticated");
        for &scope in KeyScope::VARIANTS {
            let key = key(&face, "a", scope).await;
            let answer = ask(&face, &operation.method, &path, &key, &json!({})).await;
            let allowed = match scope {
                KeyScope::Metrics => needed == "metrics",
                KeyScope::Read => needed == "read",
                KeyScope::Write => needed == "read" || needed == "write",
                KeyScope::Admin => true,
            };
            if !allowed {
                let body = answer.problem(403, "forbidden");
                assert!(
                    body["detail"].as_str().unwrap().contains(needed.as_str()),
                    "{at}"
                );
            } else {
                assert!(
                    ![401, 403].contains(&answer.status.as_u16()),
                    "{at}: {answer:?}"
                );
            }
        }
        asked += 1;
    }
    assert!(asked >= 13, "{asked} operations need a key");
}

/// A body that the operation would take.
fn body(method: &str, path: &str) -> Value {
    match method {
        "PATCH" => json!({"enabled": true}),
        _ if path.ends_with("/resolve") => json!({"target": {"value": "40%"}}),
        _ => json!({}),
    }
}

#[tokio::test]
async fn another_tenants_ids_are_not_there_on_any_path() {
    let face = locked().await;
    let job = ended(&face, "a").await.to_string();
    let owned = made(&face, "a", KeyScope::Read, None)
        .await
        .id()
        .to_string();
    let stranger = key(&face, "b", KeyScope::Admin).await;
    let owner = key(&face, "a", KeyScope::Admin).await;
    let url = json!({"url": "https://example.org/hook"});
    let webhook = ask(&face, "POST", "/v1/webhooks", &owner, &url)
        .await
        .json()["id"]
        .clone();
    let webhook = webhook.as_str().unwrap();
    let announced = json!({"name": "a.tsv", "bytes": 1, "sha256": "0".repeat(64)});
    let upload = ask(&face, "POST", "/v1/uploads", &owner, &announced)
        .await
        .json()["id"]
        .clone();
    let upload = upload.as_str().unwrap();
    let key = Key::upload("a", upload).unwrap();
    face.artifacts.put_bytes(&key, "x".into()).await.unwrap();
    let test = format!("/v1/webhooks/{webhook}/test");
    let delivery = ask(&face, "POST", &test, &owner, &json!({})).await.json()["id"].clone();
    let mut asked = Vec::new();
    for operation in operations() {
        // A signed URL asks for no key, and tells nobody whether there is anything.
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
            .about(id)
            .replace("{delivery}", delivery.as_str().unwrap());
        ask(
            &face,
            &operation.method,
            &path,
            &stranger,
            &body(&operation.method, &path),
        )
        .await
        .problem(404, "not_found");
        asked.push((operation.method, path));
    }
    assert!(asked.len() >= 8, "{asked:?}");
    // The owner is answered on the same paths, so what the stranger saw was no mistake of the test's.
    asked.sort_by_key(|(method, path)| (method == "DELETE", path.clone()));
    for (method, path) in asked {
        let answer = ask(&face, &method, &path, &owner, &body(&method, &path)).await;
        assert!(answer.status.as_u16() < 400, "{method} {path}: {answer:?}");
    }
}

#[tokio::test]
async fn a_key_that_is_no_good_is_refused_in_one_sentence() {
    let face = locked().await;
    let good = key(&face, "a", KeyScope::Admin).await;
    let revoked = made(&face, "a", KeyScope::Admin, None).await;
    face.jobs
        .revoke_key(&Scope::Service, revoked.id())
        .await
        .unwrap();
    let expired = made(&face, "a", KeyScope::Admin, Some(1)).await.reveal();
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
    let mut sentences = Vec::new();
    for header in headers {
        let headers: Vec<_> = header
            .iter()
            .map(|value| ("authorization", value.as_str()))
            .collect();
        let answer = face.send("GET", "/v1/jobs", &headers, "").await;
        let body = answer.problem(401, "unauthenticated");
        assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"optin\"");
        sentences.push(body["detail"].as_str().unwrap().to_owned());
    }
    sentences.dedup();
    assert_eq!(sentences.len(), 1, "{sentences:?}");
    assert_eq!(
        ask(&face, "GET", "/v1/jobs", &good, &json!({}))
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn what_is_open_stays_open() {
    let face = locked().await;
    for path in ["/livez", "/readyz", "/openapi.json", "/docs/"] {
        assert_eq!(face.get(path).await.status, 200, "{path}");
    }
    face.get("/metrics").await.problem(401, "unauthenticated");
    face.get("/v1/nowhere").await.problem(404, "not_found");
    face.send("PATCH", "/v1/jobs", &[], "")
        .await
        .problem(405, "method_not_allowed");
    let job = ended(&face, "a").await;
    let reader = key(&face, "a", KeyScope::Read).await;
    let path = format!("/v1/jobs/{job}/artifacts/frontier.json");
    let answer = ask(&face, "GET", &path, &reader, &json!({})).await;
    let url = answer
        .header("location")
        .strip_prefix("https://optin.example")
        .unwrap();
    let file = face.get(url).await.json();
    assert_eq!(file["macs"], 9, "the signature is the key");
}

#[tokio::test]
async fn tenants_share_no_lists_and_no_idempotency_keys() {
    let face = locked().await;
    let mut ids = Vec::new();
    for tenant in ["a", "b"] {
        let bearer = format!("Bearer {}", key(&face, tenant, KeyScope::Write).await);
        let headers = [
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
            ("idempotency-key", "same"),
        ];
        let made = face
            .send("POST", "/v1/jobs", &headers, request().to_string())
            .await;
        ids.push(made.json()["id"].clone());
        let listed = face.send("GET", "/v1/jobs", &headers, "").await.json();
        assert_eq!(listed["data"].as_array().unwrap().len(), 1);
        assert_eq!(&listed["data"][0]["id"], ids.last().unwrap());
    }
    assert_ne!(ids[0], ids[1]);
}

#[tokio::test]
async fn a_use_is_noted_on_the_key() {
    let face = locked().await;
    let fresh = made(&face, "a", KeyScope::Read, None).await;
    let noted = async || {
        face.jobs
            .key(fresh.id())
            .await
            .unwrap()
            .unwrap()
            .key
            .last_used_at
    };
    let wrong = format!("optk_{}_{}", fresh.id(), "0".repeat(64));
    ask(&face, "GET", "/v1/jobs", &wrong, &json!({}))
        .await
        .problem(401, "unauthenticated");
    assert_eq!(noted().await, None, "whoever was refused has not used it");
    ask(&face, "GET", "/v1/jobs", &fresh.reveal(), &json!({})).await;
    assert!(noted().await.is_some());
}
