//! A limit of the loss of quality, for pipelines that publish a result.

use clap::Args;

use super::super::exit::Exit;
use crate::prune::report::Report;

/// The largest loss of quality.
#[derive(Args)]
pub(super) struct Gate {
    /// Fail if the main metric of the evaluation falls by more than this number of points (hundredths)
    ///
    /// For example, 1.0 accepts an accuracy of 0.90 for an original with 0.91. Fails as well if the job has
    /// no evaluation.
    #[arg(long, verbatim_doc_comment, value_name = "POINTS", value_parser = points)]
    max_drop: Option<f64>,
}

fn points(written: &str) -> Result<f64, String> {
    match written.parse::<f64>() {
        Ok(points) if points.is_finite() && points >= 0.0 => Ok(points),
        _ => Err("give a number of points that is 0 or more, such as 1.0".to_owned()),
    }
}

impl Gate {
    /// Whether a limit is given.
    pub(super) fn is_closed(&self) -> bool {
        self.max_drop.is_some()
    }

    /// Checks the result of a job.
    pub(super) fn check(&self, report: &Report) -> Result<(), Exit> {
        let Some(limit) = self.max_drop else {
            return Ok(());
        };
        let Some(evaluation) = &report.evaluation else {
            return Err(Exit::Broken(
                "the job has no evaluation, so --max-drop cannot be checked; submit it with --evaluation".to_owned(),
            ));
        };
        let (metric, score) = (&evaluation.main.metric, evaluation.main.score);
        let drop = 100.0 * (score.before - score.after);
        match drop <= limit {
            true => Ok(()),
            false => Err(Exit::Broken(format!(
                "{metric} fell from {:.4} to {:.4}, by {drop:.2} points; --max-drop is {limit}",
                score.before, score.after
            ))),
        }
    }
}
