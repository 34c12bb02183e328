//! Single-label classification: one of several classes per example.

use std::sync::Arc;

use super::metric::{Metric, Records};
use super::order;
use super::softmax::{self, predicted};
use super::task::{Answer, Description, Divergence, Example, Form, LOGITS, OF_ROWS, Outputs, Task};
use crate::checkpoint::error::CheckpointError;
use crate::data::error::DataError;
use crate::data::label::{self, LabelReading};
use crate::data::table::column::Column;
use crate::data::truth::{ReadTruth, Truth};
use crate::quantity::percent;

/// The task.
pub const TASK: Task = Task {
    name: "single_label_classification",
    heads: OF_ROWS,
    outputs: LOGITS,
    open,
};

/// Classes of examples, by name. The truth of an example is the index of its class.
struct Classes(Vec<String>);

fn open(problem_type: &str, labels: &[String]) -> Option<Result<Arc<dyn Answer>, CheckpointError>> {
    match (problem_type, labels.len()) {
        (name, 1) if name == TASK.name => Some(Err(CheckpointError::UnsupportedModel(
            "config.json describes a classification with one label, but a classification needs at least two; \
             write problem_type \"regression\" if the head predicts a number"
                .to_owned(),
        ))),
        ("", 1) => None,
        (name, _) if name.is_empty() || name == TASK.name => {
            Some(Ok(Arc::new(Classes(labels.to_vec()))))
        }
        _ => None,
    }
}

impl ReadTruth for Classes {
    fn read(
        &self,
        column: Column<'_>,
        wanted: Option<LabelReading>,
    ) -> Result<Vec<Option<Truth>>, DataError> {
        let classes = label::classes(column, &self.0, wanted)?.into_iter();
        Ok(classes
            .map(|class| class.map(|class| Truth::Numbers(vec![class as f32])))
            .collect())
    }
}

impl Divergence for Classes {
    /// Returns `T^2 KL(softmax(original / T) || softmax(changed / T))`. The factor `T^2` makes the size of the term
    /// independent of the temperature (Hinton et al. 2015).
    fn divergence(&self, original: Outputs<'_>, changed: Outputs<'_>, temperature: f64) -> f64 {
        let divergence = softmax::divergence(original.values, changed.values, temperature);
        temperature * temperature * divergence
    }

    fn directions(&self, at: Outputs<'_>, row: usize, form: Form) -> Vec<Vec<f32>> {
        softmax::directions(at.values, form.temperature, row, form.seed)
    }

    fn scale(&self, _: usize, _: usize) -> f64 {
        softmax::scale(self.0.len())
    }
}

impl Answer for Classes {
    fn task(&self) -> &'static Task {
        &TASK
    }

    fn agreement(&self, left: Outputs<'_>, right: Outputs<'_>) -> Option<f64> {
        let same = predicted(left.values) == predicted(right.values);
        Some(f64::from(u8::from(same)))
    }

    /// Returns 1 if the predicted class is the truth and 0 if not, and the predicted class.
    fn record(&self, outputs: Outputs<'_>, truth: &Truth) -> Vec<f64> {
        let class = predicted(outputs.values);
        vec![f64::from(u8::from(class == truth.class())), class as f64]
    }

    fn metrics(&self, truths: &[&Truth], records: Records<'_>) -> Vec<Metric> {
        let mut counts = vec![0usize; self.0.len()];
        truths.iter().for_each(|truth| counts[truth.class()] += 1);
        let most = counts.iter().max();
        let constant = most.map(|&most| most as f64 / truths.len().max(1) as f64);
        vec![Metric::mean_of(
            "accuracy",
            records,
            |record| record[0],
            constant,
        )]
    }

    /// Names the predicted class, with its probability.
    fn describe(&self, example: &Example<'_>) -> Description {
        let answer = |outputs: Outputs<'_>| {
            let class = predicted(outputs.values);
            let probability = softmax::probabilities(outputs.values, 1.0)[class];
            format!("{} ({})", self.0[class], percent(probability))
        };
        example.each(answer, |truth| self.0[truth.class()].clone())
    }

    fn became_wrong(&self, before: &[f64], after: &[f64]) -> bool {
        after[0] < before[0]
    }

    fn hint(&self, truths: &[&Truth], original: &[Vec<f64>]) -> Option<String> {
        let truths: Vec<usize> = truths.iter().map(|truth| truth.class()).collect();
        let answers: Vec<usize> = original.iter().map(|record| record[1] as usize).collect();
        order::hint(&self.0, &truths, &answers)
    }
}
