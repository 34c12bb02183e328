//! Regression of several numbers per example.

use std::sync::Arc;

use super::description::listed;
use super::diagonal;
use super::metric::{Metric, Records};
use super::task::{Answer, Description, Divergence, Example, Form, LOGITS, OF_ROWS, Outputs, Task};
use crate::checkpoint::error::CheckpointError;
use crate::data::error::DataError;
use crate::data::label::{self, LabelReading};
use crate::data::table::column::Column;
use crate::data::table::list::List;
use crate::data::truth::{ReadTruth, Truth};
use crate::statistics::{mean, spearman};

/// The task.
pub const TASK: Task = Task {
    name: "multi_target_regression",
    heads: OF_ROWS,
    outputs: LOGITS,
    open,
};

/// This many numbers per example, at least two. The truth of an example is its numbers.
struct Numbers(usize);

fn open(problem_type: &str, labels: &[String]) -> Option<Result<Arc<dyn Answer>, CheckpointError>> {
    (problem_type == "regression" && labels.len() > 1)
        .then(|| Ok(Arc::new(Numbers(labels.len())) as Arc<dyn Answer>))
}

impl Numbers {
    fn truth(&self, list: &List) -> Option<Truth> {
        let numbers = list.iter().map(|item| item?.trim().parse().ok());
        let numbers = numbers.collect::<Option<Vec<f32>>>()?;
        let finite = numbers.iter().all(|number| number.is_finite());
        (finite && numbers.len() == self.0).then_some(Truth::Numbers(numbers))
    }
}

impl ReadTruth for Numbers {
    fn reads_lists(&self) -> bool {
        true
    }

    fn read(
        &self,
        column: Column<'_>,
        _: Option<LabelReading>,
    ) -> Result<Vec<Option<Truth>>, DataError> {
        let lists = label::lists(column)?.into_iter().zip(column.rows);
        let truths = lists.map(|(list, &row)| {
            let truth = list.map(|list| {
                self.truth(list).ok_or_else(|| {
                    DataError::Invalid(format!(
                        "{}: the label is not a list of {} numbers, but this model predicts {} numbers per row",
                        column.place(row),
                        self.0,
                        self.0
                    ))
                })
            });
            truth.transpose()
        });
        truths.collect()
    }
}

impl Divergence for Numbers {
    /// Returns the sum of the squared differences.
    fn divergence(&self, original: Outputs<'_>, changed: Outputs<'_>, _: f64) -> f64 {
        let numbers = original.values.iter().zip(changed.values);
        numbers
            .map(|(&original, &changed)| (f64::from(original) - f64::from(changed)).powi(2))
            .sum()
    }

    fn directions(&self, _: Outputs<'_>, row: usize, form: Form) -> Vec<Vec<f32>> {
        diagonal::directions(&vec![1.0; self.0], row, form.seed)
    }

    fn scale(&self, _: usize, _: usize) -> f64 {
        diagonal::scale(self.0)
    }
}

impl Answer for Numbers {
    fn task(&self) -> &'static Task {
        &TASK
    }

    fn agreement(&self, _: Outputs<'_>, _: Outputs<'_>) -> Option<f64> {
        None
    }

    /// Returns the predicted numbers and the true ones.
    fn record(&self, outputs: Outputs<'_>, truth: &Truth) -> Vec<f64> {
        let numbers = outputs.values.iter().chain(truth.numbers());
        numbers.map(|&number| f64::from(number)).collect()
    }

    fn describe(&self, example: &Example<'_>) -> Description {
        let told = |numbers: &[f32]| listed(numbers.iter().map(|number| format!("{number:.4}")));
        example.each(
            |outputs| told(outputs.values),
            |truth| told(truth.numbers()),
        )
    }

    /// Returns the mean over the numbers of Spearman's rank correlation.
    fn metrics(&self, _: &[&Truth], records: Records<'_>) -> Vec<Metric> {
        let score = |records: &[Vec<f64>], rows: &[usize]| {
            let of_number = |number: usize| {
                let pick = |place: usize| -> Vec<f64> {
                    rows.iter().map(|&row| records[row][place]).collect()
                };
                spearman(&pick(number), &pick(self.0 + number))
            };
            mean(&(0..self.0).map(of_number).collect::<Vec<_>>())
        };
        vec![Metric::bootstrapped("mean_spearman", records, score)]
    }
}
