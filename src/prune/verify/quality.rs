//! Quality of both models on the same labeled rows, with standard errors.

use crate::answer::metric::{Metric, Records};
use crate::answer::task::Answer;
use crate::data::truth::Truth;
use crate::prune::report::{BeforeAfter, EvaluationReport, MetricReport};

/// Half-width of a 95 % confidence interval, in standard errors.
const TWO_SIDED_95: f64 = 1.96;

/// Compares the records of two models on the same examples.
#[must_use]
pub fn compare(answer: &dyn Answer, truths: &[&Truth], records: Records<'_>) -> EvaluationReport {
    let mut metrics = answer.metrics(truths, records).into_iter();
    let main = metrics.next().expect("every task has a metric");
    EvaluationReport {
        rows: main.count,
        main: report(main),
        others: metrics.map(report).collect(),
        unlabeled_rows: 0,
        hint: answer.hint(truths, records.before),
    }
}

fn report(metric: Metric) -> MetricReport {
    MetricReport {
        metric: metric.name,
        score: BeforeAfter {
            before: metric.before.value,
            after: metric.after.value,
        },
        standard_error: BeforeAfter {
            before: metric.before.error,
            after: metric.after.error,
        },
        difference_interval: TWO_SIDED_95 * metric.difference_error,
        without_compensation: metric.bare,
        constant: metric.constant,
    }
}
