//! Patterns that select data files of a hub.

use optin::prune::failure::{Code, Failure};
use optin::prune::watch::Unwatched;
use std::path::PathBuf;

use super::{FILES, Setup};
use crate::fixture::hub::COMMIT;
use crate::fixture::job::recipe;
use crate::fixture::refusal::assert_says;

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

async fn data(setup: &Setup, uri: &str) -> Result<Vec<(String, Vec<u8>)>, Failure> {
    let mut recipe = recipe("hf://org/model@v1");
    recipe.calibration.source.uri = uri.to_owned();
    // These files contain no model, so the model gets the URI of the data.
    recipe.model.uri = recipe.calibration.source.uri.clone();
    let fetched = setup
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
async fn a_pattern_fetches_all_matching_files_in_the_order_of_their_paths() {
    let setup = Setup::new(SHARDED).await;
    let named = |name: &str, content: &[u8]| (name.to_owned(), content.to_vec());
    assert_eq!(
        data(&setup, "hf://datasets/org/data/data/train-*.parquet")
            .await
            .unwrap(),
        [
            named("train-00000-of-00002.parquet", b"first"),
            named("train-00001-of-00002.parquet", b"second"),
        ]
    );
    assert_eq!(
        data(&setup, "hf://datasets/org/data@~parquet/?/part.csv")
            .await
            .unwrap(),
        [
            named("00000-part.csv", b"of a"),
            named("00001-part.csv", b"of b")
        ]
    );
    assert_eq!(
        data(&setup, "hf://datasets/org/data/odd*").await.unwrap(),
        [named("odd name#1.csv", b"odd")]
    );
    let mut recipe = setup.recipe();
    recipe.model.uri = "hf://org/model".to_owned();
    recipe.calibration.source.uri = "hf://datasets/org/data@refs/convert/parquet/data/*".to_owned();
    let setup = Setup::new(&[FILES, SHARDED].concat()).await;
    let pinned = setup.sources.pin(recipe).await.unwrap();
    assert_eq!(
        pinned.calibration.source.uri,
        format!("hf://datasets/org/data@{COMMIT}/data/*")
    );
}

#[tokio::test]
async fn the_size_limit_applies_to_the_sum_of_all_files_of_a_pattern() {
    let shard = vec![0; 700_000];
    let files: [(&str, &[u8]); 2] = [("0000.parquet", &shard), ("0001.parquet", &shard)];
    let setup = Setup::new(&files).await;
    let failure = data(&setup, "hf://datasets/org/data/*.parquet")
        .await
        .unwrap_err();
    assert_says(&failure, Code::LimitExceeded, &["1400000 bytes"]);
}

#[tokio::test]
async fn the_error_for_a_missing_data_file_lists_the_others() {
    let refused = async |files: &[(&str, &[u8])], uri: &str, words: &[&str]| {
        let setup = Setup::new(files).await;
        let failure = data(&setup, uri).await.unwrap_err();
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
        &["no file validation.csv", all],
    )
    .await;
    refused(
        SHARDED,
        "hf://datasets/org/data/a",
        &["has no file a; name one of: a/part.csv"],
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
