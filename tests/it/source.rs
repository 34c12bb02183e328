//! Sources: which URIs are read, what a hub's protocol brings, and how long a cache keeps it.

use optin::prune::failure::{Code, Failure};
use optin::prune::recipe::{Recipe, Source};
use optin::prune::stage::Stage;
use optin::prune::watch::{Unwatched, Watch};
use optin::worker::source::cache::Cache;
use optin::worker::source::hub::Hub;
use optin::worker::source::roots::Roots;
use optin::worker::source::uri::{SourceUri, matches};
use optin::worker::source::{Fetched, Sources};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tempfile::TempDir;

use crate::fixture::hub::{COMMIT, FakeHub, Fault};
use crate::fixture::job::recipe;
use crate::fixture::refusal::assert_says;

const FILES: &[(&str, &[u8])] = &[
    ("config.json", b"{}"),
    ("model.safetensors", &[7; 4_000]),
    ("pytorch_model.bin", b"never"),
    ("modeling_evil.py", b"never"),
    ("onnx/model.onnx", b"never"),
    ("tokenizer.json", b"{\"t\": 1}"),
    ("train.tsv", b"text\nhello\n"),
    ("sub/dev.tsv", b"text\nworld\n"),
];

struct House {
    folder: TempDir,
    hub: FakeHub,
    sources: Sources,
}

impl House {
    async fn new(files: &[(&str, &[u8])]) -> Self {
        Self::with(files, 1 << 20, None).await
    }

    async fn with(files: &[(&str, &[u8])], budget: u64, token: Option<&str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let hub = FakeHub::start(files).await;
        let sources = Sources::new(Roots::default()).with_hub(
            Hub::new(&hub.url, token.map(str::to_owned)).unwrap(),
            Cache::open(&folder.path().join("cache"), budget).unwrap(),
        );
        Self {
            folder,
            hub,
            sources,
        }
    }

    fn recipe(&self) -> Recipe {
        let mut recipe = recipe("hf://org/model@v1");
        recipe.calibration.source.uri = "hf://datasets/org/data@refs%2Fpr%2F1/train.tsv".into();
        recipe
    }

    async fn fetch(&self) -> Result<Fetched, Failure> {
        self.sources
            .fetch(&self.recipe(), PathBuf::new(), &Unwatched)
            .await
    }

    fn asked_for(&self, file: &str) -> usize {
        let asked = self.hub.asked();
        asked.iter().filter(|(name, _)| name == file).count()
    }
}

#[test]
fn uris_name_a_place_or_are_refused() {
    for good in [
        "file:///a/b%20c",
        "hf://org/name@main",
        "hf://org/name@refs/pr/1",
        "hf://a.b/c_d-e@v1.0",
        "hf://datasets/org/name@main/path/file.tsv",
        "hf://datasets/org/name@refs%2Fpr%2F1/file.tsv",
        "hf://datasets/org/name@main/data/train-*-of-?.parquet",
        "hf://datasets/org/name@refs%2Fconvert%2Fparquet/*/train/*.parquet",
        "hf://datasets/org/name@main",
    ] {
        let parsed = SourceUri::parse(good).unwrap();
        if let SourceUri::Hub(uri) = parsed {
            assert_eq!(uri.to_string(), good);
        }
    }
    let SourceUri::Hub(uri) = SourceUri::parse("hf://org/name").unwrap() else {
        panic!("a hub's")
    };
    assert_eq!(uri.revision, "main");
    for bad in [
        "",
        "name",
        "hf://",
        "hf://name",
        "hf://org/name/more",
        "hf://org/../x",
        "hf://../name",
        "hf://org/name@",
        "hf://org/name@a b",
        "hf://org/name@../x",
        "hf://org/na?me",
        "hf://user:password@host/name",
        "hf://datasets/org",
        "hf://datasets/org/name@main/../x",
        "hf://datasets/org/name@main/*..*/..",
        "hf://datasets/org/name/a*b?/c d",
        "https://example.org/x",
        "s3://bucket",
        "s3://bucket/../x",
        "s3:///key",
        "upload://1",
        "file://host/share",
        "file:///a?b=c",
    ] {
        let failure = SourceUri::parse(bad).unwrap_err();
        assert!(
            failure.code == Code::SourceNotFound && failure.detail.contains("hf://org/name"),
            "{bad}: {failure:?}"
        );
    }
}

#[test]
fn sources_stay_under_their_roots() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("allowed");
    let secret = folder.path().join("secret");
    for place in [&root, &secret] {
        std::fs::create_dir(place).unwrap();
        std::fs::write(place.join("a file.tsv"), "x").unwrap();
    }
    std::os::unix::fs::symlink(&secret, root.join("link")).unwrap();
    std::os::unix::fs::symlink(root.join("a file.tsv"), root.join("good-link")).unwrap();
    let sources = Sources::new(Roots::new(std::slice::from_ref(&root)).unwrap());
    let resolve = |uri: String| sources.local(&Source { uri }).map(Option::unwrap);
    let file = |path: PathBuf| format!("file://{}", path.display());
    let real = root.join("a file.tsv").canonicalize().unwrap();
    for good in [
        file(root.join("a%20file.tsv")),
        file(root.join("good-link")),
        file(root.join("x/../a%20file.tsv")),
        format!("file://localhost{}", root.join("a%20file.tsv").display()),
    ] {
        assert_eq!(resolve(good.clone()).unwrap(), real, "{good}");
    }
    for bad in [
        file(secret.join("a%20file.tsv")),
        file(root.join("../secret/a%20file.tsv")),
        file(root.join("..%2Fsecret/a%20file.tsv")),
        file(root.join("link/a%20file.tsv")),
        file(root.join("missing.tsv")),
        file(root.join("a%00b")),
        "file:///etc/passwd".to_owned(),
    ] {
        let failure = resolve(bad.clone()).unwrap_err();
        assert_eq!(failure.code, Code::SourceNotFound, "{bad}");
        assert!(
            failure.detail.contains("--source-root"),
            "one sentence for missing and for forbidden: {}",
            failure.detail
        );
    }
    assert!(Roots::new(&[folder.path().join("none")]).is_err());
}

#[tokio::test]
async fn a_recipe_is_pinned_to_commits() {
    let house = House::new(FILES).await;
    let pinned = house.sources.pin(house.recipe()).await.unwrap();
    assert_eq!(pinned.model.uri, format!("hf://org/model@{COMMIT}"));
    assert_eq!(
        pinned.calibration.source.uri,
        format!("hf://datasets/org/data@{COMMIT}/train.tsv")
    );
    let mut twisted = house.recipe();
    twisted.model.uri = house.recipe().calibration.source.uri;
    let failure = house.sources.pin(twisted).await.unwrap_err();
    assert!(failure.detail.contains("is a data file"), "{failure:?}");
}

#[tokio::test]
async fn what_a_job_needs_is_fetched_once() {
    let house = House::new(FILES).await;
    let fetched = house.fetch().await.unwrap();
    let mut names: Vec<_> = std::fs::read_dir(&fetched.places.model)
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(
        names,
        ["config.json", "model.safetensors", "tokenizer.json"]
    );
    assert_eq!(
        std::fs::read(fetched.places.model.join("model.safetensors")).unwrap(),
        [7; 4_000]
    );
    assert_eq!(
        std::fs::read(&fetched.places.calibration).unwrap(),
        b"text\nhello\n"
    );
    let again = house.fetch().await.unwrap();
    assert_eq!(again.places.model, fetched.places.model);
    assert_eq!(house.asked_for("model.safetensors"), 1);
    let mut nested = house.recipe();
    nested.calibration.source.uri = "hf://datasets/org/data/sub/dev.tsv".into();
    let nested = house.sources.fetch(&nested, PathBuf::new(), &Unwatched);
    assert!(
        nested
            .await
            .unwrap()
            .places
            .calibration
            .ends_with("dev.tsv")
    );
}

#[tokio::test]
async fn a_download_that_breaks_off_goes_on_where_it_was() {
    let house = House::new(FILES).await;
    house.hub.fault("model.safetensors", Fault::CutOnce(1_500));
    house.hub.fault("config.json", Fault::BusyOnce);
    let fetched = house.fetch().await.unwrap();
    assert_eq!(
        std::fs::read(fetched.places.model.join("model.safetensors")).unwrap(),
        [7; 4_000]
    );
    let asked = house.hub.asked();
    let ranges: Vec<_> = asked
        .iter()
        .filter(|(name, _)| name == "model.safetensors")
        .map(|(_, range)| range.clone())
        .collect();
    assert_eq!(ranges, [None, Some("bytes=1500-".to_owned())]);
    assert_eq!(house.asked_for("config.json"), 2);
}

#[tokio::test]
async fn a_fetch_that_was_stopped_is_taken_up_by_the_next() {
    struct Impatient(AtomicUsize);
    impl Watch for Impatient {
        fn stage(&self, _: Stage) {}
        fn progress(&self, _: u64, _: u64) {}
        fn proceed(&self) -> Result<(), Failure> {
            match self.0.fetch_add(1, Ordering::SeqCst) {
                0..12 => Ok(()),
                _ => Err(Failure::new(Code::Canceled, "enough")),
            }
        }
    }
    let house = House::new(FILES).await;
    house.hub.fault("model.safetensors", Fault::Slow);
    let stopped = house
        .sources
        .fetch(
            &house.recipe(),
            PathBuf::new(),
            &Impatient(AtomicUsize::new(0)),
        )
        .await
        .unwrap_err();
    assert_eq!(stopped.code, Code::Canceled);
    let fetched = house.fetch().await.unwrap();
    assert_eq!(
        std::fs::read(fetched.places.model.join("model.safetensors")).unwrap(),
        [7; 4_000]
    );
    let resumed = house
        .hub
        .asked()
        .into_iter()
        .any(|(name, range)| name == "model.safetensors" && range.is_some());
    assert!(resumed, "{:?}", house.hub.asked());
}

#[tokio::test]
async fn bytes_that_are_not_what_was_listed_are_refused() {
    for (fault, code, word) in [
        (Fault::Altered, Code::SourceUnavailable, "SHA-256"),
        (Fault::Longer, Code::LimitExceeded, "larger than"),
        (Fault::Busy, Code::SourceUnavailable, "after 5 tries"),
    ] {
        let house = House::new(FILES).await;
        house.hub.fault("model.safetensors", fault);
        let failure = house.fetch().await.unwrap_err();
        assert!(
            failure.code == code && failure.detail.contains(word),
            "{fault:?}: {failure:?}"
        );
    }
}

#[tokio::test]
async fn what_is_not_there_or_not_ours_is_told_with_the_remedy() {
    let house = House::new(FILES).await;
    let refused = async |uri: &str| {
        let mut recipe = house.recipe();
        recipe.model.uri = uri.to_owned();
        house.sources.pin(recipe).await.unwrap_err()
    };
    for uri in ["hf://org/other", "hf://org/model@v9"] {
        let failure = refused(uri).await;
        assert!(
            failure.code == Code::SourceNotFound && failure.detail.contains("HF_TOKEN"),
            "{failure:?}"
        );
    }
    let only_pickle = House::new(&[("config.json", b"{}"), ("pytorch_model.bin", b"x")]).await;
    let failure = only_pickle.sources.pin(house.recipe()).await.unwrap_err();
    assert!(
        failure.code == Code::UnsafeFormat && failure.detail.contains("safe_serialization"),
        "{failure:?}"
    );
    let nobody = Hub::new("http://127.0.0.1:9", None).unwrap();
    let cache = Cache::open(&house.folder.path().join("other"), 1 << 20).unwrap();
    let alone = Sources::new(Roots::default()).with_hub(nobody, cache);
    let failure = alone.pin(house.recipe()).await.unwrap_err();
    assert!(
        failure.code == Code::SourceUnavailable
            && failure.code.retryable()
            && failure.detail.contains("no connection can be made"),
        "{failure:?}"
    );
    let none = Sources::new(Roots::default()).pin(house.recipe()).await;
    assert_eq!(none.unwrap_err().code, Code::SourceNotFound);
    assert!(Hub::new("ftp://host", None).is_err() && Hub::new("huggingface", None).is_err());
}

#[tokio::test]
async fn a_token_goes_to_the_hub_and_nowhere_else() {
    let house = House::with(FILES, 1 << 20, Some("hf_secret")).await;
    house.hub.require("hf_secret");
    let elsewhere = FakeHub::start(FILES).await;
    // Another host than 127.0.0.1, as a hub's storage is.
    house
        .hub
        .redirect_to(&elsewhere.url.replace("127.0.0.1", "localhost"));
    house.fetch().await.unwrap();
    let bearer = Some("Bearer hf_secret".to_owned());
    assert!(
        house
            .hub
            .seen_tokens("api")
            .iter()
            .all(|seen| *seen == bearer)
    );
    let at_storage = elsewhere.seen_tokens("cdn");
    assert!(
        !at_storage.is_empty() && at_storage.iter().all(Option::is_none),
        "{at_storage:?}"
    );
    let wrong = House::with(FILES, 1 << 20, Some("hf_wrong")).await;
    wrong.hub.require("hf_secret");
    let failure = wrong.fetch().await.unwrap_err();
    assert!(!failure.detail.contains("hf_wrong"), "{failure:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_fetches_at_once_download_once() {
    let house = House::new(FILES).await;
    house.hub.fault("config.json", Fault::Slow);
    let fetches = futures::future::join_all((0..8).map(|_| house.fetch())).await;
    for fetched in fetches {
        assert!(
            fetched
                .unwrap()
                .places
                .model
                .join("model.safetensors")
                .is_file()
        );
    }
    assert_eq!(house.asked_for("model.safetensors"), 1);
}

#[tokio::test]
async fn the_cache_makes_room_but_never_of_what_is_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(folder.path(), 250).unwrap();
    let fill = async |key: &str| {
        let draft = cache.draft(key);
        let made = cache.entry(key, 100, &Unwatched, async {
            std::fs::write(draft.join("file"), [0; 100])?;
            Ok(())
        });
        let held = made.await;
        // Times of use differ.
        tokio::time::sleep(Duration::from_millis(20)).await;
        held
    };
    let first = fill("first").await.unwrap();
    drop(fill("second").await.unwrap());
    drop(fill("third").await.unwrap());
    let there = |key: &str| folder.path().join(key).is_dir();
    assert!(
        there("first") && !there("second") && there("third"),
        "the one in use stays"
    );
    drop(first);
    drop(fill("third").await.unwrap());
    drop(fill("fourth").await.unwrap());
    assert!(
        !there("first") && there("third") && there("fourth"),
        "used longest ago"
    );
    let failure = cache
        .entry("huge", 251, &Unwatched, async { Ok(()) })
        .await
        .unwrap_err();
    assert!(
        failure.code == Code::LimitExceeded && failure.detail.contains("--cache-gib"),
        "{failure:?}"
    );
}

#[test]
fn a_revision_of_several_segments_is_told_from_the_path_behind_it() {
    let parquet = "hf://datasets/org/name@refs%2Fconvert%2Fparquet/default/train/*.parquet";
    for (text, same) in [
        (
            "hf://datasets/org/name@refs/convert/parquet/default/train/*.parquet",
            parquet,
        ),
        (
            "hf://datasets/org/name@refs%2fconvert%2fparquet/default/train/*.parquet",
            parquet,
        ),
        (
            "hf://datasets/org/name@~parquet/default/train/*.parquet",
            parquet,
        ),
        (
            "hf://datasets/org/name@refs/pr/7/a.csv",
            "hf://datasets/org/name@refs%2Fpr%2F7/a.csv",
        ),
        (
            "hf://datasets/org/name@refs/pr/7",
            "hf://datasets/org/name@refs%2Fpr%2F7",
        ),
        (
            "hf://datasets/org/name/refs/pr/7.csv",
            "hf://datasets/org/name@main/refs/pr/7.csv",
        ),
        ("hf://datasets/org/name/", "hf://datasets/org/name@main"),
        ("hf://org/name@refs%2Fpr%2F7", "hf://org/name@refs/pr/7"),
    ] {
        let SourceUri::Hub(uri) = SourceUri::parse(text).unwrap() else {
            panic!("{text} is a hub's")
        };
        assert_eq!(uri.to_string(), same);
    }
}

#[test]
fn a_pattern_matches_within_segments() {
    for (pattern, path, matched) in [
        ("a.csv", "a.csv", true),
        (
            "data/train-*.parquet",
            "data/train-00000-of-00002.parquet",
            true,
        ),
        (
            "data/train-*.parquet",
            "data/test-00000-of-00002.parquet",
            false,
        ),
        ("*.parquet", "data/x.parquet", false),
        ("*/x.parquet", "data/x.parquet", true),
        ("000?.parquet", "0001.parquet", true),
        ("000?.parquet", "000.parquet", false),
        ("*a*b*", "xxabyyb", true),
        ("*a*b", "xxabyybz", false),
        ("**", "", true),
        ("data", "data/x", false),
    ] {
        assert_eq!(matches(pattern, path), matched, "{pattern} on {path}");
    }
    // No pattern takes long.
    assert!(!matches(
        &"*a".repeat(60),
        &format!("{}b", "a".repeat(10_000))
    ));
}

const SHARDED: &[(&str, &[u8])] = &[
    ("README.md", b"card"),
    (".gitattributes", b"lfs"),
    ("data/train-00001-of-00002.parquet", b"second"),
    ("data/train-00000-of-00002.parquet", b"first"),
    ("data/test-00000-of-00001.parquet", b"test"),
    ("a/part.csv", b"of a"),
    ("b/part.csv", b"of b"),
    ("odd name#1.csv", b"odd"),
];

async fn data(house: &House, uri: &str) -> Result<Vec<(String, Vec<u8>)>, Failure> {
    let mut recipe = recipe("hf://org/model@v1");
    recipe.calibration.source.uri = uri.to_owned();
    // The model is of another house: only data are asked for.
    recipe.model.uri = recipe.calibration.source.uri.clone();
    let fetched = house
        .sources
        .fetch(&recipe, PathBuf::new(), &Unwatched)
        .await?;
    let mut files: Vec<_> = std::fs::read_dir(&fetched.places.calibration)
        .unwrap()
        .map(|file| {
            let path = file.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, std::fs::read(path).unwrap())
        })
        .collect();
    files.sort();
    Ok(files)
}

#[tokio::test]
async fn a_pattern_brings_all_its_files_in_the_order_of_their_paths() {
    let house = House::new(SHARDED).await;
    let named = |name: &str, content: &[u8]| (name.to_owned(), content.to_vec());
    assert_eq!(
        data(&house, "hf://datasets/org/data/data/train-*.parquet")
            .await
            .unwrap(),
        [
            named("train-00000-of-00002.parquet", b"first"),
            named("train-00001-of-00002.parquet", b"second"),
        ]
    );
    assert_eq!(
        data(&house, "hf://datasets/org/data@~parquet/?/part.csv")
            .await
            .unwrap(),
        [
            named("00000-part.csv", b"of a"),
            named("00001-part.csv", b"of b")
        ]
    );
    assert_eq!(
        data(&house, "hf://datasets/org/data/odd*").await.unwrap(),
        [named("odd name#1.csv", b"odd")]
    );
    let mut recipe = house.recipe();
    recipe.model.uri = "hf://org/model".to_owned();
    recipe.calibration.source.uri = "hf://datasets/org/data@refs/convert/parquet/data/*".to_owned();
    let house = House::new(&[FILES, SHARDED].concat()).await;
    let pinned = house.sources.pin(recipe).await.unwrap();
    assert_eq!(
        pinned.calibration.source.uri,
        format!("hf://datasets/org/data@{COMMIT}/data/*")
    );
}

#[tokio::test]
async fn the_cap_holds_over_all_files_of_a_pattern() {
    let shard = vec![0; 700_000];
    let files: [(&str, &[u8]); 2] = [("0000.parquet", &shard), ("0001.parquet", &shard)];
    let house = House::new(&files).await;
    let failure = data(&house, "hf://datasets/org/data/*.parquet")
        .await
        .unwrap_err();
    assert_says(&failure, Code::LimitExceeded, &["1400000 bytes"]);
}

#[tokio::test]
async fn a_uri_that_names_no_data_file_is_told_which_there_are() {
    let refused = async |files: &[(&str, &[u8])], uri: &str, words: &[&str]| {
        let house = House::new(files).await;
        let failure = data(&house, uri).await.unwrap_err();
        assert_says(&failure, Code::SourceNotFound, words);
    };
    let all = "data/test-00000-of-00001.parquet, data/train-*.parquet";
    refused(
        SHARDED,
        "hf://datasets/org/data",
        &["names no file", "name one of: ", all],
    )
    .await;
    refused(
        SHARDED,
        "hf://datasets/org/data/validation.csv",
        &["no validation.csv", all],
    )
    .await;
    refused(
        SHARDED,
        "hf://datasets/org/data/a",
        &["holds no a; name one of: a/part.csv"],
    )
    .await;
    refused(
        &[("README.md", b"card"), ("data.py", b"script")],
        "hf://datasets/org/data",
        &[
            "no data files",
            "hf://datasets/org/data@refs%2Fconvert%2Fparquet",
        ],
    )
    .await;
    refused(
        &[
            ("default/train/0000.parquet", b"1"),
            ("default/train/0001.parquet", b"2"),
        ],
        "hf://datasets/org/data@~parquet",
        &["name one of: default/train/*.parquet"],
    )
    .await;
}

#[tokio::test]
async fn a_repository_that_is_no_model_is_told_what_it_is() {
    for (files, code, word) in [
        (
            &[
                ("adapter_config.json", &b"{}"[..]),
                ("adapter_model.safetensors", b"x"),
            ][..],
            Code::UnsupportedModel,
            "PEFT adapter",
        ),
        (
            &[("a/config.json", b"{}"), ("a/model.safetensors", b"x")],
            Code::SourceNotFound,
            "a/ in it is",
        ),
    ] {
        let house = House::new(files).await;
        let failure = house.sources.pin(house.recipe()).await.unwrap_err();
        assert_says(&failure, code, &["hf://org/model@v1", word]);
    }
}

#[tokio::test]
async fn a_page_in_place_of_a_file_is_told_at_once() {
    let house = House::new(FILES).await;
    house.hub.fault("model.safetensors", Fault::Page);
    let failure = house.fetch().await.unwrap_err();
    assert_says(
        &failure,
        Code::SourceUnavailable,
        &["web page", "model.safetensors of hf://org/model"],
    );
    assert_eq!(house.asked_for("model.safetensors"), 1);
}

#[tokio::test]
async fn what_is_wrong_with_a_fetched_file_is_told_by_its_uri() {
    let house = House::new(FILES).await;
    let fetched = house.fetch().await.unwrap();
    let path = fetched.places.model.join("model.safetensors");
    let failure = Failure::new(
        Code::InvalidCheckpoint,
        format!("{} is bad", path.display()),
    );
    assert_eq!(
        fetched.names().told(failure).detail,
        "hf://org/model@v1/model.safetensors is bad"
    );
}
