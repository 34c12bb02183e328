//! Verification: measures the pruned model after it was written and read back.
//!
//! Input: the original model, the pruned model, and examples. Output: the measured parts of the report.
//! If the pruned model does not agree with the masked one, nothing is published.

pub mod changed;
pub mod consistency;
pub mod delivered;
pub mod fidelity;
pub mod golden;
pub mod latency;
pub mod pictures;
pub mod quality;
pub mod run;
mod runtime;
pub mod trajectory;

use self::fidelity::Compared;
use self::trajectory::Models;
use super::failure::Failure;
use super::prepare::Prepared;
use super::report::{ChangedRow, EvaluationReport, Fidelity, Latency, TrajectoryReport};
use super::student::Student;
use super::timing::ROWS;
use super::watch::Watch;
use crate::answer::metric::Records;
use crate::data::dataset::{Batches, Dataset};
use crate::model::chain::Model;

/// The results of the verification.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// See [`consistency::check`].
    pub consistency: f64,
    /// See [`fidelity::fidelity`].
    pub fidelity: Fidelity,
    /// See [`trajectory`].
    pub trajectory: Option<TrajectoryReport>,
    /// See [`changed`].
    pub changed_rows: Vec<ChangedRow>,
    /// See [`quality::compare`]. `None` without labeled rows.
    pub evaluation: Option<EvaluationReport>,
    /// See [`latency::measure`].
    pub latency: Latency,
    /// The same for one row.
    pub latency_single: Latency,
}

/// Number of steps that are reported as progress.
const PARTS: u64 = 4;

/// Compares the pruned model with the original on the evaluation rows, or on the calibration rows if there are no
/// evaluation rows.
///
/// `both` are the masked and the pruned model without planned merging of positions. Rounding may decide which of two
/// equally similar pairs is merged, so models that merge do not agree to the last digits.
///
/// At most `most_shown` changed rows are kept.
///
/// # Errors
/// Returns an error if the pruned model does not agree with the masked one, if the job must stop, or if a graph fails.
pub fn verify(
    prepared: &Prepared,
    cut: &Model,
    student: &Student<'_>,
    both: (&Student<'_>, &Model),
    most_shown: usize,
    watch: &dyn Watch,
) -> Result<Measured, Failure> {
    let original = prepared.original();
    let data = prepared.compared();
    let batches = data.batches(run::BATCH_POSITIONS);
    let consistency = consistency::check(both, &batches.load(batches.len() / 2)?)?;
    watch.progress(1, PARTS);
    let models = Models {
        original,
        cut,
        student,
    };
    let answer = prepared.answer.as_ref();
    let compared = fidelity::fidelity(answer, models, &batches, most_shown, watch)?;
    watch.progress(2, PARTS);
    let evaluation = match &prepared.evaluation {
        Some(data) => Some(evaluate(
            prepared, student, data, &batches, &compared, watch,
        )?),
        None => None,
    };
    watch.progress(3, PARTS);
    let latency = |rows| latency::measure(original, cut, data, rows);
    let (latency, latency_single) = (latency(ROWS)?, latency(1)?);
    watch.progress(PARTS, PARTS);
    Ok(Measured {
        consistency,
        fidelity: compared.fidelity,
        trajectory: compared.trajectory,
        changed_rows: compared.changed_rows,
        evaluation,
        latency,
        latency_single,
    })
}

fn evaluate(
    prepared: &Prepared,
    student: &Student<'_>,
    data: &Dataset,
    batches: &Batches<'_>,
    compared: &Compared,
    watch: &dyn Watch,
) -> Result<EvaluationReport, Failure> {
    let answer = prepared.answer.as_ref();
    let bare = match student.is_repaired() {
        true => Some(run::records(answer, batches, watch, |batch| {
            prepared.model.forward(batch, &student.masks)
        })?),
        false => None,
    };
    let records = Records {
        before: &compared.before,
        after: &compared.after,
        bare: bare.as_deref(),
    };
    let mut report = quality::compare(answer, &data.truths(), records);
    report.unlabeled_rows = data.unlabelled;
    Ok(report)
}
