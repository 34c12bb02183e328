//! Lists are those of their enums: each word is spelled in one way, and no list of them lacks one.

use optin::artifact::incoming::UploadState;
use optin::job::key::KeyScope;
use optin::job::webhook::{DeliveryState, Topic};
use optin::job::{Device, State};
use optin::model::unit::UnitKind;
use optin::prune::failure::Code;
use optin::prune::recipe::{Compensation, Estimator, Importance, Metric, TokenWeights, Trajectory};
use optin::prune::stage::Stage;
use optin::worker::source::Sources;
use optin::worker::source::cache::Cache;
use optin::worker::source::hub::Hub;
use optin::worker::source::roots::Roots;
use optin::worker::source::uri::Scheme;
use serde_json::{Value, json};
use std::process::Command;
use strum::VariantArray;

fn optin() -> Command {
    Command::new(env!("CARGO_BIN_EXE_optin"))
}

fn words<T: VariantArray + Copy + Into<&'static str>>() -> Vec<&'static str> {
    T::VARIANTS.iter().map(|&variant| variant.into()).collect()
}

/// That JSON spells each variant as the list does.
fn spelled_once<T>()
where
    T: VariantArray + Copy + Into<&'static str> + serde::Serialize,
{
    for &variant in T::VARIANTS {
        let word: &str = variant.into();
        assert_eq!(serde_json::to_value(variant).unwrap(), json!(word));
    }
}

#[test]
fn a_word_is_spelled_alike_in_json_and_in_lists() {
    spelled_once::<Code>();
    spelled_once::<Stage>();
    spelled_once::<State>();
    spelled_once::<Device>();
    spelled_once::<KeyScope>();
    spelled_once::<UnitKind>();
    spelled_once::<UploadState>();
    spelled_once::<DeliveryState>();
    spelled_once::<Metric>();
    spelled_once::<Estimator>();
    spelled_once::<Importance>();
    spelled_once::<Trajectory>();
    spelled_once::<Compensation>();
    spelled_once::<TokenWeights>();
    for topic in Topic::ENDS {
        assert_eq!(serde_json::to_value(topic).unwrap(), json!(topic.as_str()));
    }
}

/// The words of a schema of the document.
fn document(schema: &str) -> Vec<Value> {
    let output = optin().args(["openapi", "--json"]).output().unwrap();
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let words = &document["components"]["schemas"][schema]["enum"];
    // A variant with a description of its own stands in `oneOf`.
    match words.as_array() {
        Some(words) => words.clone(),
        None => document["components"]["schemas"][schema]["oneOf"]
            .as_array()
            .unwrap()
            .iter()
            .map(|variant| variant["enum"][0].clone())
            .collect(),
    }
}

#[test]
fn the_document_lists_every_reason_for_which_a_job_fails() {
    let listed = document("ProblemCode");
    for word in words::<Code>() {
        assert!(listed.contains(&json!(word)), "{word}");
    }
}

#[test]
fn flags_take_every_word_of_their_list() {
    let output = optin().args(["prune", "--help"]).output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    for list in [
        words::<Metric>(),
        words::<Estimator>(),
        words::<Importance>(),
        words::<Trajectory>(),
        words::<Compensation>(),
        words::<TokenWeights>(),
    ] {
        let list = format!("[possible values: {}]", list.join(", "));
        assert!(help.contains(&list), "{list}\n{help}");
    }
}

#[test]
fn schemes_are_those_that_lead_somewhere() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(folder.path(), 1).unwrap();
    let none = Sources::new(Roots::default());
    assert_eq!(none.schemes().count(), 0);
    let hub = none.with_hub(Hub::new("https://hub.example", None).unwrap(), cache);
    assert_eq!(hub.schemes().collect::<Vec<_>>(), [Scheme::Hf]);
    let rooted = Sources::new(Roots::new(&[folder.path().to_owned()]).unwrap());
    assert_eq!(rooted.schemes().collect::<Vec<_>>(), [Scheme::File]);
}
