//! What the failures of an S3 service are told as: the bucket, the host, the cause and the remedy, and no secret.

use optin::artifact::error::ArtifactError;
use optin::artifact::s3::S3Options;
use optin::artifact::source::SourceBucket;
use optin::artifact::store::ArtifactStore;

use crate::fixture::ill_bucket::{Ill, at, bucket};

fn assert_told(told: &ArtifactError, options: &S3Options, words: &[&str]) {
    let text = told.to_string();
    let endpoint = options.endpoint.as_deref().unwrap();
    let (_, host) = endpoint.split_once("://").unwrap();
    for word in words.iter().chain(&["the bucket models", host]) {
        assert!(text.contains(word), "\"{word}\" is not in: {text}");
    }
    for word in ["hidden", "error sending", "os error", "retries"] {
        assert!(!text.contains(word), "\"{word}\" is in: {text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_fails_is_told_in_plain_words() {
    let refused = {
        // Nothing listens on a port that was given back.
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
        (refused, "cannot be reached; check --s3-endpoint"),
        (
            at("http://s3.invalid"),
            "cannot be reached: unknown host name; ",
        ),
        (
            at(&plain.replace("http:", "https:")),
            "could not establish a TLS connection; ",
        ),
    ];
    let tried = cases.map(|(options, word)| async move {
        let store = ArtifactStore::s3(options.clone()).unwrap();
        let told = store.probe().await.unwrap_err();
        assert_told(&told, &options, &[word]);
    });
    futures::future::join_all(tried).await;
}

#[tokio::test]
async fn a_source_that_is_denied_is_told_which_rights_it_needs() {
    let options = bucket(Ill::Denies).await;
    let source = SourceBucket::open(options.clone()).unwrap();
    let told = source.find("model").await.unwrap_err();
    assert!(matches!(told, ArtifactError::Refused(_)), "{told:?}");
    assert_told(
        &told,
        &options,
        &["denies access", "rights to list and read"],
    );
}
