//! Verifying: every figure is measured on the cut model as it was written and read back.
//!
//! In: the original and the cut model, examples. Out: the measured parts of the report. The cut model
//! must agree with the masked one, or nothing is published.

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
use crate::model::PrunableModel;
use crate::model::batch::Batch;
use crate::model::mask::Masks;

/// What was measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// See [`consistency::check`].
    pub consistency: f64,
    /// See [`fidelity::fidelity`].
    pub fidelity: Fidelity,
    /// See [`quality::compare`]; `None` without labelled rows.
    pub evaluation: Option<EvaluationReport>,
    /// See [`latency::measure`].
    pub latency: Latency,
}

/// Parts of the work, for the progress.
const PARTS: u64 = 4;

/// Measures the cut model against the original, on the evaluation rows where there are some, else on
/// the calibration rows.
///
/// # Errors
/// When both models do not agree, when asked to stop, or when a graph fails.
pub fn verify(
    prepared: &Prepared,
    cut: &dyn PrunableModel,
    masks: &Masks,
    student: &Student<'_>,
    watch: &dyn Watch,
) -> Result<Measured, Failure> {
    let original = prepared.model.as_ref();
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
    original: &dyn PrunableModel,
    cut: &dyn PrunableModel,
    masks: &Masks,
    repaired: bool,
    data: &Dataset,
    batches: &[Batch],
    watch: &dyn Watch,
) -> Result<EvaluationReport, Failure> {
    let full = Masks::full(original.groups());
    let all = Masks::full(cut.groups());
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
    let mut report = quality::compare(
        original.problem(),
        &labels,
        &before,
        &after,
        bare.as_deref(),
    );
    report.unlabelled_rows = data.unlabelled;
    Ok(report)
}
