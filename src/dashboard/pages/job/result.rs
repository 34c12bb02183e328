//! The result of a job: what was gained and lost, which units remain, and what other targets cost.

use maud::{Markup, html};

use crate::dashboard::view::frontier_chart::chart;
use crate::dashboard::view::keep_map::keep_map;
use crate::dashboard::wire::frontier::Frontier;
use crate::dashboard::wire::job::Job;
use crate::dashboard::wire::keep_map::KeepMap;
use crate::prune::report::{BeforeAfter, EvaluationReport, Latency, MetricReport, Report};
use crate::quantity::{bytes, grouped, percent, points, share, short};

pub(super) fn result(
    job: &Job,
    report: &Report,
    frontier: Option<&Frontier>,
    kept: Option<&KeepMap>,
) -> Markup {
    html! {
        section #result {
            h2.visually-hidden { "Result" }
            div.cards {
                (quality(report))
                (size(report))
                (speed(report))
            }
            @if let Some(evaluation) = &report.evaluation { (metrics(evaluation)) }
            @if !report.notes.is_empty() { ul.notes { @for note in &report.notes { li { (note) } } } }
            div.charts {
                @if let Some(frontier) = frontier { (other_targets(job, report, frontier)) }
                figure {
                    figcaption { h3 { "Kept units" } p.faint { "Units of each layer that the pruned model keeps, at their places in the original." } }
                    (keep_map(&report.groups, kept))
                }
            }
        }
    }
}

fn quality(report: &Report) -> Markup {
    let fidelity = &report.fidelity;
    html! {
        div.card {
            h3 { "Quality" }
            @match &report.evaluation {
                Some(evaluation) => {
                    @let main = &evaluation.main;
                    @let difference = main.score.after - main.score.before;
                    p.big { (points(difference)) span.unit { " ± " (format!("{:.2}", main.difference_interval * 100.0)) " points" } }
                    p { (before_after(&percent(main.score.before), &percent(main.score.after))) " " (main.metric.replace('_', " ")) }
                    p.faint { (verdict(main, evaluation.rows)) }
                },
                None => {
                    @match fidelity.agreement {
                        Some(agreement) => { p.big { (format!("{:.1}", agreement * 100.0)) span.unit { " % agreement" } } },
                        None => { p.big { (format!("{:.4}", fidelity.divergence)) span.unit { " mean squared difference" } } },
                    }
                    p.faint { "Outputs of both models on " (grouped(fidelity.rows as u64)) " calibration rows. Send evaluation data with labels to compare their quality." }
                },
            }
            @if let (Some(_), Some(agreement)) = (&report.evaluation, fidelity.agreement) { p.faint { "Same prediction on " (format!("{:.1} %", agreement * 100.0)) " of the rows." } }
        }
    }
}

/// Whether the difference is more than noise.
fn verdict(metric: &MetricReport, rows: usize) -> String {
    let difference = metric.score.after - metric.score.before;
    let rows = grouped(rows as u64);
    match difference.abs() <= metric.difference_interval {
        true => format!("No difference that {rows} rows can show (95 % confidence interval)."),
        false if difference < 0.0 => {
            format!("A loss beyond the 95 % confidence interval on {rows} rows.")
        }
        false => format!("A gain beyond the 95 % confidence interval on {rows} rows."),
    }
}

fn before_after(before: &str, after: &str) -> Markup {
    html! { span.was { (before) } " → " b { (after) } }
}

fn size(report: &Report) -> Markup {
    let BeforeAfter { before, after } = report.size;
    html! {
        div.card {
            h3 { "Size" }
            p.big { (format!("{:.1}", report.kept * 100.0)) span.unit { " % of the operations" } }
            table.mini {
                tbody {
                    tr { th { "MACs per row" } td { (short(before.macs)) " → " b { (short(after.macs)) } } td { (share(after.macs, before.macs)) } }
                    tr { th { "Parameters" } td { (short(before.parameters)) " → " b { (short(after.parameters)) } } td { (share(after.parameters, before.parameters)) } }
                    tr { th { "Weights" } td { (bytes(before.bytes)) " → " b { (bytes(after.bytes)) } } td { (share(after.bytes, before.bytes)) } }
                }
            }
        }
    }
}

fn speed(report: &Report) -> Markup {
    let ideal = 1.0 / report.kept;
    html! {
        div.card {
            h3 { "Speed" }
            p.big { (format!("{:.2}", report.latency.speedup)) span.unit { " times as fast" } }
            table.mini {
                tbody {
                    @for latency in report.latency_single.iter().chain([&report.latency]) { (timed(latency, &report.position_name)) }
                    tr.faint { th { "Operations alone" } td {} td { (format!("{ideal:.2}×")) } }
                }
            }
            p.faint { "Measured on the " (report.device) " of the worker." }
        }
    }
}

fn timed(latency: &Latency, positions: &str) -> Markup {
    let ms = &latency.median_ms;
    html! {
        tr {
            th { (latency.batch) " × " (latency.length) " " (positions) }
            td { (format!("{:.2}", ms.before)) " → " b { (format!("{:.2} ms", ms.after)) } }
            td { (format!("{:.2}×", latency.speedup)) }
        }
    }
}

/// All metrics, if there are several, or the repair or a constant answer is to be compared.
fn metrics(evaluation: &EvaluationReport) -> Markup {
    html! {
        details {
            summary { "Metrics in detail" }
            div.scroll {
                table {
                    thead { tr { th { "Metric" } th.number { "Original" } th.number { "Pruned" } th.number { "Difference" } th.number { "Without repair" } th.number { "Constant answer" } } }
                    tbody {
                        @for metric in std::iter::once(&evaluation.main).chain(&evaluation.others) {
                            tr {
                                th { (metric.metric.replace('_', " ")) }
                                td.number { (format!("{:.4} ± {:.4}", metric.score.before, 1.96 * metric.standard_error.before)) }
                                td.number { (format!("{:.4} ± {:.4}", metric.score.after, 1.96 * metric.standard_error.after)) }
                                td.number { (format!("{:+.4} ± {:.4}", metric.score.after - metric.score.before, metric.difference_interval)) }
                                td.number { @if let Some(score) = metric.without_compensation { (format!("{score:.4}")) } }
                                td.number { @if let Some(score) = metric.constant { (format!("{score:.4}")) } }
                            }
                        }
                    }
                }
            }
            p.faint { "± is a 95 % confidence interval; that of the difference is paired, so it is narrower." }
            @if let Some(hint) = &evaluation.hint { p { (hint) } }
        }
    }
}

/// The chart of other targets, and the form that creates a job with one of them.
fn other_targets(job: &Job, report: &Report, frontier: &Frontier) -> Markup {
    let smallest = frontier.points.first().map_or(1, |point| point.percent);
    let own = (report.kept * 100.0).round() as u64;
    let next = (own * 3 / 4).clamp(smallest, 99);
    html! {
        figure.frontier data-frontier {
            figcaption { h3 { "Other targets" } p.faint { "Importance that the best selection keeps at each size. It estimates the quality before the repair, and is not an accuracy." } }
            (chart(frontier, own, next))
            form.target method="post" action={ "/jobs/" (job.id) "/resolve" } {
                label for="percent" { "Keep" }
                input type="range" data-for="percent" min=(smallest) max="99" step="1" value=(next) aria-label="Percentage of the operations to keep" hidden;
                input #percent name="percent" type="number" min="0.1" max="99.9" step="any" value=(next) required;
                span { "% of the operations" }
                output for="percent" { (readout(frontier, next)) }
                button.primary { "Prune to this target" }
            }
            p.faint { "Takes only the search and the later stages, because the scores are reused. The smallest reachable model has " (share(frontier.smallest_macs, frontier.macs)) " of the operations." }
        }
    }
}

fn readout(frontier: &Frontier, percent: u64) -> String {
    let point = frontier
        .points
        .iter()
        .find(|point| point.percent == percent);
    point.map_or_else(String::new, |point| {
        format!(
            "{} MACs · {} parameters · {:.1} % of the importance",
            short(point.macs),
            short(point.parameters),
            point.importance * 100.0
        )
    })
}
