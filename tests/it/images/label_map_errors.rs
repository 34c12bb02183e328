//! Label maps that cannot be used: their ids, their sizes, their files, and images without one.

use optin::data::limits::Limits;
use optin::data::mapping::Mapping;
use optin::prune::failure::{Code, Failure};
use png::{BitDepth, ColorType};
use serde_json::json;

use super::label_map_setup::{
    SIZE, encode, evaluated, evaluation, gray_map, ids, segmentation, setup,
};
use super::setup::Setup;
use crate::fixture::pictures::{encoded, png};
use crate::fixture::refusal::assert_says;

/// Creates a folder of one image with this label map, and returns why it is refused.
fn refused(setup: &Setup, map: impl AsRef<[u8]>) -> Failure {
    setup.file("set/images/a.png", png(1));
    setup.file("set/labels/a.png", map);
    evaluation(setup, &setup.path("set")).unwrap_err()
}

#[test]
fn ids_beyond_the_classes_are_rejected_and_can_be_ignored() {
    let setup = Setup::new();
    let mut map = ids(3, 0);
    map[4] = 7;
    let words = [
        "the label map",
        "set, labels/a.png",
        "contains the id 7, but the model has 3 classes",
        "set mapping \"ignored_label\" (--ignored-label) to 7",
    ];
    assert_says(&refused(&setup, gray_map(&map)), Code::InvalidData, &words);
    let mapping = Mapping {
        ignored_label: Some(7),
        ..Mapping::default()
    };
    evaluated(&setup, &setup.path("set"), &mapping).unwrap();
}

#[test]
fn a_void_id_is_a_class_after_the_reduction() {
    let setup = setup(json!({"ignore_index": 255, "do_reduce_labels": true}));
    let mut map = ids(4, 0);
    map[9] = 255;
    assert_says(
        &refused(&setup, gray_map(&map)),
        Code::InvalidData,
        &[
            "the id 255 (class 254 after do_reduce_labels)",
            "\"ignored_label\" (--ignored-label) to 255",
        ],
    );
}

#[test]
fn settings_that_contradict_each_other_are_rejected() {
    for (settings, words) in [
        (
            json!({"do_reduce_labels": true}),
            &["\"ignore_index\" is null", "\"do_reduce_labels\" is true"][..],
        ),
        (
            json!({"ignore_index": "void"}),
            &["\"ignore_index\" is \"void\"", "a whole number"],
        ),
    ] {
        let failure = refused(&setup(settings), gray_map(&ids(3, 0)));
        assert_says(&failure, Code::InvalidCheckpoint, words);
    }
}

#[test]
fn a_label_map_of_another_size_than_its_image_is_rejected() {
    let map = encode([5, 6], ColorType::Grayscale, BitDepth::Eight, &ids(3, 0));
    assert_says(
        &refused(&Setup::new(), map),
        Code::InvalidData,
        &[
            "set, labels/a.png has 5 x 6 pixels",
            "set, images/a.png, has 6 x 5",
        ],
    );
}

#[test]
fn images_and_label_maps_must_form_pairs() {
    let setup = Setup::new();
    let map = gray_map(&ids(3, 0));
    let set = setup.path("set");
    setup.file("set/images/a.png", png(1));
    setup.file("set/labels/a.png", &map);
    let check = |added: &str, words: &[&str]| {
        setup.file(added, &map);
        let failure = evaluation(&setup, &set).unwrap_err();
        assert_says(&failure, Code::InvalidData, words);
        std::fs::remove_file(setup.path(added)).unwrap();
    };
    check(
        "set/images/b.png",
        &["set: the image images/b.png has no label map"],
    );
    check(
        "set/labels/b.png",
        &["set: the label map labels/b.png has no image"],
    );
    check(
        "set/images/a.jpg",
        &[
            "the same name but for its ending",
            "images/a.jpg and images/a.png",
        ],
    );
    check(
        "set/masks/a.png",
        &["two folders of label maps, labels and masks", "keep one"],
    );
    check(
        "set/img/a.png",
        &["two folders of images, images and img", "keep one"],
    );
    evaluation(&setup, &set).unwrap();
}

#[test]
fn a_source_without_label_maps_is_rejected() {
    let setup = Setup::new();
    setup.file("set/cat/a.png", png(1));
    let failure = evaluation(&setup, &setup.path("set")).unwrap_err();
    assert_says(
        &failure,
        Code::InvalidData,
        &[
            "set has no label maps",
            "two folders, images (or image, img) and labels",
            "Parquet",
        ],
    );
    let mapping = Mapping {
        text: Some("photo".to_owned()),
        ..Mapping::default()
    };
    let schema = "message m { OPTIONAL BYTE_ARRAY photo; OPTIONAL INT64 class; }";
    let path = setup.path("a.parquet");
    super::tables::write(&path, schema, &[Some(png(1))], &[0], None);
    let failure = evaluated(&setup, &path, &mapping).unwrap_err();
    assert_says(
        &failure,
        Code::InvalidData,
        &[
            "a.parquet has no column with a common name for a label column",
            "\"class\"",
        ],
    );
    let schema = "message m { OPTIONAL BYTE_ARRAY photo; OPTIONAL INT64 label; }";
    super::tables::write(&path, schema, &[Some(png(1))], &[0], None);
    let failure = evaluated(&setup, &path, &mapping).unwrap_err();
    assert_says(
        &failure,
        Code::InvalidData,
        &["a.parquet, row 1", "the column \"label\" holds no images"],
    );
}

#[test]
fn colors_and_other_samples_that_are_no_ids_are_rejected() {
    let gray = |depth| encode(SIZE, ColorType::Grayscale, depth, &ids(2, 0));
    let alpha = encode(SIZE, ColorType::GrayscaleAlpha, BitDepth::Eight, &[0; 60]);
    for (map, what) in [
        (png(3), "colors"),
        (alpha, "an alpha channel"),
        (gray(BitDepth::Two), "gray samples of less than 8 bits"),
    ] {
        let failure = refused(&Setup::new(), map);
        let what = format!("set, labels/a.png has {what}");
        assert_says(
            &failure,
            Code::InvalidData,
            &[&what, "save it as a PNG with a palette", "8 or 16 bits"],
        );
    }
}

#[test]
fn files_that_are_no_label_maps_are_rejected() {
    let whole = gray_map(&ids(3, 0));
    let jpeg = encoded(3, image::ImageFormat::Jpeg);
    for (map, words) in [
        (&whole[..whole.len() - 20], "is a damaged image"),
        (
            &jpeg[..],
            "is a .jpg image; convert it to PNG, with the class id",
        ),
        (b"text", "is not an image in the format PNG"),
        (b"", "is empty"),
    ] {
        let failure = refused(&Setup::new(), map);
        assert_says(&failure, Code::InvalidData, &["set, labels/a.png", words]);
    }
}

#[test]
fn label_maps_without_any_class_and_too_large_ones_are_rejected() {
    let setup = setup(json!({"ignore_index": 255}));
    let failure = refused(&setup, gray_map(&[255; 30]));
    assert_says(
        &failure,
        Code::InvalidData,
        &[
            "set: no pixel of the 1 label maps",
            "evaluate on labeled images",
        ],
    );
    setup.file("set/labels/a.png", gray_map(&ids(3, 0)));
    let limits = Limits {
        file_bytes: 29,
        ..Limits::default()
    };
    let (task, mapping) = (segmentation(), Mapping::default());
    let reader = &setup.reader;
    let read = reader.evaluation(&setup.path("set"), &mapping, task.as_ref(), None, &limits);
    assert_says(
        &Failure::from(read.unwrap_err()),
        Code::LimitExceeded,
        &[
            "the 1 label maps",
            "the limit is 29 pixels",
            "use fewer samples",
        ],
    );
}
