//! The bucket that `tests/run` serves, and what only its owner sees.

use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::signer::{Method, SignedUrlOptions, Signer};
use optin::artifact::s3::{Keys, S3Options};
use optin::artifact::store::ArtifactStore;
use std::time::Duration;

fn setting(name: &str) -> String {
    std::env::var(format!("OPTIN_TEST_S3_{name}")).unwrap_or_else(|_| {
        panic!("OPTIN_TEST_S3_{name} is not set: this test needs a real S3 server; run `tests/run`, or `tests/run only artifact_store`")
    })
}

/// The bucket, under a prefix that no other test has.
pub fn options() -> S3Options {
    S3Options {
        bucket: setting("BUCKET"),
        prefix: format!("tests/{}", uuid::Uuid::new_v4()),
        endpoint: Some(setting("ENDPOINT")),
        public_endpoint: None,
        region: "us-east-1".into(),
        virtual_host: false,
        keys: Some(Keys {
            id: setting("ACCESS_KEY"),
            secret: setting("SECRET_KEY").as_str().into(),
            session_token: None,
        }),
    }
}

pub fn place() -> (S3Options, ArtifactStore) {
    let options = options();
    let store = ArtifactStore::s3(options.clone()).unwrap();
    (options, store)
}

pub async fn get(url: &str) -> reqwest::Response {
    reqwest::Client::new().get(url).send().await.unwrap()
}

/// Uploads under the prefix that were begun and neither completed nor aborted, as the server tells them.
pub async fn open_uploads(options: &S3Options) -> usize {
    let owner: AmazonS3 = AmazonS3Builder::new()
        .with_endpoint(options.endpoint.as_deref().unwrap())
        .with_allow_http(true)
        .with_bucket_name(setting("BUCKET"))
        .with_access_key_id(setting("ACCESS_KEY"))
        .with_secret_access_key(setting("SECRET_KEY"))
        .build()
        .unwrap();
    let query = SignedUrlOptions::new().with_query([("uploads", ""), ("prefix", &options.prefix)]);
    let url = owner
        .signed_url_opts(
            Method::GET,
            &Path::from(""),
            Duration::from_secs(60),
            &query,
        )
        .await
        .unwrap();
    let answer = get(url.as_str()).await;
    assert_eq!(answer.status(), 200);
    let text = answer.text().await.unwrap();
    assert!(text.contains("ListMultipartUploadsResult"), "{text}");
    text.matches("<UploadId>").count()
}

/// Waits until no upload is open: what ends one goes on in the background.
pub async fn no_open_uploads(options: &S3Options) {
    for _ in 0..100 {
        if open_uploads(options).await == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("parts of an upload stay behind");
}
