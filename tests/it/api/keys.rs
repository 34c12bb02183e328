//! API keys managed over HTTP, and the audit log.

use optin::job::Scope;
use optin::job::key::KeyScope;
use optin::job::store::audit::AuditLog;
use serde_json::{Value, json};
use std::time::Duration;

use super::access::{api_key, create_key, send_with_key, with_required_keys};
use super::harness::{Harness, request};

#[tokio::test]
async fn an_admin_creates_lists_and_revokes_keys() {
    let harness = with_required_keys().await;
    let admin = api_key(&harness, "a", KeyScope::Admin).await;
    let wanted = json!({"name": "laptop", "scope": "read", "expires": "90d"});
    let response = send_with_key(&harness, "POST", "/v1/keys", &admin, &wanted).await;
    assert_eq!(response.status, 201, "{response:?}");
    assert_eq!(response.header("cache-control"), "no-store");
    let created_key = response.json();
    assert_eq!(
        audit(&harness, &admin, 1).await[0]["subject"],
        created_key["id"]
    );
    assert_eq!(
        (&created_key["tenant"], &created_key["scope"]),
        (&json!("a"), &json!("read"))
    );
    let full_key = created_key["key"].as_str().unwrap();
    assert_eq!(
        send_with_key(&harness, "GET", "/v1/jobs", full_key, &json!({}))
            .await
            .status,
        200
    );
    let list = send_with_key(&harness, "GET", "/v1/keys?limit=1", &admin, &json!({})).await;
    let secret = full_key.rsplit_once('_').unwrap().1;
    assert!(!String::from_utf8_lossy(&list.bytes).contains(secret));
    let list = list.json();
    assert_eq!(
        (&list["data"][0]["id"], &list["has_more"]),
        (&created_key["id"], &json!(true))
    );
    let next = format!("/v1/keys?cursor={}", list["next_cursor"].as_str().unwrap());
    let next = send_with_key(&harness, "GET", &next, &admin, &json!({}))
        .await
        .json();
    assert_eq!(
        (&next["data"].as_array().unwrap().len(), &next["has_more"]),
        (&1, &json!(false))
    );
    let path = format!("/v1/keys/{}", created_key["id"].as_str().unwrap());
    assert_eq!(
        send_with_key(&harness, "DELETE", &path, &admin, &json!({}))
            .await
            .status,
        204
    );
    send_with_key(&harness, "GET", "/v1/jobs", full_key, &json!({}))
        .await
        .problem(401, "unauthenticated");
    for wrong in [
        json!({"name": "", "scope": "read"}),
        json!({"name": "x".repeat(101), "scope": "read"}),
        json!({"name": "a\u{0}b", "scope": "read"}),
        json!({"name": "a", "scope": "root"}),
        json!({"name": "a", "scope": "read", "expires": "0d"}),
        json!({"name": "a", "scope": "read", "tenant": "b"}),
    ] {
        send_with_key(&harness, "POST", "/v1/keys", &admin, &wrong)
            .await
            .problem(422, "validation_failed");
    }
}

/// Waits until the audit log has at least `entries` entries, and returns it.
///
/// Rejected requests are recorded asynchronously.
async fn audit(harness: &Harness, admin: &str, entries: usize) -> Vec<Value> {
    for _ in 0..200 {
        let page = send_with_key(harness, "GET", "/v1/audit", admin, &json!({}))
            .await
            .json();
        let data = page["data"].as_array().unwrap().clone();
        if data.len() >= entries {
            return data;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the audit log has fewer than {entries} entries");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_log_records_changes_and_rejected_keys() {
    let harness = with_required_keys().await;
    let fresh = create_key(&harness, "a", KeyScope::Admin, None).await;
    let (admin, id) = (fresh.reveal(), fresh.id().to_string());
    let created = send_with_key(&harness, "POST", "/v1/jobs", &admin, &request()).await;
    let job = created.json()["id"].as_str().unwrap().to_owned();
    let cancel = send_with_key(
        &harness,
        "POST",
        &format!("/v1/jobs/{job}/cancel"),
        &admin,
        &json!({}),
    )
    .await;
    assert_eq!(
        send_with_key(
            &harness,
            "DELETE",
            &format!("/v1/jobs/{job}"),
            &admin,
            &json!({})
        )
        .await
        .status,
        204
    );
    send_with_key(&harness, "GET", "/v1/jobs", &admin, &json!({})).await;
    let data = audit(&harness, &admin, 3).await;
    let recorded: Vec<_> = data
        .iter()
        .map(|entry| {
            assert_eq!(entry["key"], id.as_str());
            json!([
                entry["method"],
                entry["route"],
                entry["subject"],
                entry["status"]
            ])
        })
        .collect();
    assert_eq!(
        recorded,
        [
            json!(["DELETE", "/v1/jobs/{id}", job, 204]),
            json!(["POST", "/v1/jobs/{id}/cancel", job, 202]),
            json!(["POST", "/v1/jobs", job, 202]),
        ]
    );
    assert_eq!(data[1]["request_id"], cancel.header("x-request-id"));
    let wrong = format!("optk_{id}_{}", "0".repeat(64));
    send_with_key(&harness, "GET", "/v1/jobs", &wrong, &json!({}))
        .await
        .problem(401, "unauthenticated");
    let rejected = &audit(&harness, &admin, 4).await[0];
    assert_eq!(
        json!([
            rejected["key"],
            rejected["method"],
            rejected["route"],
            rejected["status"]
        ]),
        json!([id, "GET", "/v1/jobs", 401])
    );
    let page = send_with_key(&harness, "GET", "/v1/audit?limit=2", &admin, &json!({}))
        .await
        .json();
    let next = format!("/v1/audit?cursor={}", page["next_cursor"].as_str().unwrap());
    let rest = send_with_key(&harness, "GET", &next, &admin, &json!({}))
        .await
        .json();
    assert_eq!(
        (rest["data"].as_array().unwrap().len(), &rest["has_more"]),
        (2, &json!(false))
    );
    let other_tenant = api_key(&harness, "b", KeyScope::Admin).await;
    assert_eq!(audit(&harness, &other_tenant, 0).await.len(), 0);
    assert_eq!(
        harness
            .jobs
            .deeds(&Scope::Service, None, 10)
            .await
            .unwrap()
            .0
            .len(),
        4
    );
}
