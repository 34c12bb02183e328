//! Reports as tables for people.

use crate::prune::report::{BeforeAfter, Report, Size};

/// The before/after table of a finished prune.
pub(super) fn before_after(report: &Report) -> String {
    let size = |of: fn(&Size) -> u64| BeforeAfter {
        before: of(&report.size.before),
        after: of(&report.size.after),
    };
    let mut rows = vec![
        counted("MACs per row", size(|size| size.macs)),
        counted("parameters", size(|size| size.parameters)),
        counted("bytes of weights", size(|size| size.bytes)),
    ];
    if let Some(evaluation) = &report.evaluation {
        rows.push([
            format!("{} ({} rows)", evaluation.metric, evaluation.rows),
            format!(
                "{:.4} ± {:.4}",
                evaluation.score.before,
                1.96 * evaluation.standard_error.before
            ),
            format!(
                "{:.4} ± {:.4}",
                evaluation.score.after,
                1.96 * evaluation.standard_error.after
            ),
            format!(
                "{:+.4} ± {:.4}",
                evaluation.score.after - evaluation.score.before,
                evaluation.difference_interval
            ),
        ]);
        if let Some(bare) = evaluation.without_compensation {
            rows.push([
                "  without repair".to_owned(),
                String::new(),
                format!("{bare:.4}"),
                String::new(),
            ]);
        }
        if let Some(constant) = evaluation.constant {
            rows.push([
                "  commonest answer".to_owned(),
                format!("{constant:.4}"),
                String::new(),
                String::new(),
            ]);
        }
    }
    if let Some(agreement) = report.fidelity.agreement {
        let same = format!("{:.1} %", 100.0 * agreement);
        rows.push([
            format!("same answers ({} rows)", report.fidelity.rows),
            String::new(),
            same,
            String::new(),
        ]);
    }
    let latency = &report.latency;
    rows.push([
        format!("latency {} x {} tokens", latency.batch, latency.length),
        format!("{:.2} ms", latency.median_ms.before),
        format!("{:.2} ms", latency.median_ms.after),
        format!("{:.2}x faster", latency.speedup),
    ]);
    aligned(["", "before", "after", ""].map(str::to_owned), &rows)
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

/// `1234567` as `1,234,567`.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Columns side by side: the first to the left, the others to the right.
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
