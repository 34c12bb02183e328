//! What the reader of images gives: batches, arguments, checks, and errors of image processors.

use candle_core::Tensor;
use optin::checkpoint::image_processor::Settings;
use optin::checkpoint::limits::Limits as CheckpointLimits;
use optin::data;
use optin::data::dataset::Sample;
use optin::data::limits::Limits;
use optin::data::mapping::Mapping;
use optin::model::batch::{ImageShape, Reads, Resolution};
use optin::model::hidden::Layout;
use optin::prune::failure::{Code, Failure};
use serde_json::{Value, json};

use super::setup::{SHAPE, Setup, classes, levels, pixels, settings};
use crate::fixture::pictures::{grey, png};
use crate::fixture::refusal::assert_says;

fn with_images(setup: &Setup, count: u8) -> std::path::PathBuf {
    for level in 0..count {
        setup.file(
            &format!(
                "set/{}/{level:03}.png",
                ["cat", "dog"][usize::from(level % 2)]
            ),
            png(level),
        );
    }
    setup.path("set")
}

#[test]
fn batches_have_the_layout_of_the_image() {
    let setup = Setup::new();
    let data = setup.evaluation(&with_images(&setup, 5)).unwrap();
    let layout = Layout::Map {
        height: 4,
        width: 4,
        lead: 0,
    };
    assert_eq!(data.examples.shape(2), (layout, 16));
    let batches = data.batches(33);
    assert_eq!(batches.len(), 3);
    let batch = batches.load(0).unwrap();
    let (values, found) = batch.input.pixels().unwrap();
    assert_eq!((values.dims(), found), (&[2, 16, 3][..], layout));
    let repeated = data.examples.load_resized(&[1, 1, 0], 7).unwrap();
    assert_eq!(repeated.pixels().unwrap().0.dims(), [3, 16, 3]);
    // The channels come first in the arguments of transformers.
    let arguments = data.examples.arguments(3).unwrap();
    let value = &arguments["pixel_values"];
    let shape = [value, &value[0], &value[0][0], &value[0][0][0]]
        .map(|list| list.as_array().unwrap().len());
    assert_eq!(shape, [1, 3, 4, 4]);
    let row = pixels(&data, 3);
    for channel in 0..3 {
        assert_eq!(
            value[0][channel][2][1].as_f64().unwrap() as f32,
            row[(2 * 4 + 1) * 3 + channel]
        );
    }
}

#[test]
fn samples_depend_on_the_seed_and_the_limits_alone() {
    let setup = Setup::new();
    let path = with_images(&setup, 40);
    let sampled = |max_rows, max_positions, seed| {
        let sample = Sample {
            max_rows,
            max_positions,
            seed,
        };
        let (mapping, task, limits) = (Mapping::default(), classes(), Limits::default());
        setup
            .reader
            .calibration(&path, &mapping, task.as_ref(), sample, &limits)
            .unwrap()
    };
    let first = sampled(9, 1 << 20, 1);
    assert_eq!(first.len(), 9);
    assert_eq!(levels(&first), levels(&sampled(9, 1 << 20, 1)));
    assert_eq!(first.sha256, sampled(9, 1 << 20, 1).sha256);
    assert_ne!(first.sha256, sampled(9, 1 << 20, 2).sha256);
    assert_ne!(levels(&first), levels(&sampled(9, 1 << 20, 2)));
    // An image counts the patches that the model makes of it.
    assert_eq!(sampled(40, 16 * 7, 1).len(), 7);
    assert!(first.answers.iter().all(Option::is_none));
    let evaluated = setup.evaluated(&path, Some(3), &Limits::default()).unwrap();
    assert_eq!(levels(&evaluated), [0, 2, 4]);
    setup.file("set/cat/000.png", png(77));
    let changed = setup.evaluated(&path, Some(3), &Limits::default()).unwrap();
    assert_ne!(changed.sha256, evaluated.sha256);
}

#[test]
fn checks_can_be_computed_from_their_formula() {
    let settings = json!({"image_processor_type": "ConvNextImageProcessor", "size": {"shortest_edge": 14}, "crop_pct": 0.875});
    let shape = ImageShape {
        height: 14,
        width: 14,
        ..SHAPE
    };
    let setup = Setup::of(shape, &settings);
    let checks = setup.reader.checks().unwrap();
    assert_eq!(checks.rows.len(), 3);
    assert!(checks.batch.is_none() && !setup.reader.shows_rows());
    for (check, [a, b]) in checks.rows.iter().zip([[3, 5], [5, 8], [7, 11]]) {
        let image = &check.named["image"];
        assert_eq!(
            (&image["height"], &image["width"]),
            (&json!(16), &json!(16))
        );
        let formula = format!("({a} * x + {b} * y + 85 * c + x * y // 16) % 256");
        assert!(
            image["formula"].as_str().unwrap().starts_with(&formula),
            "{image}"
        );
        let number = |y: usize, x: usize, c: usize| {
            let sample = (a * x + b * y + 85 * c + x * y / 16) % 256;
            (sample as f32 / 255.0 - 0.5) / 0.5
        };
        let values: Vec<f32> = (0..14 * 14 * 3)
            .map(|at| number(1 + at / 42, 1 + at / 3 % 14, at % 3))
            .collect();
        let wanted = Tensor::from_vec(values, (1, 196, 3), &candle_core::Device::Cpu).unwrap();
        let (found, _) = check.input.pixels().unwrap();
        let difference = (found - wanted).unwrap().abs().unwrap().max_all().unwrap();
        assert!(difference.to_scalar::<f32>().unwrap() < 1e-6);
        let written = &check.named["pixel_values"];
        assert_eq!(written["shape"], json!([1, 3, 14, 14]));
        let first = written["first_numbers_of_each_channel"][1][2]
            .as_f64()
            .unwrap() as f32;
        assert!((first - number(1, 3, 1)).abs() < 1e-6);
        assert!(serde_json::to_string(&check.named).unwrap().len() < 1_000);
    }
}

#[test]
fn the_known_settings_of_the_image_processor_are_copied() {
    let mut given = settings();
    let code = json!({"AutoImageProcessor": "stranger--code.Processor"});
    for (key, value) in [
        ("auto_map", code.clone()),
        ("custom_pipelines", code.clone()),
        ("processor_class", json!("stranger--code.Processor")),
        ("image_mean", json!([0.5, code])),
        ("\n## Use", json!(1)),
    ] {
        given[key] = value;
    }
    let setup = Setup::of(SHAPE, &given);
    let text = format!("{:#}\n", settings());
    assert_eq!(
        setup.reader.files().unwrap(),
        [("preprocessor_config.json", text)]
    );
    assert_eq!(setup.reader.sources(), ["preprocessor_config.json"]);
    let folder = tempfile::tempdir().unwrap();
    let timm = json!({"pretrained_cfg": {"input_size": [3, 4, 4]}}).to_string();
    std::fs::write(folder.path().join("config.json"), timm).unwrap();
    let reader = data::open(&Reads::Pixels(SHAPE), folder.path()).unwrap();
    assert!(reader.files().unwrap().is_empty() && reader.sources().is_empty());
    let wording = reader.wording(classes().as_ref());
    assert_eq!(
        (wording.positions, wording.processor, wording.auto_class),
        ("pixels", "image processor", "AutoImageProcessor")
    );
}

#[test]
fn unusable_image_processors_are_rejected() {
    let refused = |settings: Option<Value>, config: Value| -> Failure {
        let folder = tempfile::tempdir().unwrap();
        if let Some(settings) = settings {
            std::fs::write(
                folder.path().join("preprocessor_config.json"),
                settings.to_string(),
            )
            .unwrap();
        }
        std::fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
        data::open(&Reads::Pixels(SHAPE), folder.path())
            .map(|_| ())
            .unwrap_err()
            .into()
    };
    let vit = |own: Value| {
        let mut all = settings();
        let (all_keys, own) = (
            all.as_object_mut().unwrap(),
            own.as_object().unwrap().clone(),
        );
        all_keys.extend(own);
        Some(all)
    };
    for (settings, config, words) in [
        (
            None,
            json!({}),
            &["no preprocessor_config.json", "save_pretrained"][..],
        ),
        (
            vit(json!({"image_processor_type": "BitImageProcessor"})),
            json!({}),
            &["BitImageProcessor is not supported", "ViTImageProcessor"],
        ),
        (
            Some(json!({"size": 4})),
            json!({}),
            &["does not name its image processor", "image_processor_type"],
        ),
        (
            vit(json!({"size": 8})),
            json!({}),
            &[
                "gives images of 8 x 8 pixels",
                "reads 4 x 4",
                "\"crop_size\"",
            ],
        ),
        (
            vit(json!({"size": {"longest_edge": 4}})),
            json!({}),
            &["\"size\" is {\"longest_edge\":4}", "shortest_edge"],
        ),
        (vit(json!({"size": 0})), json!({}), &["\"size\" is 0"]),
        (
            vit(json!({"resample": 9})),
            json!({}),
            &["\"resample\" is 9", "from 0 to 5"],
        ),
        (
            vit(json!({"do_resize": "yes"})),
            json!({}),
            &["\"do_resize\" is \"yes\"", "true or false"],
        ),
        (
            vit(json!({"do_normalize": true, "image_mean": [0.5]})),
            json!({}),
            &["\"image_mean\" has 1 numbers", "3 channels"],
        ),
        (
            vit(json!({"do_normalize": true, "image_std": 0})),
            json!({}),
            &["\"image_std\" is 0", "positive"],
        ),
        (
            vit(json!({"do_pad": true})),
            json!({}),
            &["\"do_pad\" is true", "not supported"],
        ),
        (
            None,
            json!({"pretrained_cfg": {"input_size": 4}}),
            &["config.json: \"input_size\" is 4"],
        ),
        (
            None,
            json!({"pretrained_cfg": {"input_size": [3, 4, 4], "crop_mode": "corner"}}),
            &["\"crop_mode\" is \"corner\"", "squash"],
        ),
        (
            None,
            json!({"pretrained_cfg": {"input_size": [3, 8, 8]}}),
            &["8 x 8", "4 x 4"],
        ),
    ] {
        assert_says(&refused(settings, config), Code::InvalidCheckpoint, words);
    }
    // If the file names no class, the default of the model's family is used.
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("preprocessor_config.json"),
        "{\"size\": 4}",
    )
    .unwrap();
    std::fs::write(
        folder.path().join("config.json"),
        "{\"model_type\": \"vit\"}",
    )
    .unwrap();
    data::open(&Reads::Pixels(SHAPE), folder.path()).unwrap();
}

/// transformers 5.24 makes 128 x 96 pixels of `{"height": 100, "width": 90}`.
#[test]
fn mask2former_rounds_the_size_up_and_normalizes_as_imagenet() {
    let shape = |height, width| ImageShape {
        height,
        width,
        ..SHAPE
    };
    let own = |settings: Value| {
        let mut all = json!({"image_processor_type": "Mask2FormerImageProcessor"});
        let settings = settings.as_object().unwrap().clone();
        all.as_object_mut().unwrap().extend(settings);
        all
    };
    let size = json!({"height": 100, "width": 90});
    for (divisor, height, width) in [(None, 128, 96), (Some(50), 100, 100), (Some(0), 100, 90)] {
        let mut settings = own(json!({"size": size, "do_pad": true}));
        if let Some(divisor) = divisor {
            settings["size_divisor"] = json!(divisor);
        }
        let ours = Setup::of(shape(height, width), &settings);
        let processor = Settings::open(ours.folder.path(), &CheckpointLimits::default());
        let processor = processor.unwrap().unwrap();
        assert_eq!(processor.output_size(), Some([height, width]));
        let plain = Setup::of(
            shape(height, width),
            &json!({
                "image_processor_type": "ViTImageProcessor",
                "size": {"height": height, "width": width},
                "image_mean": [0.485, 0.456, 0.406],
                "image_std": [0.229, 0.224, 0.225],
            }),
        );
        let of = |setup: &Setup| {
            let path = setup.file("set/a.png", grey(17, 11));
            let data = setup.calibration(path.parent().unwrap()).unwrap();
            pixels(&data, 0)
        };
        assert_eq!(of(&ours), of(&plain));
    }
    for (settings, words) in [
        (
            json!({"size": {"shortest_edge": 4, "longest_edge": 8}}),
            &["\"size\" is {", "\"height\" and \"width\"", "one size"][..],
        ),
        (json!({"size": 4}), &["\"size\" is 4", "one size"]),
        (json!({}), &["\"size\" is null", "one size"]),
        (
            json!({"size": {"height": 4, "width": 4}, "size_divisor": -1}),
            &["\"size_divisor\" is -1", "a whole number"],
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("preprocessor_config.json");
        std::fs::write(path, own(settings).to_string()).unwrap();
        let failure = data::open(&Reads::Pixels(SHAPE), folder.path());
        let failure: Failure = failure.map(|_| ()).unwrap_err().into();
        assert_says(&failure, Code::InvalidCheckpoint, words);
    }
}

#[test]
fn images_of_another_size_than_the_model_reads_are_rejected() {
    let setup = Setup::of(
        SHAPE,
        &json!({"image_processor_type": "ViTImageProcessor", "do_resize": false}),
    );
    setup.file("set/cat/a.png", png(1));
    let data = setup.calibration(&setup.path("set")).unwrap();
    let failure: Failure = data.examples.load(&[0]).unwrap_err().into();
    assert_says(
        &failure,
        Code::InvalidData,
        &[
            "set, cat/a.png",
            "6 x 5 pixels",
            "reads 4 x 4",
            "preprocessor_config.json",
        ],
    );
}

/// A model whose first layers have many positions uses a sample of them, so that it sees more images.
#[test]
fn the_number_of_calibration_images_depends_on_the_positions_that_are_used() {
    let mut settings = settings();
    settings["size"] = json!({"height": 64, "width": 64});
    for (resolution, expected) in [
        (Resolution::Constant, 1),
        (Resolution::Staged, 2),
        (Resolution::Maps, 8),
    ] {
        let shape = ImageShape {
            height: 64,
            width: 64,
            resolution,
            ..SHAPE
        };
        let setup = Setup::of(shape, &settings);
        let path = with_images(&setup, 12);
        let sample = Sample {
            max_rows: 100,
            max_positions: 1_024,
            seed: 0,
        };
        let data = setup.reader.calibration(
            &path,
            &Mapping::default(),
            classes().as_ref(),
            sample,
            &Limits::default(),
        );
        assert_eq!(data.unwrap().len(), expected, "{resolution:?}");
    }
}
