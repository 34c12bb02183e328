//! The task of a child process, as the parent writes it.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::job::queue;
use crate::model::device::Device;
use crate::prune::admission::Kind;
use crate::prune::places::Places;
use crate::prune::recipe::{Mapping, Recipe};

/// What a child process does before it ends.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Task {
    /// What to do.
    pub(super) work: Work,
    /// The device to open.
    pub(super) device: queue::Device,
    /// The folders and files that may be read.
    pub(super) readable: Vec<PathBuf>,
}

/// The kinds of tasks, see [`Pruner`](crate::worker::pruner::Pruner).
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Work {
    /// Prunes a model.
    Run {
        places: Paths,
        recipe: Box<Recipe>,
        /// Folder through which the documents of the stage cache pass. It does not exist before the first of them.
        exchange: PathBuf,
    },
    /// Plans a job.
    Estimate { places: Paths, recipe: Box<Recipe> },
    /// Opens a model or a data file.
    Open { path: PathBuf, kind: Kind },
    /// Reads the columns and the first rows of a dataset.
    Inspect { path: PathBuf, mapping: Mapping },
}

impl Work {
    /// Returns the paths of the sources.
    pub(super) fn sources(&self) -> Vec<&Path> {
        match self {
            Self::Open { path, .. } | Self::Inspect { path, .. } => vec![path],
            Self::Run { places, .. } | Self::Estimate { places, .. } => places.sources(),
        }
    }

    /// Returns the folder in which the work writes files and reads them back.
    pub(super) fn workplace(&self) -> Option<&Path> {
        match self {
            Self::Run { places, .. } => places.out.parent(),
            Self::Estimate { .. } | Self::Open { .. } | Self::Inspect { .. } => None,
        }
    }
}

/// The local paths of a run, without its device.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Paths {
    model: PathBuf,
    calibration: PathBuf,
    evaluation: Option<PathBuf>,
    out: PathBuf,
}

impl Paths {
    /// Returns the paths of these places.
    pub(super) fn of(places: &Places) -> Self {
        Self {
            model: places.model.clone(),
            calibration: places.calibration.clone(),
            evaluation: places.evaluation.clone(),
            out: places.out.clone(),
        }
    }

    /// Returns the paths of the model and the data.
    fn sources(&self) -> Vec<&Path> {
        let evaluation = self.evaluation.as_deref();
        let sources = [
            Some(self.model.as_path()),
            Some(&self.calibration),
            evaluation,
        ];
        sources.into_iter().flatten().collect()
    }

    /// Returns the paths with a device.
    pub(super) fn on(self, device: Device) -> Places {
        Places {
            model: self.model,
            calibration: self.calibration,
            evaluation: self.evaluation,
            out: self.out,
            device,
        }
    }
}
