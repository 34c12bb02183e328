//! What is known about the model and the data before the job is created.

use std::collections::BTreeMap;

use maud::{Markup, html};

use crate::dashboard::wire::estimate::Estimate;
use crate::dashboard::wire::problem::Problem;
use crate::quantity::{bytes, duration, grouped, short};

/// What the check does.
pub(super) fn hint() -> Markup {
    html! {
        h2 { "Check" }
        p.faint { "Reads the model and the data, and shows the architecture, the smallest reachable target, and what the job costs. Nothing is created." }
    }
}

pub(super) fn problem(problem: &Problem) -> Markup {
    html! {
        h2 { "Check" }
        div.notice.bad role="alert" { p { (problem.detail) } }
    }
}

/// A problem that stands at its field.
pub(super) fn at_field() -> Markup {
    html! {
        h2 { "Check" }
        div.notice.bad role="alert" { p { "The data cannot be used. The field of the data says why." } }
    }
}

pub(super) fn estimate(estimate: &Estimate, metric: Option<&str>) -> Markup {
    let mut units: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for group in &estimate.groups {
        let of_kind = units.entry(&group.kind).or_default();
        *of_kind = (of_kind.0 + 1, of_kind.1 + group.width);
    }
    let calibration = &estimate.calibration;
    html! {
        h2 { "Check" }
        div.notice.good { p { "The model and the data can be used." } }
        dl.checked data-macs=(estimate.macs) data-reachable=(estimate.reachable_percent) {
            dt { "Architecture" } dd { (estimate.architecture) }
            dt { "Original" } dd { (short(estimate.macs)) " MACs per row" br; (short(estimate.parameters)) " parameters, " (bytes(estimate.bytes)) }
            dt { "Prunable" } dd { @for (kind, (groups, width)) in &units { (grouped(*width as u64)) " " (kind) " units in " (groups) " groups" br; } }
            dt { "Reachable" } dd { "from " b { (format!("{:.1} %", estimate.reachable_percent)) } @if metric.is_some_and(|metric| metric != "flops") { " of the chosen quantity" } }
            dt { "Calibration" } dd { (grouped(calibration.rows)) " rows, " (format!("{:.0}", calibration.mean_length)) " positions each on average" }
            dt { "Scoring" } dd { "about " (duration(estimate.scoring_ms)) " on this machine" br; span.faint { "The repair, which takes most of the time, is not included." } }
            dt { "Memory" } dd { "about " (bytes(estimate.peak_bytes)) }
        }
    }
}
