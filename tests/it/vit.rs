//! Properties of vision transformers beyond the laws of all families: parity with transformers and timm, and clear errors.

use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use optin::model::mask::Masks;
use optin::prune::recipe::Units;
use safetensors::Dtype;
use serde_json::{Value, json};

use crate::fixture::folder::{self, open, open_with};
use crate::fixture::golden_images;
use crate::fixture::random_images;
use crate::fixture::vit::{Form, IMAGE};

fn goldens(case: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/goldens/vit")
        .join(case)
}

/// The goldens were computed by transformers and timm (`tests/goldens/vit/make_goldens.py`).
#[test]
fn outputs_equal_those_of_transformers_and_timm() {
    for case in [
        "vit",
        "in_memory_names",
        "deit",
        "with_teacher",
        "timm",
        "timm_distilled",
        "pruned",
        "pruned_with_teacher",
        "merging",
        "merging_with_teacher",
    ] {
        let difference = golden_images::difference(&goldens(case));
        assert!(difference <= 1e-5, "{case}: {difference:e}");
    }
}

/// transformers 4 reads only the names that files have.
#[test]
fn tensors_with_the_names_of_modules_are_written_with_those_of_files() {
    let (weights, _) = open(&goldens("in_memory_names"));
    let names: Vec<&str> = weights.entries().map(|entry| entry.name).collect();
    let layer = "vit.encoder.layer.1";
    for part in [
        "attention.attention.query",
        "attention.output.dense",
        "intermediate.dense",
        "output.dense",
        "layernorm_after",
    ] {
        assert!(names.contains(&format!("{layer}.{part}.weight").as_str()));
    }
    assert!(names.iter().all(|name| !name.contains(".layers.")));
}

#[test]
fn a_result_of_a_timm_model_keeps_its_configuration() {
    let folder = tempfile::tempdir().unwrap();
    Form::TimmDistilled.write(folder.path(), Dtype::F32);
    let (_, model) = open_with(folder.path(), Units::Dimensions);
    let export = (model.export)(&Masks::full(&model.groups));
    let before = Form::TimmDistilled.config();
    for (key, value) in before.as_object().unwrap() {
        assert_eq!(&export.config[key], value, "{key}");
    }
    assert_eq!(export.config["heads_per_layer"], json!([4, 4, 4]));
    let names: Vec<&str> = export.companions.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["optin_timm.py"]);
    assert_eq!(export.usage.unwrap().library, "timm");
}

#[test]
fn each_class_with_a_teacher_is_registered_for_itself() {
    for (form, class) in [
        (Form::Deit, "DeiTForImageClassification"),
        (
            Form::DeitWithTeacher,
            "DeiTForImageClassificationWithTeacher",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        form.write(folder.path(), Dtype::F32);
        let (_, model) = open(folder.path());
        let export = (model.export)(&Masks::full(&model.groups));
        let registered = &export.config["auto_map"]["AutoModelForImageClassification"];
        assert_eq!(*registered, format!("modeling_optin_deit.{class}"));
        assert_eq!(export.companions.len(), 2);
    }
}

#[test]
fn images_of_another_size_are_rejected() {
    let folder = tempfile::tempdir().unwrap();
    Form::Vit.write(folder.path(), Dtype::F32);
    let (_, model) = open(folder.path());
    let pixels = Tensor::zeros((1, 3, 14, 10), candle_core::DType::F32, &Device::Cpu).unwrap();
    let error = model.forward(
        &golden_images::images(&pixels, IMAGE),
        &Masks::full(&model.groups),
    );
    let error = error.unwrap_err().to_string();
    assert!(error.contains("14 x 9 pixels with 3 channels"), "{error}");
    assert!(
        model
            .forward(
                &random_images::batch(IMAGE, 2, 1),
                &Masks::full(&model.groups)
            )
            .is_ok()
    );
}

/// Opens a tiny model whose configuration is changed, and returns the message of the error.
fn refusal(form: Form, change: impl Fn(&mut Value)) -> String {
    let folder = tempfile::tempdir().unwrap();
    form.write(folder.path(), Dtype::F32);
    let mut config = form.config();
    change(&mut config);
    folder::refusal(folder.path(), &config)
}

#[test]
fn configurations_of_other_models_are_rejected() {
    let set =
        |key: &'static str, value: Value| move |config: &mut Value| config[key] = value.clone();
    for (form, key, value, words) in [
        (
            Form::Vit,
            "patch_size",
            json!([4, 5]),
            "only square patches",
        ),
        (
            Form::Vit,
            "patch_size",
            json!([4, 5, 6]),
            "patch_size has 3 numbers",
        ),
        (Form::Vit, "image_size", json!(0), "images of 0 x 0 pixels"),
        (Form::Vit, "patch_size", json!(15), "and hold a patch"),
        (Form::Vit, "qkv_bias", json!("yes"), "must be true or false"),
        (Form::Vit, "heads_per_layer", json!([1]), "has 1 entries"),
        (Form::Vit, "num_attention_heads", json!(5), "not a multiple"),
        (
            Form::Vit,
            "image_size",
            json!([18, 9]),
            "requires [1, 9, 24]",
        ),
        (
            Form::Vit,
            "architectures",
            json!(["ViTModel"]),
            "\"ViTModel\"",
        ),
        (
            Form::Timm,
            "architecture",
            json!("convnext_tiny"),
            "supported architectures: vit_*",
        ),
        (
            Form::Timm,
            "architecture",
            json!("vit_base_patch16_clip_224"),
            "\"_clip_\"",
        ),
        (
            Form::Timm,
            "global_pool",
            json!("avg"),
            "global_pool is \"avg\"",
        ),
        (
            Form::Timm,
            "model_args",
            json!({"num_heads": 4}),
            "pos_embed has 6",
        ),
        (Form::Timm, "num_classes", json!(9), "\"head.weight\""),
    ] {
        let message = refusal(form, set(key, value.clone()));
        assert!(message.contains(words), "{key} = {value}: {message}");
    }
    let unnamed = refusal(Form::Timm, |config| {
        config["architecture"] = json!("vit_wee_patch16");
        config["model_args"] = json!({"img_size": [14, 9]});
    });
    assert!(
        unnamed.contains("number of attention heads is not known"),
        "{unnamed}"
    );
}
