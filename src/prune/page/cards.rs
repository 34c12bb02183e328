//! The numbers that matter first.

use maud::{Markup, html};

use super::units::{milliseconds, percent};
use crate::prune::report::{BeforeAfter, EvaluationReport, Latency, MetricReport, Report};
use crate::quantity::{bytes, share, short};

pub(super) fn cards(report: &Report) -> Markup {
    let size = &report.size;
    html! {
        div.cards {
            @match &report.evaluation {
                Some(evaluation) => (quality(evaluation)),
                None => (similarity(report)),
            }
            (counted("Multiply-accumulates", "per row", BeforeAfter { before: size.before.macs, after: size.after.macs }, short))
            (counted("Parameters", "", BeforeAfter { before: size.before.parameters, after: size.after.parameters }, short))
            (counted("Weights", "", BeforeAfter { before: size.before.bytes, after: size.after.bytes }, bytes))
            @for latency in report.latencies() {
                (speed(latency, report))
            }
        }
        @if let Some(evaluation) = &report.evaluation {
            @if !evaluation.others.is_empty() {
                (others(evaluation))
            }
        }
    }
}

fn quality(evaluation: &EvaluationReport) -> Markup {
    let main = &evaluation.main;
    let change = main.score.after - main.score.before;
    html! {
        div.card.first {
            h3 { (main.metric) }
            p.number { (score(main.score.after)) }
            p.beside { "original " (score(main.score.before)) }
            p.beside { (format!("{change:+.4} ± {:.4}", main.difference_interval)) " (95 %, paired)" }
            p.beside { (evaluation.rows) " held-out rows" }
        }
    }
}

fn similarity(report: &Report) -> Markup {
    html! {
        div.card.first {
            @match report.fidelity.agreement {
                Some(agreement) => {
                    h3 { "Equal predictions" }
                    p.number { (percent(agreement)) }
                }
                None => {
                    h3 { "Similarity of features" }
                    p.number { (score(report.fidelity.feature_cosine)) }
                }
            }
            p.beside { "on " (report.fidelity.rows) " rows, measured without labels" }
        }
    }
}

fn counted(name: &str, of: &str, numbers: BeforeAfter<u64>, format: fn(u64) -> String) -> Markup {
    html! {
        div.card {
            h3 { (name) }
            p.number { (share(numbers.after, numbers.before)) }
            p.beside { (format(numbers.after)) " of " (format(numbers.before)) }
            @if !of.is_empty() {
                p.beside { (of) }
            }
        }
    }
}

fn speed(latency: &Latency, report: &Report) -> Markup {
    html! {
        div.card {
            h3 {
                @match latency.batch {
                    1 => "Speed, one row",
                    rows => { "Speed, " (rows) " rows" }
                }
            }
            p.number { (format!("{:.2}×", latency.speedup)) }
            p.beside { (milliseconds(latency.median_ms.after)) " instead of " (milliseconds(latency.median_ms.before)) }
            p.beside { (latency.length) " " (report.position_name) ", " (device(report)) }
        }
    }
}

/// Returns the device in words.
pub(super) fn device(report: &Report) -> &'static str {
    match report.device.as_str() {
        "cuda" => "one GPU",
        _ => "one CPU",
    }
}

fn others(evaluation: &EvaluationReport) -> Markup {
    let all = std::iter::once(&evaluation.main).chain(&evaluation.others);
    html! {
        table {
            thead {
                tr { th { "metric" } th.right { "original" } th.right { "pruned" } th.right { "difference (95 %)" } }
            }
            tbody {
                @for metric in all {
                    (row(metric))
                }
            }
        }
    }
}

fn row(metric: &MetricReport) -> Markup {
    let change = metric.score.after - metric.score.before;
    html! {
        tr {
            td { (metric.metric) }
            td.right { (score(metric.score.before)) }
            td.right { (score(metric.score.after)) }
            td.right { (format!("{change:+.4} ± {:.4}", metric.difference_interval)) }
        }
    }
}

fn score(score: f64) -> String {
    format!("{score:.4}")
}
