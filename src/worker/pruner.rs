//! The interface between a worker and the core.

use std::path::Path;

use crate::model::device::Device;
use crate::prune::admission::{Inspection, Kind, inspect, open};
use crate::prune::failure::Failure;
use crate::prune::journal::Journal;
use crate::prune::places::Places;
use crate::prune::plan::Plan;
use crate::prune::recipe::{Mapping, Recipe};
use crate::prune::report::Report;
use crate::prune::watch::Watch;
use crate::prune::{estimate, run};

/// Does the work of a job. The methods block, so they are called on dedicated threads.
pub trait Pruner: Send + Sync {
    /// Prunes a model, see [`run`].
    ///
    /// # Errors
    /// Returns the reason why the job failed or must stop.
    fn run(
        &self,
        places: &Places,
        recipe: &Recipe,
        journal: &dyn Journal,
        watch: &dyn Watch,
    ) -> Result<Report, Failure>;

    /// Plans a job without running it, see [`estimate`]. Stops early if `watch` asks for it.
    ///
    /// # Errors
    /// Returns the reason why the job cannot be planned.
    fn estimate(
        &self,
        places: &Places,
        recipe: &Recipe,
        watch: &dyn Watch,
    ) -> Result<Plan, Failure>;

    /// Checks that a model or a data file can be opened, see [`open`]. Stops early if `watch` asks for it.
    ///
    /// # Errors
    /// Returns the reason why it cannot.
    fn open(&self, path: &Path, kind: Kind, watch: &dyn Watch) -> Result<(), Failure>;

    /// Reads the columns and the first rows of a dataset, see [`inspect`]. Stops early if `watch` asks for it.
    ///
    /// # Errors
    /// Returns what is wrong with the dataset.
    fn inspect(
        &self,
        path: &Path,
        mapping: &Mapping,
        watch: &dyn Watch,
    ) -> Result<Inspection, Failure>;
}

/// The core, running on this device.
pub struct Core(pub Device);

impl Pruner for Core {
    fn run(
        &self,
        places: &Places,
        recipe: &Recipe,
        journal: &dyn Journal,
        watch: &dyn Watch,
    ) -> Result<Report, Failure> {
        run(&places.clone().on(&self.0), recipe, journal, watch)
    }

    fn estimate(
        &self,
        places: &Places,
        recipe: &Recipe,
        watch: &dyn Watch,
    ) -> Result<Plan, Failure> {
        estimate(&places.clone().on(&self.0), recipe, watch)
    }

    fn open(&self, path: &Path, kind: Kind, _: &dyn Watch) -> Result<(), Failure> {
        open(path, kind)
    }

    fn inspect(
        &self,
        path: &Path,
        mapping: &Mapping,
        _: &dyn Watch,
    ) -> Result<Inspection, Failure> {
        inspect(path, mapping)
    }
}
