//! Uploads: creation, validation, limits and lists.

use optin::artifact::incoming::{PART_BYTES, Upload, UploadId, UploadState};
use serde_json::json;

use super::harness::Harness;

/// Returns the body of a request that creates an upload.
fn upload_request(name: &str, bytes: u64) -> serde_json::Value {
    json!({"name": name, "bytes": bytes, "sha256": "0".repeat(64)})
}

#[tokio::test]
async fn an_upload_is_created_read_and_deleted() {
    let harness = Harness::new().await;
    let created = harness
        .post("/v1/uploads", &upload_request("train.tsv", 3))
        .await;
    let created = created.json();
    assert_eq!(
        (created["state"].as_str(), created["bytes"].as_u64()),
        (Some("pending"), Some(3))
    );
    let path = format!("/v1/uploads/{}", created["id"].as_str().unwrap());
    let found = harness.get(&path).await.json();
    assert!(
        found["put"].is_null() && found["uri"] == created["uri"],
        "{found}"
    );
    let early = harness.post(&format!("{path}/complete"), &json!({})).await;
    early.problem(409, "conflict");
    assert_eq!(harness.send("DELETE", &path, &[], "").await.status, 204);
    harness.get(&path).await.problem(404, "not_found");
    harness
        .get("/v1/uploads/upl_1")
        .await
        .problem(404, "not_found");
}

#[tokio::test]
async fn invalid_uploads_are_rejected() {
    let harness = Harness::new().await;
    for body in [
        upload_request("train.parquet.gz", 3),
        upload_request("train.xlsx", 3),
        upload_request("../train.tsv", 3),
        upload_request(".tsv", 3),
        upload_request("train.tsv", 0),
        upload_request("model.tar", 1 << 40),
        json!({"name": "train.tsv", "bytes": 3, "sha256": "F".repeat(64)}),
    ] {
        harness
            .post("/v1/uploads", &body)
            .await
            .problem(422, "validation_failed");
    }
}

#[tokio::test]
async fn the_number_of_uploads_is_limited() {
    let harness = Harness::new().await;
    for _ in 0..200 {
        let upload = Upload {
            id: UploadId::fresh(),
            name: "train.tsv".into(),
            bytes: 3,
            sha256: "0".repeat(64),
            part_bytes: PART_BYTES,
            state: UploadState::Ready,
            created_at: 0,
        };
        harness
            .artifacts
            .put_upload("default", &upload)
            .await
            .unwrap();
    }
    let rejected = harness
        .post("/v1/uploads", &upload_request("train.tsv", 3))
        .await;
    rejected.problem(429, "quota_exceeded");
}

#[tokio::test]
async fn uploads_are_listed_in_pages_newest_first() {
    let harness = Harness::new().await;
    let mut ids = Vec::new();
    for n in 1..=5 {
        let created = harness
            .post("/v1/uploads", &upload_request(&format!("{n}.tsv"), n))
            .await;
        ids.insert(0, created.json()["id"].clone());
    }
    let (mut seen, mut query) = (Vec::new(), "limit=2".to_owned());
    loop {
        let page = harness.get(&format!("/v1/uploads?{query}")).await.json();
        let data = page["data"].as_array().unwrap();
        assert!(
            data.iter()
                .all(|upload| upload["put"].is_null() && upload["state"] == "pending")
        );
        seen.extend(data.iter().map(|upload| upload["id"].clone()));
        assert_eq!(
            page["has_more"].as_bool().unwrap(),
            page["next_cursor"].is_string()
        );
        match page["next_cursor"].as_str() {
            Some(cursor) => query = format!("limit=2&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(seen, ids);
    harness
        .get("/v1/uploads?cursor=upl_1")
        .await
        .problem(400, "invalid_request");
}
