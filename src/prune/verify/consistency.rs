//! Check that the pruned model computes the same as the masked original with the same repairs.
//!
//! The masked model runs the original graph at full width: every unit is computed, removed units are
//! multiplied by zero, and the columns of a repaired projection are placed at their original positions. It
//! shares only the masks with the code of the surgery.

use candle_core::{Result, Tensor};

use crate::model::affine::Affine;
use crate::model::batch::Batch;
use crate::model::chain::Model;
use crate::model::hidden::Hidden;
use crate::model::layer::Layer;
use crate::model::mask::Masks;
use crate::model::nn::linear::Linear;
use crate::model::unit::Channels;
use crate::prune::failure::{Code, Failure};
use crate::prune::student::Student;

/// Maximum relative difference that a different order of summation can cause in f32.
pub const TOLERANCE: f64 = 1e-4;

/// Returns the largest difference of the answers between the masked original and the pruned model, relative to the
/// largest answer.
///
/// # Errors
/// Returns [`Code::Internal`] if the difference is above [`TOLERANCE`]. The result must not be published then.
pub fn check(
    (student, cut): (&Student<'_>, &Model),
    batch: &Batch,
) -> std::result::Result<f64, Failure> {
    let difference = difference(student, cut, batch)?;
    if difference <= TOLERANCE {
        return Ok(difference);
    }
    Err(Failure::new(
        Code::Internal,
        format!(
            "the pruned model differs from the masked one by {difference:.1e} (the limit is {TOLERANCE:.0e}), so it was not \
             published; this is a bug in optin, please report it"
        ),
    ))
}

fn difference(student: &Student<'_>, cut: &Model, batch: &Batch) -> Result<f64> {
    let full = Masks::full(&cut.groups);
    let flat = |answers: Hidden| answers.stream.flatten_all()?.to_vec1::<f32>();
    let masked = flat(masked_answers(student, batch)?)?;
    let smaller = flat(cut.forward(batch, &full)?)?;
    let largest = masked
        .iter()
        .fold(f32::MIN_POSITIVE, |largest, value| largest.max(value.abs()));
    let differences = masked
        .iter()
        .zip(&smaller)
        .map(|(a, b)| f64::from((a - b).abs() / largest));
    // `f64::max` ignores NaN, so a NaN would count as agreement.
    Ok(differences.fold(0.0, |most, value| {
        if value.is_nan() {
            f64::INFINITY
        } else {
            most.max(value)
        }
    }))
}

fn masked_answers(student: &Student<'_>, batch: &Batch) -> Result<Hidden> {
    let model = student.model;
    let mut hidden = model.start(batch)?;
    for (index, block) in model.blocks.iter().enumerate() {
        let units = units(student, index, &hidden)?;
        let masked = match model.factors(index, Channels::Columns, &student.masks)? {
            Some(factor) => units.with_stream(units.stream.broadcast_mul(&factor)?),
            None => units,
        };
        let sum = block.sum(&full_width(student, index)?, &masked, &hidden)?;
        hidden = block.finish.forward(&sum)?;
    }
    model.head.forward(&hidden)
}

/// Returns the activations of all units of a block. Those of removed units have their original weights.
fn units(student: &Student<'_>, block: usize, input: &Hidden) -> Result<Hidden> {
    let model = student.model;
    let own = &model.blocks[block];
    let (Some(repaired), Some(entry)) = (student.entry(block), own.entry()) else {
        return model.units(block, input, &student.masks);
    };
    let original = entry.map.linear();
    let kept = model.kept_rows(block, &student.masks);
    let over = |original: &Tensor, repaired: &Tensor| -> Result<Tensor> {
        let shape = original.shape();
        let mut values = original.flatten_all()?.to_vec1::<f32>()?;
        let width = values.len() / original.dims()[0].max(1);
        let repaired = repaired.flatten_all()?.to_vec1::<f32>()?;
        for (&unit, row) in kept.iter().zip(repaired.chunks(width.max(1))) {
            let start = unit as usize * width;
            values[start..start + width].copy_from_slice(row);
        }
        Tensor::from_vec(values, shape, original.device())
    };
    let linear = repaired.linear();
    let bias = match (original.bias(), linear.bias()) {
        (Some(original), Some(repaired)) => Some(over(original, repaired)?),
        (bias, _) => bias.cloned(),
    };
    let wide = Linear::new(over(original.weight(), linear.weight())?, bias);
    own.units_of(&repaired.with(wide)?, input)
}

/// Returns the student's projection with a column for every unit of the original. The columns of removed units are
/// filled with ones, so that the answers differ if the mask does not zero these units.
fn full_width(student: &Student<'_>, block: usize) -> Result<Affine> {
    let projection = student.projection(block);
    let Some(columns) = student.model.kept_columns(block, &student.masks) else {
        return Ok(projection.clone());
    };
    let linear = projection.linear();
    let (outputs, kept) = linear.weight().dims2()?;
    let width = student.model.blocks[block].projection.linear().inputs();
    let narrow = linear.weight().flatten_all()?.to_vec1::<f32>()?;
    let mut wide = vec![1.0f32; outputs * width];
    for output in 0..outputs {
        for (from, &to) in columns.iter().enumerate() {
            wide[output * width + to as usize] = narrow[output * kept + from];
        }
    }
    let wide = Tensor::from_vec(wide, (outputs, width), linear.weight().device())?;
    projection.with(Linear::new(wide, linear.bias().cloned()))
}
