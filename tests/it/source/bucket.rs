//! `s3://` sources. A job reads the version that was found when it was accepted, or fails with a message.

use optin::artifact::progress::Patience;
use optin::artifact::s3::S3Options;
use optin::artifact::source::SourceBucket;
use optin::file_name::FileName;
use optin::prune::failure::{Code, Failure};
use optin::prune::recipe::Recipe;
use optin::prune::watch::Unwatched;
use optin::worker::source::bucket::Buckets;
use optin::worker::source::cache::Cache;
use optin::worker::source::roots::Roots;
use optin::worker::source::uri::BucketUri;
use optin::worker::source::{Fetched, Sources};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::fixture::bucket;
use crate::fixture::ill_bucket::{self, Ill};
use crate::fixture::job::recipe;
use crate::fixture::refusal::assert_says;

fn buckets(options: &S3Options, folder: &Path, patience: Patience) -> Buckets {
    let cache = Cache::open(folder, 1 << 20).unwrap();
    let buckets = Buckets::new(std::slice::from_ref(&options.bucket), options, cache);
    buckets.unwrap().with_patience(patience)
}

fn sources(options: &S3Options, folder: &Path) -> Sources {
    Sources::new(Roots::default()).with_buckets(buckets(options, folder, Patience::default()))
}

async fn fetch(sources: &Sources, recipe: &Recipe) -> Result<Fetched, Failure> {
    sources.fetch(recipe, PathBuf::new(), &Unwatched).await
}

#[tokio::test]
async fn a_source_in_a_bucket_is_pinned_to_a_version() {
    let (folder, options) = (tempfile::tempdir().unwrap(), bucket::options());
    let key = |name: &str| format!("{}/{name}", options.prefix);
    let put = async |name: &str, content: &[u8]| {
        bucket::put(&options, &key(name), content.to_vec()).await;
    };
    put("model/config.json", b"{}").await;
    put("model/model.safetensors", b"weights").await;
    put("train.tsv", b"text\nhello\n").await;
    let uri = |name: &str| format!("s3://{}/{}", options.bucket, key(name));
    let mut requested = recipe(&uri("model"));
    requested.calibration.source.uri = uri("train.tsv");
    let sources = sources(&options, folder.path());

    let pinned = sources.pin(requested.clone()).await.unwrap();
    assert_eq!(pinned.model.uri, requested.model.uri);
    assert!(pinned.model.version.is_some() && pinned.calibration.source.version.is_some());
    let fetched = fetch(&sources, &pinned).await.unwrap();
    let weights = fetched.places.model.join("model.safetensors");
    assert_eq!(std::fs::read(weights).unwrap(), b"weights");
    // A retry pins again. A pinned source keeps its version.
    assert_eq!(sources.pin(pinned.clone()).await.unwrap(), pinned);

    // Other bytes of the same length: a later attempt and a retry fail instead of reading them.
    put("model/model.safetensors", b"WEIGHTS").await;
    let words = "changed since the job was accepted; submit the job again";
    for failure in [
        fetch(&sources, &pinned).await.unwrap_err(),
        sources.pin(pinned.clone()).await.unwrap_err(),
    ] {
        assert_says(&failure, Code::SourceNotFound, &[&pinned.model.uri, words]);
    }
    // A new job pins the current version.
    let repinned = sources.pin(requested).await.unwrap();
    assert_ne!(repinned.model.version, pinned.model.version);
    assert_eq!(repinned.calibration, pinned.calibration);
    let fetched = fetch(&sources, &repinned).await.unwrap();
    let weights = fetched.places.model.join("model.safetensors");
    assert_eq!(std::fs::read(weights).unwrap(), b"WEIGHTS");
}

#[tokio::test]
async fn modules_of_sentence_transformers_keep_their_folders() {
    let (folder, options) = (tempfile::tempdir().unwrap(), bucket::options());
    let path = format!("{}/model", options.prefix);
    let put = async |name: &str| {
        bucket::put(&options, &format!("{path}/{name}"), name.into()).await;
    };
    let read = [
        "config.json",
        "model.safetensors",
        "modules.json",
        "1_Pooling/config.json",
        "2_Dense/config.json",
        "2_Dense/model.safetensors",
    ];
    for name in read {
        put(name).await;
    }
    for name in [
        "onnx/model.onnx",
        "2_Dense/pytorch_model.bin",
        "2_Dense/deeper/config.json",
    ] {
        put(name).await;
    }
    let sources = sources(&options, folder.path());
    let mut requested = recipe(&format!("s3://{}/{path}", options.bucket));
    bucket::put(
        &options,
        &format!("{}/train.tsv", options.prefix),
        b"text\na\n".to_vec(),
    )
    .await;
    requested.calibration.source.uri =
        format!("s3://{}/{}/train.tsv", options.bucket, options.prefix);
    let pinned = sources.pin(requested).await.unwrap();
    let fetched = fetch(&sources, &pinned).await.unwrap();
    let mut found: Vec<String> = FileName::all_in(&fetched.places.model)
        .unwrap()
        .into_iter()
        .map(String::from)
        .collect();
    let mut expected = read.map(str::to_owned);
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
    for name in read {
        let content = std::fs::read_to_string(fetched.places.model.join(name));
        assert_eq!(content.unwrap(), name);
    }
}

#[tokio::test]
async fn a_resumed_fetch_does_not_read_complete_files_again() {
    let (folder, options) = (tempfile::tempdir().unwrap(), bucket::options());
    let path = format!("{}/model", options.prefix);
    for (name, content) in [("config.json", "{}"), ("model.safetensors", "weights")] {
        bucket::put(&options, &format!("{path}/{name}"), content.into()).await;
    }
    let uri = BucketUri {
        bucket: options.bucket.clone(),
        path,
    };
    let buckets = buckets(&options, folder.path(), Patience::default());
    let version = buckets.pin(&uri, true, None).await.unwrap();
    let draft = Cache::open(folder.path(), 1 << 20).unwrap().draft(&version);
    std::fs::create_dir(&draft).unwrap();
    std::fs::write(draft.join("config.json"), "here").unwrap();
    std::fs::write(draft.join("model.safetensors.part"), "we").unwrap();
    let held = buckets.entry(&uri, true, Some(&version), &Unwatched);
    let held = held.await.unwrap();
    let read = |name: &str| std::fs::read_to_string(held.path().join(name));
    assert_eq!(read("config.json").unwrap(), "here");
    assert_eq!(read("model.safetensors").unwrap(), "weights");
    assert!(read("model.safetensors.part").is_err());
}

#[tokio::test]
async fn an_object_that_is_overwritten_between_listing_and_reading_is_rejected() {
    let (folder, options) = (tempfile::tempdir().unwrap(), bucket::options());
    let key = format!("{}/train.tsv", options.prefix);
    bucket::put(&options, &key, b"one".to_vec()).await;
    let source = SourceBucket::open(options.clone()).unwrap();
    let found = source.find(&key, |_| false).await.unwrap();
    let path = folder.path().join("train.tsv");
    source.copy_to_file(&found[0], &path).await.unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"one");
    bucket::put(&options, &key, b"two".to_vec()).await;
    let failure = source.copy_to_file(&found[0], &path).await.unwrap_err();
    assert!(failure.to_string().contains("changed"), "{failure}");
}

#[tokio::test]
async fn a_transfer_from_a_stalled_bucket_times_out() {
    let patience = Patience {
        answer: Duration::from_secs(2),
        least_bytes: 1_000,
        within: Duration::from_millis(500),
    };
    for (ill, words) in [
        (Ill::Stalls, "fewer than 1000 bytes arrived within 0.5 s"),
        (Ill::Silent, "did not respond in time"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let options = ill_bucket::bucket(ill).await;
        let buckets = buckets(&options, folder.path(), patience);
        let uri = BucketUri {
            bucket: "models".into(),
            path: "data.tsv".into(),
        };
        let entry = buckets.entry(&uri, false, None, &Unwatched);
        let failure = tokio::time::timeout(Duration::from_secs(10), entry).await;
        assert_says(
            &failure.unwrap().unwrap_err(),
            Code::SourceUnavailable,
            &["s3://models/data.tsv is unavailable", words],
        );
    }
}

#[tokio::test]
async fn a_bucket_that_denies_access_is_not_reported_as_unavailable() {
    let folder = tempfile::tempdir().unwrap();
    let options = ill_bucket::bucket(Ill::Denies).await;
    let sources = sources(&options, folder.path());
    let failure = sources.pin(recipe("s3://models/model")).await.unwrap_err();
    let words = [
        "could not read s3://models/model",
        "denies access",
        "list and read",
    ];
    assert_says(&failure, Code::SourceNotFound, &words);
}
