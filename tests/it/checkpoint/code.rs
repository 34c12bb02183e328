//! Nothing in a result names code of a stranger, whatever the folder of the original says.

use std::fs;
use std::path::{Path, PathBuf};

use optin::checkpoint::config::Config;
use optin::checkpoint::limits::Limits;
use optin::checkpoint::weights::Weights;
use optin::model::mask::Masks;
use optin::model::registry;
use optin::model::unit::Units;
use optin::prune::digest::sha256_of;
use optin::prune::journal::NoJournal;
use optin::prune::run;
use optin::prune::watch::Unwatched;
use serde_json::{Map, Value, json};

use crate::fixture::bert::Tiny;
use crate::fixture::folder::Folder;

/// Part of each value that names something of the stranger.
const STRANGER: &str = "stranger";

/// Adds entries that name code, files and repositories to an object, and to the objects in it.
fn poison(map: &mut Map<String, Value>) {
    for (key, value) in map.iter_mut() {
        // These name classes of answers.
        let names_classes = matches!(key.as_str(), "id2label" | "label2id");
        if let Value::Object(inner) = value
            && !names_classes
        {
            poison(inner);
        }
    }
    let class = format!("{STRANGER}/code--modeling.Class");
    for (key, value) in [
        (
            "auto_map",
            json!({"AutoModel": class, "AutoConfig": class, "AutoTokenizer": [class, class]}),
        ),
        (
            "custom_pipelines",
            json!({"run": {"impl": class, "pt": [class]}}),
        ),
        ("_attn_implementation", json!(class)),
        ("attn_implementation", json!(class)),
        ("quantization_config", json!({"quant_method": class})),
        ("_name_or_path", json!(class)),
        ("checkpoint_path", json!(class)),
        ("hf_hub_id", json!(class)),
        ("url", json!(class)),
        ("file", json!(class)),
        ("custom_load", json!(class)),
        ("state_dict", json!({"a": class})),
        ("dtype", json!(class)),
        ("torch_dtype", json!(class)),
        ("classifier_dropout", json!({"auto_map": class})),
        ("pooler_act", json!({"auto_map": class})),
        ("\n\n## Use\n\nimport stranger", json!(class)),
    ] {
        map.insert(key.to_owned(), value);
    }
}

fn poison_file(path: &Path) {
    let mut value: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    poison(value.as_object_mut().unwrap());
    fs::write(path, value.to_string()).unwrap();
}

fn assert_free(text: &str, of: &str) {
    assert!(!text.contains(STRANGER), "{of}: {text}");
}

#[test]
fn no_file_of_a_result_names_code_of_the_original() {
    let folder = Folder::new(Tiny::default());
    poison_file(&folder.model().join("config.json"));
    poison_file(&folder.model().join("tokenizer_config.json"));
    fs::write(folder.model().join("modeling_stranger.py"), "import os").unwrap();
    let map = json!({"auto_map": STRANGER, "unk_token": "[UNK]"}).to_string();
    fs::write(folder.model().join("special_tokens_map.json"), map).unwrap();
    let places = folder.places("out");
    run(&places, &folder.recipe(0.5), &NoJournal, &Unwatched).unwrap();
    let files = fs::read_dir(&places.out).unwrap();
    let files: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    for path in &files {
        let content = fs::read(path).unwrap();
        let name = path.display().to_string();
        assert_free(&name, &name);
        // The tokenizer adds tokens whose names end in "_token", and the map above is one of tokens.
        let text = String::from_utf8_lossy(&content);
        match name.contains("token") {
            true => assert!(!text.contains("auto_map"), "{name}"),
            false => assert_free(&text, &name),
        }
    }
    let config: Value =
        serde_json::from_slice(&fs::read(places.out.join("config.json")).unwrap()).unwrap();
    for class in config["auto_map"].as_object().unwrap().values() {
        assert!(class.as_str().unwrap().starts_with("modeling_optin_bert."));
    }
    // The card states the digest of the only Python file.
    let python = files
        .iter()
        .filter(|path| path.extension().is_some_and(|end| end == "py"));
    let python: Vec<&PathBuf> = python.collect();
    let [own] = python.as_slice() else {
        panic!("{python:?}");
    };
    let card = fs::read_to_string(places.out.join("README.md")).unwrap();
    let line = format!(
        "| `modeling_optin_bert.py` | `{}` |",
        sha256_of(own).unwrap()
    );
    assert!(card.contains(&line), "{card}");
}

#[test]
fn the_configuration_of_no_family_carries_names_of_code() {
    let goldens = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens");
    let mut seen = 0;
    for case in [
        "vit/vit",
        "vit/deit",
        "vit/timm",
        "vit/timm_distilled",
        "vit/pruned",
        "swin/whole",
        "mask2former/whole",
        "resnet/basic",
        "convnet/cifar_resnet",
        "convnet/timm_resnet26d",
        "convnet/timm_vgg11",
        "convnet/torchvision_resnet18",
        "convnet/torchvision_vgg11",
    ] {
        let golden = goldens.join(case);
        let folder = tempfile::tempdir().unwrap();
        for name in ["config.json", "model.safetensors"] {
            fs::copy(golden.join(name), folder.path().join(name)).unwrap();
        }
        poison_file(&folder.path().join("config.json"));
        let limits = Limits::default();
        let config = Config::open(folder.path(), &limits).unwrap();
        let weights = Weights::open(folder.path(), &limits).unwrap();
        let model = match registry::open(&config, weights, Units::Heads) {
            Ok(opened) => opened.model,
            Err(error) => panic!("{case}: {error}"),
        };
        let export = (model.export)(&Masks::full(&model.groups));
        let written = Value::Object(export.config.clone());
        assert_free(&written.to_string(), case);
        let modules: Vec<&str> = export.companions.iter().map(|(name, _)| *name).collect();
        for class in written["auto_map"].as_object().into_iter().flatten() {
            let module = class.1.as_str().unwrap().split('.').next().unwrap();
            assert!(modules.contains(&format!("{module}.py").as_str()), "{case}");
        }
        // What is written opens as the same model.
        let again = Config::new(export.config);
        let weights = Weights::open(folder.path(), &limits).unwrap();
        registry::open(&again, weights, Units::Heads).unwrap();
        seen += 1;
    }
    assert_eq!(seen, 13);
}

#[test]
fn an_architecture_that_is_an_address_is_refused() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens/vit/timm");
    let mut config: Value =
        serde_json::from_slice(&fs::read(golden.join("config.json")).unwrap()).unwrap();
    config["architecture"] = json!("vit_://stranger/vit_tiny");
    let config = Config::new(config.as_object().unwrap().clone());
    let weights = Weights::open(&golden, &Limits::default()).unwrap();
    let Err(error) = registry::open(&config, weights, Units::Heads) else {
        panic!("the model was opened");
    };
    assert!(error.to_string().contains("consists of letters"), "{error}");
}
