//! The best choices at other targets.

use maud::{Markup, html};

use super::plot::{Powers, below, curve, place, plot, words};
use super::units::percent;
use crate::prune::search::frontier::Frontier;

pub(super) const EXPLANATION: &str = "How much of the importance of all units the best choice removes at each share of the FLOPs, on a logarithmic \
    scale. It estimates the loss before any repair. A new target starts from the scores of this job, so it takes seconds: \
    POST /v1/jobs/{id}/resolve.";

/// The scale of the removed importance.
const POWERS: Powers = Powers { top: 0, bottom: -4 };

/// Draws the curve and the chosen point. `kept` is the share of the FLOPs that was kept.
pub(super) fn chart(frontier: &Frontier, kept: f64) -> Markup {
    let points = frontier.points.iter();
    let points: Vec<[f64; 2]> = points
        .map(|point| {
            let removed = POWERS.height(1.0 - point.importance);
            [point.percent as f64 / 100.0, removed]
        })
        .collect();
    let chosen = points
        .iter()
        .copied()
        .min_by(|a, b| (a[0] - kept).abs().total_cmp(&(b[0] - kept).abs()));
    let content = html! {
        (POWERS.levels())
        @for quarter in 0..=4 {
            (below(if quarter < 4 { "middle" } else { "end" }, f64::from(quarter) / 4.0, &format!("{} %", 25 * quarter)))
        }
        (curve("curve", &points))
        @if let Some([_, y]) = chosen {
            (mark([kept, y]))
        }
    };
    plot("Removed importance by share of the FLOPs", content)
}

/// Draws the chosen point.
fn mark(point: [f64; 2]) -> Markup {
    let [x, y] = place(point);
    let label = format!("this model: {} of the FLOPs", percent(point[0]));
    // The words are on the side that has room for them.
    let (anchor, beside) = match point[0] > 0.5 {
        true => ("end", x - 12.0),
        false => ("start", x + 12.0),
    };
    html! {
        line.chosen x1=(x) x2=(x) y1=(y) y2=(place([0.0, 0.0])[1]) {}
        circle.chosen cx=(x) cy=(y) r="6" {}
        (words("mark", anchor, [beside, y - 12.0], &label))
    }
}
