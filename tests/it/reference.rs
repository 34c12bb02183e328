//! Parity with an independent implementation in the same process: `candle-transformers`.
//!
//! Unlike the goldens, this reference takes any configuration, so random ones are compared.

use candle_core::{DType, Device};
use candle_nn::VarBuilder;
use candle_transformers::models::bert::{BertModel, Config};
use optin::model::mask::Masks;

use crate::fixture::bert::Tiny;
use crate::fixture::difference::relative_difference;
use crate::fixture::folder::open;

#[test]
fn the_features_of_bert_equal_those_of_candle_transformers() {
    for (activation, layers, hidden, heads, neurons) in [
        ("gelu", 3, 24, 4, 40),
        ("gelu_new", 2, 16, 2, 64),
        ("relu", 1, 12, 3, 7),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let tiny = Tiny {
            activation,
            layers,
            hidden,
            heads,
            neurons,
            ..Tiny::default()
        };
        tiny.write(folder.path());
        let (_, model) = open(folder.path());

        let mut config = tiny.config();
        // The same function under another name.
        if activation == "gelu_new" {
            config["hidden_act"] = "geluapproximate".into();
        }
        config["hidden_dropout_prob"] = 0.0.into();
        config["initializer_range"] = 0.02.into();
        let config: Config = serde_json::from_value(config).unwrap();
        let weights =
            candle_core::safetensors::load(folder.path().join("model.safetensors"), &Device::Cpu)
                .unwrap();
        let weights = VarBuilder::from_tensors(weights, DType::F32, &Device::Cpu);
        let reference = BertModel::load(weights, &config).unwrap();

        let batch = tiny.batch(5, 9, 11);
        let (ids, types) = batch.input.tokens().unwrap();
        let expected = reference.forward(ids, types, None).unwrap();
        let full = Masks::full(&model.groups);
        let feature = model.features(&batch, &full).unwrap().stream;
        let difference = relative_difference(&expected, &feature);
        assert!(difference < 1e-5, "{activation}: {difference:e}");
    }
}
