//! Error messages for failures of an S3 service. They name the bucket, the host, the cause and the remedy, and contain
//! no secret.

use optin::artifact::error::ArtifactError;
use optin::artifact::s3::S3Options;
use optin::artifact::source::SourceBucket;
use optin::artifact::store::ArtifactStore;

use crate::fixture::ill_bucket::{Ill, at, bucket};

fn assert_message(error: &ArtifactError, options: &S3Options, words: &[&str]) {
    let text = error.to_string();
    let endpoint = options.endpoint.as_deref().unwrap();
    let (_, host) = endpoint.split_once("://").unwrap();
    for word in words.iter().chain(&["the bucket models", host]) {
        assert!(text.contains(word), "\"{word}\" not found in: {text}");
    }
    for word in ["hidden", "error sending", "os error", "retries"] {
        assert!(!text.contains(word), "unexpected \"{word}\" in: {text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_error_of_a_store_names_the_cause_and_the_remedy() {
    let closed_port = {
        // No process listens on a port that was closed.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        at(&format!("http://{}", port.local_addr().unwrap()))
    };
    let plain = bucket(Ill::Denies).await.endpoint.unwrap();
    let cases = [
        (
            bucket(Ill::Denies).await,
            "denies access; give the access key the rights to list, read, write and delete",
        ),
        (bucket(Ill::Overloaded).await, "is overloaded (503); "),
        (
            bucket(Ill::Broken).await,
            "failed with status 502 Bad Gateway; ",
        ),
        (
            bucket(Ill::HangsUp).await,
            "the connection was interrupted; ",
        ),
        (closed_port, "cannot be reached; check --s3-endpoint"),
        (
            at("http://s3.invalid"),
            "cannot be reached: unknown host name; ",
        ),
        (
            at(&plain.replace("http:", "https:")),
            "could not establish a TLS connection; ",
        ),
    ];
    let checks = cases.map(|(options, word)| async move {
        let store = ArtifactStore::s3(options.clone()).unwrap();
        let error = store.probe().await.unwrap_err();
        assert_message(&error, &options, &[word]);
    });
    futures::future::join_all(checks).await;
}

#[tokio::test]
async fn the_error_for_a_denied_source_names_the_required_rights() {
    let options = bucket(Ill::Denies).await;
    let source = SourceBucket::open(options.clone()).unwrap();
    let error = source.find("model", |_| false).await.unwrap_err();
    assert!(matches!(error, ArtifactError::Refused(_)), "{error:?}");
    assert_message(
        &error,
        &options,
        &["denies access", "rights to list and read"],
    );
}
