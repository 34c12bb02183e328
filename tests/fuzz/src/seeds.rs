//! Small valid models and images, from the goldens of the tests.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use serde_json::Value;

use crate::edit::File;
use crate::json::collect;

const GOLDENS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../goldens");

/// Larger weights only make each run slower.
const MAX_WEIGHTS_BYTES: u64 = 256 << 10;

const TOKENIZER: &[u8] = include_bytes!("../seeds/prepare/tokenizer.json");
const TOKENIZER_CONFIG: &[u8] =
    br#"{"tokenizer_class": "BertTokenizer", "model_max_length": 20, "do_lower_case": true}"#;

/// The settings of an image processor that fit every model: it takes their size.
const PROCESSOR: &[u8] = br#"{"image_processor_type": "ViTImageProcessor", "do_rescale": true, "rescale_factor": 0.00392156862745098,
    "do_normalize": true, "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5], "resample": 2, "do_reduce_labels": false}"#;

/// A valid model.
pub struct Model {
    files: Vec<(&'static str, Vec<u8>)>,
    /// Whether it reads texts. Other models read images.
    pub reads_texts: bool,
}

static MODELS: LazyLock<Vec<Model>> = LazyLock::new(|| {
    let mut folders = Vec::new();
    find(Path::new(GOLDENS), &mut folders);
    folders.sort();
    let models: Vec<Model> = folders.iter().map(|folder| Model::read(folder)).collect();
    assert!(models.len() > 20, "the goldens are missing");
    models
});

/// All images of the goldens, in the order of their names.
static IMAGES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let entries = fs::read_dir(Path::new(GOLDENS).join("images/files")).expect("the goldens");
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("the goldens").path())
        .collect();
    paths.sort();
    paths
        .iter()
        .map(|path| fs::read(path).expect("the goldens"))
        .collect()
});

/// Keys and values of all configurations.
static KNOWN: LazyLock<(Vec<String>, Vec<Value>)> = LazyLock::new(|| {
    let (mut keys, mut values) = (Vec::new(), Vec::new());
    for (name, content) in MODELS.iter().flat_map(|model| &model.files) {
        if let (true, Ok(document)) = (name.ends_with(".json"), serde_json::from_slice(content)) {
            collect(&document, &mut keys, &mut values);
        }
    }
    keys.sort();
    keys.dedup();
    values.sort_by_key(Value::to_string);
    values.dedup();
    (keys, values)
});

impl Model {
    fn read(folder: &Path) -> Self {
        let read = |name| fs::read(folder.join(name)).expect("the goldens");
        let config = read("config.json");
        let text = String::from_utf8_lossy(&config);
        let reads_texts = text.contains("\"vocab_size\"");
        let mut files = vec![
            ("config.json", config),
            ("model.safetensors", read("model.safetensors")),
        ];
        match reads_texts {
            true => files.extend([
                ("tokenizer.json", TOKENIZER.to_vec()),
                ("tokenizer_config.json", TOKENIZER_CONFIG.to_vec()),
            ]),
            false => files.push(("preprocessor_config.json", PROCESSOR.to_vec())),
        }
        Self { files, reads_texts }
    }

    /// Returns its files.
    pub fn files(&self) -> Vec<File> {
        let files = self.files.iter().map(|(name, content)| File {
            name: (*name).to_owned(),
            content: content.clone(),
        });
        files.collect()
    }
}

/// Returns a model, counted modulo their number.
pub fn model(index: u8) -> &'static Model {
    &MODELS[usize::from(index) % MODELS.len()]
}

/// Returns a model that reads images, counted modulo their number.
pub fn image_model(index: u8) -> &'static Model {
    let models: Vec<&Model> = MODELS.iter().filter(|model| !model.reads_texts).collect();
    models[usize::from(index) % models.len()]
}

/// Returns a model that reads texts.
pub fn text_model() -> &'static Model {
    let mut models = MODELS.iter();
    models
        .find(|model| model.reads_texts)
        .expect("a golden reads texts")
}

/// Returns an image, counted modulo their number.
pub fn image(index: u8) -> &'static [u8] {
    &IMAGES[usize::from(index) % IMAGES.len()]
}

/// Returns a key of some configuration.
pub fn known_key(at: u16) -> String {
    let (keys, _) = &*KNOWN;
    keys[usize::from(at) % keys.len()].clone()
}

/// Returns a value of some configuration.
pub fn known_value(at: u16) -> Value {
    let (_, values) = &*KNOWN;
    values[usize::from(at) % values.len()].clone()
}

/// Finds the folders with a model.
fn find(folder: &Path, found: &mut Vec<PathBuf>) {
    let weights = fs::metadata(folder.join("model.safetensors"));
    if weights.is_ok_and(|weights| weights.len() <= MAX_WEIGHTS_BYTES) {
        found.push(folder.to_owned());
    }
    for entry in fs::read_dir(folder).expect("the goldens") {
        let path = entry.expect("the goldens").path();
        if path.is_dir() {
            find(&path, found);
        }
    }
}
