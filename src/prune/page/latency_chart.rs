//! The measured times of a forward pass, beside the ideal.

use maud::{Markup, html};

use super::cards::device;
use super::units::milliseconds;
use crate::prune::report::{Latency, Report};

pub(super) const EXPLANATION: &str = "The time of a forward pass of both models in optin, measured alternately. The ideal is the time of the \
    original times the share of the FLOPs that is kept.";

/// Draws the times of each batch.
pub(super) fn charts(report: &Report) -> Markup {
    html! {
        @for latency in report.latencies() {
            (chart(latency, report))
        }
    }
}

fn chart(latency: &Latency, report: &Report) -> Markup {
    let before = latency.median_ms.before;
    let ideal = before * report.kept;
    let bars = [
        ("original", "before", before),
        ("pruned", "after", latency.median_ms.after),
        ("ideal", "ideal", ideal),
    ];
    let largest = bars
        .iter()
        .map(|(_, _, time)| *time)
        .fold(f64::MIN_POSITIVE, f64::max);
    html! {
        h3 {
            (latency.batch) " × " (latency.length) " " (report.position_name) " on " (device(report))
        }
        div.bars {
            @for (name, class, time) in bars {
                div.row {
                    span.name { (name) }
                    svg.bar aria-hidden="true" {
                        rect class=(class) width=(format!("{:.2}%", 100.0 * time / largest)) height="100%" {}
                    }
                    span.share { (milliseconds(time)) }
                }
            }
        }
    }
}
