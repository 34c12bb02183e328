//! Stored files and the URLs that hand them out.

use futures::TryStreamExt;
use optin::artifact::error::ArtifactError;
use optin::artifact::key::Key;
use optin::artifact::sign::{Refused, SigningKey};
use optin::artifact::store::ArtifactStore;
use std::os::unix::fs::PermissionsExt;

const JOB: &str = "job_0190c5a8-7c1e-7f3a-9d56-3f1d2b7a4c10";

fn key(attempt: i64, name: &str) -> Key {
    Key::attempt_file(JOB, attempt, name).unwrap()
}

async fn read(store: &ArtifactStore, key: &Key, range: Option<std::ops::Range<u64>>) -> Vec<u8> {
    let chunks: Vec<bytes::Bytes> = store
        .read(key, range)
        .await
        .unwrap()
        .try_collect()
        .await
        .unwrap();
    chunks.concat()
}

#[tokio::test]
async fn a_file_is_stored_read_and_removed() {
    let folder = tempfile::tempdir().unwrap();
    let store = ArtifactStore::local(&folder.path().join("store")).unwrap();
    // Larger than one part of an upload.
    let content: Vec<u8> = (0..12_000_001u32)
        .map(|value| (value % 251) as u8)
        .collect();
    let file = folder.path().join("file");
    std::fs::write(&file, &content).unwrap();
    let stored = store
        .upload(&key(1, "a.bin"), "a.bin", &file)
        .await
        .unwrap();
    assert_eq!(
        (stored.name.as_str(), stored.bytes),
        ("a.bin", content.len() as u64)
    );
    assert_eq!(stored.key, format!("jobs/{JOB}/1/a.bin"));
    assert_eq!(
        stored.sha256,
        optin::prune::digest::sha256_of(&file).unwrap()
    );
    assert_eq!(store.size(&key(1, "a.bin")).await.unwrap(), stored.bytes);
    assert!(read(&store, &key(1, "a.bin"), None).await == content);
    assert!(read(&store, &key(1, "a.bin"), Some(10..6_000_000)).await == content[10..6_000_000]);

    store
        .upload(&key(2, "a.bin"), "a.bin", &file)
        .await
        .unwrap();
    store
        .delete_prefix(&Key::attempt(JOB, 1).unwrap())
        .await
        .unwrap();
    assert!(matches!(
        store.size(&key(1, "a.bin")).await,
        Err(ArtifactError::NotFound(_))
    ));
    store.size(&key(2, "a.bin")).await.unwrap();
    store.delete_prefix(&Key::job(JOB).unwrap()).await.unwrap();
    store.delete_prefix(&Key::job(JOB).unwrap()).await.unwrap();
    assert!(matches!(
        store.read(&key(2, "a.bin"), None).await,
        Err(ArtifactError::NotFound(_))
    ));
    store.probe().await.unwrap();
}

#[tokio::test]
async fn attempt_1_is_no_prefix_of_attempt_10() {
    let folder = tempfile::tempdir().unwrap();
    let store = ArtifactStore::local(folder.path()).unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "x").unwrap();
    store.upload(&key(10, "a"), "a", &file).await.unwrap();
    store
        .delete_prefix(&Key::attempt(JOB, 1).unwrap())
        .await
        .unwrap();
    store.size(&key(10, "a")).await.unwrap();
}

#[tokio::test]
async fn the_draft_of_a_killed_upload_goes_with_its_attempt() {
    let folder = tempfile::tempdir().unwrap();
    let store = ArtifactStore::local(folder.path()).unwrap();
    let attempt = folder.path().join("jobs").join(JOB).join("1");
    std::fs::create_dir_all(&attempt).unwrap();
    std::fs::write(attempt.join("a#1"), "half").unwrap();
    store
        .delete_prefix(&Key::attempt(JOB, 1).unwrap())
        .await
        .unwrap();
    assert!(!attempt.exists());
}

#[tokio::test]
async fn an_upload_that_fails_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = ArtifactStore::local(folder.path()).unwrap();
    // A folder opens, but cannot be read.
    assert!(
        store
            .upload(&key(1, "a"), "a", folder.path())
            .await
            .is_err()
    );
    assert!(matches!(
        store.size(&key(1, "a")).await,
        Err(ArtifactError::NotFound(_))
    ));
}

#[test]
fn keys_lead_nowhere_else() {
    for part in [
        "",
        "..",
        ".",
        "a/b",
        "a\\b",
        "a b",
        "ä",
        "-a",
        ".a",
        "a\0",
        &"a".repeat(200),
    ] {
        assert!(Key::attempt_file(JOB, 1, part).is_err(), "{part:?}");
        assert!(Key::attempt_file(part, 1, "a").is_err(), "{part:?}");
    }
    let whole = key(3, "model.safetensors");
    assert_eq!(Key::parse(whole.as_str()).unwrap(), whole);
    for text in [
        "",
        "jobs",
        "jobs/a/1",
        "jobs/a/01/b",
        "jobs/a/+1/b",
        "jobs/a/x/b",
        "jobs/a/1/../b",
        "/jobs/a/1/b",
        "other/a/1/b",
    ] {
        assert!(Key::parse(text).is_err(), "{text:?}");
    }
}

#[test]
fn signatures_hold_for_one_file_and_for_a_while() {
    let signing = SigningKey::from_bytes([7; 32]);
    let signature = signing.sign(&key(1, "a"), "sha", 1_000);
    let verify = |key: &Key, sha256: &str, expires: i64, signature: &str, now: i64| {
        signing.verify(key, sha256, expires, signature, now)
    };
    assert_eq!(verify(&key(1, "a"), "sha", 1_000, &signature, 999), Ok(()));
    assert_eq!(
        verify(&key(1, "a"), "sha", 1_000, &signature, 1_000),
        Err(Refused::Expired)
    );
    for (key, sha256, expires) in [
        (key(1, "b"), "sha", 1_000),
        (key(2, "a"), "sha", 1_000),
        (key(1, "a"), "shb", 1_000),
        (key(1, "a"), "sha", 1_001),
    ] {
        assert_eq!(
            verify(&key, sha256, expires, &signature, 0),
            Err(Refused::Forged)
        );
    }
    for signature in [
        "",
        "zz",
        &signature[2..],
        &format!("{signature}00"),
        &"00".repeat(32),
    ] {
        assert_eq!(
            verify(&key(1, "a"), "sha", 1_000, signature, 0),
            Err(Refused::Forged)
        );
    }
    assert_eq!(
        SigningKey::from_bytes([8; 32]).verify(&key(1, "a"), "sha", 1_000, &signature, 0),
        Err(Refused::Forged)
    );
    // Parts cannot be shifted into each other.
    assert_ne!(
        signing.sign(&key(1, "a"), "sha1", 1),
        signing.sign(&key(1, "a"), "sha", 11)
    );
}

#[test]
fn a_signing_key_is_made_once_and_for_one_user() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("signing.key");
    let first = SigningKey::load_or_create(&path).unwrap();
    let second = SigningKey::load_or_create(&path).unwrap();
    assert_eq!(
        first.sign(&key(1, "a"), "s", 1),
        second.sign(&key(1, "a"), "s", 1)
    );
    assert_eq!(
        std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let other = SigningKey::load_or_create(&folder.path().join("other.key")).unwrap();
    assert_ne!(
        first.sign(&key(1, "a"), "s", 1),
        other.sign(&key(1, "a"), "s", 1)
    );
    std::fs::write(&path, "short").unwrap();
    let error = SigningKey::load_or_create(&path).err().expect("no key");
    assert!(error.to_string().contains("remove it"), "{error}");
}
