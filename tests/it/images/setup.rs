//! A folder with an image processor, and images to read with it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use optin::answer::task::Answer;
use optin::data;
use optin::data::dataset::{Dataset, Sample};
use optin::data::limits::Limits;
use optin::data::mapping::Mapping;
use optin::data::reader::Reader;
use optin::model::batch::{ImageShape, Reads, Resolution};
use optin::prune::failure::Failure;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::fixture::task;

/// The images that the model reads.
pub const SHAPE: ImageShape = ImageShape {
    height: 4,
    width: 4,
    channels: 3,
    patch: 1,
    padded: false,
    resolution: Resolution::Maps,
};

/// A folder with an image processor, to which tests write data.
pub struct Setup {
    pub folder: TempDir,
    pub reader: Arc<dyn Reader>,
}

/// Returns the settings of an image processor that only changes the size of images.
pub fn settings() -> Value {
    json!({
        "image_processor_type": "ViTImageProcessor",
        "size": {"height": 4, "width": 4},
        "do_rescale": false,
        "do_normalize": false,
    })
}

impl Setup {
    pub fn new() -> Self {
        Self::of(SHAPE, &settings())
    }

    /// Creates a folder with these settings.
    pub fn of(shape: ImageShape, settings: &Value) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("preprocessor_config.json");
        std::fs::write(path, settings.to_string()).unwrap();
        let reader = data::open(&Reads::Pixels(shape), folder.path()).unwrap();
        Self { folder, reader }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }

    pub fn calibration(&self, path: &Path) -> Result<Dataset, Failure> {
        self.sampled(path, &Limits::default())
    }

    pub fn sampled(&self, path: &Path, limits: &Limits) -> Result<Dataset, Failure> {
        let sample = Sample {
            max_rows: 512,
            max_positions: 1 << 20,
            seed: 0,
        };
        let (mapping, task) = (Mapping::default(), classes());
        Ok(self
            .reader
            .calibration(path, &mapping, task.as_ref(), sample, limits)?)
    }

    pub fn evaluation(&self, path: &Path) -> Result<Dataset, Failure> {
        self.evaluated(path, None, &Limits::default())
    }

    pub fn evaluated(
        &self,
        path: &Path,
        max_samples: Option<usize>,
        limits: &Limits,
    ) -> Result<Dataset, Failure> {
        let (mapping, task) = (Mapping::default(), classes());
        Ok(self
            .reader
            .evaluation(path, &mapping, task.as_ref(), max_samples, limits)?)
    }
}

/// Returns the task of the model.
pub fn classes() -> Arc<dyn Answer> {
    task::classes(&["cat", "dog", "bird"])
}

/// Returns the numbers of a row, `[pixels, channels]`.
pub fn pixels(data: &Dataset, row: usize) -> Vec<f32> {
    let input = data.examples.load(&[row]).unwrap();
    let (values, _) = input.pixels().unwrap();
    values.flatten_all().unwrap().to_vec1().unwrap()
}

/// Returns the first number of each row, which tells images of one color apart.
pub fn levels(data: &Dataset) -> Vec<u8> {
    (0..data.len())
        .map(|row| pixels(data, row)[0] as u8)
        .collect()
}

/// Returns the class of each row.
pub fn truths(data: &Dataset) -> Vec<usize> {
    data.truths().iter().map(|truth| truth.class()).collect()
}
