//! Uploads in parts, which continue after a broken connection.

use optin::artifact::incoming::PART_BYTES;
use optin::artifact::key::Key;
use serde_json::{Value, json};

use super::harness::{Harness, Response};

/// Size of the content: two whole parts and a smaller one.
const BYTES: usize = (2 * PART_BYTES + 1_000) as usize;

fn sha256(content: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("content");
    std::fs::write(&path, content).unwrap();
    optin::prune::digest::sha256_of(&path).unwrap()
}

fn content() -> Vec<u8> {
    (0..BYTES).map(|index| (index % 251) as u8).collect()
}

/// Returns this part of the content, counted from 1.
fn part(content: &[u8], number: usize) -> &[u8] {
    content.chunks(PART_BYTES as usize).nth(number - 1).unwrap()
}

/// Creates an upload and returns its path.
async fn created(harness: &Harness, content: &[u8]) -> String {
    let body = json!({"name": "train.tsv", "bytes": content.len(), "sha256": sha256(content)});
    let created = harness.post("/v1/uploads", &body).await.json();
    assert_eq!(created["part_bytes"], PART_BYTES, "{created}");
    format!("/v1/uploads/{}", created["id"].as_str().unwrap())
}

/// Returns the path of the signed URL for a part.
async fn url(harness: &Harness, upload: &str, number: usize, bytes: &[u8]) -> String {
    let body = json!({"number": number, "sha256": sha256(bytes)});
    let asked = harness.post(&format!("{upload}/parts"), &body).await.json();
    assert_eq!(asked["bytes"], bytes.len(), "{asked}");
    assert_eq!(asked["offset"], (number - 1) as u64 * PART_BYTES);
    let url = asked["put"]["url"].as_str().unwrap();
    url.strip_prefix("https://optin.example")
        .unwrap()
        .to_owned()
}

async fn put(harness: &Harness, url: &str, bytes: &[u8]) -> Response {
    harness.send("PUT", url, &[], bytes.to_vec()).await
}

async fn parts(harness: &Harness, upload: &str) -> Value {
    harness.get(&format!("{upload}/parts")).await.json()
}

#[tokio::test]
async fn an_upload_continues_with_the_parts_that_have_not_arrived() {
    let harness = Harness::new().await;
    let content = content();
    let upload = created(&harness, &content).await;
    let complete = format!("{upload}/complete");
    assert_eq!(parts(&harness, &upload).await["missing"], json!([1, 2, 3]));
    for number in [3, 2] {
        let part = part(&content, number);
        let url = url(&harness, &upload, number, part).await;
        assert_eq!(put(&harness, &url, part).await.status, 204);
    }
    let early = harness.post(&complete, &json!({})).await;
    let detail = early.problem(409, "conflict")["detail"].clone();
    assert!(
        detail
            .as_str()
            .unwrap()
            .contains("1 of 3 parts have not arrived, the first of them is part 1"),
        "{detail}"
    );
    // A broken connection, then wrong bytes: nothing is stored.
    let first = part(&content, 1);
    let url = url(&harness, &upload, 1, first).await;
    put(&harness, &url, &first[..100_000])
        .await
        .problem(400, "invalid_request");
    let mut wrong = first.to_vec();
    wrong[0] ^= 1;
    put(&harness, &url, &wrong)
        .await
        .problem(400, "invalid_request");
    let found = parts(&harness, &upload).await;
    assert_eq!(
        found,
        json!({"object": "upload_parts", "part_bytes": PART_BYTES, "count": 3, "missing": [1]})
    );
    assert_eq!(put(&harness, &url, first).await.status, 204);
    let ready = harness.post(&complete, &json!({})).await.json();
    assert_eq!(ready["state"], "ready", "{ready}");
    assert_eq!(parts(&harness, &upload).await["missing"], json!([]));
    put(&harness, &url, first).await.problem(409, "conflict");
    let body = json!({"number": 1, "sha256": sha256(first)});
    harness
        .post(&format!("{upload}/parts"), &body)
        .await
        .problem(409, "conflict");
    let id = upload.rsplit('/').next().unwrap().parse().unwrap();
    let record = harness.artifacts.get_upload("default", id).await.unwrap();
    let copy = harness.folder.path().join("copy");
    let copied = harness
        .artifacts
        .copy_upload("default", &record, &copy)
        .await;
    assert_eq!(copied.unwrap(), BYTES as u64);
    assert!(std::fs::read(copy).unwrap() == content);
}

#[tokio::test]
async fn a_deleted_upload_leaves_no_parts_and_takes_no_more() {
    let harness = Harness::new().await;
    let content = content();
    let upload = created(&harness, &content).await;
    let last = part(&content, 3);
    let url = url(&harness, &upload, 3, last).await;
    assert_eq!(put(&harness, &url, last).await.status, 204);
    let stored = async || harness.artifacts.list(&Key::parts()).await.unwrap();
    assert_eq!(stored().await.len(), 1);
    assert_eq!(harness.send("DELETE", &upload, &[], "").await.status, 204);
    assert_eq!(stored().await, []);
    put(&harness, &url, last).await.problem(404, "not_found");
    assert_eq!(stored().await, []);
    harness
        .get(&format!("{upload}/parts"))
        .await
        .problem(404, "not_found");
}

#[tokio::test]
async fn invalid_parts_are_rejected() {
    let harness = Harness::new().await;
    let content = content();
    let upload = created(&harness, &content).await;
    let ask = async |body: Value| harness.post(&format!("{upload}/parts"), &body).await;
    for number in [json!(4), json!(u32::MAX)] {
        let problem = ask(json!({"number": number, "sha256": "0".repeat(64)})).await;
        problem.problem(409, "conflict");
    }
    for number in [json!(0), json!(-1)] {
        let problem = ask(json!({"number": number, "sha256": "0".repeat(64)})).await;
        let problem = problem.problem(422, "validation_failed");
        assert_eq!(problem["errors"][0]["pointer"], "/number", "{problem}");
    }
    let problem = ask(json!({"number": 1, "sha256": "X".repeat(64)})).await;
    let problem = problem.problem(422, "validation_failed");
    assert_eq!(problem["errors"][0]["pointer"], "/sha256", "{problem}");
    // A signed URL is valid only for its part and its size.
    let last = part(&content, 3);
    let url = url(&harness, &upload, 3, last).await;
    let id = upload.rsplit('/').next().unwrap();
    for forged in [
        url.replacen(&format!("{id}/3?"), &format!("{id}/2?"), 1),
        url.replacen("bytes=1000", "bytes=1001", 1),
        url.replacen("upload-parts/default", "upload-parts/other", 1),
    ] {
        assert_ne!(forged, url);
        put(&harness, &forged, last)
            .await
            .problem(403, "url_invalid");
    }
}
