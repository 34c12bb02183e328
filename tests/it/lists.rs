//! Enums that are listed in several places: every list is complete, and every name has one spelling.

use optin::artifact::incoming::UploadState;
use optin::job::key::KeyScope;
use optin::job::webhook::{DeliveryState, Topic};
use optin::job::{Device, State};
use optin::model::unit::UnitKind;
use optin::prune::failure::Code;
use optin::prune::recipe::{
    Compensation, Estimator, Importance, Metric, PositionWeights, Trajectory,
};
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

/// Checks that the name of each variant is the same in JSON and in the list.
fn assert_same_spelling<T>()
where
    T: VariantArray + Copy + Into<&'static str> + serde::Serialize,
{
    for &variant in T::VARIANTS {
        let word: &str = variant.into();
        assert_eq!(serde_json::to_value(variant).unwrap(), json!(word));
    }
}

#[test]
fn names_are_spelled_the_same_in_json_and_in_lists() {
    assert_same_spelling::<Code>();
    assert_same_spelling::<Stage>();
    assert_same_spelling::<State>();
    assert_same_spelling::<Device>();
    assert_same_spelling::<KeyScope>();
    assert_same_spelling::<UnitKind>();
    assert_same_spelling::<UploadState>();
    assert_same_spelling::<DeliveryState>();
    assert_same_spelling::<Metric>();
    assert_same_spelling::<Estimator>();
    assert_same_spelling::<Importance>();
    assert_same_spelling::<Trajectory>();
    assert_same_spelling::<Compensation>();
    assert_same_spelling::<PositionWeights>();
    for topic in Topic::ENDS {
        assert_eq!(serde_json::to_value(topic).unwrap(), json!(topic.as_str()));
    }
}

/// Returns the values of a schema of the OpenAPI document.
fn schema_values(schema: &str) -> Vec<Value> {
    let output = optin().args(["openapi", "--json"]).output().unwrap();
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let words = &document["components"]["schemas"][schema]["enum"];
    // If the variants have descriptions, they are in `oneOf`.
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
fn the_openapi_document_lists_every_failure_code() {
    let listed = schema_values("ProblemCode");
    for word in words::<Code>() {
        assert!(listed.contains(&json!(word)), "{word}");
    }
}

#[test]
fn the_help_of_a_flag_lists_every_value() {
    let output = optin().args(["prune", "-h"]).output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    for list in [
        words::<Metric>(),
        words::<Estimator>(),
        words::<Importance>(),
        words::<Trajectory>(),
        words::<Compensation>(),
        words::<PositionWeights>(),
    ] {
        let list = format!("[possible values: {}]", list.join(", "));
        assert!(help.contains(&list), "{list}\n{help}");
    }
}

#[test]
fn only_enabled_schemes_are_listed() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(folder.path(), 1).unwrap();
    let none = Sources::new(Roots::default());
    assert_eq!(none.schemes().count(), 0);
    let hub = none.with_hub(Hub::new("https://hub.example", None).unwrap(), cache);
    assert_eq!(hub.schemes().collect::<Vec<_>>(), [Scheme::Hf]);
    let rooted = Sources::new(Roots::new(&[folder.path().to_owned()]).unwrap());
    assert_eq!(rooted.schemes().collect::<Vec<_>>(), [Scheme::File]);
}
