//! Embeddings: a vector per text. Users compare two texts by the cosine of the angle between their vectors.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::metric::{Metric, Records};
use super::number::truths;
use super::sampling::signs;
use super::task::{Answer, Description, Divergence, Example, Form, Head, Outputs, Task};
use crate::checkpoint::config::SENTENCE_TRANSFORMER;
use crate::checkpoint::error::CheckpointError;
use crate::data::error::DataError;
use crate::data::label::LabelReading;
use crate::data::table::column::Column;
use crate::data::truth::{ReadTruth, Truth};
use crate::statistics::{mean, spearman};

/// The task.
pub const TASK: Task = Task {
    name: "sentence_embedding",
    heads: &[Head {
        input: "text",
        class: SENTENCE_TRANSFORMER,
        pipeline: "sentence-similarity",
    }],
    outputs: &["sentence_embedding"],
    open,
};

/// A vector per text. The truth of a text is the score of its pair, and the row of the pair in the table.
#[derive(Default)]
struct Vectors {
    /// Vectors of length 1 with which those of other texts are compared.
    anchors: Vec<Vec<f64>>,
}

/// Number of random directions of each vector, and again of its cosines with the anchors.
const DIRECTIONS: usize = 8;

/// Maximum number of anchors.
const MAX_ANCHORS: usize = 256;

fn open(_: &str, _: &[String]) -> Option<Result<Arc<dyn Answer>, CheckpointError>> {
    Some(Ok(Arc::new(Vectors::default())))
}

/// Returns a vector of length 1 in the same direction, and the length. A vector of zeros stays.
fn unit(values: &[f32]) -> (Vec<f64>, f64) {
    let values = values.iter().map(|&value| f64::from(value));
    let length = values.clone().map(|value| value * value).sum::<f64>();
    let length = length.sqrt().max(f64::MIN_POSITIVE);
    (values.map(|value| value / length).collect(), length)
}

fn product(left: &[f64], right: &[f64]) -> f64 {
    left.iter()
        .zip(right)
        .map(|(left, right)| left * right)
        .sum()
}

impl ReadTruth for Vectors {
    fn reads_texts_apart(&self) -> bool {
        true
    }

    fn of_row(&self, truth: Truth, row: usize) -> Truth {
        let score = truth.numbers().first().copied().unwrap_or_default();
        Truth::Numbers(vec![score, row as f32])
    }

    fn read(
        &self,
        column: Column<'_>,
        _: Option<LabelReading>,
    ) -> Result<Vec<Option<Truth>>, DataError> {
        truths(column)
    }
}

impl Divergence for Vectors {
    /// Returns 1 minus the cosine of the angle between both vectors. This is `|c|^2 / 2` for the change `c` of the vectors with
    /// length 1. With anchors, adds the mean of the squared changes of the cosines with them, times half the number of channels:
    /// this has the same expectation if the anchors point in all directions alike.
    fn divergence(&self, original: Outputs<'_>, changed: Outputs<'_>, _: f64) -> f64 {
        let ((original, _), (changed, _)) = (unit(original.values), unit(changed.values));
        let of_vectors = 1.0 - product(&original, &changed);
        if self.anchors.is_empty() {
            return of_vectors;
        }
        let change: Vec<f64> = changed.iter().zip(&original).map(|(a, b)| a - b).collect();
        let cosines = self.anchors.iter();
        let cosines: Vec<f64> = cosines
            .map(|anchor| product(anchor, &change).powi(2))
            .collect();
        of_vectors + 0.5 * change.len() as f64 * mean(&cosines)
    }

    /// Returns random directions across the vector `v`, near which the length of the change is `|d - (d u) u| / |v|`, with
    /// `u = v / |v|`: sums of all channels with random signs, and sums of all anchors with random signs.
    fn directions(&self, at: Outputs<'_>, row: usize, form: Form) -> Vec<Vec<f32>> {
        let (unit, length) = unit(at.values);
        let channels = unit.len() as f64;
        let across = |drawn: Vec<f64>| -> Vec<f32> {
            let along = product(&drawn, &unit);
            let across = drawn.iter().zip(&unit);
            let across = across.map(|(drawn, unit)| ((drawn - along * unit) / length) as f32);
            across.collect()
        };
        let of_channels = (0..DIRECTIONS).map(|index| {
            let mut sign = signs(row, index, form.seed);
            unit.iter().map(|_| sign()).collect::<Vec<f64>>()
        });
        let count = if self.anchors.is_empty() {
            0
        } else {
            DIRECTIONS
        };
        let of_anchors = (DIRECTIONS..DIRECTIONS + count).map(|index| {
            let mut sign = signs(row, index, form.seed);
            let mut sum = vec![0.0; unit.len()];
            for anchor in &self.anchors {
                let sign = sign();
                sum.iter_mut()
                    .zip(anchor)
                    .for_each(|(sum, anchor)| *sum += sign * anchor);
            }
            let factor = (channels / self.anchors.len() as f64).sqrt();
            sum.into_iter().map(|sum| factor * sum).collect()
        });
        of_channels.chain(of_anchors).map(across).collect()
    }

    fn scale(&self, _: usize, _: usize) -> f64 {
        0.5 / DIRECTIONS as f64
    }

    /// Returns the same with these vectors as anchors, so that the similarities of texts count as well.
    fn among(&self, originals: &[Outputs<'_>]) -> Option<Arc<dyn Divergence>> {
        let step = originals.len().div_ceil(MAX_ANCHORS).max(1);
        let anchors = originals.iter().step_by(step);
        let anchors = anchors.map(|original| unit(original.values).0).collect();
        Some(Arc::new(Self { anchors }))
    }
}

impl Answer for Vectors {
    fn task(&self) -> &'static Task {
        &TASK
    }

    fn agreement(&self, _: Outputs<'_>, _: Outputs<'_>) -> Option<f64> {
        None
    }

    /// Returns the score and the row of the pair, and the vector with length 1.
    fn record(&self, outputs: Outputs<'_>, truth: &Truth) -> Vec<f64> {
        let (unit, _) = unit(outputs.values);
        let pair = truth.numbers().iter().map(|&number| f64::from(number));
        pair.chain(unit).collect()
    }

    /// Tells the cosine between both vectors. There is no true vector.
    fn describe(&self, example: &Example<'_>) -> Description {
        let ((before, _), (after, _)) = (unit(example.before.values), unit(example.after.values));
        Description {
            before: format!("{} numbers", before.len()),
            after: format!(
                "cosine with the vector of the original: {:.4}",
                product(&before, &after)
            ),
            truth: None,
        }
    }

    /// Returns Spearman's rank correlation between the cosines of the pairs and their scores.
    fn metrics(&self, _: &[&Truth], records: Records<'_>) -> Vec<Metric> {
        let [before, after] = [records.before, records.after].map(pairs);
        let bare = records.bare.map(pairs);
        let of_pairs = Records {
            before: &before,
            after: &after,
            bare: bare.as_deref(),
        };
        let score = |records: &[Vec<f64>], rows: &[usize]| {
            let pick = |place: usize| -> Vec<f64> {
                rows.iter().map(|&row| records[row][place]).collect()
            };
            spearman(&pick(0), &pick(1))
        };
        vec![Metric::bootstrapped("spearman", of_pairs, score)]
    }
}

/// Returns the cosine and the score of each pair, in the order of the table.
fn pairs(records: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let mut by_row: BTreeMap<u64, Vec<&[f64]>> = BTreeMap::new();
    for record in records {
        by_row.entry(record[1] as u64).or_default().push(record);
    }
    let whole = by_row.into_values().filter_map(|texts| match *texts {
        [one, other] => Some(vec![product(&one[2..], &other[2..]), one[0]]),
        _ => None,
    });
    whole.collect()
}
