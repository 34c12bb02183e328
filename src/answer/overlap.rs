//! Overlap of predicted and true classes of pixels: intersection over union, and the accuracy of all pixels.

use super::metric::{Metric, Records, ratio};
use crate::data::label_map::LabelMap;

/// Number of counts of a class: the pixels that have it in the prediction and in truth, in the prediction, and in truth.
const COUNTS: usize = 3;

/// Adds a pixel with these classes to the counts of an image, `[classes, COUNTS]`.
fn add(counts: &mut [f64], predicted: usize, truth: usize) {
    counts[COUNTS * predicted + 1] += 1.0;
    counts[COUNTS * truth + 2] += 1.0;
    if predicted == truth {
        counts[COUNTS * truth] += 1.0;
    }
}

/// Returns the counts of an image, its record, from the predicted class of each pixel of its label map, in raster order.
/// Pixels without a class count nowhere.
pub(super) fn record(predicted: &[usize], classes: usize, map: &LabelMap) -> Vec<f64> {
    let mut counts = vec![0.0; COUNTS * classes];
    for (pixel, &predicted) in predicted.iter().enumerate() {
        if let Some(truth) = map.class(pixel) {
            add(&mut counts, predicted, truth);
        }
    }
    counts
}

/// Returns the sizes of the intersection and of the union of a class.
fn parts(counts: &[f64], class: usize) -> (f64, f64) {
    let counts = &counts[COUNTS * class..][..COUNTS];
    (counts[0], counts[1] + counts[2] - counts[0])
}

/// Adds up the counts of some images.
fn sum<'a>(images: impl Iterator<Item = &'a [f64]>, classes: usize) -> Vec<f64> {
    images.fold(vec![0.0; COUNTS * classes], |mut sums, counts| {
        let both = sums.iter_mut().zip(counts);
        both.for_each(|(sum, count)| *sum += count);
        sums
    })
}

/// Returns the mean over the classes that occur, in the prediction or in truth, of intersection over union. 0 if no
/// class occurs.
pub(super) fn mean_iou(counts: &[f64], classes: usize) -> f64 {
    let of_classes = (0..classes).map(|class| parts(counts, class));
    let occurring = of_classes.filter(|(_, union)| *union > 0.0);
    let (sum, count) = occurring.fold((0.0, 0), |(sum, count), (intersection, union)| {
        (sum + intersection / union, count + 1)
    });
    sum / f64::from(count.max(1))
}

/// Returns the metrics over all images together: the mean of intersection over union, the accuracy of the pixels, and
/// intersection over union of each class that occurs, in a prediction or in truth.
pub(super) fn metrics(labels: &[String], records: Records<'_>) -> Vec<Metric> {
    let classes = labels.len();
    let of_model = |records: &[Vec<f64>]| sum(records.iter().map(Vec::as_slice), classes);
    let totals = [of_model(records.before), of_model(records.after)];
    let of_truth = totals[0].iter().skip(2).step_by(COUNTS);
    let most = of_truth.clone().copied().fold(0.0, f64::max) / of_truth.sum::<f64>().max(1.0);
    let of_ratio = |name: String, constant, parts: &dyn Fn(&[f64]) -> (f64, f64)| {
        Metric::of_contributions(name, records, constant, |records| {
            let parts = records.iter().map(|counts| parts(counts));
            ratio(&parts.collect::<Vec<_>>())
        })
    };
    let mean = Metric::bootstrapped("mean_iou", records, |records, rows| {
        let images = rows.iter().map(|&row| records[row].as_slice());
        mean_iou(&sum(images, classes), classes)
    });
    let accuracy = of_ratio("pixel_accuracy".to_owned(), Some(most), &|counts| {
        let all = |at: usize| counts.iter().skip(at).step_by(COUNTS).sum();
        (all(0), all(2))
    });
    let occurs = |class: &usize| totals.iter().any(|counts| parts(counts, *class).1 > 0.0);
    let of_classes = (0..classes).filter(occurs).map(|class| {
        let name = format!("iou_{}", labels[class]);
        of_ratio(name, None, &|counts| parts(counts, class))
    });
    [mean, accuracy].into_iter().chain(of_classes).collect()
}
