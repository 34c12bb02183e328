//! Folders of models that are made to fill the memory, to take long, or to be read in two ways. Each gives a clear failure
//! to the code with which a job reads them.

use std::path::Path;

use optin::prune::failure::{Code, Failure};
use optin::prune::prepare::Prepared;
use serde_json::json;

use crate::fixture::bert::Tiny;
use crate::fixture::folder::Folder;
use crate::fixture::hostile::models::{self, HostileModel, change_tokenizer, doubling};
use crate::fixture::refusal::assert_says;

/// Reads a model and its data as a job does, after a change of the model's folder.
fn outcome(change: impl FnOnce(&Path)) -> Result<(), Failure> {
    let folder = Folder::new(Tiny::default());
    change(&folder.model());
    Prepared::read(&folder.places("out"), &folder.recipe(0.5)).map(drop)
}

fn refusal(change: impl FnOnce(&Path)) -> Failure {
    outcome(change).unwrap_err()
}

/// Asserts what a job says about each of these folders.
fn assert_refused(folders: Vec<HostileModel>) {
    for hostile in folders {
        let failure = refusal(|folder| hostile.apply(folder));
        assert_says(&failure, hostile.code, &hostile.words);
    }
}

#[test]
fn headers_are_limited_before_they_are_parsed() {
    assert_refused(models::headers());
}

#[test]
fn files_beside_the_weights_are_limited_before_they_are_parsed() {
    assert_refused(models::side_files());
}

#[test]
fn a_key_that_occurs_twice_is_named() {
    assert_refused(models::repeated_keys());
}

#[test]
fn tokenizers_that_multiply_texts_are_refused() {
    assert_refused(models::tokenizers());
}

#[test]
fn epsilons_that_are_zero_in_float32_are_refused() {
    assert_refused(models::epsilons());
}

#[test]
fn a_folder_in_place_of_a_file_is_named() {
    let failure = refusal(|folder| {
        std::fs::remove_file(folder.join("model.safetensors")).unwrap();
        std::fs::create_dir(folder.join("model-1.safetensors")).unwrap();
        let index = json!({"weight_map": {"a": "model-1.safetensors"}});
        let path = folder.join("model.safetensors.index.json");
        std::fs::write(path, index.to_string()).unwrap();
    });
    assert_says(
        &failure,
        Code::InvalidCheckpoint,
        &["model-1.safetensors", "is a folder", "must be a file"],
    );
}

#[test]
fn growth_below_the_limit_is_measured_for_each_text() {
    // Twelve doublings make a short text longer, and may not fill the memory with a long one.
    let grown = |row: &str| {
        let folder = Folder::new(Tiny::default());
        change_tokenizer(&folder.model(), |document| {
            document["normalizer"] = doubling(12);
        });
        let table = format!("text\tlabel\n{row}\tclass 0\n");
        std::fs::write(folder.calibration(), table).unwrap();
        let mut recipe = folder.recipe(0.5);
        recipe.evaluation = None;
        let mut places = folder.places("out");
        places.evaluation = None;
        Prepared::read(&places, &recipe).map(drop)
    };
    grown("w w w").unwrap();
    let failure = grown(&"w ".repeat(600)).unwrap_err();
    assert_says(
        &failure,
        Code::LimitExceeded,
        &["line 2", "after the normalizer of the tokenizer", "2097152"],
    );
}

/// Gives the last word of the vocabulary this index.
fn move_last_word(folder: &Path, index: u64) {
    let path = folder.join("tokenizer.json");
    let text = std::fs::read_to_string(&path).unwrap();
    let vocabulary = Tiny::default().vocabulary;
    let word = format!("\"w{}\":", vocabulary - 6);
    let last = format!("{word}{}", vocabulary - 1);
    assert!(text.contains(&last));
    std::fs::write(path, text.replace(&last, &format!("{word}{index}"))).unwrap();
}

#[test]
fn a_token_without_an_embedding_is_named_with_its_row() {
    let failure = refusal(|folder| move_last_word(folder, 5_000_000));
    assert_says(
        &failure,
        Code::InvalidTokenizer,
        &["calibration.tsv, line ", "token 5000000", "embeddings"],
    );
    let failure = refusal(|folder| move_last_word(folder, 4_000_000_000));
    assert_says(
        &failure,
        Code::InvalidTokenizer,
        &["index 4000000000", "the limit is 10000000"],
    );
}
