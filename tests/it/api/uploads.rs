//! Uploads: creation, validation, limits and lists.

use axum::body::Body;
use bytes::Bytes;
use optin::artifact::incoming::{PART_BYTES, Upload, UploadId, UploadQuota, UploadState};
use optin::artifact::key::Key;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::harness::{Harness, Options};

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

async fn with_quota(bytes: u64) -> Harness {
    let upload_quota = UploadQuota {
        bytes,
        ..UploadQuota::default()
    };
    Harness::with(Options {
        upload_quota,
        ..Options::default()
    })
    .await
}

async fn usage(harness: &Harness) -> Value {
    harness.get("/v1/usage").await.json()["uploads"].clone()
}

#[tokio::test]
async fn the_total_size_of_uploads_is_limited_and_reported() {
    let harness = with_quota(100).await;
    let other = Upload {
        id: UploadId::fresh(),
        name: "train.tsv".into(),
        bytes: 90,
        sha256: "0".repeat(64),
        part_bytes: PART_BYTES,
        state: UploadState::Ready,
        created_at: 0,
    };
    harness.artifacts.put_upload("other", &other).await.unwrap();
    let create = async |bytes| {
        let request = upload_request("train.tsv", bytes);
        harness.post("/v1/uploads", &request).await
    };
    let first = create(60).await.json();
    let problem = create(41).await.problem(429, "quota_exceeded");
    let detail = problem["detail"].as_str().unwrap();
    assert!(
        detail.contains("101 bytes") && detail.contains("limit is 100"),
        "{detail}"
    );
    assert_eq!(create(40).await.status, 201);
    let full = json!({"count": 2, "max_count": 200, "bytes": 100, "max_bytes": 100});
    assert_eq!(usage(&harness).await, full);
    let path = format!("/v1/uploads/{}", first["id"].as_str().unwrap());
    assert_eq!(harness.send("DELETE", &path, &[], "").await.status, 204);
    assert_eq!(usage(&harness).await["bytes"], 40);
    assert_eq!(create(60).await.status, 201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_uploads_stay_within_the_quota() {
    let harness = with_quota(100).await;
    let request = upload_request("train.tsv", 30);
    let creates = (0..12).map(|_| harness.post("/v1/uploads", &request));
    let created = futures::future::join_all(creates).await;
    let accepted = created.iter().filter(|created| created.status == 201);
    // Uploads that are refused at the end may have counted for others.
    assert!(accepted.count() <= 3);
    assert!(usage(&harness).await["bytes"].as_u64().unwrap() <= 90);
}

#[tokio::test]
async fn an_upload_beyond_the_quota_cannot_be_completed() {
    let harness = with_quota(100).await;
    let mut ids = Vec::new();
    for bytes in [80, 30] {
        let upload = Upload {
            id: UploadId::fresh(),
            name: "train.tsv".into(),
            bytes,
            sha256: "0".repeat(64),
            part_bytes: PART_BYTES,
            state: UploadState::Pending,
            created_at: 0,
        };
        let content = upload.key("default").unwrap();
        harness
            .artifacts
            .put_upload("default", &upload)
            .await
            .unwrap();
        harness
            .artifacts
            .put_bytes(&content, "x".into())
            .await
            .unwrap();
        ids.push(upload.id);
    }
    let complete = async |id| {
        let path = format!("/v1/uploads/{id}/complete");
        harness.post(&path, &json!({})).await
    };
    complete(ids[1]).await.problem(429, "quota_exceeded");
    assert_eq!(complete(ids[0]).await.json()["state"], "ready");
    let path = format!("/v1/uploads/{}", ids[0]);
    assert_eq!(harness.send("DELETE", &path, &[], "").await.status, 204);
    assert_eq!(complete(ids[1]).await.json()["state"], "ready");
}

/// Returns the path of an upload, and the path with its signature that takes the content.
fn paths(created: &Value) -> (String, String) {
    let url = created["put"]["url"].as_str().unwrap();
    (
        format!("/v1/uploads/{}", created["id"].as_str().unwrap()),
        url.strip_prefix("https://optin.example")
            .unwrap()
            .to_owned(),
    )
}

#[tokio::test]
async fn content_is_accepted_only_until_its_upload_is_complete_or_deleted() {
    let harness = Harness::new().await;
    let mut request = upload_request("train.tsv", 4);
    request["sha256"] = json!(hex::encode(Sha256::digest("text")));
    let created = harness.post("/v1/uploads", &request).await.json();
    let (path, put) = paths(&created);
    for _ in 0..2 {
        assert_eq!(harness.send("PUT", &put, &[], "text").await.status, 204);
    }
    let complete = harness.post(&format!("{path}/complete"), &json!({})).await;
    assert_eq!(complete.json()["state"], "ready");
    let again = harness.send("PUT", &put, &[], "data").await;
    again.problem(409, "conflict");
    assert_eq!(harness.send("DELETE", &path, &[], "").await.status, 204);
    let late = harness.send("PUT", &put, &[], "text").await;
    late.problem(404, "not_found");
    assert_eq!(harness.artifacts.list(&Key::uploads()).await.unwrap(), []);
}

#[tokio::test]
async fn content_that_arrives_while_its_upload_is_deleted_is_removed() {
    let harness = Harness::new().await;
    let mut request = upload_request("train.tsv", 4);
    request["sha256"] = json!(hex::encode(Sha256::digest("text")));
    let created = harness.post("/v1/uploads", &request).await.json();
    let (path, put) = paths(&created);
    let delete = async {
        // The body is read after the first check of the record.
        assert_eq!(harness.send("DELETE", &path, &[], "").await.status, 204);
        Ok::<_, std::io::Error>(Bytes::from_static(b"text"))
    };
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let body = Body::from_stream(futures::stream::once(async move {
        receiver.await.map_err(std::io::Error::other)
    }));
    let put = harness.send("PUT", &put, &[], body);
    let deleted = async {
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        sender.send(delete.await.unwrap()).unwrap();
    };
    let (late, ()) = tokio::join!(put, deleted);
    late.problem(404, "not_found");
    assert_eq!(harness.artifacts.list(&Key::uploads()).await.unwrap(), []);
}
