//! The columns of a dataset, as a user names them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::label::LabelReading;

/// Columns of a dataset. A column is given by its name, or by its number from 0. If all given columns are numbers, the
/// file has no header.
///
/// Without `text`, the first of these names (with the second text of a pair) is used: `text` (`text_pair`), `sentence1`
/// (`sentence2`), `question1` (`question2`), `premise` (`hypothesis`), `question` (`sentence`), `#1 String` (`#2
/// String`), `sentence`, `review`, `content`, `description`. Without `label`, the first of these names is used:
/// `label`, `labels`, `class`, `category`, `target`, `score`, `Quality`, `gold_label`.
///
/// For token classification, a row is a list of words and a list with the label of each word, in JSON or Parquet,
/// or a sentence of a CoNLL file, whose first column is `tokens`, whose last column is `tags`, and whose other columns are numbers
/// from 1. Without `text`, the words are in `tokens` or `words`. Without `label`, the labels are in the first of `ner_tags`,
/// `tags`, `labels`, `pos_tags`, `chunk_tags`, `label`. For multi-label classification, the label is a list of names or
/// indices, or a list with a 0 or 1 for each label of the model. For regression of several numbers, it is a list of
/// numbers.
///
/// For question answering, a row has a question, the text that contains its answer, and the answers. Without `text`, `text_pair`
/// and `label`, they are in `question`, `context`, and `answers` or `answer`. Answers are an object with a list `text`, a list of
/// objects with a `text`, a list of texts, or a text, in JSON or Parquet. An empty list means that there is no answer. A JSON
/// document in the form of SQuAD (`data`, `paragraphs`, `qas`) has these columns as well.
///
/// For sentence embeddings, each text of a row is an example of its own. Evaluation rows have two texts and, as `label`, the
/// score of their similarity, such as `score`.
///
/// For images, `text` is the column of the images or of their paths. Without it, the first of these names is used:
/// `image`, `img`, `file_name`, `path`, `file`. Class folders and arrays have the columns `image` and `label`.
///
/// For semantic segmentation, `label` is the column of the label maps in Parquet. Without it, the first of these names
/// is used: `label`, `labels`, `annotation`, `annotations`, `mask`, `masks`, `segmentation`, `semantic_segmentation`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ColumnMapping")]
pub struct Mapping {
    /// Column of the text, of the first text of a pair, of the question, of the list of words, or of the images or their paths. Detected by
    /// name by default.
    pub text: Option<String>,
    /// Column of the second text of a pair, or of the text that contains the answers. If `text` is given, the default for pairs is
    /// that there is none. Otherwise it is detected by name.
    pub text_pair: Option<String>,
    /// Column of the label: a class name in `id2label` of the model, a class index, a number for regression, or a list
    /// of names or indices for several labels per row or a label per word, or the answers to a question.
    /// Detected by name by default. Calibration ignores it.
    pub label: Option<String>,
    /// How the label column identifies classes. Detected from its values by default. If names and indices are both
    /// possible and differ, the job fails with `invalid_data`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<LabelReading>,
    /// Class id in label maps that means that a pixel has no class, as it is in the files. Pixels with `ignore_index` of
    /// `preprocessor_config.json` have none either.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ignored_label: Option<u16>,
}

impl Mapping {
    /// Returns whether all given columns are numbers, which means that the first row of the file is data.
    #[must_use]
    pub fn is_numbered(&self) -> bool {
        let mut named = [&self.text, &self.text_pair, &self.label]
            .into_iter()
            .flatten()
            .peekable();
        named.peek().is_some() && named.all(|name| name.parse::<usize>().is_ok())
    }
}
