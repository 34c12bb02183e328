//! The damage along the trajectory: the errors of the features after each block.

use maud::{Markup, html};

use super::plot::{Powers, below, curve, place, plot};
use super::units::small;
use crate::data::excerpt::beginning;
use crate::prune::report::{BlockDamage, TrajectoryReport};

pub(super) const EXPLANATION: &str = "How far the features of the pruned model are from those of the original after each block, from the first \
    to the last: the squared differences relative to the squared features, on a logarithmic scale. Where channels were cut, the \
    remaining ones are compared; where positions were merged, each one with the mean of those that it stands for.";

/// Smallest error of the scale, as a power of ten.
const LEAST: i32 = -8;

/// Longest name below the plot, in characters.
const NAME: usize = 24;

/// Draws the curve of the pruned model, and that without repair if something was repaired.
pub(super) fn chart(trajectory: &TrajectoryReport) -> Markup {
    let blocks = &trajectory.blocks;
    let errors = blocks.iter();
    let errors =
        errors.flat_map(|block| block.error_without_repair.into_iter().chain([block.error]));
    let powers = powers(errors);
    let points = |error: fn(&BlockDamage) -> Option<f64>| -> Vec<[f64; 2]> {
        let last = blocks.len().saturating_sub(1).max(1) as f64;
        let points = blocks.iter().enumerate();
        points
            .filter_map(|(index, block)| Some([index as f64 / last, powers.height(error(block)?)]))
            .collect()
    };
    let own = points(|block| Some(block.error));
    let mut bare = points(|block| block.error_without_repair);
    // A curve with gaps would tell little.
    if bare.len() < own.len() {
        bare.clear();
    }
    let content = html! {
        (powers.levels())
        @if let Some(first) = blocks.first() {
            (below("start", 0.0, &beginning(&first.block, NAME)))
        }
        @if let Some(last) = blocks.last().filter(|_| blocks.len() > 1) {
            (below("end", 1.0, &beginning(&last.block, NAME)))
        }
        (curve("curve bare", &bare))
        (curve("curve", &own))
        @for (point, block) in own.iter().zip(blocks) {
            (mark(*point, block))
        }
    };
    html! {
        (plot("Error of the features after each block", content))
        p.legend {
            span.swatch.own {} span { "pruned" }
            @if !bare.is_empty() {
                span.swatch.bare {} span { "pruned, without repair" }
            }
        }
        p.beside { "Measured on " (trajectory.rows) " rows." }
    }
}

/// Marks the error after a block. Its name and its errors appear when a pointer is over it.
fn mark(point: [f64; 2], block: &BlockDamage) -> Markup {
    let [x, y] = place(point);
    html! {
        circle.point cx=(format!("{x:.1}")) cy=(format!("{y:.1}")) r="3.5" {
            title {
                (block.block) ": " (small(block.error))
                @if let Some(bare) = block.error_without_repair {
                    ", without repair " (small(bare))
                }
            }
        }
    }
}

/// Returns the powers of ten around some errors.
fn powers(errors: impl Iterator<Item = f64>) -> Powers {
    let (mut least, mut most) = (f64::INFINITY, 0.0f64);
    for error in errors.filter(|error| *error > 0.0 && error.is_finite()) {
        (least, most) = (least.min(error), most.max(error));
    }
    if most == 0.0 {
        return Powers { top: 0, bottom: -1 };
    }
    let top = (most.log10().ceil() as i32).max(LEAST + 1);
    let bottom = (least.log10().floor() as i32).clamp(LEAST, top - 1);
    Powers { top, bottom }
}
