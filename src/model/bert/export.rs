//! `config.json` of a pruned text encoder. It is written from known keys, with sizes that differ by layer.
//!
//! The `model_type` stays that of the family, so the configuration and the tokenizer open without a question about custom code.
//! The modeling file makes the built-in class narrower. Only the entry for that file refers to custom code.

use serde_json::json;

use super::config::BertConfig;
use super::family::{Family, Numbering};
use super::relative::COLUMNS;
use crate::checkpoint::config::Config;
use crate::model::config::{Keys, auto_map, entries, labels, original};
use crate::model::encoder::sentence::USAGE;
use crate::model::export::Export;
use crate::model::mask::Masks;
use crate::model::unit::Units;

const KEYS: Keys = Keys {
    carried: &[
        "attention_dropout",
        "attention_probs_dropout_prob",
        "bos_token_id",
        "classifier_dropout",
        "dropout",
        "dtype",
        "eos_token_id",
        "finetuning_task",
        "hidden_dropout_prob",
        "initializer_range",
        "pad_token_id",
        "problem_type",
        "qa_dropout",
        "sep_token_id",
        "seq_classif_dropout",
        "sinusoidal_pos_embds",
        "summary_activation",
        "summary_last_dropout",
        "summary_type",
        "summary_use_proj",
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
        "tie_weights_",
    ],
};

/// Returns the configuration and the modeling files of the pruned model.
pub(super) fn export(
    family: &Family,
    config: &BertConfig,
    source: &Config,
    units: Units,
    masks: &Masks,
) -> Export {
    let source = source.map();
    let (sizes, keys, class) = (&config.sizes, &family.keys, config.class.name(family));
    let written = json!({
        "architectures": [class],
        "auto_map": auto_map(family.modeling[0], class),
        "model_type": family.model_type,
        "vocab_size": config.vocabulary,
        "max_position_embeddings": config.positions,
        keys.hidden: config.hidden,
        keys.layers: config.layers(),
        // The modeling file first builds the built-in class with these two sizes.
        keys.heads: config.hidden / config.head_dim,
        keys.neurons: original(source, keys.neurons, json!(sizes.most_neurons())),
        keys.activation: original(source, keys.activation, json!("gelu")),
    });
    let mut map = entries(written);
    if family.has_segments {
        map.insert("type_vocab_size".to_owned(), json!(config.segments));
    }
    if family.numbering == Numbering::AfterPadding {
        map.insert("pad_token_id".to_owned(), json!(config.padding));
    }
    if let Some(projection) = family.projection {
        map.insert(projection.key.to_owned(), json!(config.embedded));
    }
    if let (Some(names), Some(relative)) = (family.relative, &config.relative) {
        map.insert(names.buckets.to_owned(), json!(relative.buckets));
        let columns = relative.kept(sizes, units, masks);
        map.insert(COLUMNS.to_owned(), columns);
    }
    if family.norm_epsilon.is_none() {
        map.insert("layer_norm_eps".to_owned(), json!(config.norm_epsilon));
    }
    map.extend(sizes.kept(units, masks));
    if config.class.has_labels() {
        map.extend(labels(&config.labels));
    }
    let left_out = KEYS.carry(source, &mut map);
    Export {
        config: map,
        companions: family.modeling.to_vec(),
        usage: config.modules.as_ref().map(|_| USAGE),
        left_out,
    }
}
