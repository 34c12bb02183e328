//! Encoders without a head: their answers are hidden states.

use optin::answer::task::{Divergence, Outputs};
use optin::prune::failure::Code;
use optin::prune::journal::NoJournal;
use optin::prune::places::Places;
use optin::prune::recipe::Recipe;
use optin::prune::run;
use optin::prune::watch::Unwatched;
use safetensors::Dtype;
use serde_json::{Value, json};

use crate::fixture::bert::Tiny;
use crate::fixture::folder::{Folder, open};
use crate::fixture::refusal::assert_says;
use crate::fixture::task::task;
use crate::fixture::text::Form;

/// Returns a folder with a tiny encoder and the tables of a classification.
fn folder() -> Folder {
    let folder = Folder::new(Tiny::default());
    std::fs::remove_file(folder.model().join("config.json")).unwrap();
    Form::RobertaBody.write(&folder.model(), Dtype::F32);
    folder
}

#[test]
fn a_body_is_pruned_to_a_body() {
    let folder = folder();
    let places = Places {
        evaluation: None,
        ..folder.places("out")
    };
    let recipe = Recipe {
        evaluation: None,
        ..folder.recipe(0.6)
    };
    let report = run(&places, &recipe, &NoJournal, &Unwatched).unwrap();
    assert_eq!(report.task, "feature_extraction");
    assert!(report.evaluation.is_none());
    assert_eq!(report.fidelity.agreement, None);
    assert!(report.fidelity.divergence > 0.0);
    let row = &report.changed_rows[0];
    assert!(row.after.contains("cosine"), "{row:?}");
    let out = |name: &str| std::fs::read_to_string(places.out.join(name)).unwrap();
    let json = |name: &str| serde_json::from_str::<Value>(&out(name)).unwrap();
    let config = json("config.json");
    assert_eq!(config["architectures"], json!(["RobertaModel"]));
    let class = json!("modeling_optin_roberta.RobertaModel");
    assert_eq!(config["auto_map"]["AutoModel"], class);
    assert_eq!(config.get("id2label"), None);
    let verify = json("verify.json");
    let row = &verify["rows"][0];
    let answers = row["logits"].as_array().unwrap();
    assert_eq!(answers.len(), row["input_ids"].as_array().unwrap().len());
    assert_eq!(answers[0].as_array().unwrap().len(), 24);
    let card = out("README.md");
    for part in [
        "pipeline_tag: feature-extraction",
        "= AutoModel.from_pretrained(\"path/to/this/folder\", trust_remote_code=True)",
        "last_hidden_state = session.run([\"last_hidden_state\"], dict(inputs))[0]",
    ] {
        assert!(card.contains(part), "{part}: {card}");
    }
    // The pooler stays, because the body of transformers has it.
    let (weights, _) = open(&places.out);
    assert!(weights.contains("roberta.pooler.dense.weight"));
}

#[test]
fn a_body_has_nothing_to_evaluate() {
    let folder = folder();
    let places = folder.places("out");
    let failure = run(&places, &folder.recipe(0.6), &NoJournal, &Unwatched).unwrap_err();
    assert_says(
        &failure,
        Code::InvalidRecipe,
        &["no head", "leave the evaluation out"],
    );
}

/// For vectors of one length, it is 1 minus the cosine of the angle between them.
#[test]
fn the_divergence_of_vectors_is_that_of_their_directions() {
    let states = task(json!({"architectures": ["BertModel"]}));
    let (original, changed) = ([3.0, 4.0, 0.0, 2.0], [4.0, 3.0, 0.0, -2.0]);
    let divergence = |changed: &[f32]| {
        let (original, changed) = (Outputs::new(&original, 2), Outputs::new(changed, 2));
        Divergence::divergence(states.as_ref(), original, changed, 1.0)
    };
    assert_eq!(divergence(&original), 0.0);
    // The cosines are 24 / 25 and -1.
    let expected = (1.0 - 0.96 + 2.0) / 2.0;
    assert!((divergence(&changed) - expected).abs() < 1e-9);
}
