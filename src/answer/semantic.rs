//! The semantic map of queries in the size of an image, as transformers makes it: the masks are enlarged, and then added up
//! by class (Cheng et al. 2022, "Masked-attention Mask Transformer", section 3).

use super::bilinear::resize;
use super::softmax;
use super::task::QueryOutputs;

/// Returns the class with the largest score at each pixel of a map of the size `to`, in raster order. The masks have the size
/// `size`. Each query has `classes + 1` logits.
pub(super) fn predicted(
    queries: QueryOutputs<'_>,
    classes: usize,
    size: [usize; 2],
    to: [usize; 2],
) -> Vec<usize> {
    let of_queries = queries.classes.chunks_exact(classes + 1);
    let of_queries: Vec<Vec<f32>> = of_queries
        .map(|logits| {
            let all = softmax::probabilities(logits, 1.0).into_iter();
            all.take(classes).map(|value| value as f32).collect()
        })
        .collect();
    let mut predicted = Vec::with_capacity(to.iter().product());
    let mut scores = vec![0.0; classes];
    resize(queries.masks, size, to, |_, row| {
        for masks in row.chunks_exact(of_queries.len()) {
            scores.fill(0.0);
            for (&mask, of_classes) in masks.iter().zip(&of_queries) {
                let covered = 1.0 / (1.0 + (-mask).exp());
                let both = scores.iter_mut().zip(of_classes);
                both.for_each(|(score, class)| *score += covered * class);
            }
            predicted.push(softmax::predicted(&scores));
        }
    });
    predicted
}
