//! The protocol of a hub, and the messages for its errors.

use optin::prune::failure::{Code, Failure};
use optin::prune::watch::Unwatched;
use optin::worker::source::Sources;
use optin::worker::source::cache::Cache;
use optin::worker::source::hub::Hub;
use optin::worker::source::roots::Roots;
use std::path::PathBuf;

use super::{FILES, Setup};
use crate::fixture::hub::{COMMIT, FakeHub, Fault, LISTING};
use crate::fixture::refusal::assert_says;

#[tokio::test]
async fn the_sources_of_a_recipe_are_pinned_to_commits() {
    let setup = Setup::new(FILES).await;
    let pinned = setup.sources.pin(setup.recipe()).await.unwrap();
    assert_eq!(pinned.model.uri, format!("hf://org/model@{COMMIT}"));
    assert_eq!(
        pinned.calibration.source.uri,
        format!("hf://datasets/org/data@{COMMIT}/train.tsv")
    );
    let mut swapped = setup.recipe();
    swapped.model.uri = setup.recipe().calibration.source.uri;
    let failure = setup.sources.pin(swapped).await.unwrap_err();
    assert!(failure.detail.contains("is a dataset"), "{failure:?}");
}

#[tokio::test]
async fn the_needed_files_are_fetched_once() {
    let setup = Setup::new(FILES).await;
    let fetched = setup.fetch().await.unwrap();
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
    let again = setup.fetch().await.unwrap();
    assert_eq!(again.places.model, fetched.places.model);
    assert_eq!(setup.request_count("model.safetensors"), 1);
    let mut nested = setup.recipe();
    nested.calibration.source.uri = "hf://datasets/org/data/sub/dev.tsv".into();
    let nested = setup.sources.fetch(&nested, PathBuf::new(), &Unwatched);
    assert!(
        nested
            .await
            .unwrap()
            .places
            .calibration
            .ends_with("dev.tsv")
    );
}

/// The modules of sentence-transformers have folders of their own.
#[tokio::test]
async fn the_modules_of_a_model_are_fetched() {
    let mut files = FILES.to_vec();
    let modules: [(&str, &[u8]); 4] = [
        ("modules.json", b"[]"),
        ("1_Pooling/config.json", b"pooling"),
        ("2_Dense/config.json", b"dense"),
        ("2_Dense/pytorch_model.bin", b"pickle"),
    ];
    files.extend(modules);
    let setup = Setup::new(&files).await;
    let model = setup.fetch().await.unwrap().places.model;
    for (path, content) in modules {
        let read = std::fs::read(model.join(path)).ok();
        let is_needed = path.ends_with(".json");
        assert_eq!(read, is_needed.then(|| content.to_vec()), "{path}");
    }
}

#[tokio::test]
async fn errors_for_missing_private_and_unreachable_sources_name_the_remedy() {
    let setup = Setup::new(FILES).await;
    let refused = async |uri: &str| {
        let mut recipe = setup.recipe();
        recipe.model.uri = uri.to_owned();
        setup.sources.pin(recipe).await.unwrap_err()
    };
    for uri in ["hf://org/other", "hf://org/model@v9"] {
        let failure = refused(uri).await;
        assert!(
            failure.code == Code::SourceNotFound && failure.detail.contains("HF_TOKEN"),
            "{failure:?}"
        );
    }
    let only_pickle = Setup::new(&[("config.json", b"{}"), ("pytorch_model.bin", b"x")]).await;
    let failure = only_pickle.sources.pin(setup.recipe()).await.unwrap_err();
    assert!(
        failure.code == Code::UnsafeFormat && failure.detail.contains("safe_serialization"),
        "{failure:?}"
    );
    let unreachable = Hub::new("http://127.0.0.1:9", None).unwrap();
    let cache = Cache::open(&setup.folder.path().join("other"), 1 << 20).unwrap();
    let sources = Sources::new(Roots::default()).with_hub(unreachable, cache);
    let failure = sources.pin(setup.recipe()).await.unwrap_err();
    assert!(
        failure.code == Code::SourceUnavailable
            && failure.code.retryable()
            && failure.detail.contains("could not connect to 127.0.0.1:9"),
        "{failure:?}"
    );
    let none = Sources::new(Roots::default()).pin(setup.recipe()).await;
    assert_eq!(none.unwrap_err().code, Code::SourceNotFound);
    assert!(Hub::new("ftp://host", None).is_err() && Hub::new("huggingface", None).is_err());
}

#[tokio::test]
async fn a_token_is_sent_only_to_the_hub() {
    let setup = Setup::with(FILES, 1 << 20, Some("hf_secret")).await;
    setup.hub.require("hf_secret");
    let elsewhere = FakeHub::start(FILES).await;
    // The storage of a hub has another host name than the hub.
    setup
        .hub
        .redirect_to(&elsewhere.url.replace("127.0.0.1", "localhost"));
    setup.fetch().await.unwrap();
    let bearer = Some("Bearer hf_secret".to_owned());
    assert!(
        setup
            .hub
            .seen_tokens("api")
            .iter()
            .all(|seen| *seen == bearer)
    );
    let at_hub = setup.hub.seen_tokens("resolve");
    let at_storage = elsewhere.seen_tokens("cdn");
    assert!(
        !at_storage.is_empty() && at_storage.iter().all(Option::is_none),
        "{at_storage:?}"
    );
    assert!(at_hub.len() > 2 && at_hub.iter().all(|seen| *seen == bearer));
    let wrong = Setup::with(FILES, 1 << 20, Some("hf_wrong")).await;
    wrong.hub.require("hf_secret");
    let failure = wrong.fetch().await.unwrap_err();
    assert!(!failure.detail.contains("hf_wrong"), "{failure:?}");
}

#[tokio::test]
async fn the_error_for_a_repository_without_a_model_says_what_it_contains() {
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
        let setup = Setup::new(files).await;
        let failure = setup.sources.pin(setup.recipe()).await.unwrap_err();
        assert_says(&failure, code, &["hf://org/model@v1", word]);
    }
}

#[tokio::test]
async fn errors_name_a_fetched_file_by_its_uri() {
    let setup = Setup::new(FILES).await;
    let fetched = setup.fetch().await.unwrap();
    let path = fetched.places.model.join("model.safetensors");
    let failure = Failure::new(
        Code::InvalidCheckpoint,
        format!("{} is bad", path.display()),
    );
    assert_eq!(
        fetched.name_sources(failure).detail,
        "hf://org/model@v1/model.safetensors is bad"
    );
}

#[tokio::test]
async fn a_response_that_is_not_a_listing_is_rejected() {
    let setup = Setup::new(FILES).await;
    setup.hub.fault(LISTING, Fault::Page);
    let failure = setup.sources.pin(setup.recipe()).await.unwrap_err();
    assert_says(
        &failure,
        Code::SourceMismatch,
        &[
            "hf://org/model@v1",
            "not a repository listing",
            "--hub-endpoint",
        ],
    );
    setup.hub.fault(LISTING, Fault::Busy);
    let failure = setup.sources.pin(setup.recipe()).await.unwrap_err();
    assert_says(&failure, Code::SourceUnavailable, &["503"]);
    assert_eq!(failure.retry_after, None);
}
