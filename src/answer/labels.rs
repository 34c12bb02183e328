//! Multi-label classification: any number of several labels per example.

use std::sync::Arc;

use super::bernoulli;
use super::description::listed;
use super::diagonal;
use super::metric::{Metric, Records, ratio};
use super::softmax::predicted;
use super::task::{Answer, Description, Divergence, Example, Form, LOGITS, OF_ROWS, Outputs, Task};
use crate::checkpoint::error::CheckpointError;
use crate::data::error::DataError;
use crate::data::label::{self, LabelReading};
use crate::data::table::column::Column;
use crate::data::table::list::List;
use crate::data::truth::{ReadTruth, Truth};
use crate::quantity::percent;
use crate::statistics::mean;

/// The task.
pub const TASK: Task = Task {
    name: "multi_label_classification",
    heads: OF_ROWS,
    outputs: LOGITS,
    open,
};

/// Labels by name. The truth of an example is 1 or 0 for each label.
struct Labels(Vec<String>);

fn open(problem_type: &str, labels: &[String]) -> Option<Result<Arc<dyn Answer>, CheckpointError>> {
    (problem_type == TASK.name).then(|| Ok(Arc::new(Labels(labels.to_vec())) as Arc<dyn Answer>))
}

impl Labels {
    /// Whether each list has a 0 or 1 for each label, as the tables have them from which transformers trains. Lists of
    /// indices have this form only if they repeat an index, or if there are two labels.
    fn are_flags(&self, lists: &[Option<&List>], wanted: Option<LabelReading>) -> bool {
        let flag = |item: Option<&str>| item.is_some_and(|item| flag(item).is_some());
        wanted.is_none()
            && lists
                .iter()
                .flatten()
                .all(|list| list.len() == self.0.len() && list.iter().all(flag))
    }
}

/// Parses a number that is 0 or 1, or a boolean.
fn flag(item: &str) -> Option<f32> {
    match item {
        "true" => Some(1.0),
        "false" => Some(0.0),
        number => number
            .parse()
            .ok()
            .filter(|&number| number == 0.0 || number == 1.0),
    }
}

impl ReadTruth for Labels {
    fn reads_lists(&self) -> bool {
        true
    }

    /// Reads lists of labels, by name or by index, or lists of a 0 or 1 per label.
    fn read(
        &self,
        column: Column<'_>,
        wanted: Option<LabelReading>,
    ) -> Result<Vec<Option<Truth>>, DataError> {
        let lists = label::lists(column)?;
        if self.are_flags(&lists, wanted) {
            let flags = |list: &List| list.iter().filter_map(|item| flag(item?)).collect();
            let truths = lists.into_iter();
            return Ok(truths
                .map(|list| list.map(|list| Truth::Numbers(flags(list))))
                .collect());
        }
        let classes = label::classes_of_lists(column, &lists, &self.0, wanted, |_| false)?;
        let truth = |present: Vec<Option<usize>>| {
            let mut truth = vec![0.0; self.0.len()];
            present
                .into_iter()
                .flatten()
                .for_each(|class| truth[class] = 1.0);
            Truth::Numbers(truth)
        };
        Ok(classes
            .into_iter()
            .map(|present| present.map(truth))
            .collect())
    }
}

impl Divergence for Labels {
    /// Returns the sum over the labels of `T^2 KL(p || q)` of the Bernoulli distributions with `p = sigmoid(z / T)`.
    fn divergence(&self, original: Outputs<'_>, changed: Outputs<'_>, temperature: f64) -> f64 {
        let labels = original.values.iter().zip(changed.values);
        let sum: f64 = labels
            .map(|(&original, &changed)| bernoulli::divergence(original, changed, temperature))
            .sum();
        temperature * temperature * sum
    }

    /// Returns `sqrt(p (1 - p))` along each label: near `d = 0` the divergence is `sum p (1 - p) d^2 / 2`.
    fn directions(&self, at: Outputs<'_>, row: usize, form: Form) -> Vec<Vec<f32>> {
        let sizes = at.values.iter();
        let sizes = sizes.map(|&logit| bernoulli::variance(logit, form.temperature).sqrt() as f32);
        diagonal::directions(&sizes.collect::<Vec<_>>(), row, form.seed)
    }

    fn scale(&self, _: usize, _: usize) -> f64 {
        0.5 * diagonal::scale(self.0.len())
    }
}

impl Answer for Labels {
    fn task(&self) -> &'static Task {
        &TASK
    }

    fn agreement(&self, left: Outputs<'_>, right: Outputs<'_>) -> Option<f64> {
        let same = left.values.iter().zip(right.values);
        let same = same.filter(|(left, right)| (**left > 0.0) == (**right > 0.0));
        Some(same.count() as f64 / left.values.len() as f64)
    }

    /// Returns for each label whether it is predicted rightly, predicted, and true. A label is predicted if its
    /// probability is above one half.
    fn record(&self, outputs: Outputs<'_>, truth: &Truth) -> Vec<f64> {
        let labels = outputs.values.iter().zip(truth.numbers());
        labels
            .flat_map(|(&logit, &truth)| {
                let (predicted, truth) = (f64::from(u8::from(logit > 0.0)), f64::from(truth));
                [predicted * truth, predicted, truth]
            })
            .collect()
    }

    /// Names the predicted labels, with their probabilities. If there is none, names the most probable label.
    fn describe(&self, example: &Example<'_>) -> Description {
        let answer = |outputs: Outputs<'_>| {
            let named = |label: usize| {
                let probability = bernoulli::probability(outputs.values[label], 1.0);
                format!("{} ({})", self.0[label], percent(probability))
            };
            let present: Vec<usize> = (0..self.0.len())
                .filter(|&label| outputs.values[label] > 0.0)
                .collect();
            match present.is_empty() {
                true => format!(
                    "no label; most probable is {}",
                    named(predicted(outputs.values))
                ),
                false => listed(present.into_iter().map(named)),
            }
        };
        let truth = |truth: &Truth| {
            let labels = self.0.iter().zip(truth.numbers());
            let present = labels.filter(|(_, truth)| **truth > 0.0);
            let present: Vec<String> = present.map(|(label, _)| label.clone()).collect();
            match present.is_empty() {
                true => "no label".to_owned(),
                false => listed(present.into_iter()),
            }
        };
        example.each(answer, truth)
    }

    fn became_wrong(&self, before: &[f64], after: &[f64]) -> bool {
        let right = |record: &[f64]| {
            let labels = record.chunks_exact(3);
            // The number of labels that are predicted and true, or neither.
            labels.filter(|label| label[1] == label[2]).count()
        };
        right(after) < right(before)
    }

    /// Returns the F1 score over all labels together, and the mean of the F1 scores of the labels. The F1 score of a
    /// label that is neither predicted nor true is 0, as in scikit-learn.
    fn metrics(&self, _: &[&Truth], records: Records<'_>) -> Vec<Metric> {
        let parts = |label: &[f64]| (2.0 * label[0], label[1] + label[2]);
        let micro = |records: &[Vec<f64>]| {
            let examples = records.iter().map(|record| {
                let labels = record.chunks_exact(3).map(parts);
                labels.fold((0.0, 0.0), |sum, label| (sum.0 + label.0, sum.1 + label.1))
            });
            ratio(&examples.collect::<Vec<_>>())
        };
        let of_macro = |records: &[Vec<f64>]| {
            let labels = (0..self.0.len()).map(|label| {
                let examples = records.iter();
                let examples = examples.map(|record| parts(&record[3 * label..3 * label + 3]));
                ratio(&examples.collect::<Vec<_>>())
            });
            let labels: Vec<Vec<f64>> = labels.collect();
            let of_example = |example: usize| {
                mean(
                    &labels
                        .iter()
                        .map(|label| label[example])
                        .collect::<Vec<_>>(),
                )
            };
            (0..records.len()).map(of_example).collect()
        };
        vec![
            Metric::of_contributions("micro_f1", records, None, micro),
            Metric::of_contributions("macro_f1", records, None, of_macro),
        ]
    }
}
