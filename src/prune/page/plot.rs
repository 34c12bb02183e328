//! What the plots have in common: their size, their axes, and curves and words in them. Points are pairs of fractions, from
//! the left and from the bottom.

use std::fmt::Write;

use maud::{Markup, PreEscaped, html};

/// Size of a plot, without its margins.
const SIZE: [f64; 2] = [640.0, 220.0];

/// Margins at the left and below, for the labels.
const MARGIN: [f64; 2] = [84.0, 34.0];

/// Margin at the right and above.
const EDGE: f64 = 12.0;

/// Powers of ten from the top to the bottom of a logarithmic scale.
#[derive(Clone, Copy, Debug)]
pub(super) struct Powers {
    pub(super) top: i32,
    pub(super) bottom: i32,
}

impl Powers {
    /// Returns the height of a share, from 0 to 1.
    pub(super) fn height(self, share: f64) -> f64 {
        let [top, bottom] = [self.top, self.bottom].map(f64::from);
        let power = share.max(f64::MIN_POSITIVE).log10();
        ((power - bottom) / (top - bottom)).clamp(0.0, 1.0)
    }

    /// Draws a line with a label at each power, in percent.
    pub(super) fn levels(self) -> Markup {
        html! {
            @for power in self.bottom..=self.top {
                (level(self.height(10f64.powi(power)), &label(power)))
            }
        }
    }
}

/// Writes a power of ten in percent.
fn label(power: i32) -> String {
    match power {
        -6.. => format!("{} %", 100.0 * 10f64.powi(power)),
        _ => format!("1e{} %", power + 2),
    }
}

/// Draws a plot with this content.
pub(super) fn plot(label: &str, content: Markup) -> Markup {
    let view = format!(
        "0 0 {} {}",
        SIZE[0] + MARGIN[0] + EDGE,
        SIZE[1] + MARGIN[1] + EDGE
    );
    html! {
        svg.plot viewBox=(view) role="img" aria-label=(label) { (content) }
    }
}

/// Returns the coordinates of a point.
pub(super) fn place([x, y]: [f64; 2]) -> [f64; 2] {
    [MARGIN[0] + x * SIZE[0], EDGE + (1.0 - y) * SIZE[1]]
}

/// Draws a curve through some points.
pub(super) fn curve(class: &str, points: &[[f64; 2]]) -> Markup {
    let mut path = String::new();
    for (index, point) in points.iter().enumerate() {
        let [x, y] = place(*point);
        let step = if index == 0 { 'M' } else { 'L' };
        // Writing to a string cannot fail.
        let _ = write!(path, "{step}{x:.1} {y:.1}");
    }
    PreEscaped(format!("<path class=\"{class}\" d=\"{path}\"/>"))
}

/// Draws a line at this height, with a label at its left.
fn level(height: f64, label: &str) -> Markup {
    let [left, y] = place([0.0, height]);
    let [right, _] = place([1.0, 0.0]);
    html! {
        line.grid x1=(left) x2=(right) y1=(y) y2=(y) {}
        (words("label", "end", [left - 8.0, y + 4.0], label))
    }
}

/// Writes words below the plot.
pub(super) fn below(anchor: &str, fraction: f64, label: &str) -> Markup {
    let [x, bottom] = place([fraction, 0.0]);
    words("label", anchor, [x, bottom + 20.0], label)
}

/// Writes words at these coordinates.
pub(super) fn words(class: &str, anchor: &str, [x, y]: [f64; 2], words: &str) -> Markup {
    let escaped = html! { (words) }.into_string();
    PreEscaped(format!(
        "<text class=\"{class}\" text-anchor=\"{anchor}\" x=\"{x:.1}\" y=\"{y:.1}\">{escaped}</text>"
    ))
}
