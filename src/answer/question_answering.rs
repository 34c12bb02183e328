//! Extractive question answering: the answer to a question is a part of a text, or none.
//!
//! A model gives two logits at each position: that the answer starts there, and that it ends there. The first position stands
//! for no answer. Positions of the question count neither in the divergence nor in the search for the best answer.
//!
//! A long text is divided into overlapping windows, each of which is an example, so that the whole text is read. The best
//! answer to a question is the best one of all windows. As in the examples of transformers, no answer is predicted if its
//! smallest score in a window exceeds that of the best answer, and only if the data have questions without an answer.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::best_span::{BestSpan, best, none};
use super::description::listed;
use super::metric::{Metric, Records};
use super::softmax;
use super::squad::Match;
use super::task::{Answer, Description, Divergence, Example, Form, Head, Outputs, Task};
use crate::checkpoint::error::CheckpointError;
use crate::data::error::DataError;
use crate::data::label::LabelReading;
use crate::data::table::cell::Cell;
use crate::data::table::column::Column;
use crate::data::truth::{ReadTruth, Truth};
use crate::statistics::mean;

/// The task.
pub const TASK: Task = Task {
    name: "extractive_question_answering",
    heads: &[Head {
        input: "text",
        class: "ForQuestionAnswering",
        pipeline: "question-answering",
    }],
    outputs: &["start_logits", "end_logits"],
    open,
};

/// Number of random directions. Each reaches all positions of both logits.
const DIRECTIONS: usize = 16;

/// Parts of texts. The truth of an example is the texts that are right, or none.
struct Parts;

fn open(_: &str, labels: &[String]) -> Option<Result<Arc<dyn Answer>, CheckpointError>> {
    Some(match labels.len() {
        2 => Ok(Arc::new(Parts)),
        count => Err(CheckpointError::UnsupportedModel(format!(
            "config.json describes {count} labels, but question answering has two, the start and the end of an answer; remove \
             num_labels and id2label"
        ))),
    })
}

/// What the metrics need of one window.
#[derive(Clone, Copy, Debug)]
struct Window {
    /// Number of the question.
    question: f64,
    /// Score of the best answer.
    best: f64,
    /// Score of no answer.
    none: f64,
    /// How right the best answer is.
    matches: Match,
    /// 1 if the question has no answer.
    unanswerable: f64,
}

impl Window {
    const LENGTH: usize = 6;

    fn written(self) -> [f64; Self::LENGTH] {
        let Match { exact, f1 } = self.matches;
        [
            self.question,
            self.best,
            self.none,
            exact,
            f1,
            self.unanswerable,
        ]
    }

    fn read(record: &[f64]) -> Self {
        let number = |index: usize| record.get(index).copied().unwrap_or_default();
        Self {
            question: number(0),
            best: number(1),
            none: number(2),
            matches: Match {
                exact: number(3),
                f1: number(4),
            },
            unanswerable: number(5),
        }
    }

    /// Returns this window of a question together with another one.
    fn with(self, other: Self) -> Self {
        let better = if other.best > self.best { other } else { self };
        Self {
            none: self.none.min(other.none),
            ..better
        }
    }

    /// Returns how right the predicted answer is. It can be none if `may_be_none` is true.
    fn matches(self, may_be_none: bool) -> Match {
        match may_be_none && self.none > self.best {
            true => Match {
                exact: self.unanswerable,
                f1: self.unanswerable,
            },
            false => self.matches,
        }
    }
}

/// Returns the windows of each question together, in the order of the questions.
fn questions(records: &[Vec<f64>]) -> Vec<Window> {
    let mut questions: BTreeMap<u64, Window> = BTreeMap::new();
    for window in records.iter().map(|record| Window::read(record)) {
        questions
            .entry(window.question as u64)
            .and_modify(|known| *known = known.with(window))
            .or_insert(window);
    }
    questions.into_values().collect()
}

impl ReadTruth for Parts {
    fn columns(&self) -> &'static [&'static str] {
        &["answers", "answer"]
    }

    fn reads_passages(&self) -> bool {
        true
    }

    fn reads_lists(&self) -> bool {
        true
    }

    fn read(
        &self,
        column: Column<'_>,
        _: Option<LabelReading>,
    ) -> Result<Vec<Option<Truth>>, DataError> {
        let truth = |row: &usize| match column.cell(*row) {
            Cell::Null => Ok(None),
            Cell::Text(text) => Ok(Some(Truth::Texts(vec![text.clone()]))),
            Cell::List(list) => {
                let texts = list.iter().flatten().map(str::to_owned);
                Ok(Some(Truth::Texts(texts.collect())))
            }
            other => Err(DataError::Invalid(format!(
                "{} contains {}; write {{\"text\": [\"an answer\"]}}, a list of the texts that are right, or an empty list if there is no \
                 answer",
                column.place(*row),
                other.described()
            ))),
        };
        let truths: Vec<Option<Truth>> = column.rows.iter().map(truth).collect::<Result<_, _>>()?;
        match truths.iter().all(Option::is_none) {
            true => Err(DataError::Invalid(format!(
                "{}, column \"{}\" has no answer in any row that was read, as in test sets of benchmarks; evaluate on rows with answers",
                column.table.file,
                column.name()
            ))),
            false => Ok(truths),
        }
    }
}

/// Returns the logits of one channel at the positions that count.
fn asked(outputs: Outputs<'_>, channel: usize) -> Vec<f32> {
    let positions = (0..outputs.positions).filter(|&position| outputs.is_asked(position));
    positions
        .map(|position| outputs.values[2 * position + channel])
        .collect()
}

impl Divergence for Parts {
    /// Returns `T^2 KL(softmax(original / T) || softmax(changed / T))` over the positions of the text and the first position, for
    /// the start and for the end, added.
    fn divergence(&self, original: Outputs<'_>, changed: Outputs<'_>, temperature: f64) -> f64 {
        let of_channel = |channel: usize| {
            let (original, changed) = (asked(original, channel), asked(changed, channel));
            softmax::divergence(&original, &changed, temperature)
        };
        temperature * temperature * (of_channel(0) + of_channel(1))
    }

    /// Returns random directions of both distributions. Their signs are independent, so that the squares of both add up in
    /// expectation.
    fn directions(&self, at: Outputs<'_>, row: usize, form: Form) -> Vec<Vec<f32>> {
        let logits = [0, 1].map(|channel| asked(at, channel));
        let drawn = (0..DIRECTIONS).map(|index| {
            let mut direction = vec![0.0; at.values.len()];
            for (channel, logits) in logits.iter().enumerate() {
                let place = (row, 2 * index + channel);
                let drawn = softmax::random_direction(logits, form.temperature, place, form.seed);
                let positions = (0..at.positions).filter(|&position| at.is_asked(position));
                for (position, value) in positions.zip(drawn) {
                    direction[2 * position + channel] = value;
                }
            }
            direction
        });
        drawn.collect()
    }

    fn scale(&self, _: usize, _: usize) -> f64 {
        0.5 / DIRECTIONS as f64
    }
}

/// Returns the positions of the predicted answer. `None` if no answer has a larger score than the best one.
fn predicted(outputs: Outputs<'_>) -> Option<(usize, usize)> {
    let BestSpan { first, last, score } = best(outputs)?;
    (score >= none(outputs)).then_some((first, last))
}

impl Answer for Parts {
    fn task(&self) -> &'static Task {
        &TASK
    }

    fn agreement(&self, left: Outputs<'_>, right: Outputs<'_>) -> Option<f64> {
        let same = predicted(left) == predicted(right);
        Some(f64::from(u8::from(same)))
    }

    /// Returns the scores of the best answer and of none in this window, and how right the best answer is.
    fn record(&self, outputs: Outputs<'_>, truth: &Truth) -> Vec<f64> {
        let span = best(outputs);
        let text = outputs.passage.zip(span);
        let text = text.map_or("", |(passage, span)| passage.between(span.first, span.last));
        let is_none = Match::of("", truth.texts()).exact;
        let window = Window {
            question: outputs.passage.map_or(0, |passage| passage.question) as f64,
            best: span.map_or(f64::NEG_INFINITY, |span| span.score),
            none: none(outputs),
            matches: Match::of(text, truth.texts()),
            unanswerable: is_none,
        };
        window.written().to_vec()
    }

    /// Returns the F1 score of the words and the share of exact matches, as the official script of SQuAD has them.
    fn metrics(&self, _: &[&Truth], records: Records<'_>) -> Vec<Metric> {
        let unanswerable = questions(records.before).into_iter();
        let unanswerable: Vec<f64> = unanswerable.map(|one| one.unanswerable).collect();
        let may_be_none = unanswerable.iter().any(|&one| one > 0.0);
        let constant = may_be_none.then(|| mean(&unanswerable));
        let of = |name: &str, number: fn(Match) -> f64| {
            Metric::of_contributions(name, records, constant, |records| {
                let questions = questions(records).into_iter();
                questions
                    .map(|one| number(one.matches(may_be_none)))
                    .collect()
            })
        };
        vec![of("f1", |one| one.f1), of("exact_match", |one| one.exact)]
    }

    /// Quotes the predicted answer in this window of the text.
    fn describe(&self, example: &Example<'_>) -> Description {
        let told = |outputs: Outputs<'_>| match (predicted(outputs), outputs.passage) {
            (None, _) => "no answer".to_owned(),
            (Some((first, last)), Some(passage)) => passage.between(first, last).to_owned(),
            (Some((first, last)), None) => format!("positions {} to {}", first + 1, last + 1),
        };
        example.each(told, |truth| match truth.texts() {
            [] => "no answer".to_owned(),
            texts => {
                let mut known: Vec<&String> = Vec::new();
                texts.iter().for_each(|text| {
                    if !known.contains(&text) {
                        known.push(text);
                    }
                });
                listed(known.into_iter().cloned())
            }
        })
    }

    /// Compares the answers in one window. No answer counts as predicted only if the question has none.
    fn became_wrong(&self, before: &[f64], after: &[f64]) -> bool {
        let right = |record: &[f64]| {
            let window = Window::read(record);
            window.matches(window.unanswerable > 0.0).f1
        };
        right(after) < right(before)
    }
}
