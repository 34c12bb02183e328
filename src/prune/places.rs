//! The local paths and the device of a run.

use std::path::{Path, PathBuf};

use crate::model::device::Device;

/// The local paths and the device of a run: the recipe's sources, resolved to files and folders.
#[derive(Clone, Debug)]
pub struct Places {
    /// The model: a folder in Hugging Face format.
    pub model: PathBuf,
    /// The calibration file.
    pub calibration: PathBuf,
    /// The evaluation file, if the recipe names one.
    pub evaluation: Option<PathBuf>,
    /// The output folder for the pruned checkpoint and its documents. It is created if it does not
    /// exist, and it appears only when it is complete.
    pub out: PathBuf,
    /// The device that runs the computation.
    pub device: Device,
}

impl Places {
    /// Returns the data files.
    #[must_use]
    pub fn data(&self) -> Vec<&Path> {
        let evaluation = self.evaluation.as_deref();
        [Some(self.calibration.as_path()), evaluation]
            .into_iter()
            .flatten()
            .collect()
    }

    /// Returns the same paths with another device.
    #[must_use]
    pub fn on(self, device: &Device) -> Self {
        let device = device.clone();
        Self { device, ..self }
    }
}
