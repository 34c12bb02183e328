//! The S3 service crashes during an upload and restarts. This test has its own server, because other tests need the
//! shared one.

use super::behaviors::{content, key, name, read, temporary_file};
use crate::fixture::bucket::{no_open_uploads, options};
use crate::fixture::services::Service;
use optin::artifact::store::ArtifactStore;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_during_a_crash_of_the_service_is_complete_or_leaves_nothing() {
    let server = Service::start("rgw");
    let mut options = options();
    options.endpoint = Some(server.setting("S3_ENDPOINT"));
    let store = ArtifactStore::s3(options.clone()).unwrap();
    let content = content(96 << 20);
    let (_folder, file) = temporary_file(&content);
    let task = {
        let (store, path) = (store.clone(), file.clone());
        tokio::spawn(async move { store.upload(&key(1, "a"), &name("a"), &path).await })
    };
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!task.is_finished(), "the upload finished before the crash");
    server.crash();
    server.restart();
    let ended = tokio::time::timeout(Duration::from_secs(120), task)
        .await
        .unwrap()
        .unwrap();
    match ended {
        Ok(stored) => {
            assert_eq!(stored.bytes, content.len() as u64);
            assert!(read(&store, &key(1, "a"), None).await == content);
        }
        Err(_) => {
            no_open_uploads(&options).await;
            assert!(!store.exists(&key(1, "a")).await.unwrap());
        }
    }
    // The interrupted upload does not block a new one.
    let again = store.upload(&key(2, "a"), &name("a"), &file).await.unwrap();
    assert_eq!(again.bytes, content.len() as u64);
}
