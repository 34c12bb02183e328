//! Directions of the answers of a batch, as cotangents for backward passes.

use candle_core::{Result, Tensor};

use super::super::answers::Answers;
use crate::answer::task::{Divergence, Form};
use crate::model::hidden::Hidden;

/// Directions for all rows of a batch. Near the original answers, the divergence of a row is [`scale`](Self::scale) times
/// the sum of the squared derivatives along its directions.
pub struct Directions<'a> {
    answers: &'a Hidden,
    /// `[direction]`, each over all rows, row-major.
    values: Vec<Vec<f32>>,
    /// Factor of the squared derivatives.
    pub scale: f64,
}

impl<'a> Directions<'a> {
    /// Returns the directions at these answers. `rows` holds the index of the example of each row.
    ///
    /// # Errors
    /// Does not fail for f32 tensors.
    pub fn at(
        task: &dyn Divergence,
        answers: &'a Hidden,
        rows: &[usize],
        form: Form,
    ) -> Result<Self> {
        let numbers = Answers::of(answers)?;
        let mut directions: Vec<Vec<f32>> = Vec::new();
        for (outputs, &row) in numbers.rows().zip(rows) {
            let of_row = task.directions(outputs, row, form);
            directions.resize(of_row.len(), Vec::new());
            for (all, own) in directions.iter_mut().zip(of_row) {
                all.extend(own);
            }
        }
        Ok(Self {
            scale: task.scale(directions.len(), numbers.positions()),
            answers,
            values: directions,
        })
    }

    /// Returns the number of directions.
    #[must_use]
    pub fn count(&self) -> usize {
        self.values.len()
    }

    /// Returns the directions `first .. first + count` as a cotangent on the answers, with one copy of the rows per
    /// direction.
    ///
    /// # Errors
    /// Does not fail in practice: all shapes come from the answers.
    pub fn cotangent(&self, first: usize, count: usize) -> Result<Hidden> {
        let (rows, positions, outputs) = self.answers.stream.dims3()?;
        let values = self.values[first..first + count].concat();
        let shape = (count * rows, positions, outputs);
        let stream = Tensor::from_vec(values, shape, self.answers.stream.device())?;
        Ok(Hidden::new(stream, self.answers.layout))
    }
}
