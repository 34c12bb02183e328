//! The cut model must be the masked model: the same units, the same repairs, only smaller.

use candle_core::Result;

use crate::model::PrunableModel;
use crate::model::batch::Batch;
use crate::prune::failure::{Code, Failure};
use crate::prune::student::Student;

/// Largest relative difference that two orders of summation explain in f32.
pub const TOLERANCE: f64 = 1e-4;

/// Largest difference of the logits between the masked original and the cut model, relative to the
/// largest logit.
///
/// # Errors
/// [`Code::Internal`] when it is above [`TOLERANCE`]: nothing must be published then.
pub fn check(
    student: &Student<'_>,
    cut: &dyn PrunableModel,
    batch: &Batch,
) -> std::result::Result<f64, Failure> {
    let difference = difference(student, cut, batch)?;
    if difference <= TOLERANCE {
        return Ok(difference);
    }
    Err(Failure::new(
        Code::Internal,
        format!(
            "the cut model differs from the masked one by {difference:.1e} (allowed {TOLERANCE:.0e}), so it was not published"
        ),
    ))
}

fn difference(student: &Student<'_>, cut: &dyn PrunableModel, batch: &Batch) -> Result<f64> {
    let full = crate::model::mask::Masks::full(cut.groups());
    let masked = student.forward(batch)?.flatten_all()?.to_vec1::<f32>()?;
    let smaller = cut.forward(batch, &full)?.flatten_all()?.to_vec1::<f32>()?;
    let largest = masked
        .iter()
        .fold(f32::MIN_POSITIVE, |largest, value| largest.max(value.abs()));
    let differences = masked
        .iter()
        .zip(&smaller)
        .map(|(a, b)| f64::from((a - b).abs() / largest));
    // A NaN must not pass for agreement.
    Ok(differences.fold(0.0, |most, value| {
        if value.is_nan() {
            f64::INFINITY
        } else {
            most.max(value)
        }
    }))
}
