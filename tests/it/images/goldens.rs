//! Images are decoded as Pillow does, and processed as transformers and timm do.

use std::io::Read;
use std::path::{Path, PathBuf};

use optin::answer::task::Answer;
use optin::data;
use optin::data::limits::Limits;
use optin::data::mapping::Mapping;
use optin::model::batch::{ImageShape, Reads, Resolution};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::setup::{classes, pixels};

fn goldens() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens/images")
}

/// Reads the image of a case. Returns its numbers, 8 bits as whole numbers if the case stores them so.
fn read(case: &Value) -> Vec<f32> {
    let model = tempfile::tempdir().unwrap();
    let settings: &Map<String, Value> = case["folder"].as_object().unwrap();
    for (name, content) in settings {
        std::fs::write(model.path().join(name), content.to_string()).unwrap();
    }
    let side = |index: usize| case["size"][index].as_u64().unwrap() as usize;
    let shape = ImageShape {
        height: side(0),
        width: side(1),
        channels: case["channels"].as_u64().unwrap() as usize,
        patch: 1,
        padded: false,
        resolution: Resolution::Maps,
    };
    let folder = tempfile::tempdir().unwrap();
    let name = case["image"].as_str().unwrap();
    std::fs::copy(goldens().join("files").join(name), folder.path().join(name)).unwrap();
    let reader = data::open(&Reads::Pixels(shape), model.path()).unwrap();
    let sample = optin::data::dataset::Sample {
        max_rows: 1,
        max_positions: 1 << 20,
        seed: 0,
    };
    let task: std::sync::Arc<dyn Answer> = classes();
    let read = reader.calibration(
        folder.path(),
        &Mapping::default(),
        task.as_ref(),
        sample,
        &Limits::default(),
    );
    let mut values = pixels(&read.unwrap(), 0);
    let cfg = &case["folder"]["config.json"]["pretrained_cfg"];
    if let (Some(mean), Some(std)) = (cfg["mean"].as_array(), cfg["std"].as_array()) {
        for (index, value) in values.iter_mut().enumerate() {
            let of = |list: &[Value]| list[index % shape.channels].as_f64().unwrap();
            let level = (f64::from(*value) * of(std) + of(mean)) * 255.0;
            assert!((level - level.round()).abs() < 1e-3, "{case}: {level}");
            *value = level.round() as f32;
        }
    }
    values
}

/// Returns the largest difference of a level that is allowed. The standard of JPEG leaves the last bits to the decoder.
fn allowed(name: &str) -> f32 {
    match name {
        "grey.jpg" | "cmyk.jpg" => 1.0,
        name if name.ends_with(".jpg") => 6.0,
        _ => 0.0,
    }
}

#[test]
fn images_have_the_pixels_of_pillow_transformers_and_timm() {
    let text = std::fs::read_to_string(goldens().join("goldens.json")).unwrap();
    let cases: Vec<Value> = serde_json::from_str(&text).unwrap();
    let packed = std::fs::read(goldens().join("expected.bin")).unwrap();
    let mut expected = Vec::new();
    let mut unpacked = flate2::read::ZlibDecoder::new(packed.as_slice());
    unpacked.read_to_end(&mut expected).unwrap();
    let mut wrong = Vec::new();
    for case in &cases {
        let name = case["image"].as_str().unwrap();
        let values = read(case);
        if let Some(digest) = case["sha256"].as_str() {
            let bytes: Vec<u8> = values.iter().map(|value| *value as u8).collect();
            if hex::encode(Sha256::digest(bytes)) != digest {
                wrong.push(format!("{case}: another digest"));
            }
            continue;
        }
        let at = |key: &str| case[key].as_u64().unwrap() as usize;
        let bytes = &expected[at("first")..][..at("bytes")];
        let (wanted, most): (Vec<f32>, f32) = match case["type"].as_str() {
            Some("f32") => {
                let numbers = bytes
                    .chunks_exact(4)
                    .map(|number| f32::from_le_bytes(number.try_into().unwrap()));
                (numbers.collect(), 1e-6)
            }
            _ => (
                bytes.iter().map(|&level| f32::from(level)).collect(),
                allowed(name),
            ),
        };
        assert_eq!(values.len(), wanted.len(), "{case}");
        let differences = values
            .iter()
            .zip(&wanted)
            .map(|(value, wanted)| (value - wanted).abs());
        let largest = differences.fold(0.0, f32::max);
        if largest > most {
            wrong.push(format!("{case}: differs by {largest}"));
        }
    }
    assert!(cases.len() > 150, "{}", cases.len());
    assert!(
        wrong.is_empty(),
        "{} of {} cases:\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
}
