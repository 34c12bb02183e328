//! Quality of pruned models on labeled rows: the score, and the distance to the answers of the original model.

use std::sync::Arc;

use crate::answer::metric::Records;
use crate::answer::task::Answer as Task;
use crate::data::dataset::Dataset;
use crate::model::mask::Masks;
use crate::prune::answers::Answers;
use crate::prune::failure::Failure;
use crate::prune::lanes;
use crate::prune::prepare::Prepared;
use crate::prune::report::EvaluationReport;
use crate::prune::student::Student;
use crate::prune::verify::run::Numbered;
use crate::prune::verify::{quality, run as forward};
use crate::prune::watch::Watch;

/// Quality of one student.
pub(super) struct Quality {
    pub(super) score: f64,
    pub(super) divergence: f64,
}

/// Labeled rows and the records of the original model for them.
pub(super) struct Judge {
    answer: Arc<dyn Task>,
    data: Dataset,
    dense: Vec<Vec<f64>>,
    /// Answers of the original model to each batch.
    answers: Vec<Answers>,
}

impl Judge {
    pub(super) fn new(prepared: &Prepared, watch: &dyn Watch) -> Result<Self, Failure> {
        let model = &prepared.model;
        let data = prepared.compared().clone();
        let batches = data.batches(forward::BATCH_POSITIONS);
        let full = Masks::full(&model.groups);
        let answer = prepared.answer.clone();
        let parts = lanes::run(batches.len(), |index| {
            watch.proceed()?;
            let batch = batches.load(index)?;
            let answers = Answers::with_queries(&model.forward(&batch, &full)?)?;
            let records = forward::recorded(answer.as_ref(), &batches, &batch, &answers);
            // The records hold what the metrics read of the queries.
            Ok((records, answers.without_queries()))
        })?;
        let (records, answers): (Vec<Numbered>, Vec<Answers>) = parts.into_iter().unzip();
        Ok(Self {
            answer,
            data,
            dense: forward::joined(records),
            answers,
        })
    }

    pub(super) fn quality(
        &self,
        student: &Student<'_>,
        watch: &dyn Watch,
    ) -> Result<Quality, Failure> {
        let batches = self.data.batches(forward::BATCH_POSITIONS);
        let parts = lanes::run(batches.len(), |index| {
            watch.proceed()?;
            let batch = batches.load(index)?;
            let answers = Answers::with_queries(&student.forward(&batch)?)?;
            let answer = self.answer.as_ref();
            let records = forward::recorded(answer, &batches, &batch, &answers);
            let both = [&self.answers[index], &answers];
            Ok((records, forward::divergences(answer, both).sum::<f64>()))
        })?;
        let (records, divergences): (Vec<Numbered>, Vec<f64>) = parts.into_iter().unzip();
        let records = forward::joined(records);
        Ok(Quality {
            score: self.compare(&records).main.score.after,
            divergence: divergences.iter().sum::<f64>() / self.data.len() as f64,
        })
    }

    pub(super) fn dense_quality(&self) -> (String, usize, f64, f64) {
        let own = self.compare(&self.dense);
        (
            own.main.metric,
            own.rows,
            own.main.score.before,
            own.main.standard_error.before,
        )
    }

    fn compare(&self, after: &[Vec<f64>]) -> EvaluationReport {
        let records = Records {
            before: &self.dense,
            after,
            bare: None,
        };
        quality::compare(self.answer.as_ref(), &self.data.truths(), records)
    }
}
