//! The frontier of a job as a chart.

use maud::{Markup, html};
use serde_json::json;

use crate::dashboard::wire::frontier::Frontier;
use crate::quantity::short;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 260.0;
const LEFT: f64 = 44.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 30.0;

/// Horizontal position of a percentage of the operations.
fn x(percent: f64) -> f64 {
    LEFT + percent / 100.0 * (WIDTH - LEFT - RIGHT)
}

/// The vertical axis, from a lower bound to 1.
struct Axis {
    low: f64,
}

impl Axis {
    /// Begins at a multiple of ten percent below all points.
    fn of(frontier: &Frontier) -> Self {
        let lowest = frontier
            .points
            .iter()
            .map(|point| point.importance)
            .fold(1.0, f64::min);
        Self {
            low: ((lowest * 10.0).floor() / 10.0).clamp(0.0, 0.9),
        }
    }

    fn y(&self, importance: f64) -> f64 {
        let share = (importance - self.low) / (1.0 - self.low);
        TOP + (1.0 - share) * (HEIGHT - TOP - BOTTOM)
    }

    /// The lines of the grid.
    fn ticks(&self) -> Vec<f64> {
        let step = if self.low >= 0.75 {
            0.05
        } else if self.low >= 0.4 {
            0.1
        } else {
            0.2
        };
        let count = ((1.0 - self.low) / step).round() as i32;
        (0..=count)
            .map(|index| 1.0 - f64::from(index) * step)
            .collect()
    }
}

/// Draws the frontier with marks at the job's own percentage and at another one, which a script moves.
pub(crate) fn chart(frontier: &Frontier, own: u64, next: u64) -> Markup {
    let axis = Axis::of(frontier);
    let points = frontier
        .points
        .iter()
        .map(|point| (x(point.percent as f64), axis.y(point.importance)));
    let points: Vec<String> = points.map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    let base = HEIGHT - BOTTOM;
    let ends = frontier.points.first().zip(frontier.points.last());
    let area = ends.map(|(first, last)| {
        let (first, last) = (x(first.percent as f64), x(last.percent as f64));
        format!(
            "M{first:.1},{base} L{} L{last:.1},{base} Z",
            points.join(" L")
        )
    });
    let at = |percent: u64| {
        frontier
            .points
            .iter()
            .find(|point| point.percent == percent)
    };
    let data = frontier.points.iter().map(|point| {
        json!([
            point.percent,
            x(point.percent as f64),
            axis.y(point.importance),
            short(point.macs),
            short(point.parameters),
            format!("{:.1}", point.importance * 100.0)
        ])
    });
    let data = serde_json::Value::from_iter(data).to_string();
    html! {
        svg.chart viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" aria-label="Importance kept at each percentage of the operations" data-points=(data) {
            @for tick in axis.ticks() {
                @let y = axis.y(tick);
                line.grid x1=(LEFT) x2=(WIDTH - RIGHT) y1=(y) y2=(y) {}
                text.tick x=(LEFT - 8.0) y=(y + 4.0) text-anchor="end" { (format!("{:.0} %", tick * 100.0)) }
            }
            @for percent in [0_u32, 20, 40, 60, 80, 100] {
                text.tick x=(x(f64::from(percent))) y=(HEIGHT - 8.0) text-anchor="middle" { (percent) " %" }
            }
            @if let Some(area) = &area { path.area d=(area) {} }
            polyline.line points=(points.join(" ")) {}
            @if let Some(point) = at(own) {
                line.own x1=(x(own as f64)) x2=(x(own as f64)) y1=(TOP) y2=(base) {}
                circle.own cx=(x(own as f64)) cy=(axis.y(point.importance)) r="4.5" {}
                @let flips = own > 80;
                text.mark x=(x(own as f64) + if flips { -8.0 } else { 8.0 }) y=(base - 8.0) text-anchor=(if flips { "end" } else { "start" }) { "this job" }
            }
            @if let Some(point) = at(next) {
                g.next {
                    line x1=(x(next as f64)) x2=(x(next as f64)) y1=(TOP) y2=(base) {}
                    circle cx=(x(next as f64)) cy=(axis.y(point.importance)) r="6" {}
                }
            }
        }
    }
}
