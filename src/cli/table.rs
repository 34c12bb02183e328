//! Formats reports as human-readable tables.

use crate::prune::audit::gates;
use crate::prune::report::AuditReport;
use crate::prune::report::{BeforeAfter, Report, Size};
use crate::quantity::grouped;

/// Formats the report of a prune as a table of values before and after.
pub(super) fn before_after(report: &Report) -> String {
    let size = |of: fn(&Size) -> u64| BeforeAfter {
        before: of(&report.size.before),
        after: of(&report.size.after),
    };
    let mut rows = vec![counted("MACs per row", size(|size| size.macs))];
    let parts = report.parts.iter();
    rows.extend(parts.map(|part| counted(&format!("  {}", part.part), part.macs)));
    rows.extend([
        counted("parameters", size(|size| size.parameters)),
        counted("bytes of weights", size(|size| size.bytes)),
    ]);
    let evaluation = report.evaluation.iter();
    for (metric, of) in
        evaluation.flat_map(|own| own.metrics().map(move |metric| (metric, own.rows)))
    {
        let score = |score: f64, error: f64| format!("{score:.4} ± {:.4}", 1.96 * error);
        rows.push([
            format!("{} ({of} rows)", metric.metric),
            score(metric.score.before, metric.standard_error.before),
            score(metric.score.after, metric.standard_error.after),
            format!(
                "{:+.4} ± {:.4}",
                metric.score.after - metric.score.before,
                metric.difference_interval
            ),
        ]);
        if let Some(bare) = metric.without_compensation {
            rows.push([
                "  without repair".to_owned(),
                String::new(),
                format!("{bare:.4}"),
                String::new(),
            ]);
        }
        if let Some(constant) = metric.constant {
            rows.push([
                "  majority class".to_owned(),
                format!("{constant:.4}"),
                String::new(),
                String::new(),
            ]);
        }
    }
    if let Some(agreement) = report.fidelity.agreement {
        let agreement = format!("{:.1} %", 100.0 * agreement);
        rows.push([
            format!("agreement ({} rows)", report.fidelity.rows),
            String::new(),
            agreement,
            String::new(),
        ]);
    }
    rows.extend(report.latencies().map(|latency| {
        [
            format!(
                "latency {} x {} {}",
                latency.batch, latency.length, report.position_name
            ),
            format!("{:.2} ms", latency.median_ms.before),
            format!("{:.2} ms", latency.median_ms.after),
            format!("{:.2}x faster", latency.speedup),
        ]
    }));
    let mut text = aligned(["", "before", "after", ""].map(str::to_owned), &rows);
    for note in &report.notes {
        text.push_str(&format!("\nnote: {note}"));
    }
    text
}

/// Formats the checks of a score audit and the results of its groups as tables.
pub(super) fn audit(report: &AuditReport) -> String {
    let gate = |name: &str, value: String, wanted: String, holds: bool| {
        let verdict = if holds { "passed" } else { "FAILED" };
        [name.to_owned(), value, wanted, verdict.to_owned()]
    };
    let bias = (report.median_ratio - 1.0).abs();
    let rows = [
        gate(
            "Spearman correlation",
            format!("{:.4}", report.spearman),
            format!("at least {}", gates::MIN_SPEARMAN),
            report.spearman >= gates::MIN_SPEARMAN,
        ),
        gate(
            "overlap of selected units",
            format!("{:.4}", report.overlap),
            format!("at least {}", gates::MIN_OVERLAP),
            report.overlap >= gates::MIN_OVERLAP,
        ),
        gate(
            "median of estimated / exact",
            format!("{:.4}", report.median_ratio),
            format!("1 ± {}", gates::MAX_BIAS),
            bias <= gates::MAX_BIAS,
        ),
        gate(
            "share of importance lost",
            format!("{:.4}", report.regret),
            format!("at most {}", gates::MAX_REGRET),
            report.regret <= gates::MAX_REGRET,
        ),
    ];
    let groups = report.groups.iter().map(|group| {
        [
            group.group.clone(),
            group.units.to_string(),
            format!("{:.4}", group.spearman),
            format!("{:.4}", group.median_ratio),
        ]
    });
    let head = ["", "measured", "required", ""].map(str::to_owned);
    let group_head = ["group", "units", "correlation", "median ratio"].map(str::to_owned);
    format!(
        "{}\n\n{}\n\n{} units scored exactly, {} of them close to the selection threshold; \
         correlation of the feature terms {:.4}, of the logit terms {:.4}",
        aligned(head, &rows),
        aligned(group_head, &groups.collect::<Vec<_>>()),
        report.units,
        report.boundary,
        report.spearman_of_terms[0],
        report.spearman_of_terms[1],
    )
}

fn counted(name: &str, counts: BeforeAfter<u64>) -> [String; 4] {
    let share = 100.0 * counts.after as f64 / counts.before.max(1) as f64;
    [
        name.to_owned(),
        grouped(counts.before),
        grouped(counts.after),
        format!("{share:.2} %"),
    ]
}

/// Formats a table. The first column is left-aligned, the others are right-aligned.
pub(super) fn aligned<const N: usize>(head: [String; N], rows: &[[String; N]]) -> String {
    let mut widths = [0; N];
    for row in std::iter::once(&head).chain(rows) {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(widths).enumerate();
        let cells = cells.map(|(column, (cell, width))| match column {
            0 => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let rule = "-".repeat(widths.iter().sum::<usize>() + 2 * (N - 1));
    let mut lines = vec![line(&head), rule];
    lines.extend(rows.iter().map(line));
    lines.join("\n")
}
