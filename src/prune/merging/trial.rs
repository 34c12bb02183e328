//! Measures how far a model with a schedule is from the original after pruning and repair.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::data::dataset::Dataset;
use crate::model::mask::Masks;
use crate::prune::answers::Answers;
use crate::prune::compensate;
use crate::prune::failure::{Code, Failure};
use crate::prune::journal::{Journal, NoJournal, document_name};
use crate::prune::lanes;
use crate::prune::prepare::Prepared;
use crate::prune::recipe::Recipe;
use crate::prune::score::combine::UnitImportance;
use crate::prune::search;
use crate::prune::stage::Stage;
use crate::prune::student::Student;
use crate::prune::verify::run::{BATCH_POSITIONS, divergences};
use crate::prune::watch::Watch;

/// Maximum number of calibration rows on which a trial is repaired, and on which it is compared.
const ROWS: usize = 256;

/// Trials of one model.
pub(super) struct Trials<'a> {
    /// The model of the last trial, with the rows of the repair. `None` only while it is replaced.
    prepared: Option<Prepared>,
    /// All calibration rows.
    calibration: Dataset,
    /// The rows on which models are compared.
    compared: Vec<usize>,
    /// Answers of the original model to each batch of these rows.
    answers: Vec<Answers>,
    recipe: &'a Recipe,
    importance: &'a UnitImportance,
    /// What all trials share: the weights of the positions in the repair.
    shared: Shared,
}

impl<'a> Trials<'a> {
    /// Runs the original model.
    ///
    /// # Errors
    /// Returns an error if the graph fails.
    pub(super) fn new(
        mut prepared: Prepared,
        recipe: &'a Recipe,
        importance: &'a UnitImportance,
    ) -> Result<Self, Failure> {
        let calibration = prepared.calibration.clone();
        let rows = calibration.len();
        // With few rows, models are compared on rows of the repair.
        let fitted = ROWS.min(rows.div_ceil(2));
        let compared: Vec<usize> = match rows > 1 {
            true => (fitted..rows.min(fitted + ROWS)).collect(),
            false => (0..rows).collect(),
        };
        prepared.calibration = calibration.first(fitted);
        let batches = calibration.batches_of(&compared, BATCH_POSITIONS);
        let model = prepared.original();
        let full = Masks::full(&model.groups);
        let answers = lanes::run(batches.len(), |index| {
            Ok(Answers::of(&model.forward(&batches.load(index)?, &full)?)?)
        })?;
        Ok(Self {
            prepared: Some(prepared),
            calibration,
            compared,
            answers,
            recipe,
            importance,
            shared: Shared::default(),
        })
    }

    /// Returns the mean divergence of the answers of the pruned and repaired model with this schedule. `None` if it cannot
    /// reach the target.
    ///
    /// # Errors
    /// Returns an error if the job must stop or if a graph fails.
    pub(super) fn divergence(
        &mut self,
        schedule: &[usize],
        watch: &dyn Watch,
    ) -> Result<Option<f64>, Failure> {
        let before = self.prepared.take().expect("a trial returns its model");
        let prepared = self.prepared.insert(before.with_schedule(schedule)?);
        let limit = search::Limit::of(prepared, self.recipe, &NoJournal, watch)?;
        let masks = match search::choose(prepared, self.importance, self.recipe, &limit) {
            Err(failure) if failure.code == Code::TargetUnreachable => return Ok(None),
            masks => masks?,
        };
        let repairs = compensate::compensate(
            prepared,
            &masks,
            self.recipe,
            &self.shared,
            &Stopping(watch),
        )?;
        let student = Student::repaired(&prepared.model, masks, &repairs)?;
        let answer = prepared.answer.as_ref();
        let batches = self.calibration.batches_of(&self.compared, BATCH_POSITIONS);
        let parts = lanes::run(batches.len(), |index| {
            watch.proceed()?;
            let batch = batches.load(index)?;
            let answers = Answers::of(&student.forward(&batch)?)?;
            Ok(divergences(answer, [&self.answers[index], &answers]).sum())
        })?;
        Ok(Some(
            parts.iter().sum::<f64>() / self.compared.len().max(1) as f64,
        ))
    }

    /// Returns the model without a schedule and with all calibration rows.
    pub(super) fn into_prepared(self) -> Prepared {
        let prepared = self.prepared.expect("a trial returns its model");
        let mut prepared = prepared.without_schedule();
        prepared.calibration = self.calibration;
        prepared
    }
}

/// A journal in memory. It is dropped with the trials.
#[derive(Default)]
struct Shared(Mutex<HashMap<String, Vec<u8>>>);

impl Shared {
    fn documents(&self) -> MutexGuard<'_, HashMap<String, Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Journal for Shared {
    fn load(&self, name: &str, digest: &str) -> Result<Option<Vec<u8>>, Failure> {
        Ok(self.documents().get(&document_name(name, digest)).cloned())
    }

    fn store(&self, name: &str, digest: &str, document: &[u8]) -> Result<(), Failure> {
        let name = document_name(name, digest);
        self.documents().insert(name, document.to_vec());
        Ok(())
    }
}

/// Passes on requests to stop. The progress of a repair is not that of the stage.
struct Stopping<'a>(&'a dyn Watch);

impl Watch for Stopping<'_> {
    fn stage(&self, _: Stage) {}

    fn progress(&self, _: u64, _: u64) {}

    fn proceed(&self) -> Result<(), Failure> {
        self.0.proceed()
    }
}
