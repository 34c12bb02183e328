//! Label maps of images, and the data sets that tests read with them.

use std::path::Path;
use std::sync::Arc;

use optin::answer::task::Answer;
use optin::data::dataset::Dataset;
use optin::data::limits::Limits;
use optin::data::mapping::Mapping;
use optin::prune::failure::Failure;
use png::{BitDepth, ColorType};
use serde_json::Value;

use super::setup::{SHAPE, Setup, settings};
use crate::fixture::task;

/// Width and height of the images of [`png`](super::setup::png).
pub const SIZE: [u32; 2] = [6, 5];

pub fn segmentation() -> Arc<dyn Answer> {
    task::pixels(&["sky", "road", "car"])
}

/// Returns a PNG with these samples, each of which fits into the depth.
pub fn encode(
    [width, height]: [u32; 2],
    color: ColorType,
    depth: BitDepth,
    samples: &[u16],
) -> Vec<u8> {
    let bits = depth as usize;
    let mut lines = Vec::new();
    for line in samples.chunks(samples.len() / height as usize) {
        if bits == 16 {
            lines.extend(line.iter().flat_map(|sample| sample.to_be_bytes()));
            continue;
        }
        lines.extend(line.chunks(8 / bits).map(|samples| {
            let shifted = samples.iter().enumerate();
            let shifted = shifted.map(|(at, &sample)| (sample as u8) << (8 - bits * (at + 1)));
            shifted.fold(0, |byte, sample| byte | sample)
        }));
    }
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(color);
    encoder.set_depth(depth);
    if color == ColorType::Indexed {
        // The colors are not the ids, and two of them are equal.
        let colors = (0..1usize << bits).flat_map(|id| [255 - (id / 2) as u8, 7, 9]);
        encoder.set_palette(colors.collect::<Vec<u8>>());
        encoder.set_trns(vec![0; 1 << bits]);
    }
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&lines).unwrap();
    writer.finish().unwrap();
    bytes
}

/// Returns ids for the pixels of an image, below `most`.
pub fn ids(most: u16, seed: u16) -> Vec<u16> {
    let [width, height] = SIZE.map(|side| side as u16);
    (0..width * height)
        .map(|at| (at * at + at / width + seed) % most)
        .collect()
}

/// Returns a gray label map of 8 bits with these ids.
pub fn gray_map(ids: &[u16]) -> Vec<u8> {
    encode(SIZE, ColorType::Grayscale, BitDepth::Eight, ids)
}

/// Returns a label map whose ids are the indices of a palette.
pub fn palette_map(ids: &[u16]) -> Vec<u8> {
    encode(SIZE, ColorType::Indexed, BitDepth::Two, ids)
}

/// Returns a setup whose image processor has these settings as well.
pub fn setup(own: Value) -> Setup {
    let mut all = settings();
    all.as_object_mut()
        .unwrap()
        .extend(own.as_object().unwrap().clone());
    Setup::of(SHAPE, &all)
}

pub fn evaluated(setup: &Setup, path: &Path, mapping: &Mapping) -> Result<Dataset, Failure> {
    let (task, limits) = (segmentation(), Limits::default());
    Ok(setup
        .reader
        .evaluation(path, mapping, task.as_ref(), None, &limits)?)
}

pub fn evaluation(setup: &Setup, path: &Path) -> Result<Dataset, Failure> {
    evaluated(setup, path, &Mapping::default())
}
