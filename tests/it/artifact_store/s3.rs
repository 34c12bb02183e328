//! The store in a bucket of a real S3 server: the common tests, and tests of multipart uploads and error messages.

use super::behaviors::{content, key, name, temporary_file};
use crate::fixture::bucket::{no_open_uploads, open_uploads, options, place};
use optin::artifact::store::ArtifactStore;
use std::time::Duration;

super::store_tests!(place());

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_canceled_upload_leaves_no_parts() {
    let (options, store) = place();
    let (_folder, path) = temporary_file(&content(64 << 20));
    let task = {
        let store = store.clone();
        tokio::spawn(async move { store.upload(&key(1, "a"), &name("a"), &path).await })
    };
    while open_uploads(&options).await == 0 {
        assert!(
            !task.is_finished(),
            "the upload finished before the server listed it"
        );
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    no_open_uploads(&options).await;
    assert!(!store.exists(&key(1, "a")).await.unwrap());
}

#[tokio::test]
async fn errors_name_the_bucket_the_host_and_the_remedy_but_no_secret() {
    let good = options();
    let wrong_secret = {
        let mut options = good.clone();
        let keys = options.keys.as_mut().unwrap();
        keys.secret = "guessed-secret".into();
        options
    };
    let wrong_id = {
        let mut options = good.clone();
        options.keys.as_mut().unwrap().id = "NOBODY".into();
        options
    };
    let no_bucket = {
        let mut options = good.clone();
        options.bucket = "optin-no-such-bucket".into();
        options
    };
    for (options, remedy) in [
        (wrong_secret, "AWS_SECRET_ACCESS_KEY"),
        (wrong_id, "AWS_ACCESS_KEY_ID"),
        (no_bucket, "--storage-url"),
    ] {
        let store = ArtifactStore::s3(options.clone()).unwrap();
        let text = store.probe().await.unwrap_err().to_string();
        let host = options.endpoint.as_deref().unwrap();
        for part in [remedy, &options.bucket, host.trim_start_matches("http://")] {
            assert!(text.contains(part), "\"{part}\" not found in: {text}");
        }
        assert!(
            !text.contains("secret") && !format!("{options:?}").contains("guessed"),
            "{text}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unreachable_service_is_reported_within_a_time_limit() {
    let mut options = options();
    // No process listens on a port that was closed.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    options.endpoint = Some(format!("http://127.0.0.1:{port}"));
    let store = ArtifactStore::s3(options).unwrap();
    let text = tokio::time::timeout(Duration::from_secs(60), store.probe())
        .await
        .unwrap()
        .unwrap_err()
        .to_string();
    assert!(
        text.contains(&format!("127.0.0.1:{port} cannot be reached")),
        "{text}"
    );
}
