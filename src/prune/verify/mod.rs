//! Verification: measures the pruned model after it was written and read back.
//!
//! Input: the original model, the pruned model, and examples. Output: the measured parts of the report.
//! If the pruned model does not agree with the masked one, nothing is published.

pub mod consistency;
pub mod fidelity;
pub mod golden;
pub mod latency;
pub mod metric;
pub mod order;
pub mod quality;
pub mod run;

use super::failure::Failure;
use super::prepare::Prepared;
use super::report::{EvaluationReport, Fidelity, Latency};
use super::student::Student;
use super::watch::Watch;
use crate::data::dataset::Dataset;
use crate::data::label::Label;
use crate::model::batch::Batch;
use crate::model::chain::Model;
use crate::model::mask::Masks;

/// The results of the verification.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// See [`consistency::check`].
    pub consistency: f64,
    /// See [`fidelity::fidelity`].
    pub fidelity: Fidelity,
    /// See [`quality::compare`]. `None` without labeled rows.
    pub evaluation: Option<EvaluationReport>,
    /// See [`latency::measure`].
    pub latency: Latency,
}

/// Number of steps that are reported as progress.
const PARTS: u64 = 4;

/// Compares the pruned model with the original on the evaluation rows, or on the calibration rows if there are no
/// evaluation rows.
///
/// # Errors
/// Returns an error if the pruned model does not agree with the masked one, if the job must stop, or if a graph fails.
pub fn verify(
    prepared: &Prepared,
    cut: &Model,
    masks: &Masks,
    student: &Student<'_>,
    watch: &dyn Watch,
) -> Result<Measured, Failure> {
    let original = &prepared.model;
    let data = prepared
        .evaluation
        .as_ref()
        .unwrap_or(&prepared.calibration);
    let batches = run::batches(data)?;
    let consistency = consistency::check(student, cut, &batches[batches.len() / 2])?;
    watch.progress(1, PARTS);
    let fidelity = fidelity::fidelity(original, cut, &batches, watch)?;
    watch.progress(2, PARTS);
    let evaluation = match &prepared.evaluation {
        Some(data) => Some(evaluate(
            original,
            cut,
            masks,
            student.is_repaired(),
            data,
            &batches,
            watch,
        )?),
        None => None,
    };
    watch.progress(3, PARTS);
    let latency = latency::measure(original, cut, data)?;
    watch.progress(PARTS, PARTS);
    Ok(Measured {
        consistency,
        fidelity,
        evaluation,
        latency,
    })
}

fn evaluate(
    original: &Model,
    cut: &Model,
    masks: &Masks,
    repaired: bool,
    data: &Dataset,
    batches: &[Batch],
    watch: &dyn Watch,
) -> Result<EvaluationReport, Failure> {
    let full = Masks::full(&original.groups);
    let all = Masks::full(&cut.groups);
    let labels: Vec<Label> = data
        .examples
        .iter()
        .filter_map(|example| example.label.clone())
        .collect();
    let before = run::logits(batches, watch, |batch| original.forward(batch, &full))?;
    let after = run::logits(batches, watch, |batch| cut.forward(batch, &all))?;
    let bare = match repaired {
        true => Some(run::logits(batches, watch, |batch| {
            original.forward(batch, masks)
        })?),
        false => None,
    };
    let mut report = quality::compare(&original.problem, &labels, &before, &after, bare.as_deref());
    report.unlabeled_rows = data.unlabelled;
    Ok(report)
}
