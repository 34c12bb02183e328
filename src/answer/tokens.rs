//! Token classification: one of several classes per word of a text.
//!
//! A word may be several tokens. As in the examples of transformers, the label of a word belongs to its first token, and
//! other tokens are ignored in the metrics. The divergence and its directions cover all positions, because pruning reads
//! no labels.

use std::sync::Arc;

use super::description::listed;
use super::metric::{Metric, Records, ratio};
use super::positions::Positions;
use super::softmax::predicted;
use super::spans::{Span, Tag, spans};
use super::task::{Answer, Description, Divergence, Example, Form, Head, LOGITS, Outputs, Task};
use crate::checkpoint::error::CheckpointError;
use crate::data::error::DataError;
use crate::data::label::{self, LabelReading};
use crate::data::table::column::Column;
use crate::data::truth::{ReadTruth, Truth};

/// The task.
pub const TASK: Task = Task {
    name: "token_classification",
    heads: &[Head {
        input: "text",
        class: "ForTokenClassification",
        pipeline: "token-classification",
    }],
    outputs: LOGITS,
    open,
};

/// The number that marks a position without a label. Data sets of transformers use it as well.
const IGNORED: f32 = -100.0;

/// Common names of columns with a label per word.
const COLUMNS: &[&str] = &[
    "ner_tags",
    "tags",
    "labels",
    "pos_tags",
    "chunk_tags",
    "label",
];

/// Classes of words, by name. The truth of an example is the class of each position, or [`IGNORED`].
struct Tokens {
    labels: Vec<String>,
}

fn open(_: &str, labels: &[String]) -> Option<Result<Arc<dyn Answer>, CheckpointError>> {
    let labels = labels.to_vec();
    Some(Ok(Arc::new(Tokens { labels })))
}

impl Tokens {
    fn positions(&self) -> Positions {
        Positions(self.labels.len())
    }

    /// Returns the entities of a sequence of classes. `None` if a label has no prefix, so that there are no entities.
    fn entities(&self, classes: impl Iterator<Item = usize>) -> Option<Vec<Span<'_>>> {
        let tags = classes.map(|class| Tag::parse(&self.labels[class]));
        Some(spans(&tags.collect::<Option<Vec<_>>>()?))
    }

    /// Whether every label has a prefix, and one of them begins or continues an entity.
    fn has_entities(&self) -> bool {
        let tags = self.labels.iter().map(|label| Tag::parse(label));
        tags.collect::<Option<Vec<_>>>().is_some() && self.labels.iter().any(|label| label != "O")
    }
}

impl ReadTruth for Tokens {
    fn columns(&self) -> &'static [&'static str] {
        COLUMNS
    }

    fn reads_words(&self) -> bool {
        true
    }

    fn read(
        &self,
        column: Column<'_>,
        wanted: Option<LabelReading>,
    ) -> Result<Vec<Option<Truth>>, DataError> {
        let lists = label::lists(column)?;
        let ignored = |item: &str| item.parse::<f32>() == Ok(IGNORED);
        let classes = label::classes_of_lists(column, &lists, &self.labels, wanted, ignored)?;
        let truth = |words: Vec<Option<usize>>| {
            let words = words.into_iter();
            Truth::Numbers(
                words
                    .map(|class| class.map_or(IGNORED, |class| class as f32))
                    .collect(),
            )
        };
        Ok(classes.into_iter().map(|words| words.map(truth)).collect())
    }

    /// Gives the label of each word to its first token.
    fn align(&self, truth: Truth, words: &[Option<usize>]) -> Truth {
        let mut before = None;
        let positions = words.iter().map(|&word| {
            let first = word.filter(|_| word != before);
            before = word;
            first.map_or(IGNORED, |word| truth.numbers()[word])
        });
        Truth::Numbers(positions.collect())
    }
}

impl Divergence for Tokens {
    fn divergence(&self, original: Outputs<'_>, changed: Outputs<'_>, temperature: f64) -> f64 {
        self.positions().divergence(original, changed, temperature)
    }

    fn directions(&self, at: Outputs<'_>, row: usize, form: Form) -> Vec<Vec<f32>> {
        self.positions().directions(at, row, form)
    }

    fn scale(&self, _: usize, positions: usize) -> f64 {
        self.positions().scale(positions)
    }
}

impl Answer for Tokens {
    fn task(&self) -> &'static Task {
        &TASK
    }

    fn agreement(&self, left: Outputs<'_>, right: Outputs<'_>) -> Option<f64> {
        Some(self.positions().agreement(left, right))
    }

    /// Returns the number of right labels, the number of labels, and the numbers of entities that are right, predicted
    /// and true.
    fn record(&self, outputs: Outputs<'_>, truth: &Truth) -> Vec<f64> {
        let labeled = outputs.rows().zip(truth.numbers());
        let labeled = labeled.filter(|(_, class)| **class != IGNORED);
        let pairs: Vec<(usize, usize)> = labeled
            .map(|(values, &class)| (predicted(values), class as usize))
            .collect();
        let right = pairs.iter().filter(|(predicted, class)| predicted == class);
        let mut record = vec![right.count() as f64, pairs.len() as f64];
        let predicted = self.entities(pairs.iter().map(|(predicted, _)| *predicted));
        let actual = self.entities(pairs.iter().map(|(_, class)| *class));
        if let (Some(predicted), Some(actual)) = (predicted, actual) {
            let right = predicted.iter().filter(|span| actual.contains(span));
            let counts = [right.count(), predicted.len(), actual.len()];
            record.extend(counts.map(|count| count as f64));
        }
        record
    }

    /// Names the labels of the positions whose labels differ.
    fn describe(&self, example: &Example<'_>) -> Description {
        let classes = |outputs: Outputs<'_>| outputs.rows().map(predicted).collect::<Vec<usize>>();
        let (before, after) = (classes(example.before), classes(example.after));
        let positions = 0..before.len().min(after.len());
        let changed: Vec<usize> = positions
            .filter(|&position| before[position] != after[position])
            .collect();
        let told = |label: &dyn Fn(usize) -> Option<usize>| {
            let all = changed.iter().map(|&position| {
                let label = label(position).map_or("no label", |class| &self.labels[class]);
                match example.positions.get(position) {
                    Some(name) => format!("{name}: {label}"),
                    None => format!("position {}: {label}", position + 1),
                }
            });
            listed(all)
        };
        Description {
            before: told(&|position| Some(before[position])),
            after: told(&|position| Some(after[position])),
            truth: example.truth.map(|truth| {
                let classes = truth.numbers();
                told(&|position| {
                    let class = classes.get(position).filter(|class| **class != IGNORED);
                    class.map(|class| *class as usize)
                })
            }),
        }
    }

    fn became_wrong(&self, before: &[f64], after: &[f64]) -> bool {
        after[0] < before[0]
    }

    /// Returns the F1 score of entities (only exact spans of the right type count), if the labels have prefixes, and the
    /// accuracy of all labels.
    fn metrics(&self, truths: &[&Truth], records: Records<'_>) -> Vec<Metric> {
        let mut counts = vec![0usize; self.labels.len()];
        let classes = truths.iter().flat_map(|truth| truth.numbers());
        for class in classes.filter(|class| **class != IGNORED) {
            counts[*class as usize] += 1;
        }
        let (most, all) = (counts.iter().max(), counts.iter().sum::<usize>());
        let constant = most.map(|&most| most as f64 / all.max(1) as f64);
        let of = |name, constant, parts: fn(&[f64]) -> (f64, f64)| {
            Metric::of_contributions(name, records, constant, |records| {
                ratio(
                    &records
                        .iter()
                        .map(|record| parts(record))
                        .collect::<Vec<_>>(),
                )
            })
        };
        let accuracy = of("token_accuracy", constant, |record| (record[0], record[1]));
        match self.has_entities() {
            true => vec![
                of("entity_f1", None, |record| {
                    (2.0 * record[2], record[3] + record[4])
                }),
                accuracy,
            ],
            false => vec![accuracy],
        }
    }
}
