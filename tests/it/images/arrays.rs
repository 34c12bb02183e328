//! Arrays of NumPy and files of MNIST.

use std::io::{Cursor, Write};

use optin::model::batch::ImageShape;
use optin::prune::failure::Code;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::setup::{Setup, levels, pixels, settings, truths};
use crate::fixture::refusal::assert_says;

/// Returns an array as `numpy.save` writes it.
fn npy(dtype: &str, shape: &str, bytes: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}");
    let padded = format!("{header:<117}\n");
    let mut out = b"\x93NUMPY\x01\x00".to_vec();
    out.extend((padded.len() as u16).to_le_bytes());
    out.extend(padded.as_bytes());
    out.extend(bytes);
    out
}

fn npz(arrays: &[(&str, Vec<u8>)], method: CompressionMethod) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in arrays {
        let options = SimpleFileOptions::default().compression_method(method);
        zip.start_file(format!("{name}.npy"), options).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// Returns three images of 4 x 4 pixels and 3 channels, each of one level.
fn images() -> Vec<u8> {
    [10, 20, 30]
        .into_iter()
        .flat_map(|level| [level; 48])
        .collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

#[test]
fn arrays_of_images_and_labels_are_read() {
    let setup = Setup::new();
    let x = npy("|u1", "(3, 4, 4, 3)", &images());
    let path = setup.file("x.npy", &x);
    let mut sampled = levels(&setup.calibration(&path).unwrap());
    sampled.sort_unstable();
    assert_eq!(sampled, [10, 20, 30]);
    let failure = setup.evaluation(&path).unwrap_err();
    assert_says(
        &failure,
        Code::InvalidData,
        &["x.npy has no labels", ".npz"],
    );
    let labels: [(&str, &str, Vec<u8>); 4] = [
        (
            "y",
            "<i8",
            [2i64, -1, 0]
                .into_iter()
                .flat_map(i64::to_le_bytes)
                .collect(),
        ),
        (
            "labels",
            ">i4",
            [2i32, -1, 0]
                .into_iter()
                .flat_map(i32::to_be_bytes)
                .collect(),
        ),
        (
            "label",
            "<i2",
            [2i16, -1, 0]
                .into_iter()
                .flat_map(i16::to_le_bytes)
                .collect(),
        ),
        ("y", "|i1", vec![2, 255, 0]),
    ];
    for (name, dtype, bytes) in labels {
        for method in [CompressionMethod::Stored, CompressionMethod::Deflated] {
            let y = npy(dtype, "(3,)", &bytes);
            let path = setup.file("xy.npz", npz(&[("x", x.clone()), (name, y)], method));
            let data = setup.evaluation(&path).unwrap();
            assert_eq!(
                (levels(&data), truths(&data)),
                (vec![10, 30], vec![2, 0]),
                "{dtype} {method}"
            );
            assert_eq!(data.unlabelled, 1);
        }
    }
}

#[test]
fn grey_arrays_are_read_by_grey_and_by_color_models() {
    let x = npy("|u1", "(2, 4, 4)", &(0..32).collect::<Vec<u8>>());
    let color = Setup::new();
    let data = color.calibration(&color.file("x.npy", &x)).unwrap();
    assert_eq!(pixels(&data, 0).len(), 48);
    let shape = ImageShape {
        channels: 1,
        ..super::setup::SHAPE
    };
    let grey = Setup::of(shape, &settings());
    let data = grey.calibration(&grey.file("x.npy", &x)).unwrap();
    let mut all: Vec<f32> = (0..2).flat_map(|row| pixels(&data, row)).collect();
    all.sort_by(f32::total_cmp);
    assert_eq!(all, (0..32u8).map(f32::from).collect::<Vec<_>>());
}

#[test]
fn other_arrays_are_rejected() {
    let setup = Setup::new();
    let mut truncated = npy("|u1", "(3, 4, 4, 3)", &images());
    truncated.truncate(200);
    for (bytes, words) in [
        (
            npy("<f4", "(1, 4, 4, 3)", &[0; 192]),
            &["the type <f4", "uint8"][..],
        ),
        (
            npy("|u1", "(3, 3, 4, 5)", &images()),
            &["the shape [3, 3, 4, 5]", "1, 3 or 4 channels"],
        ),
        (npy("|u1", "(48,)", &[0; 48]), &["the shape [48]"]),
        (npy("|u1", "(0, 4, 4)", &[]), &["contains no images"]),
        (truncated, &["truncated"]),
        (b"not an array".to_vec(), &["not an array", "numpy.save"]),
    ] {
        let failure = setup.calibration(&setup.file("a.npy", bytes)).unwrap_err();
        assert_says(&failure, Code::InvalidData, words);
    }
    let huge = npy("|u1", "(1, 50000, 50000, 3)", &[0; 48]);
    let failure = setup.calibration(&setup.file("a.npy", huge)).unwrap_err();
    assert_says(&failure, Code::LimitExceeded, &["50000 x 50000 pixels"]);
    let x = npy("|u1", "(3, 4, 4, 3)", &images());
    for (arrays, words) in [
        (
            vec![("train", x.clone())],
            &["no array x", "arrays are train"][..],
        ),
        (vec![("x", x.clone())], &["no array y"]),
        (
            vec![("x", x.clone()), ("y", npy("<i8", "(2,)", &[0; 16]))],
            &["array y", "an array of 3 whole numbers"],
        ),
        (
            vec![("x", x.clone()), ("y", npy("<f8", "(3,)", &[0; 24]))],
            &["array y", "the type <f8"],
        ),
    ] {
        let path = setup.file("a.npz", npz(&arrays, CompressionMethod::Deflated));
        assert_says(
            &setup.evaluation(&path).unwrap_err(),
            Code::InvalidData,
            words,
        );
    }
}

#[test]
fn files_of_mnist_are_read() {
    let setup = Setup::new();
    let sizes = |sizes: &[u32]| {
        sizes
            .iter()
            .flat_map(|size| size.to_be_bytes())
            .collect::<Vec<u8>>()
    };
    let mut images = sizes(&[0x803, 3, 5, 4]);
    images.extend([10, 20, 30].into_iter().flat_map(|level| [level; 20]));
    let mut labels = sizes(&[0x801, 3]);
    labels.extend([2, 0, 1]);
    let pairs = [
        (
            "a",
            "train-images-idx3-ubyte",
            "train-labels-idx1-ubyte",
            images.clone(),
            labels.clone(),
        ),
        (
            "b",
            "t10k-images-idx3-ubyte.gz",
            "t10k-labels-idx1-ubyte.gz",
            gzip(&images),
            gzip(&labels),
        ),
        (
            "c",
            "train-images.idx3-ubyte",
            "train-labels.idx1-ubyte",
            images.clone(),
            labels.clone(),
        ),
    ];
    for (folder, one, other, images, labels) in pairs {
        let file = setup.file(&format!("{folder}/{one}"), images);
        setup.file(&format!("{folder}/{other}"), labels);
        for path in [file, setup.path(folder)] {
            let data = setup.evaluation(&path).unwrap();
            assert_eq!(
                (levels(&data), truths(&data)),
                (vec![10, 20, 30], vec![2, 0, 1]),
                "{one}"
            );
            assert_eq!(data.files.len(), 2);
        }
    }
    std::fs::remove_file(setup.path("a/train-labels-idx1-ubyte")).unwrap();
    assert_eq!(setup.calibration(&setup.path("a")).unwrap().len(), 3);
    let failure = setup.evaluation(&setup.path("a")).unwrap_err();
    assert_says(
        &failure,
        Code::InvalidData,
        &["has no labels", "train-labels-idx1-ubyte"],
    );
    setup.file("a/train-labels-idx1-ubyte", sizes(&[0x801, 4, 0]));
    let failure = setup.evaluation(&setup.path("a")).unwrap_err();
    assert_says(&failure, Code::InvalidData, &["3 images", "4 labels"]);
    setup.file("a/train-images-idx3-ubyte", &labels);
    let failure = setup.calibration(&setup.path("a")).unwrap_err();
    assert_says(
        &failure,
        Code::InvalidData,
        &["not a file of images in the format of MNIST"],
    );
}
