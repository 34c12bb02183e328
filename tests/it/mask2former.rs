//! Properties of Mask2Formers beyond the laws of all families: parity with transformers, and clear errors.

use std::path::{Path, PathBuf};

use candle_core::Device;
use optin::model::mask::Masks;
use optin::model::unit::Units;
use safetensors::Dtype;
use serde_json::{Value, json};

use crate::fixture::difference::relative_difference;
use crate::fixture::folder::{self, open_with};
use crate::fixture::golden_images::{images, shape_of};
use crate::fixture::mask2former::Form;

fn goldens(case: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/goldens/mask2former")
        .join(case)
}

/// The goldens were computed by transformers (`tests/goldens/mask2former/make_goldens.py`).
#[test]
fn scores_of_pixels_equal_those_of_transformers() {
    for case in ["whole", "projected", "pruned"] {
        let (_, model) = open_with(&goldens(case), Units::Dimensions);
        let golden = goldens(case).join("golden.safetensors");
        let golden = candle_core::safetensors::load(golden, &Device::Cpu).unwrap();
        let batch = images(&golden["pixel_values"], shape_of(&model));
        let answers = model.forward(&batch, &Masks::full(&model.groups)).unwrap();
        assert_eq!(answers.layout.size().unwrap(), [12, 16]);
        let difference = relative_difference(&answers.stream, &golden["logits"]);
        assert!(difference <= 1e-4, "{case}: {difference:e}");
    }
}

#[test]
fn configurations_of_other_models_are_rejected() {
    for (key, value, words) in [
        (
            "backbone_config",
            json!({"model_type": "resnet"}),
            "only \"swin\"",
        ),
        ("backbone_config", Value::Null, "no backbone_config"),
        ("common_stride", json!(8), "common_stride 8"),
        ("feature_size", json!(40), "a multiple of 32"),
        (
            "num_attention_heads",
            json!(3),
            "does not divide 32 channels",
        ),
        ("encoder_layers", json!(0), "at least one layer"),
        ("decoder_layers", json!(0), "decoder_layers is 0"),
        (
            "activation_function",
            json!("maxout"),
            "activation_function",
        ),
        ("mask_feature_groups", json!(33), "the maximum is 32"),
        (
            "encoder_heads_per_layer",
            json!([1]),
            "encoder_heads_per_layer has 1 entries",
        ),
        ("num_queries", json!(8), "requires [8, 32]"),
        ("image_size", Value::Null, "tells the size of the images"),
        (
            "architectures",
            json!(["Mask2FormerModel"]),
            "\"Mask2FormerModel\"",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        Form::Whole.write(folder.path(), Dtype::F32);
        let mut config: Value = Form::Whole.config();
        match value {
            Value::Null => drop(config.as_object_mut().unwrap().remove(key)),
            value => config[key] = value,
        }
        let message = folder::refusal(folder.path(), &config);
        assert!(message.contains(words), "{key}: {message}");
    }
}
