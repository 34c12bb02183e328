//! The seam between a worker and the core.

use crate::model::device::Device;
use crate::prune::failure::Failure;
use crate::prune::journal::Journal;
use crate::prune::plan::Plan;
use crate::prune::recipe::Recipe;
use crate::prune::report::Report;
use crate::prune::watch::Watch;
use crate::prune::{Places, estimate, run};

/// Does the work of a job. Blocks; called on a thread of its own.
pub trait Pruner: Send + Sync {
    /// See [`run`].
    ///
    /// # Errors
    /// Why the job cannot go on.
    fn run(
        &self,
        places: &Places,
        recipe: &Recipe,
        journal: &dyn Journal,
        watch: &dyn Watch,
    ) -> Result<Report, Failure>;

    /// See [`estimate`].
    ///
    /// # Errors
    /// Why the job could not be planned.
    fn estimate(&self, places: &Places, recipe: &Recipe) -> Result<Plan, Failure>;
}

/// The core, on this device.
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

    fn estimate(&self, places: &Places, recipe: &Recipe) -> Result<Plan, Failure> {
        estimate(&places.clone().on(&self.0), recipe)
    }
}
