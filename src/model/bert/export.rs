//! `config.json` of a pruned BERT. It is written from known keys, with sizes that differ by layer.
//!
//! The `model_type` stays `bert`, so the configuration and the tokenizer open without a question about custom code.
//! The modeling file makes the built-in class narrower. Only the entry for that file refers to custom code.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::config::{BertConfig, QUERY_SIZES, VALUE_SIZES};
use crate::checkpoint::config::Config;
use crate::model::export::Export;
use crate::model::mask::Masks;
use crate::model::unit::Units;

/// Python code with which `transformers` opens the folder (`trust_remote_code=True`).
const MODELING: &str = include_str!("modeling_optin_bert.py");

/// Keys whose values are copied, because pruning does not change them.
const CARRIED: &[&str] = &[
    "attention_probs_dropout_prob",
    "bos_token_id",
    "classifier_dropout",
    "dtype",
    "eos_token_id",
    "finetuning_task",
    "hidden_dropout_prob",
    "initializer_range",
    "pad_token_id",
    "problem_type",
    "sep_token_id",
    "tie_word_embeddings",
    "torch_dtype",
    "transformers_version",
    "use_cache",
];

/// Keys that have no effect. They are left out without a note.
const WITHOUT_EFFECT: &[&str] = &[
    "directionality",
    "gradient_checkpointing",
    "pooler_fc_size",
    "pooler_num_attention_heads",
    "pooler_num_fc_layers",
    "pooler_size_per_head",
    "pooler_type",
];

/// Keys that are written again, or whose meaning is the same for every result.
const REPLACED: &[&str] = &[
    "_name_or_path",
    "architectures",
    "add_cross_attention",
    "auto_map",
    "head_dim",
    "heads_per_layer",
    "hidden_act",
    "hidden_size",
    "id2label",
    "intermediate_size",
    "intermediate_size_per_layer",
    "is_decoder",
    "label2id",
    "layer_norm_eps",
    "max_position_embeddings",
    "model_type",
    "num_attention_heads",
    "num_hidden_layers",
    "num_labels",
    "position_embedding_type",
    "pruned_heads",
    QUERY_SIZES,
    "tokenizer_class",
    "type_vocab_size",
    VALUE_SIZES,
    "vocab_size",
];

/// Sizes of the layers of a pruned model.
#[derive(Default)]
struct Kept {
    heads: Vec<usize>,
    query_sizes: Vec<usize>,
    value_sizes: Vec<usize>,
    neurons: Vec<usize>,
}

impl Kept {
    fn of(config: &BertConfig, units: Units, masks: &Masks) -> Self {
        let mut kept = Self::default();
        let mut group = 0;
        for layer in 0..config.layers() {
            let of_layer = config.heads_of(layer);
            let (heads, query, value, groups) = match units {
                Units::Heads => (masks.count(group), of_layer.query, of_layer.value, 1),
                Units::Dimensions => {
                    // A kept head keeps some of its values.
                    let values = masks.kept(group).into_iter();
                    let heads: BTreeSet<usize> =
                        values.map(|value| value / of_layer.value).collect();
                    let each = |group: usize| masks.count(group).checked_div(heads.len());
                    let [values, queries] = [group, group + 1].map(|at| each(at).unwrap_or(0));
                    (heads.len(), queries, values, 2)
                }
            };
            group += groups;
            kept.heads.push(heads);
            kept.query_sizes.push(query);
            kept.value_sizes.push(value);
            kept.neurons.push(masks.count(group));
            group += 1;
        }
        kept
    }
}

/// Returns the configuration and the modeling file of the pruned model.
pub(super) fn export(config: &BertConfig, source: &Config, units: Units, masks: &Masks) -> Export {
    let kept = Kept::of(config, units, masks);
    let labels = &config.labels;
    let by_index: Map<String, Value> = (0..)
        .zip(labels)
        .map(|(index, label): (usize, _)| (index.to_string(), json!(label)))
        .collect();
    let by_label: Map<String, Value> = (0..)
        .zip(labels)
        .map(|(index, label): (usize, _)| (label.clone(), json!(index)))
        .collect();
    let source = source.map();
    let original = |key: &str, otherwise: Value| source.get(key).cloned().unwrap_or(otherwise);
    let written = json!({
        "architectures": [config.class.name()],
        "auto_map": auto_map(),
        "model_type": "bert",
        "vocab_size": config.vocabulary,
        "max_position_embeddings": config.positions,
        "type_vocab_size": config.segments,
        "hidden_size": config.hidden,
        "num_hidden_layers": config.layers(),
        // The modeling file first builds the built-in class with these two sizes.
        "num_attention_heads": config.hidden / config.head_dim,
        "intermediate_size": original("intermediate_size", json!(config.neurons.iter().max())),
        "heads_per_layer": kept.heads,
        QUERY_SIZES: kept.query_sizes,
        VALUE_SIZES: kept.value_sizes,
        "intermediate_size_per_layer": kept.neurons,
        "hidden_act": original("hidden_act", json!("gelu")),
        "layer_norm_eps": config.norm_epsilon,
        "id2label": by_index,
        "label2id": by_label,
    });
    let mut map = match written {
        Value::Object(map) => map,
        _ => Map::new(),
    };
    let mut left_out = Vec::new();
    for (key, value) in source {
        if CARRIED.contains(&key.as_str()) {
            map.insert(key.clone(), value.clone());
        } else if ![REPLACED, WITHOUT_EFFECT].concat().contains(&key.as_str()) {
            left_out.push(key.clone());
        }
    }
    Export {
        config: map,
        companions: vec![("modeling_optin_bert.py", MODELING)],
        left_out,
    }
}

/// Returns the classes of the modeling file by the auto classes of `transformers` for which the file registers them.
fn auto_map() -> Map<String, Value> {
    MODELING
        .lines()
        .filter_map(|line| {
            let (class, auto) = line.split_once(".register_for_auto_class(\"")?;
            let auto = auto.strip_suffix("\")")?;
            Some((
                auto.to_owned(),
                json!(format!("modeling_optin_bert.{class}")),
            ))
        })
        .collect()
}
