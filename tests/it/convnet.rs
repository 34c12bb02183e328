//! Properties of networks with the names of timm and torchvision beyond the laws of all families: parity with these
//! libraries, and clear errors.

use std::path::Path;

use optin::answer;
use optin::checkpoint::config::Config;
use optin::checkpoint::limits::Limits;
use optin::checkpoint::weights::Weights;
use optin::checkpoint::write::{OutTensor, encode, write};
use optin::model::registry;
use optin::model::unit::Units;
use optin::prune::failure::Code;
use optin::prune::recipe::Output;
use optin::prune::surgery::onnx;
use safetensors::Dtype;
use serde_json::{Value, json};

use crate::fixture::convnet::Form;
use crate::fixture::folder;
use crate::fixture::golden_images;

/// The goldens were computed by timm, torchvision and torch (`tests/goldens/convnet/make_goldens.py`).
#[test]
fn outputs_equal_those_of_the_libraries() {
    let goldens = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens/convnet");
    let folders = std::fs::read_dir(goldens).unwrap();
    let folders = folders.map(|entry| entry.unwrap().path());
    let folders: Vec<_> = folders.filter(|path| path.is_dir()).collect();
    assert!(folders.len() >= 14, "{folders:?}");
    for folder in folders {
        let difference = golden_images::difference(&folder);
        assert!(difference <= 2e-5, "{}: {difference:e}", folder.display());
    }
}

/// Writes a tiny model, changes its configuration, and returns the error of opening it.
fn refusal(form: Form, change: impl FnOnce(&mut Value)) -> String {
    let folder = tempfile::tempdir().unwrap();
    form.write(folder.path(), Dtype::F32);
    let mut config = form.config();
    change(&mut config);
    folder::refusal(folder.path(), &config)
}

/// Writes a tiny model in which one tensor has another shape and value, and returns the error of opening it. A shape
/// without numbers removes the tensor.
fn damaged(form: Form, name: &str, shape: &[usize], value: f32) -> String {
    let folder = tempfile::tempdir().unwrap();
    form.write(folder.path(), Dtype::F32);
    let weights = Weights::open(folder.path(), &Limits::default()).unwrap();
    let mut tensors: Vec<OutTensor> = weights.entries().map(OutTensor::from).collect();
    tensors.retain(|tensor| tensor.name != name);
    if !shape.is_empty() {
        let values = vec![value; shape.iter().product()];
        tensors.push(OutTensor {
            name: name.to_owned(),
            dtype: Dtype::F32,
            shape: shape.to_vec(),
            bytes: encode(&values, Dtype::F32).into(),
        });
    }
    let path = folder.path().join("model.safetensors");
    write(&path, &tensors, weights.metadata()).unwrap();
    folder::refusal(folder.path(), &form.config())
}

#[test]
fn settings_that_do_not_describe_a_network_are_errors() {
    let without = |key: &'static str| {
        move |config: &mut Value| drop(config.as_object_mut().unwrap().remove(key))
    };
    let with = |key: &'static str, value: Value| move |config: &mut Value| config[key] = value;
    for (error, reason) in [
        (
            refusal(Form::Cifar, without("image_size")),
            "add \"image_size\": [height, width] to config.json",
        ),
        (
            refusal(Form::Cifar, without("id2label")),
            "add \"num_labels\": 3",
        ),
        (
            refusal(Form::Cifar, with("id2label", json!({"0": "a", "1": "b"}))),
            "\"linear.weight\" has shape [3, 11], but config.json requires [2, 11]",
        ),
        (
            refusal(Form::TimmD, without("pretrained_cfg")),
            "it must have input_size in pretrained_cfg",
        ),
        (
            refusal(
                Form::Torchvision,
                with("architecture", json!("densenet121")),
            ),
            "has architecture \"densenet121\" of torchvision, which is not supported; supported architectures: resnet*, vgg*",
        ),
        (
            refusal(Form::TimmD, with("architecture", json!("densenet121"))),
            "has architecture \"densenet121\" of timm",
        ),
        (
            refusal(Form::Vgg, with("image_size", json!([3, 3]))),
            "of which the poolings leave none",
        ),
    ] {
        assert!(error.contains(reason), "{error}");
    }
}

#[test]
fn damaged_checkpoints_are_errors() {
    for (form, name, shape, value, reason) in [
        // A convolution that reads another number of channels, or has no square windows.
        (
            Form::Cifar,
            "layer2.0.conv2.weight",
            vec![11, 10, 3, 3],
            0.1,
            "has shape [11, 10, 3, 3], but config.json requires [11, 11, 3, 3]",
        ),
        (
            Form::Cifar,
            "layer2.0.conv2.weight",
            vec![11, 11, 3, 1],
            0.1,
            "a convolution has [out, in, side, side], with an odd side",
        ),
        (
            Form::Cifar,
            "layer2.0.bn1.running_var",
            vec![11],
            f32::NAN,
            "\"layer2.0.bn1.running_var\" contains NaN",
        ),
        (
            Form::Cifar,
            "layer2.0.bn1.running_var",
            vec![11],
            -0.5,
            "contains a negative variance",
        ),
        (
            Form::Torchvision,
            "layer2.0.downsample.0.weight",
            vec![],
            0.0,
            "layer2.0.downsample.0.weight",
        ),
        // A network with more operations in its blocks.
        (
            Form::TimmD,
            "layer1.0.se.fc1.weight",
            vec![2, 32, 1, 1],
            0.1,
            "has a tensor \"layer1.0.se.fc1.weight\", which no plain ResNet has",
        ),
        (
            Form::Vgg,
            "features.12.weight",
            vec![8, 8, 3, 3],
            0.1,
            "has a tensor \"features.12.weight\" where a VGG has none",
        ),
        (
            Form::Vgg,
            "classifier.0.weight",
            vec![10, 8 * 36],
            0.1,
            "\"classifier.0.weight\" has shape [10, 288]",
        ),
    ] {
        let error = damaged(form, name, &shape, value);
        assert!(error.contains(reason), "{name}: {error}");
    }
}

/// A channel whose norm has the scale 0 is a constant. It is folded like any other.
#[test]
fn a_norm_may_have_a_scale_of_zero() {
    let folder = tempfile::tempdir().unwrap();
    Form::Cifar.write(folder.path(), Dtype::F32);
    let weights = Weights::open(folder.path(), &Limits::default()).unwrap();
    let zeros = [("layer1.0.bn2.weight".to_owned(), vec![0.0f32; 8])];
    let weights = weights.replaced(&zeros.into());
    let tensors: Vec<OutTensor> = weights.entries().map(OutTensor::from).collect();
    write(
        &folder.path().join("model.safetensors"),
        &tensors,
        weights.metadata(),
    )
    .unwrap();
    let (_, model) = folder::open_with(folder.path(), optin::model::unit::Units::Heads);
    let weight = model.blocks[0].projection.linear().weight().abs().unwrap();
    assert_eq!(weight.max_all().unwrap().to_scalar::<f32>().unwrap(), 0.0);
}

/// Convolutions stay f32, so a file with weights of 8 bits would hardly be smaller.
#[test]
fn weights_of_eight_bits_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    Form::Cifar.write(folder.path(), Dtype::F32);
    let limits = Limits::default();
    let config = Config::open(folder.path(), &limits).unwrap();
    let weights = Weights::open(folder.path(), &limits).unwrap();
    let model = registry::open(&config, weights, Units::Heads)
        .unwrap()
        .model;
    let answer = answer::of(&config).unwrap();
    onnx::check(&model, answer.task(), &Output::usual()).unwrap();
    let failure = onnx::check(&model, answer.task(), &[Output::OnnxInt8]).unwrap_err();
    assert_eq!(failure.code, Code::InvalidRecipe);
    assert!(
        failure
            .detail
            .starts_with("outputs has onnx-int8, but only "),
        "{}",
        failure.detail
    );
}
