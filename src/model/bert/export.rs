//! `config.json` of a pruned BERT. It is written from known keys, with sizes that differ by layer.
//!
//! The `model_type` stays `bert`, so the configuration and the tokenizer open without a question about custom code.
//! The modeling file makes the built-in class narrower. Only the entry for that file refers to custom code.

use serde_json::{Value, json};

use super::config::BertConfig;
use crate::checkpoint::config::Config;
use crate::model::config::{Keys, auto_map, entries, is_plain, labels};
use crate::model::export::Export;
use crate::model::mask::Masks;
use crate::model::unit::Units;

/// Python code with which `transformers` opens the folder (`trust_remote_code=True`).
const MODELING: (&str, &str) = (
    "modeling_optin_bert.py",
    include_str!("modeling_optin_bert.py"),
);

const KEYS: Keys = Keys {
    carried: &[
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
    ],
    replaced: &[
        "_name_or_path",
        "add_cross_attention",
        "head_dim",
        "is_decoder",
        "num_labels",
        "position_embedding_type",
        "pruned_heads",
        "tokenizer_class",
    ],
    without_effect: &[
        "directionality",
        "gradient_checkpointing",
        "pooler_fc_size",
        "pooler_num_attention_heads",
        "pooler_num_fc_layers",
        "pooler_size_per_head",
        "pooler_type",
    ],
};

/// Returns the configuration and the modeling file of the pruned model.
pub(super) fn export(config: &BertConfig, source: &Config, units: Units, masks: &Masks) -> Export {
    let source = source.map();
    let original = |key: &str, otherwise: Value| {
        let given = source.get(key).filter(|value| is_plain(value));
        given.cloned().unwrap_or(otherwise)
    };
    let sizes = &config.sizes;
    let written = json!({
        "architectures": [config.class.name()],
        "auto_map": auto_map(MODELING, config.class.name()),
        "model_type": "bert",
        "vocab_size": config.vocabulary,
        "max_position_embeddings": config.positions,
        "type_vocab_size": config.segments,
        "hidden_size": config.hidden,
        "num_hidden_layers": config.layers(),
        // The modeling file first builds the built-in class with these two sizes.
        "num_attention_heads": config.hidden / config.head_dim,
        "intermediate_size": original("intermediate_size", json!(sizes.most_neurons())),
        "hidden_act": original("hidden_act", json!("gelu")),
        "layer_norm_eps": config.norm_epsilon,
    });
    let mut map = entries(written);
    map.extend(sizes.kept(units, masks));
    map.extend(labels(&config.labels));
    let left_out = KEYS.carry(source, &mut map);
    Export {
        config: map,
        companions: vec![MODELING],
        usage: None,
        left_out,
    }
}
