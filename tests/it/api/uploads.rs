//! Uploads: who may announce what, and how much of it.

use optin::artifact::incoming::{Upload, UploadId, UploadState};
use serde_json::json;

use super::face::Face;

fn announced(name: &str, bytes: u64) -> serde_json::Value {
    json!({"name": name, "bytes": bytes, "sha256": "0".repeat(64)})
}

#[tokio::test]
async fn an_upload_is_announced_found_and_removed() {
    let face = Face::new().await;
    let made = face.post("/v1/uploads", &announced("train.tsv", 3)).await;
    let made = made.json();
    assert_eq!(
        (made["state"].as_str(), made["bytes"].as_u64()),
        (Some("pending"), Some(3))
    );
    let path = format!("/v1/uploads/{}", made["id"].as_str().unwrap());
    let found = face.get(&path).await.json();
    assert!(
        found["put"].is_null() && found["uri"] == made["uri"],
        "{found}"
    );
    let early = face.post(&format!("{path}/complete"), &json!({})).await;
    early.problem(409, "conflict");
    assert_eq!(face.send("DELETE", &path, &[], "").await.status, 204);
    face.get(&path).await.problem(404, "not_found");
    face.get("/v1/uploads/upl_1")
        .await
        .problem(404, "not_found");
}

#[tokio::test]
async fn what_cannot_be_an_upload_is_refused() {
    let face = Face::new().await;
    for body in [
        announced("train.parquet.gz", 3),
        announced("train.xlsx", 3),
        announced("../train.tsv", 3),
        announced(".tsv", 3),
        announced("train.tsv", 0),
        announced("model.tar", 1 << 40),
        json!({"name": "train.tsv", "bytes": 3, "sha256": "F".repeat(64)}),
    ] {
        face.post("/v1/uploads", &body)
            .await
            .problem(422, "validation_failed");
    }
}

#[tokio::test]
async fn there_is_an_end_to_uploads() {
    let face = Face::new().await;
    for _ in 0..200 {
        let upload = Upload {
            id: UploadId::fresh(),
            name: "train.tsv".into(),
            bytes: 3,
            sha256: "0".repeat(64),
            state: UploadState::Ready,
            created_at: 0,
        };
        face.artifacts.put_upload("default", &upload).await.unwrap();
    }
    let refused = face.post("/v1/uploads", &announced("train.tsv", 3)).await;
    refused.problem(429, "quota_exceeded");
}

#[tokio::test]
async fn uploads_are_listed_in_pages_newest_first() {
    let face = Face::new().await;
    let mut ids = Vec::new();
    for n in 1..=5 {
        let made = face
            .post("/v1/uploads", &announced(&format!("{n}.tsv"), n))
            .await;
        ids.insert(0, made.json()["id"].clone());
    }
    let (mut seen, mut query) = (Vec::new(), "limit=2".to_owned());
    loop {
        let page = face.get(&format!("/v1/uploads?{query}")).await.json();
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
    face.get("/v1/uploads?cursor=upl_1")
        .await
        .problem(400, "invalid_request");
}
