//! What a hub's protocol brings, and how a hub's refusals are told.

use optin::prune::failure::{Code, Failure};
use optin::prune::watch::Unwatched;
use optin::worker::source::Sources;
use optin::worker::source::cache::Cache;
use optin::worker::source::hub::Hub;
use optin::worker::source::roots::Roots;
use std::path::PathBuf;

use super::{FILES, House};
use crate::fixture::hub::{COMMIT, FakeHub, Fault, LISTING};
use crate::fixture::refusal::assert_says;

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
    assert!(failure.detail.contains("is a dataset"), "{failure:?}");
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
            && failure.detail.contains("could not connect to 127.0.0.1:9"),
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
    let at_hub = house.hub.seen_tokens("resolve");
    let at_storage = elsewhere.seen_tokens("cdn");
    assert!(
        !at_storage.is_empty() && at_storage.iter().all(Option::is_none),
        "{at_storage:?}"
    );
    assert!(at_hub.len() > 2 && at_hub.iter().all(|seen| *seen == bearer));
    let wrong = House::with(FILES, 1 << 20, Some("hf_wrong")).await;
    wrong.hub.require("hf_secret");
    let failure = wrong.fetch().await.unwrap_err();
    assert!(!failure.detail.contains("hf_wrong"), "{failure:?}");
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
            "subfolder a/ is",
        ),
    ] {
        let house = House::new(files).await;
        let failure = house.sources.pin(house.recipe()).await.unwrap_err();
        assert_says(&failure, code, &["hf://org/model@v1", word]);
    }
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
        fetched.told(failure).detail,
        "hf://org/model@v1/model.safetensors is bad"
    );
}

#[tokio::test]
async fn an_answer_that_is_no_listing_is_told_as_one() {
    let house = House::new(FILES).await;
    house.hub.fault(LISTING, Fault::Page);
    let failure = house.sources.pin(house.recipe()).await.unwrap_err();
    assert_says(
        &failure,
        Code::SourceMismatch,
        &[
            "hf://org/model@v1",
            "not a repository listing",
            "--hub-endpoint",
        ],
    );
    house.hub.fault(LISTING, Fault::Busy);
    let failure = house.sources.pin(house.recipe()).await.unwrap_err();
    assert_says(&failure, Code::SourceUnavailable, &["503"]);
    assert_eq!(failure.retry_after, None);
}
