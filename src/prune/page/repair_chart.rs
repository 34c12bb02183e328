//! The errors of the projections before and after the repair.

use maud::{Markup, html};

use super::units::small;
use crate::prune::report::CompensationReport;

pub(super) const EXPLANATION: &str = "The error of the output of each layer whose units were cut, relative to the output itself: by the cut \
    alone (light), and after the remaining weights were solved again (dark).";

/// Draws two bars for each projection.
pub(super) fn chart(reports: &[CompensationReport]) -> Markup {
    let largest = reports.iter().map(|report| report.error_before);
    let largest = largest.fold(f64::MIN_POSITIVE, f64::max);
    let width = |error: f64| format!("{:.2}%", (100.0 * error / largest).clamp(0.0, 100.0));
    html! {
        div.bars {
            @for report in reports {
                div.row {
                    span.name { (report.group) }
                    svg.bar aria-hidden="true" {
                        rect.before width=(width(report.error_before)) height="100%" {}
                        rect.after width=(width(report.error_after)) height="100%" {}
                    }
                    span.share {
                        (small(report.error_before)) " → " (small(report.error_after))
                        @if !report.accepted { " (not used)" }
                    }
                }
            }
        }
    }
}
