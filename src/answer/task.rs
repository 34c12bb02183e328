//! The interface of a task.

use std::sync::Arc;

use super::metric::{Metric, Records};
use crate::checkpoint::error::CheckpointError;
use crate::data::passage::Passage;
use crate::data::truth::{ReadTruth, Truth};

/// A task, and how a configuration names it.
pub struct Task {
    /// Name of the task, as in the report.
    pub name: &'static str,
    /// The heads that answer it, one for each kind of input.
    pub heads: &'static [Head],
    /// Names of the answers in an ONNX graph, as exporters name them: one name of all channels, or one for each channel.
    pub outputs: &'static [&'static str],
    /// Opens the task if the configuration describes it.
    pub(super) open: Open,
}

/// A head of transformers.
#[derive(Debug, PartialEq, Eq)]
pub struct Head {
    /// The kind of input, as in [`Wording`](crate::data::reader::Wording).
    pub input: &'static str,
    /// Part of the names of its classes, for example `ForSequenceClassification`.
    pub class: &'static str,
    /// The pipeline that serves it.
    pub pipeline: &'static str,
}

/// Name of answers that are one number for each label, in an ONNX graph.
pub(super) const LOGITS: &[&str] = &["logits"];

/// The heads that answer once per row.
pub(super) const OF_ROWS: &[Head] = &[
    Head {
        input: "text",
        class: "ForSequenceClassification",
        pipeline: "text-classification",
    },
    Head {
        input: "image",
        class: "ForImageClassification",
        pipeline: "image-classification",
    },
];

impl Head {
    /// Returns the name of the auto class of transformers that opens a model with this head.
    #[must_use]
    pub fn auto_class(&self) -> String {
        format!("AutoModel{}", self.class.trim_start_matches("Model"))
    }
}

impl Task {
    /// Whether the answers are one number for each label of the configuration.
    #[must_use]
    pub fn has_labels(&self) -> bool {
        self.outputs == LOGITS
    }

    /// Returns the head for a kind of input. If there is none, returns the first one.
    #[must_use]
    pub fn head(&self, input: &str) -> &'static Head {
        let found = self.heads.iter().find(|head| head.input == input);
        found.unwrap_or(&self.heads[0])
    }

    /// Whether a class with this name has a head for the task.
    #[must_use]
    pub fn is_of(&self, class: &str) -> bool {
        self.heads.iter().any(|head| class.contains(head.class))
    }
}

/// Opens a task from the `problem_type` of a configuration, which is empty if it is missing, and the names of the
/// outputs.
pub(super) type Open = fn(&str, &[String]) -> Option<Result<Arc<dyn Answer>, CheckpointError>>;

/// The answers of one example: the output channels at each position, row-major.
#[derive(Clone, Copy, Debug)]
pub struct Outputs<'a> {
    /// The numbers, `[positions, channels]`.
    pub values: &'a [f32],
    /// Number of positions.
    pub positions: usize,
    /// Height and width if the positions are the pixels of a map, in raster order.
    pub size: Option<[usize; 2]>,
    /// 1 at each position whose answers count, and 0 at all others. `None` if all count.
    pub asked: Option<&'a [u32]>,
    /// The text of which the answer is a part, if it is.
    pub passage: Option<&'a Passage>,
    /// The queries of which the answers were made, if they were.
    pub queries: Option<QueryOutputs<'a>>,
}

/// Classes and masks of queries, of which a map was made.
#[derive(Clone, Copy, Debug)]
pub struct QueryOutputs<'a> {
    /// Logits of the classes of each query, `[queries, classes]`. The last class stands for no object.
    pub classes: &'a [f32],
    /// Masks as logits, `[height, width, queries]`.
    pub masks: &'a [f32],
}

/// Parameters of the quadratic form of a divergence.
#[derive(Clone, Copy, Debug)]
pub struct Form {
    /// Temperature of both distributions.
    pub temperature: f64,
    /// Seed of random directions.
    pub seed: u64,
}

impl<'a> Outputs<'a> {
    /// Returns answers at this number of positions, which are not those of a map.
    #[must_use]
    pub fn new(values: &'a [f32], positions: usize) -> Self {
        Self {
            values,
            positions,
            size: None,
            asked: None,
            passage: None,
            queries: None,
        }
    }

    /// Returns answers at the pixels of a map of this height and width.
    #[must_use]
    pub fn of_map(values: &'a [f32], size: [usize; 2]) -> Self {
        Self {
            values,
            positions: size.iter().product(),
            size: Some(size),
            asked: None,
            passage: None,
            queries: None,
        }
    }

    /// Returns the same answers as parts of a text.
    #[must_use]
    pub fn within(self, passage: Option<&'a Passage>) -> Self {
        Self { passage, ..self }
    }

    /// Whether the answers at a position count.
    #[must_use]
    pub fn is_asked(&self, position: usize) -> bool {
        self.asked.is_none_or(|asked| asked[position] != 0)
    }

    /// Returns the channels of each position.
    pub fn rows(&self) -> impl Iterator<Item = &'a [f32]> + use<'a> {
        self.values
            .chunks_exact((self.values.len() / self.positions.max(1)).max(1))
    }
}

/// An example whose answers are described.
#[derive(Clone, Copy, Debug)]
pub struct Example<'a> {
    /// The answer of the original model.
    pub before: Outputs<'a>,
    /// The answer of the pruned model.
    pub after: Outputs<'a>,
    /// The true answer, if it is known.
    pub truth: Option<&'a Truth>,
    /// Names of the positions, such as the tokens of a text. Empty if they have none.
    pub positions: &'a [String],
}

/// The answers to an example in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// The answer of the original model.
    pub before: String,
    /// The answer of the pruned model.
    pub after: String,
    /// The true answer, if it is known.
    pub truth: Option<String>,
}

impl Example<'_> {
    /// Describes both answers in the same way, each by itself.
    pub(super) fn each(
        &self,
        answer: impl Fn(Outputs<'_>) -> String,
        truth: impl Fn(&Truth) -> String,
    ) -> Description {
        Description {
            before: answer(self.before),
            after: answer(self.after),
            truth: self.truth.map(truth),
        }
    }
}

/// How far two answers are apart.
pub trait Divergence: Send + Sync {
    /// Returns the divergence of an example's answers from those of the original model.
    fn divergence(&self, original: Outputs<'_>, changed: Outputs<'_>, temperature: f64) -> f64;

    /// Returns directions for the answers of one example, each `[positions, channels]`. Near the original answers, the
    /// divergence of a change `d` is [`scale`](Self::scale) times the sum of `<direction, d>^2`, or its expectation if
    /// the directions are random. `row` identifies the example, so that its random directions do not depend on its
    /// batch. All examples with equally many positions have equally many directions.
    fn directions(&self, at: Outputs<'_>, row: usize, form: Form) -> Vec<Vec<f32>>;

    /// Returns the factor of the squared derivatives along this number of directions.
    fn scale(&self, directions: usize, positions: usize) -> f64;

    /// Returns the divergence that also compares the answers of an example with those of others. `originals` are the original
    /// answers to all examples of a sample. `None` if the answers of each example count by themselves.
    fn among(&self, _originals: &[Outputs<'_>]) -> Option<Arc<dyn Divergence>> {
        None
    }
}

/// The answers of a task.
pub trait Answer: Divergence + ReadTruth + Send + Sync {
    /// Returns the task.
    fn task(&self) -> &'static Task;

    /// Returns the fraction of equal predictions in two answers to one example, or `None` if answers are numbers.
    fn agreement(&self, left: Outputs<'_>, right: Outputs<'_>) -> Option<f64>;

    /// Returns what the metrics need of a model's answers to one example.
    fn record(&self, outputs: Outputs<'_>, truth: &Truth) -> Vec<f64>;

    /// Returns the metrics of two models on the same examples. The first one is the main metric.
    fn metrics(&self, truths: &[&Truth], records: Records<'_>) -> Vec<Metric>;

    /// Describes both answers to an example and the true one, for people.
    fn describe(&self, example: &Example<'_>) -> Description;

    /// Whether the answer of the pruned model to an example is less right than that of the original, by what the metrics
    /// need of both. False if answers are not right or wrong.
    fn became_wrong(&self, _before: &[f64], _after: &[f64]) -> bool {
        false
    }

    /// Returns the divergence of the parts from which the answers are computed, if they can be compared in place of the
    /// answers.
    fn parts(&self) -> Option<Arc<dyn Divergence>> {
        None
    }

    /// Returns the predicted class of each pixel of an image of this height and width. `None` if the answers are not those
    /// of a map of classes.
    fn predicted_map(&self, _outputs: Outputs<'_>, _size: [usize; 2]) -> Option<Vec<usize>> {
        None
    }

    /// Returns a possible reason for a low score of the original model, as a sentence. `None` if there is none.
    fn hint(&self, _truths: &[&Truth], _original: &[Vec<f64>]) -> Option<String> {
        None
    }
}

impl std::fmt::Debug for dyn Answer {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(self.task().name)
    }
}
