//! Properties of ModernBERT: parity with Hugging Face transformers, both spellings of its positions, what is refused, and whole
//! runs.

use std::path::PathBuf;

use candle_core::{DType, Tensor};
use optin::model::batch::Reads;
use optin::model::mask::Masks;
use optin::model::nn::attention::{Heads, attend};
use optin::model::nn::rotary::Rotary;
use optin::model::unit::Units;
use optin::prune::inputs::Role;
use optin::prune::journal::NoJournal;
use optin::prune::recipe::Recipe;
use optin::prune::run;
use optin::prune::watch::Unwatched;
use safetensors::Dtype;
use serde_json::{Map, Value, json};

use crate::fixture::bert::Tiny;
use crate::fixture::difference::relative_difference;
use crate::fixture::folder::{Folder, open, open_with, refusal};
use crate::fixture::goldens;
use crate::fixture::modernbert::{Form, LONGEST};
use crate::text::{compare, compare_all};

/// Returns the folders of the goldens of transformers.
fn goldens() -> Vec<PathBuf> {
    let folders = goldens::folders("modernbert");
    assert_eq!(folders.len(), 8, "{folders:?}");
    folders
}

#[test]
fn outputs_equal_those_of_transformers() {
    compare_all(&goldens());
}

/// A body that was saved alone has no prefix.
#[test]
fn a_body_without_prefix_is_read() {
    for folder in goldens() {
        let bare = goldens::renamed(&folder, |name| {
            name.strip_prefix("model.").unwrap_or(name).to_owned()
        });
        compare(&open(bare.path()).1, &folder);
    }
}

/// Returns answers of a tiny model whose `config.json` is changed.
fn answers(form: Form, change: impl FnOnce(&mut Map<String, Value>)) -> Tensor {
    let folder = tempfile::tempdir().unwrap();
    form.write(folder.path(), Dtype::F32);
    let mut config = form.config();
    change(&mut config);
    std::fs::write(
        folder.path().join("config.json"),
        Value::Object(config).to_string(),
    )
    .unwrap();
    let (_, model) = open(folder.path());
    let full = Masks::full(&model.groups);
    model.forward(&form.batch(2, 20, 1), &full).unwrap().stream
}

#[test]
fn both_spellings_of_positions_mean_the_same() {
    let new = answers(Form::First, |_| {});
    let old = answers(Form::First, |config| {
        config.remove("layer_types");
        config.remove("rope_parameters");
        let older = json!({
            "global_attn_every_n_layers": 2, "global_rope_theta": 500.0, "local_rope_theta": 20.0, "rope_scaling": null,
        });
        config.extend(older.as_object().unwrap().clone());
    });
    assert_eq!(relative_difference(&new, &old), 0.0);
    // The newer keys come first.
    let both = answers(Form::First, |config| {
        let older = json!({"global_attn_every_n_layers": 1, "global_rope_theta": 7.0, "local_rope_theta": 7.0});
        config.extend(older.as_object().unwrap().clone());
    });
    assert_eq!(relative_difference(&new, &both), 0.0);
    // Transformers 4 gives local layers the base of the global ones if theirs is null.
    let null = answers(Form::Mean, |config| {
        config.insert("local_rope_theta".to_owned(), Value::Null);
    });
    let equal = answers(Form::Mean, |config| {
        config.insert("local_rope_theta".to_owned(), json!(500.0));
    });
    assert_eq!(relative_difference(&null, &equal), 0.0);
    let other = answers(Form::Mean, |_| {});
    assert!(relative_difference(&null, &other) > 1e-3);
}

/// The window has `local_attention / 2` positions on each side.
#[test]
fn the_window_of_local_layers_is_symmetric() {
    let with = |window: usize| {
        answers(Form::Tokens, |config| {
            config.insert("local_attention".to_owned(), json!(window));
        })
    };
    assert_eq!(relative_difference(&with(6), &with(7)), 0.0);
    assert!(relative_difference(&with(6), &with(8)) > 1e-3);
    // A window beyond the row is as good as none.
    let global = answers(Form::Tokens, |config| {
        let kinds = json!(["full_attention", "full_attention", "full_attention"]);
        config.insert("layer_types".to_owned(), kinds);
        let parameters = &mut config["rope_parameters"];
        parameters["full_attention"]["rope_theta"] = json!(20.0);
    });
    let wide = answers(Form::Tokens, |config| {
        config.insert("local_attention".to_owned(), json!(40));
        let parameters = &mut config["rope_parameters"];
        parameters["full_attention"]["rope_theta"] = json!(20.0);
    });
    assert_eq!(relative_difference(&global, &wide), 0.0);
}

/// Scores depend on the distance of two positions alone, and a turn can be reversed.
#[test]
fn turns_encode_distances() {
    let rotary = Rotary::new(6, 50.0);
    let random = |seed: u64| {
        let ids = Form::First.batch(2, 9 * 12, seed).input;
        let (ids, _) = ids.tokens().unwrap();
        let numbers = (ids.to_dtype(DType::F32).unwrap() / 40.0).unwrap();
        numbers.reshape((2, 9, 12)).unwrap()
    };
    let [query, key, value] = [1, 2, 3].map(random);
    let back = rotary.turn_back(&rotary.turn(&query).unwrap()).unwrap();
    assert!(relative_difference(&query, &back) < 1e-6);
    // The same vector at all positions: no position knows where it is, so all distances weigh alike on both sides.
    let same = |states: &Tensor| states.narrow(1, 0, 1).unwrap().repeat((1, 9, 1)).unwrap();
    let (query, key) = (same(&query), same(&key));
    let heads = Heads::whole(2, 6);
    let turned = |offset: usize| {
        let lead = |states: &Tensor| {
            states
                .narrow(1, 0, 1)
                .unwrap()
                .repeat((1, offset, 1))
                .unwrap()
        };
        let shifted = |states: &Tensor| {
            let longer = Tensor::cat(&[&lead(states), states], 1).unwrap();
            let turned = rotary.turn(&longer).unwrap();
            turned.narrow(1, offset, 9).unwrap().contiguous().unwrap()
        };
        attend(&shifted(&query), &shifted(&key), &value, heads).unwrap()
    };
    let unturned = attend(&query, &key, &value, heads).unwrap();
    assert!(relative_difference(&turned(1), &turned(30)) < 1e-4);
    assert!(relative_difference(&turned(1), &unturned) > 1e-2);
}

#[test]
fn what_differs_in_other_models_is_refused() {
    let refuse = |form: Form, key: &str, value: Value, expected: &str| {
        let folder = tempfile::tempdir().unwrap();
        form.write(folder.path(), Dtype::F32);
        let mut config = form.config();
        config.insert(key.to_owned(), value);
        let message = refusal(folder.path(), &Value::Object(config));
        assert!(message.contains(expected), "{message}");
    };
    let class = json!(["ModernBertForMultipleChoice"]);
    refuse(Form::First, "architectures", class, "supported classes");
    refuse(Form::First, "classifier_pooling", json!("max"), "\"mean\"");
    refuse(Form::First, "num_attention_heads", json!(5), "multiple");
    refuse(Form::First, "num_attention_heads", json!(8), "must be even");
    refuse(
        Form::First,
        "hidden_activation",
        json!("prelu"),
        "hidden_activation",
    );
    refuse(
        Form::Mean,
        "classifier_activation",
        json!("xielu"),
        "classifier_activation",
    );
    refuse(Form::First, "norm_eps", json!(0), "norm_eps");
    refuse(
        Form::First,
        "local_attention",
        json!("128"),
        "local_attention",
    );
    refuse(
        Form::Mean,
        "global_attn_every_n_layers",
        json!(0),
        "at least 1",
    );
    refuse(
        Form::Mean,
        "global_rope_theta",
        json!(0),
        "global_rope_theta must be a positive",
    );
    refuse(
        Form::First,
        "layer_types",
        json!(["full_attention"]),
        "3 names",
    );
    let unknown = json!(["full_attention", "chunked_attention", "full_attention"]);
    refuse(Form::First, "layer_types", unknown, "sliding_attention");
    let rope = |kind: &str, parameters: Value| json!({kind: parameters});
    refuse(
        Form::First,
        "rope_parameters",
        rope(
            "full_attention",
            json!({"rope_type": "yarn", "rope_theta": 1e4, "factor": 4.0}),
        ),
        "yarn",
    );
    refuse(
        Form::First,
        "rope_parameters",
        rope("sliding_attention", json!({"rope_theta": "large"})),
        "sliding_attention.rope_theta must be a positive number",
    );
    refuse(
        Form::First,
        "rope_parameters",
        json!({"rope_type": "default", "rope_theta": 1e4}),
        "only full_attention and sliding_attention",
    );
    refuse(
        Form::Mean,
        "rope_scaling",
        json!({"type": "linear", "factor": 2.0}),
        "linear",
    );
    refuse(
        Form::First,
        "query_size_per_layer",
        json!([6, 4, 6]),
        "it must be 6",
    );
    // Without the biases that the configuration names, transformers would draw random ones.
    refuse(Form::First, "mlp_bias", json!(true), "mlp.Wi.bias");
    refuse(Form::First, "norm_bias", json!(true), "norm.bias");
}

#[test]
fn rows_have_as_many_tokens_as_the_configuration_says() {
    let folder = tempfile::tempdir().unwrap();
    Form::First.write(folder.path(), Dtype::F32);
    let Reads::Text(limits) = open(folder.path()).1.reads else {
        panic!("it reads no text");
    };
    assert_eq!((limits.positions, limits.segments), (LONGEST, 0));
}

/// Returns a folder with a tiny ModernBERT and data, and a recipe with channels of heads as units.
fn folder(form: Form) -> (Folder, Recipe) {
    let folder = Folder::new(Tiny::default());
    std::fs::remove_file(folder.model().join("config.json")).unwrap();
    form.write(&folder.model(), Dtype::F32);
    let mut recipe = folder.recipe(0.6);
    recipe.method.units = Units::Dimensions;
    (folder, recipe)
}

#[test]
fn a_result_has_the_positions_of_both_versions_of_transformers() {
    for form in [Form::First, Form::Mean] {
        let (folder, recipe) = folder(form);
        let places = folder.places("out");
        let report = run(&places, &recipe, &NoJournal, &Unwatched).unwrap();
        assert!(report.compensation.iter().any(|block| block.accepted));
        let inputs = report.inputs.iter();
        let mut inputs = inputs.filter(|input| input.role == Role::Config);
        assert!(inputs.any(|input| input.file.name == "config.json"));
        let config = std::fs::read_to_string(places.out.join("config.json")).unwrap();
        let config: Value = serde_json::from_str(&config).unwrap();
        assert_eq!(config["model_type"], "modernbert");
        let every = &config["global_attn_every_n_layers"];
        assert_eq!(
            (every, &config["global_rope_theta"]),
            (&json!(2), &json!(500.0))
        );
        assert_eq!(config["local_rope_theta"], 20.0);
        let window = if form == Form::Mean { 7 } else { 6 };
        assert_eq!(config["local_attention"], window);
        assert_eq!(config["layer_types"][1], "sliding_attention");
        let parameters = json!({"rope_type": "default", "rope_theta": 20.0});
        assert_eq!(config["rope_parameters"]["sliding_attention"], parameters);
        assert_eq!(config["attention_bias"], form == Form::Mean);
        assert_eq!(config["query_size_per_layer"], json!([6, 6, 6]));
        let class = "modeling_optin_modernbert.ModernBertForSequenceClassification";
        let map = &config["auto_map"]["AutoModelForSequenceClassification"];
        assert_eq!(map, class);
        for file in ["modeling_optin_modernbert.py", "modeling_optin_bert.py"] {
            assert!(places.out.join(file).is_file(), "{file}");
        }
        // Fewer values are computed, and no bias appears where the original has none.
        let (before, _) = open(&folder.model());
        let (after, model) = open_with(&places.out, Units::Dimensions);
        assert!(after.parameters() < before.parameters());
        let names = |weights: &optin::checkpoint::weights::Weights| {
            let names = weights.entries().map(|entry| entry.name.to_owned());
            names.collect::<Vec<String>>()
        };
        assert_eq!(names(&before), names(&after));
        assert!(
            model
                .groups
                .iter()
                .all(|group| !group.name.contains("queries"))
        );
        // The result is a model like the original.
        let again = optin::prune::places::Places {
            model: places.out,
            ..folder.places("again")
        };
        run(&again, &recipe, &NoJournal, &Unwatched).unwrap();
    }
}
