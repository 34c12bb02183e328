//! `config.json` of a pruned BERT: the source's own, with the sizes that now differ by layer.

use serde_json::json;

use super::config::BertConfig;
use crate::checkpoint::config::Config;
use crate::model::export::Export;
use crate::model::mask::Masks;

/// Lets `transformers` open the folder (`trust_remote_code=True`).
const MODELING: &str = include_str!("modeling_optin_bert.py");

pub(super) fn export(config: &BertConfig, source: &Config, masks: &Masks) -> Export {
    let mut map = source.map().clone();
    // These would say one size for all layers; a reader must not believe them.
    for stale in [
        "num_attention_heads",
        "intermediate_size",
        "pruned_heads",
        "_name_or_path",
        "attention_head_size",
    ] {
        map.shift_remove(stale);
    }
    let counts = |first: usize| -> Vec<usize> {
        (0..config.layers())
            .map(|layer| masks.count(2 * layer + first))
            .collect()
    };
    let changed = [
        ("model_type", json!("optin_bert")),
        (
            "architectures",
            json!(["OptinBertForSequenceClassification"]),
        ),
        (
            "auto_map",
            json!({
                "AutoConfig": "modeling_optin_bert.OptinBertConfig",
                "AutoModelForSequenceClassification": "modeling_optin_bert.OptinBertForSequenceClassification",
            }),
        ),
        ("head_dim", json!(config.head_dim)),
        ("heads_per_layer", json!(counts(0))),
        ("intermediate_size_per_layer", json!(counts(1))),
    ];
    for (key, value) in changed {
        map.insert(key.to_owned(), value);
    }
    // Older files leave these to transformers' defaults, which our modeling file does not share.
    for (key, value) in [
        ("layer_norm_eps", json!(config.norm_epsilon)),
        ("type_vocab_size", json!(config.segments)),
        ("hidden_act", json!("gelu")),
    ] {
        map.entry(key).or_insert(value);
    }
    Export {
        config: map,
        companions: vec![("modeling_optin_bert.py", MODELING)],
    }
}
