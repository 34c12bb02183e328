//! The best choices at other targets.

use std::fmt::Write;

use maud::{Markup, PreEscaped, html};

use super::units::percent;
use crate::prune::search::frontier::Frontier;

pub(super) const EXPLANATION: &str = "How much of the importance of all units the best choice removes at each share of the FLOPs, on a logarithmic \
    scale. It estimates the loss before any repair. A new target starts from the scores of this job, so it takes seconds: \
    POST /v1/jobs/{id}/resolve.";

/// The powers of ten at the top and at the bottom of the scale.
const POWERS: [i32; 2] = [0, -4];

/// Size of the plot, without its margins.
const SIZE: [f64; 2] = [640.0, 220.0];

/// Margins at the left and below, for the labels.
const MARGIN: [f64; 2] = [60.0, 34.0];

/// Draws the curve and the chosen point. `kept` is the share of the FLOPs that was kept.
pub(super) fn chart(frontier: &Frontier, kept: f64) -> Markup {
    let points = frontier.points.iter();
    let points: Vec<[f64; 2]> = points
        .map(|point| [point.percent as f64 / 100.0, height(1.0 - point.importance)])
        .collect();
    let chosen = points
        .iter()
        .copied()
        .min_by(|a, b| (a[0] - kept).abs().total_cmp(&(b[0] - kept).abs()));
    let mut path = String::new();
    for (index, point) in points.iter().enumerate() {
        let [x, y] = place(*point);
        let step = if index == 0 { 'M' } else { 'L' };
        // Writing to a string cannot fail.
        let _ = write!(path, "{step}{x:.1} {y:.1}");
    }
    let view = format!(
        "0 0 {} {}",
        SIZE[0] + MARGIN[0] + 12.0,
        SIZE[1] + MARGIN[1] + 12.0
    );
    html! {
        svg.plot viewBox=(view) role="img" aria-label="Removed importance by share of the FLOPs" {
            @for power in POWERS[1]..=POWERS[0] {
                (level(10f64.powi(power)))
            }
            @for quarter in 0..=4 {
                (column(f64::from(quarter) / 4.0))
            }
            (PreEscaped(format!("<path class=\"curve\" d=\"{path}\"/>")))
            @if let Some([_, y]) = chosen {
                (mark([kept, y]))
            }
        }
    }
}

/// Returns the coordinates of a point of two fractions.
fn place([x, y]: [f64; 2]) -> [f64; 2] {
    [MARGIN[0] + x * SIZE[0], 12.0 + (1.0 - y) * SIZE[1]]
}

/// Returns the height of a share on the logarithmic scale, from 0 to 1.
fn height(share: f64) -> f64 {
    let [top, bottom] = POWERS.map(f64::from);
    let power = share.max(f64::MIN_POSITIVE).log10();
    ((power - bottom) / (top - bottom)).clamp(0.0, 1.0)
}

/// Draws the line and the label of a share of the importance.
fn level(importance: f64) -> Markup {
    let [left, y] = place([0.0, height(importance)]);
    let [right, _] = place([1.0, 0.0]);
    let label = format!("{} %", 100.0 * importance);
    html! {
        line.grid x1=(left) x2=(right) y1=(y) y2=(y) {}
        (words("label", "end", [left - 8.0, y + 4.0], &label))
    }
}

/// Writes the label of a share of the FLOPs.
fn column(fraction: f64) -> Markup {
    let [x, bottom] = place([fraction, 0.0]);
    let label = format!("{:.0} %", 100.0 * fraction);
    words("label", "middle", [x, bottom + 20.0], &label)
}

/// Draws the chosen point.
fn mark(point: [f64; 2]) -> Markup {
    let [x, y] = place(point);
    let label = format!("this model: {} of the FLOPs", percent(point[0]));
    html! {
        line.chosen x1=(x) x2=(x) y1=(y) y2=(place([0.0, 0.0])[1]) {}
        circle.chosen cx=(x) cy=(y) r="6" {}
        (words("mark", "start", [x + 12.0, y - 10.0], &label))
    }
}

/// Writes words that need no escaping, at a point.
fn words(class: &str, anchor: &str, [x, y]: [f64; 2], words: &str) -> Markup {
    PreEscaped(format!(
        "<text class=\"{class}\" text-anchor=\"{anchor}\" x=\"{x:.1}\" y=\"{y:.1}\">{words}</text>"
    ))
}
