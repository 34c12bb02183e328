//! Tests that every artifact store must pass.

use futures::TryStreamExt;
use optin::artifact::error::ArtifactError;
use optin::artifact::incoming::{PART_BYTES, Upload, UploadId, UploadState};
use optin::artifact::key::Key;
use optin::artifact::store::ArtifactStore;
use optin::file_name::FileName;
use std::path::PathBuf;
use std::time::Duration;

const JOB: &str = "job_0190c5a8-7c1e-7f3a-9d56-3f1d2b7a4c10";

pub fn name(text: &str) -> FileName {
    text.parse().unwrap()
}

pub fn key(attempt: i64, text: &str) -> Key {
    Key::attempt_file(JOB, attempt, &name(text)).unwrap()
}

pub fn content(bytes: u32) -> Vec<u8> {
    (0..bytes).map(|value| (value % 251) as u8).collect()
}

pub fn temporary_file(content: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    std::fs::write(&path, content).unwrap();
    (folder, path)
}

pub async fn read(
    store: &ArtifactStore,
    key: &Key,
    range: Option<std::ops::Range<u64>>,
) -> Vec<u8> {
    let chunks = store.read(key, range).await.unwrap();
    let chunks: Vec<bytes::Bytes> = chunks.try_collect().await.unwrap();
    chunks.concat()
}

async fn store_file(store: &ArtifactStore, key: &Key, content: &[u8]) {
    let (_folder, path) = temporary_file(content);
    store.upload(key, &name("a"), &path).await.unwrap();
}

async fn assert_round_trip(store: &ArtifactStore, content: &[u8]) {
    let (_folder, path) = temporary_file(content);
    let stored = store.upload(&key(1, "a"), &name("a"), &path).await;
    let stored = stored.unwrap();
    assert_eq!(
        (stored.name.as_str(), stored.bytes),
        ("a", content.len() as u64)
    );
    assert_eq!(stored.key, format!("jobs/{JOB}/1/a"));
    assert_eq!(
        stored.sha256,
        optin::prune::digest::sha256_of(&path).unwrap()
    );
    assert_eq!(store.size(&key(1, "a")).await.unwrap(), stored.bytes);
    assert!(read(store, &key(1, "a"), None).await == content);
}

pub async fn a_file_can_be_stored_and_read_and_has_a_size(store: ArtifactStore) {
    store.probe().await.unwrap();
    assert_round_trip(&store, b"").await;
    assert_round_trip(&store, b"short").await;
}

pub async fn a_large_file_is_uploaded_in_parts(store: ArtifactStore) {
    // Three parts, of which the last one is shorter, then exactly two parts. A full part has 8 MiB.
    assert_round_trip(&store, &content(25_000_001)).await;
    assert_round_trip(&store, &content(16 << 20)).await;
}

pub async fn a_range_of_bytes_can_be_read(store: ArtifactStore) {
    let content = content(1_000_003);
    store_file(&store, &key(1, "a"), &content).await;
    assert!(read(&store, &key(1, "a"), Some(10..700_000)).await == content[10..700_000]);
    assert_eq!(
        read(&store, &key(1, "a"), Some(1_000_002..1_000_003)).await,
        content[1_000_002..]
    );
}

pub async fn a_listing_contains_sizes_and_modification_times(store: ArtifactStore) {
    let job = Key::job(JOB).unwrap();
    assert_eq!(store.list(&job).await.unwrap(), []);
    store_file(&store, &key(2, "b"), b"12").await;
    store_file(&store, &key(1, "a"), b"1").await;
    let listed = store.list(&job).await.unwrap();
    let seen: Vec<_> = listed
        .iter()
        .map(|object| (object.key.clone(), object.bytes))
        .collect();
    assert_eq!(
        seen,
        [(key(1, "a").to_string(), 1), (key(2, "b").to_string(), 2)]
    );
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    for object in listed {
        assert!(
            (object.modified_ms - now.as_millis() as i64).abs() < 60_000,
            "{object:?}"
        );
    }
}

pub async fn deleting_attempt_1_does_not_delete_attempt_10(store: ArtifactStore) {
    for (attempt, name) in [(1, "a"), (1, "b"), (10, "a")] {
        store_file(&store, &key(attempt, name), b"x").await;
    }
    let first = Key::attempt(JOB, 1).unwrap();
    store.delete_prefix(&first).await.unwrap();
    assert_eq!(store.list(&first).await.unwrap(), []);
    assert!(store.exists(&key(10, "a")).await.unwrap());
    for _ in 0..2 {
        store.delete_prefix(&Key::job(JOB).unwrap()).await.unwrap();
    }
    assert!(!store.exists(&key(10, "a")).await.unwrap());
}

pub async fn files_in_folders_are_listed_and_deleted_with_their_attempt(store: ArtifactStore) {
    for name in ["onnx/model.onnx", "onnx.json", "a/b/c", "a/b.d"] {
        store_file(&store, &key(1, name), name.as_bytes()).await;
    }
    assert_eq!(read(&store, &key(1, "a/b/c"), None).await, b"a/b/c");
    let attempt = Key::attempt(JOB, 1).unwrap();
    let listed = store.list(&attempt).await.unwrap();
    let keys: Vec<&str> = listed.iter().map(|object| object.key.as_str()).collect();
    let expected = ["a/b.d", "a/b/c", "onnx.json", "onnx/model.onnx"].map(|name| key(1, name));
    assert_eq!(keys, expected.each_ref().map(Key::as_str));
    for (text, key) in keys.into_iter().zip(expected) {
        assert_eq!(Key::parse(text).unwrap(), key);
    }
    store.delete_prefix(&attempt).await.unwrap();
    assert_eq!(store.list(&attempt).await.unwrap(), []);
}

pub async fn a_missing_object_is_not_found(store: ArtifactStore) {
    let missing = key(7, "nothing");
    assert!(matches!(
        store.size(&missing).await,
        Err(ArtifactError::NotFound(_))
    ));
    assert!(matches!(
        store.read(&missing, None).await,
        Err(ArtifactError::NotFound(_))
    ));
    assert!(matches!(
        store.get_bytes(&missing, 9).await,
        Err(ArtifactError::NotFound(_))
    ));
    assert!(!store.exists(&missing).await.unwrap());
}

pub async fn a_small_object_is_replaced_and_read_within_a_size_limit(store: ArtifactStore) {
    let document = Key::journal("tenant", "plan-00ff.json").unwrap();
    for text in ["first", "and second"] {
        store.put_bytes(&document, text.into()).await.unwrap();
        assert_eq!(
            store.get_bytes(&document, text.len() as u64).await.unwrap(),
            text
        );
    }
    assert!(matches!(
        store.get_bytes(&document, 9).await,
        Err(ArtifactError::TooLarge { cap_bytes: 9, .. })
    ));
    let documents = store.list(&Key::journals()).await.unwrap();
    assert_eq!(documents[0].key, document.as_str());
}

pub async fn an_object_is_copied_to_a_file_within_a_size_limit(store: ArtifactStore) {
    let content = content(3_000_000);
    store_file(&store, &key(1, "a"), &content).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("copy");
    assert_eq!(
        store
            .copy_to_file(&key(1, "a"), &path, 3_000_000)
            .await
            .unwrap(),
        3_000_000
    );
    assert!(std::fs::read(&path).unwrap() == content);
    let capped = store.copy_to_file(&key(1, "a"), &path, 2_999_999).await;
    assert!(matches!(capped, Err(ArtifactError::TooLarge { .. })));
    assert!(!path.exists());
}

pub async fn a_failed_upload_leaves_no_object(store: ArtifactStore) {
    let folder = tempfile::tempdir().unwrap();
    // Opening a folder succeeds, but reading it fails.
    assert!(
        store
            .upload(&key(1, "a"), &name("a"), folder.path())
            .await
            .is_err()
    );
    assert!(!store.exists(&key(1, "a")).await.unwrap());
}

pub async fn a_canceled_upload_leaves_no_object(store: ArtifactStore) {
    let (_folder, path) = temporary_file(&content(64 << 20));
    let key = key(1, "a");
    let name = name("a");
    let upload = store.upload(&key, &name, &path);
    assert!(
        tokio::time::timeout(Duration::from_millis(20), upload)
            .await
            .is_err()
    );
    assert_eq!(store.list(&Key::job(JOB).unwrap()).await.unwrap(), []);
}

/// Returns the record of an upload with this announced size.
fn upload(bytes: u64) -> Upload {
    Upload {
        id: UploadId::fresh(),
        name: "train.tsv".into(),
        bytes,
        sha256: "0".repeat(64),
        part_bytes: PART_BYTES,
        state: UploadState::Pending,
        created_at: 0,
    }
}

pub async fn contents_that_no_upload_announces_are_removed(store: ArtifactStore) {
    let (known, empty, deleted) = (upload(1), upload(1), upload(1));
    let larger = upload(1);
    for upload in [&known, &empty, &larger] {
        store.put_upload("t", upload).await.unwrap();
    }
    for upload in [&known, &deleted] {
        let content = upload.key("t").unwrap();
        store.put_bytes(&content, "x".into()).await.unwrap();
    }
    let content = larger.key("t").unwrap();
    store.put_bytes(&content, "xx".into()).await.unwrap();
    for (upload, number) in [(&known, 1), (&known, 2), (&deleted, 1)] {
        let part = upload.part_key("t", number).unwrap();
        store.put_bytes(&part, "x".into()).await.unwrap();
    }
    assert_eq!(store.remove_unannounced_contents().await.unwrap(), 4);
    assert_eq!(store.remove_unannounced_contents().await.unwrap(), 0);
    let left = store.list(&Key::uploads()).await.unwrap();
    let left: Vec<&str> = left.iter().map(|object| object.key.as_str()).collect();
    let mut expected = [
        format!("uploads/t/{}", known.id),
        format!("uploads/t/{}.json", known.id),
        format!("uploads/t/{}.json", empty.id),
        format!("uploads/t/{}.json", larger.id),
    ];
    expected.sort();
    assert_eq!(left, expected);
}

pub async fn the_usage_of_uploads_is_that_of_their_records(store: ArtifactStore) {
    let uploads = [upload(10), upload(200), upload(3_000)];
    for upload in &uploads {
        store.put_upload("t", upload).await.unwrap();
    }
    store.put_upload("other", &upload(7)).await.unwrap();
    let usage = async |last: Option<UploadId>| {
        let usage = store.upload_usage("t", last).await.unwrap();
        (usage.count, usage.bytes)
    };
    assert_eq!(usage(None).await, (3, 3_210));
    assert_eq!(usage(Some(uploads[1].id)).await, (2, 210));
    store.delete_upload("t", uploads[0].id).await.unwrap();
    assert_eq!(usage(None).await, (2, 3_200));
}
