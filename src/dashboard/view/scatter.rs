//! A chart of a few models: quality against size.

use maud::{Markup, html};

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 240.0;
const LEFT: f64 = 52.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 30.0;

/// A model.
pub(crate) struct Dot {
    pub(crate) name: char,
    /// Fraction of the operations that it keeps.
    pub(crate) x: f64,
    pub(crate) y: f64,
    /// Half-width of the confidence interval of `y`.
    pub(crate) interval: f64,
}

pub(crate) fn scatter(dots: &[Dot]) -> Markup {
    let low = dots
        .iter()
        .map(|dot| dot.y - dot.interval)
        .fold(f64::INFINITY, f64::min);
    let high = dots
        .iter()
        .map(|dot| dot.y + dot.interval)
        .fold(f64::NEG_INFINITY, f64::max);
    let step = step((high - low).max(1e-6));
    let (low, high) = ((low / step).floor() * step, (high / step).ceil() * step);
    let high = if high > low { high } else { low + step };
    let x = |share: f64| LEFT + share * (WIDTH - LEFT - RIGHT);
    let y = |value: f64| TOP + (high - value) / (high - low) * (HEIGHT - TOP - BOTTOM);
    let count = ((high - low) / step).round() as i32;
    let decimals = if step < 0.1 {
        2
    } else if step < 1.0 {
        1
    } else {
        0
    };
    html! {
        svg.chart.still viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" aria-label="Quality against size; the table has the numbers" {
            @for index in 0..=count {
                @let value = low + f64::from(index) * step;
                line.grid x1=(LEFT) x2=(WIDTH - RIGHT) y1=(y(value)) y2=(y(value)) {}
                text.tick x=(LEFT - 8.0) y=(y(value) + 4.0) text-anchor="end" { (format!("{value:.decimals$}")) }
            }
            @for percent in [0_u32, 20, 40, 60, 80, 100] {
                text.tick x=(x(f64::from(percent) / 100.0)) y=(HEIGHT - 8.0) text-anchor="middle" { (percent) " %" }
            }
            @for dot in dots {
                @let at = x(dot.x);
                @if dot.interval > 0.0 { line.interval x1=(at) x2=(at) y1=(y(dot.y - dot.interval)) y2=(y(dot.y + dot.interval)) {} }
                circle.dot cx=(at) cy=(y(dot.y)) r="9" {}
                text.letter x=(at) y=(y(dot.y) + 4.0) text-anchor="middle" { (dot.name) }
            }
        }
    }
}

/// A round distance between grid lines, for three to six of them.
fn step(span: f64) -> f64 {
    let rough = span / 4.0;
    let power = 10_f64.powf(rough.log10().floor());
    let multiple = [1.0, 2.0, 5.0]
        .into_iter()
        .find(|multiple| multiple * power >= rough);
    multiple.unwrap_or(10.0) * power
}

#[cfg(test)]
mod tests {
    use super::step;

    #[test]
    fn grid_lines_have_round_distances() {
        for (span, expected) in [
            (4.0, 1.0),
            (5.0, 2.0),
            (0.9, 0.5),
            (0.03, 0.01),
            (150.0, 50.0),
        ] {
            assert!(
                (step(span) - expected).abs() < 1e-9,
                "{span}: {}",
                step(span)
            );
        }
    }
}
