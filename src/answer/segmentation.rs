//! Semantic segmentation: one of several classes per pixel of an image.
//!
//! The answers are those of a map that is smaller than the image: at each of its pixels, the logarithm of the score of
//! each class. The scores of a pixel need not sum to 1. They must be positive, because the logarithm of 0 has no
//! divergence. The metrics and the pictures compare maps in the size of the image, which are made of the queries.

use std::sync::Arc;

use super::description::listed;
use super::metric::{Metric, Records};
use super::overlap;
use super::positions::Positions;
use super::queries::Queries;
use super::semantic;
use super::task::{Answer, Description, Divergence, Example, Form, Head, LOGITS, Outputs, Task};
use crate::checkpoint::error::CheckpointError;
use crate::data::error::DataError;
use crate::data::label::LabelReading;
use crate::data::label_map::LabelMap;
use crate::data::table::column::Column;
use crate::data::truth::{ReadTruth, Truth};
use crate::quantity::percent;

/// The task.
pub const TASK: Task = Task {
    name: "semantic_segmentation",
    heads: &[Head {
        input: "image",
        class: "ForUniversalSegmentation",
        pipeline: "image-segmentation",
    }],
    outputs: LOGITS,
    open,
};

/// Common names of columns of label maps.
const COLUMNS: &[&str] = &[
    "label",
    "labels",
    "annotation",
    "annotations",
    "mask",
    "masks",
    "segmentation",
    "semantic_segmentation",
];

/// Classes of pixels, by name. The truth of an example is a label map.
struct Pixels {
    labels: Vec<String>,
}

fn open(_: &str, labels: &[String]) -> Option<Result<Arc<dyn Answer>, CheckpointError>> {
    Some(match labels.len() {
        1 => Err(CheckpointError::UnsupportedModel(
            "config.json describes a segmentation with one label, but a segmentation needs at least two; name all \
             classes in id2label"
                .to_owned(),
        )),
        _ => Ok(Arc::new(Pixels {
            labels: labels.to_vec(),
        })),
    })
}

impl Pixels {
    fn positions(&self) -> Positions {
        Positions(self.labels.len())
    }

    /// Names the largest classes of a map of this many pixels, with their shares.
    fn shares(&self, map: impl Iterator<Item = Option<usize>>, pixels: usize) -> String {
        let mut counts = vec![0usize; self.labels.len()];
        map.flatten().for_each(|class| counts[class] += 1);
        let mut present: Vec<usize> = (0..counts.len())
            .filter(|&class| counts[class] > 0)
            .collect();
        present.sort_by_key(|&class| std::cmp::Reverse(counts[class]));
        listed(present.into_iter().map(|class| {
            let share = counts[class] as f64 / pixels.max(1) as f64;
            format!("{} {}", self.labels[class], percent(share))
        }))
    }

    /// Returns the predicted class of each pixel of an image of this size.
    fn map(&self, outputs: Outputs<'_>, to: [usize; 2]) -> Vec<usize> {
        let queries = outputs.queries.zip(outputs.size);
        let (queries, size) = queries.expect("the answers are a map that was made of queries");
        semantic::predicted(queries, self.labels.len(), size, to)
    }
}

impl ReadTruth for Pixels {
    fn columns(&self) -> &'static [&'static str] {
        COLUMNS
    }

    fn map_classes(&self) -> Option<usize> {
        Some(self.labels.len())
    }

    /// Fails, because label maps are images and not the fields of a table.
    fn read(
        &self,
        column: Column<'_>,
        _: Option<LabelReading>,
    ) -> Result<Vec<Option<Truth>>, DataError> {
        Err(DataError::Invalid(format!(
            "{}, column \"{}\" contains no label maps, but this model predicts a class for each pixel of an image",
            column.table.file,
            column.name()
        )))
    }
}

impl Divergence for Pixels {
    fn divergence(&self, original: Outputs<'_>, changed: Outputs<'_>, temperature: f64) -> f64 {
        self.positions().divergence(original, changed, temperature)
    }

    fn directions(&self, at: Outputs<'_>, row: usize, form: Form) -> Vec<Vec<f32>> {
        self.positions().directions(at, row, form)
    }

    fn scale(&self, _: usize, positions: usize) -> f64 {
        self.positions().scale(positions)
    }
}

impl Answer for Pixels {
    fn task(&self) -> &'static Task {
        &TASK
    }

    fn agreement(&self, left: Outputs<'_>, right: Outputs<'_>) -> Option<f64> {
        Some(self.positions().agreement(left, right))
    }

    /// Returns the counts of the pixels of each class; see [`overlap`].
    fn record(&self, outputs: Outputs<'_>, truth: &Truth) -> Vec<f64> {
        let map = truth.map().expect("the truth of a segmentation is a map");
        let predicted = self.map(outputs, map.size());
        overlap::record(&predicted, self.labels.len(), map)
    }

    /// Names the largest classes of both maps, with their shares of the pixels. Tells how many pixels changed, and the mean
    /// over the classes of intersection over union: with the true map if it is known, or else of both maps.
    fn describe(&self, example: &Example<'_>) -> Description {
        let truth = example.truth.and_then(Truth::map);
        let own = example.before.size.unwrap_or([example.before.positions, 1]);
        let size = truth.map_or(own, LabelMap::size);
        let [before, after] =
            [example.before, example.after].map(|outputs| self.map(outputs, size));
        let changed = before.iter().zip(&after);
        let changed = changed.filter(|(before, after)| before != after).count();
        let changed = percent(changed as f64 / before.len().max(1) as f64);
        let classes = self.labels.len();
        let overlap = |own: &[usize], other: &LabelMap| {
            percent(overlap::mean_iou(
                &overlap::record(own, classes, other),
                classes,
            ))
        };
        let shares = |map: &[usize]| self.shares(map.iter().copied().map(Some), map.len());
        let (of_before, of_after) = (shares(&before), shares(&after));
        match truth {
            Some(truth) => Description {
                before: format!("{of_before}; mean IoU {}", overlap(&before, truth)),
                after: format!(
                    "{of_after}; mean IoU {}; {changed} of the pixels changed",
                    overlap(&after, truth)
                ),
                truth: Some(self.shares(truth.classes(), before.len())),
            },
            None => {
                let pixels = before.iter().map(|&class| Some(class as u16));
                let before = LabelMap::new(size, classes, pixels);
                Description {
                    before: of_before,
                    after: format!(
                        "{of_after}; {changed} of the pixels changed, mean IoU of both maps {}",
                        overlap(&after, &before)
                    ),
                    truth: None,
                }
            }
        }
    }

    fn parts(&self) -> Option<Arc<dyn Divergence>> {
        Some(Arc::new(Queries {
            classes: self.labels.len() + 1,
        }))
    }

    fn predicted_map(&self, outputs: Outputs<'_>, size: [usize; 2]) -> Option<Vec<usize>> {
        Some(self.map(outputs, size))
    }

    fn metrics(&self, _: &[&Truth], records: Records<'_>) -> Vec<Metric> {
        overlap::metrics(&self.labels, records)
    }
}
