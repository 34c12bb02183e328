//! Signed URLs of a bucket, requested over HTTP from a real server.

use super::behaviors::{key, name, temporary_file};
use crate::fixture::bucket::{get, place};
use optin::artifact::manifest::StoredFile;
use optin::artifact::store::ArtifactStore;
use std::time::Duration;

const CONTENT: &[u8] = b"0123456789abcdef";
const MINUTE: Duration = Duration::from_secs(60);

async fn upload(store: &ArtifactStore, text: &str) -> StoredFile {
    let (_folder, path) = temporary_file(CONTENT);
    let stored = store.upload(&key(1, text), &name(text), &path).await;
    stored.unwrap()
}

#[tokio::test]
async fn a_signed_url_returns_the_file_and_its_name() {
    let (_, store) = place();
    for name in ["a.json", "1_Pooling/b/a.json"] {
        let file = upload(&store, name).await;
        let signed = store
            .signed_url(&file, "application/json", MINUTE)
            .await
            .unwrap();
        let response = get(&signed.url).await;
        assert_eq!(response.status(), 200);
        assert_eq!(
            response.headers()["content-disposition"],
            "attachment; filename=\"a.json\""
        );
        assert_eq!(response.headers()["content-type"], "application/json");
        assert_eq!(response.bytes().await.unwrap(), CONTENT);
        let part = reqwest::Client::new()
            .get(&signed.url)
            .header("range", "bytes=4-7");
        let part = part.send().await.unwrap();
        assert_eq!(part.status(), 206);
        assert_eq!(part.bytes().await.unwrap(), &CONTENT[4..8]);
    }
}

#[tokio::test]
async fn changed_urls_and_other_methods_are_rejected() {
    let (_, store) = place();
    let file = upload(&store, "a.json").await;
    upload(&store, "b.json").await;
    let url = store
        .signed_url(&file, "application/json", MINUTE)
        .await
        .unwrap()
        .url;
    for changed in [
        url.replacen("/a.json?", "/b.json?", 1),
        url.replace("X-Amz-Expires=60", "X-Amz-Expires=6000"),
        url.replace("X-Amz-Signature=", "X-Amz-Signature=0"),
        url.replace("filename", "filenames"),
        url.split('?').next().unwrap().to_owned(),
    ] {
        assert_ne!(changed, url);
        assert_eq!(get(&changed).await.status(), 403, "{changed}");
    }
    let client = reqwest::Client::new();
    for request in [client.delete(&url), client.put(&url).body("other")] {
        assert_eq!(request.send().await.unwrap().status(), 403);
    }
    assert_eq!(get(&url).await.bytes().await.unwrap(), CONTENT);
}

#[tokio::test]
async fn a_signed_url_expires_after_at_most_seven_days() {
    let (_, store) = place();
    let file = upload(&store, "a.json").await;
    let short = store
        .signed_url(&file, "application/json", Duration::from_secs(1))
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert_eq!(get(&short.url).await.status(), 403);
    let year = store
        .signed_url(&file, "application/json", MINUTE * 60 * 24 * 365)
        .await
        .unwrap();
    assert!(year.url.contains("X-Amz-Expires=604800"), "{}", year.url);
    assert_eq!(get(&year.url).await.status(), 200);
}

#[tokio::test]
async fn a_signed_upload_writes_only_its_key_and_is_checked_by_size_and_digest() {
    let (_, store) = place();
    let sha256 = "9f9f5111f7b27a781f1f1ddde5ebc2dd2b796bfc7365c9c28b548e564176929f";
    let at = optin::artifact::key::Key::upload("tenant", "u1").unwrap();
    let signed = store
        .signed_upload(&at, sha256, CONTENT.len() as u64, MINUTE)
        .await
        .unwrap();
    let send = async |url: &str, checksum: Option<&str>, body: &'static [u8]| {
        let mut request = reqwest::Client::new().put(url).body(body);
        for (name, value) in &signed.headers {
            request = request.header(name, checksum.unwrap_or(value));
        }
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(send(&signed.url, Some("AAAA"), CONTENT).await, 403);
    assert_eq!(
        send(&signed.url.replace("/u1?", "/u2?"), None, CONTENT).await,
        403
    );
    assert_eq!(get(&signed.url).await.status(), 403);
    assert!(!store.exists(&at).await.unwrap());
    assert_eq!(send(&signed.url, None, CONTENT).await, 200);
    assert!(store.holds(&at, sha256, 16).await.unwrap());
    store
        .put_bytes(&at, "0123456789abcdeg".into())
        .await
        .unwrap();
    assert!(!store.holds(&at, sha256, 16).await.unwrap());
    assert!(!store.holds(&at, sha256, 17).await.unwrap());
}
