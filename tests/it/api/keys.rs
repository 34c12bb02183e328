//! Keys managed over HTTP, and the record of what they did.

use optin::job::Scope;
use optin::job::key::KeyScope;
use optin::job::store::audit::AuditLog;
use serde_json::{Value, json};
use std::time::Duration;

use super::access::{ask, key, locked, made};
use super::face::{Face, request};

#[tokio::test]
async fn keys_are_made_listed_and_revoked_by_an_admin() {
    let face = locked().await;
    let admin = key(&face, "a", KeyScope::Admin).await;
    let wanted = json!({"name": "laptop", "scope": "read", "expires": "90d"});
    let answer = ask(&face, "POST", "/v1/keys", &admin, &wanted).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!(answer.header("cache-control"), "no-store");
    let made = answer.json();
    assert_eq!(audit(&face, &admin, 1).await[0]["subject"], made["id"]);
    assert_eq!(
        (&made["tenant"], &made["scope"]),
        (&json!("a"), &json!("read"))
    );
    let whole = made["key"].as_str().unwrap();
    assert_eq!(
        ask(&face, "GET", "/v1/jobs", whole, &json!({}))
            .await
            .status,
        200
    );
    let list = ask(&face, "GET", "/v1/keys?limit=1", &admin, &json!({})).await;
    let secret = whole.rsplit_once('_').unwrap().1;
    assert!(!String::from_utf8_lossy(&list.bytes).contains(secret));
    let list = list.json();
    assert_eq!(
        (&list["data"][0]["id"], &list["has_more"]),
        (&made["id"], &json!(true))
    );
    let next = format!("/v1/keys?cursor={}", list["next_cursor"].as_str().unwrap());
    let next = ask(&face, "GET", &next, &admin, &json!({})).await.json();
    assert_eq!(
        (&next["data"].as_array().unwrap().len(), &next["has_more"]),
        (&1, &json!(false))
    );
    let path = format!("/v1/keys/{}", made["id"].as_str().unwrap());
    assert_eq!(
        ask(&face, "DELETE", &path, &admin, &json!({})).await.status,
        204
    );
    ask(&face, "GET", "/v1/jobs", whole, &json!({}))
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
        ask(&face, "POST", "/v1/keys", &admin, &wrong)
            .await
            .problem(422, "validation_failed");
    }
}

/// The audit log once it holds so many entries: refusals are written beside their answers.
async fn audit(face: &Face, admin: &str, entries: usize) -> Vec<Value> {
    for _ in 0..200 {
        let page = ask(face, "GET", "/v1/audit", admin, &json!({}))
            .await
            .json();
        let data = page["data"].as_array().unwrap().clone();
        if data.len() >= entries {
            return data;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("no {entries} entries came");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_done_and_refused_is_on_record() {
    let face = locked().await;
    let fresh = made(&face, "a", KeyScope::Admin, None).await;
    let (admin, id) = (fresh.reveal(), fresh.id().to_string());
    let created = ask(&face, "POST", "/v1/jobs", &admin, &request()).await;
    let job = created.json()["id"].as_str().unwrap().to_owned();
    let cancel = ask(
        &face,
        "POST",
        &format!("/v1/jobs/{job}/cancel"),
        &admin,
        &json!({}),
    )
    .await;
    assert_eq!(
        ask(
            &face,
            "DELETE",
            &format!("/v1/jobs/{job}"),
            &admin,
            &json!({})
        )
        .await
        .status,
        204
    );
    ask(&face, "GET", "/v1/jobs", &admin, &json!({})).await;
    let data = audit(&face, &admin, 3).await;
    let told: Vec<_> = data
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
        told,
        [
            json!(["DELETE", "/v1/jobs/{id}", job, 204]),
            json!(["POST", "/v1/jobs/{id}/cancel", job, 202]),
            json!(["POST", "/v1/jobs", job, 202]),
        ]
    );
    assert_eq!(data[1]["request_id"], cancel.header("x-request-id"));
    let wrong = format!("optk_{id}_{}", "0".repeat(64));
    ask(&face, "GET", "/v1/jobs", &wrong, &json!({}))
        .await
        .problem(401, "unauthenticated");
    let refused = &audit(&face, &admin, 4).await[0];
    assert_eq!(
        json!([
            refused["key"],
            refused["method"],
            refused["route"],
            refused["status"]
        ]),
        json!([id, "GET", "/v1/jobs", 401])
    );
    let page = ask(&face, "GET", "/v1/audit?limit=2", &admin, &json!({}))
        .await
        .json();
    let next = format!("/v1/audit?cursor={}", page["next_cursor"].as_str().unwrap());
    let rest = ask(&face, "GET", &next, &admin, &json!({})).await.json();
    assert_eq!(
        (rest["data"].as_array().unwrap().len(), &rest["has_more"]),
        (2, &json!(false))
    );
    let stranger = key(&face, "b", KeyScope::Admin).await;
    assert_eq!(audit(&face, &stranger, 0).await.len(), 0);
    assert_eq!(
        face.jobs
            .deeds(&Scope::Service, None, 10)
            .await
            .unwrap()
            .0
            .len(),
        4
    );
}
