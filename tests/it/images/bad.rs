//! Files that are not images, or are damaged or too large.

use image::ImageFormat;
use optin::prune::failure::Code;

use super::setup::{Setup, pixels};
use crate::fixture::pictures::{encoded, grey, png};
use crate::fixture::refusal::assert_says;

/// Changes the size in the header of a PNG.
fn resized(mut png: Vec<u8>, width: u32, height: u32) -> Vec<u8> {
    png[16..20].copy_from_slice(&width.to_be_bytes());
    png[20..24].copy_from_slice(&height.to_be_bytes());
    let mut crc = flate2::Crc::new();
    crc.update(&png[12..29]);
    png[29..33].copy_from_slice(&crc.sum().to_be_bytes());
    png
}

#[test]
fn files_that_are_no_images_are_rejected_when_they_are_opened() {
    let setup = Setup::new();
    for (bytes, words) in [
        (Vec::new(), &["is empty"][..]),
        (b"<!doctype html><html>".to_vec(), &["a web page"]),
        (
            b"version https://git-lfs.github.com/spec/v1".to_vec(),
            &["Git LFS pointer", "git lfs pull"],
        ),
        (
            b"GIF89a\x01\x00\x01\x00".to_vec(),
            &[".gif image", "convert it to JPEG, PNG, WebP or BMP"],
        ),
        (
            b"II*\x00\x08\x00\x00\x00".to_vec(),
            &[".tiff image", "convert it"],
        ),
        (
            b"just some text".to_vec(),
            &["not an image in the format JPEG, PNG, WebP or BMP"],
        ),
        (png(1)[..20].to_vec(), &["damaged image"]),
    ] {
        setup.file("set/cat/a.png", png(1));
        setup.file("set/cat/b.png", bytes);
        let failure = setup.calibration(&setup.path("set")).unwrap_err();
        assert_says(&failure, Code::InvalidData, words);
        assert_says(&failure, Code::InvalidData, &["set, cat/b.png"]);
    }
}

#[test]
fn truncated_images_are_rejected_when_they_are_decoded() {
    let setup = Setup::new();
    let jpeg = encoded(9, ImageFormat::Jpeg);
    let webp = encoded(9, ImageFormat::WebP);
    let bmp = encoded(9, ImageFormat::Bmp);
    let png = grey(40, 30);
    for bytes in [
        &jpeg[..jpeg.len() - 9],
        &png[..png.len() / 2],
        &webp[..webp.len() - 6],
        &bmp[..bmp.len() - 20],
    ] {
        setup.file("set/cat/a.png", bytes);
        let outcome = setup.calibration(&setup.path("set"));
        let failure = match outcome {
            Ok(data) => data.examples.load(&[0]).unwrap_err().into(),
            Err(failure) => failure,
        };
        assert_says(
            &failure,
            Code::InvalidData,
            &["set, cat/a.png", "damaged image", "truncated"],
        );
    }
    setup.file("set/cat/a.png", &jpeg);
    assert!(
        setup
            .calibration(&setup.path("set"))
            .unwrap()
            .examples
            .load(&[0])
            .is_ok()
    );
}

#[test]
fn huge_and_long_images_are_rejected_before_they_are_decoded() {
    let setup = Setup::new();
    for (width, height, words) in [
        (50_000, 50_000, "the limit is 67108864 pixels"),
        (20_000, 100, "100 times as long"),
    ] {
        setup.file("set/cat/a.png", resized(grey(8, 8), width, height));
        let failure = setup.calibration(&setup.path("set")).unwrap_err();
        let size = format!("{width} x {height}");
        assert_says(
            &failure,
            Code::LimitExceeded,
            &["set, cat/a.png", &size, words],
        );
    }
    setup.file("set/cat/a.png", grey(1, 1));
    let data = setup.calibration(&setup.path("set")).unwrap();
    assert_eq!(pixels(&data, 0), [0.0; 48]);
}
