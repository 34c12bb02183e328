//! `config.json` of a pruned ModernBERT. It is written from known keys, with sizes that differ by layer.

use serde_json::{Map, Value, json};

use super::config::{ModernBertConfig, POOLING, Reading};
use crate::checkpoint::config::Config;
use crate::model::bert::MODELING as MODELING_BERT;
use crate::model::config::{Keys, auto_map, entries, labels, original};
use crate::model::encoder::kept::Kept;
use crate::model::encoder::sentence::USAGE;
use crate::model::encoder::sizes;
use crate::model::export::Export;
use crate::model::mask::Masks;
use crate::model::unit::Units;

/// Name and content of the Python file that makes the built-in classes of transformers narrower.
const MODELING: (&str, &str) = (
    "modeling_optin_modernbert.py",
    include_str!("modeling_optin_modernbert.py"),
);

const KEYS: Keys = Keys {
    carried: &[
        "attention_dropout",
        "bos_token_id",
        "classifier_activation",
        "classifier_dropout",
        POOLING,
        "cls_token_id",
        "decoder_bias",
        "deterministic_flash_attn",
        "dtype",
        "embedding_dropout",
        "eos_token_id",
        "finetuning_task",
        "initializer_cutoff_factor",
        "initializer_range",
        "mlp_dropout",
        "pad_token_id",
        "problem_type",
        "reference_compile",
        "sep_token_id",
        "sparse_pred_ignore_index",
        "sparse_prediction",
        "tie_word_embeddings",
        "torch_dtype",
        "transformers_version",
    ],
    replaced: &[
        "_name_or_path",
        "global_attn_every_n_layers",
        "num_labels",
        "rope_scaling",
        "tokenizer_class",
    ],
    without_effect: &[
        "gradient_checkpointing",
        "is_decoder",
        "layer_norm_eps",
        "position_embedding_type",
        "repad_logits_with_grad",
        "use_cache",
    ],
};

/// Returns the configuration and the modeling files of the pruned model.
pub(super) fn export(
    config: &ModernBertConfig,
    source: &Config,
    units: Units,
    masks: &Masks,
) -> Export {
    let source = source.map();
    let class = config.class();
    let written = json!({
        "architectures": [class],
        "auto_map": auto_map(MODELING, class),
        "model_type": "modernbert",
        "vocab_size": config.vocabulary,
        "max_position_embeddings": config.longest,
        "hidden_size": config.hidden,
        "num_hidden_layers": config.sizes.layers(),
        // The modeling file first builds the built-in class with these two sizes.
        "num_attention_heads": config.hidden / config.head_dim,
        "intermediate_size": original(source, "intermediate_size", json!(config.sizes.most_neurons())),
        "hidden_activation": original(source, "hidden_activation", json!("gelu")),
        "norm_eps": config.norm_epsilon,
        "attention_bias": config.has_bias.attention,
        "mlp_bias": config.has_bias.feed_forward,
        "norm_bias": config.has_bias.norm,
        "classifier_bias": config.has_bias.classifier,
    });
    let mut map = entries(written);
    map.extend(config.positions.written());
    map.extend(kept(config, units, masks));
    let is_classifier = !matches!(config.reading, Reading::Modules(_));
    if is_classifier {
        map.extend(labels(&config.labels));
    }
    let left_out = KEYS.carry(source, &mut map);
    Export {
        config: map,
        companions: vec![MODELING, MODELING_BERT],
        usage: (!is_classifier).then_some(USAGE),
        left_out,
    }
}

/// Returns the sizes that the masks keep.
fn kept(config: &ModernBertConfig, units: Units, masks: &Masks) -> Map<String, Value> {
    let mut kept = Kept::of(units, masks);
    let layers = (0..config.sizes.layers()).map(|layer| {
        let [heads, query, value] = kept.heads(config.sizes.heads(layer), false);
        [heads, query, value, kept.count()]
    });
    sizes::lists("", sizes::KEYS, layers)
}
