//! Reads and writes the parts of `config.json` that architectures share.

use serde_json::{Map, Value, json};

use crate::checkpoint::config::Config;
use crate::checkpoint::error::CheckpointError;
use crate::model::nn::activation::Activation;

/// Maximum number of layers. More layers are rejected as a mistake before anything of that size is allocated.
pub(in crate::model) const MAX_LAYERS: usize = 1_024;

/// Maximum of a width and of the number of positions, for the same reason.
pub(in crate::model) const MAX_WIDTH: usize = 1 << 20;

/// Returns a size.
///
/// # Errors
/// Returns [`CheckpointError::Invalid`] if the key is missing, or if its value is 0 or more than `most`.
pub(in crate::model) fn size(
    config: &Config,
    key: &str,
    most: usize,
) -> Result<usize, CheckpointError> {
    let value = config.usize(key)?;
    if value == 0 || value > most {
        return Err(CheckpointError::Invalid(format!(
            "config.json: {key} is {value}; it must be between 1 and {most}"
        )));
    }
    Ok(value)
}

/// Returns `layer_norm_eps`. See [`norm_epsilon_of`].
///
/// # Errors
/// Returns [`CheckpointError::Invalid`] if it is not between 0 and 1.
pub(in crate::model) fn norm_epsilon(config: &Config) -> Result<f64, CheckpointError> {
    norm_epsilon_of(config, "layer_norm_eps", 1e-12)
}

/// Returns the number that is added to the variance so that the norm never divides by 0.
///
/// # Errors
/// Returns [`CheckpointError::Invalid`] if it is not between 0 and 1.
pub(in crate::model) fn norm_epsilon_of(
    config: &Config,
    key: &str,
    default: f64,
) -> Result<f64, CheckpointError> {
    let epsilon = config.f64_or(key, default)?;
    // The norms compute in float32, in which a smaller number is 0.
    match epsilon >= f64::from(f32::MIN_POSITIVE) && epsilon < 1.0 {
        true => Ok(epsilon),
        false => Err(CheckpointError::Invalid(format!(
            "config.json: {key} is {epsilon:?}; it must be between 0 and 1, and not be 0 in float32"
        ))),
    }
}

/// Returns the activation that `hidden_act` names, or the one with the name `default`.
///
/// # Errors
/// Returns [`CheckpointError::UnsupportedModel`] if it is not supported.
pub(in crate::model) fn activation_or(
    config: &Config,
    default: &str,
) -> Result<Activation, CheckpointError> {
    activation_of(config, "hidden_act", default)
}

/// Returns the activation that a key names, or the one with the name `default`.
///
/// # Errors
/// Returns [`CheckpointError::UnsupportedModel`] if it is not supported.
pub(in crate::model) fn activation_of(
    config: &Config,
    key: &str,
    default: &str,
) -> Result<Activation, CheckpointError> {
    Activation::named(config.str_or(key, default)?).map_err(|unsupported| {
        CheckpointError::UnsupportedModel(format!("config.json has {key} {unsupported}"))
    })
}

/// How the keys of the original configuration are written.
pub(in crate::model) struct Keys {
    /// Keys whose values are copied, because pruning does not change them.
    pub(in crate::model) carried: &'static [&'static str],
    /// Keys that are written again, or whose meaning is the same for every result.
    pub(in crate::model) replaced: &'static [&'static str],
    /// Keys that have no effect. They are left out without a note.
    pub(in crate::model) without_effect: &'static [&'static str],
}

/// Maximum length of a text that is copied, in bytes.
const MAX_TEXT_BYTES: usize = 256;

/// Maximum depth of lists that are copied.
const MAX_LIST_DEPTH: usize = 2;

/// The types of weights that a configuration can name.
const DTYPES: [&str; 4] = ["float64", "float32", "float16", "bfloat16"];

/// Returns whether a value may be copied to a result: a number, a flag, null, a short text, or a list of such values. An
/// object may name files, repositories or code to load, and so is never copied.
pub(in crate::model) fn is_plain(value: &Value) -> bool {
    is_plain_to(value, MAX_LIST_DEPTH)
}

/// Returns what a result says about the original: its entry under this key, or `otherwise` if it has none that [may be
/// copied](is_plain).
pub(in crate::model) fn original(
    source: &Map<String, Value>,
    key: &str,
    otherwise: Value,
) -> Value {
    let given = source.get(key).filter(|value| is_plain(value));
    given.cloned().unwrap_or(otherwise)
}

fn is_plain_to(value: &Value, depth: usize) -> bool {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => true,
        Value::String(text) => text.len() <= MAX_TEXT_BYTES,
        Value::Array(items) => depth > 0 && items.iter().all(|item| is_plain_to(item, depth - 1)),
        Value::Object(_) => false,
    }
}

/// Returns whether an entry may be copied to a result. Python looks up the names of types in the module of torch, so only
/// types of weights are copied.
fn may_be_copied(key: &str, value: &Value) -> bool {
    let names_type = matches!(key, "dtype" | "torch_dtype");
    match value.as_str().filter(|_| names_type) {
        Some(name) => DTYPES.contains(&name.strip_prefix("torch.").unwrap_or(name)),
        None => is_plain(value),
    }
}

impl Keys {
    /// Copies entries of the original configuration to the written one. Returns the keys that are not written.
    pub(in crate::model) fn carry(
        &self,
        source: &Map<String, Value>,
        written: &mut Map<String, Value>,
    ) -> Vec<String> {
        let mut left_out = Vec::new();
        for (key, value) in source {
            let known = |keys: &[&str]| keys.contains(&key.as_str());
            if known(self.carried) && may_be_copied(key, value) {
                written.insert(key.clone(), value.clone());
            } else if !known(self.replaced)
                && !known(self.without_effect)
                && !written.contains_key(key)
            {
                left_out.push(key.clone());
            }
        }
        left_out
    }
}

/// Returns the entries of a JSON object, to which others are added.
pub(in crate::model) fn entries(object: Value) -> Map<String, Value> {
    match object {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// Returns the entries `id2label` and `label2id`.
pub(in crate::model) fn labels(names: &[String]) -> [(String, Value); 2] {
    let numbered = || (0..).zip(names);
    let by_index: Map<String, Value> = numbered()
        .map(|(index, label): (usize, _)| (index.to_string(), json!(label)))
        .collect();
    let by_label: Map<String, Value> = numbered()
        .map(|(index, label): (usize, _)| (label.clone(), json!(index)))
        .collect();
    [
        ("id2label".to_owned(), by_index.into()),
        ("label2id".to_owned(), by_label.into()),
    ]
}

/// Returns the classes of a modeling file by the auto classes of `transformers` for which the file registers them.
/// `file` is its name. If it registers several classes for one auto class, the map has `written`, the class of the model.
pub(in crate::model) fn auto_map(
    (file, modeling): (&str, &str),
    written: &str,
) -> Map<String, Value> {
    let module = file.trim_end_matches(".py");
    let mut map = Map::new();
    for line in modeling.lines() {
        if let Some((class, rest)) = line.split_once(".register_for_auto_class(\"")
            && let Some(auto) = rest.strip_suffix("\")")
            && (class == written || !map.contains_key(auto))
        {
            map.insert(auto.to_owned(), json!(format!("{module}.{class}")));
        }
    }
    map
}
