//! The interface of a reader: the examples of one kind of input, from files to datasets.

use std::path::Path;

use serde_json::{Map, Value};

use super::dataset::{Dataset, Sample};
use super::error::DataError;
use super::limits::Limits;
use super::mapping::Mapping;
use super::truth::ReadTruth;
use crate::model::batch::Input;

/// A reader of examples, with the tokenizer or image processor of a model.
pub trait Reader: Send + Sync {
    /// Samples examples without labels. Label columns are never read.
    ///
    /// # Errors
    /// Returns [`DataError`] if the file, a column or a row cannot be used, or does not fit the model.
    fn calibration(
        &self,
        path: &Path,
        mapping: &Mapping,
        truths: &dyn ReadTruth,
        sample: Sample,
        limits: &Limits,
    ) -> Result<Dataset, DataError>;

    /// Reads labeled examples from the first `max_samples` rows, or from all rows. Rows without a label are left out
    /// and counted.
    ///
    /// # Errors
    /// Returns [`DataError`] if the file, a column, a row or a label cannot be used, or does not fit the model.
    fn evaluation(
        &self,
        path: &Path,
        mapping: &Mapping,
        truths: &dyn ReadTruth,
        max_samples: Option<usize>,
        limits: &Limits,
    ) -> Result<Dataset, DataError>;

    /// Returns sentences for the user about how the model's files and these datasets were read.
    ///
    /// # Errors
    /// Returns [`DataError`] if the tokenizer or image processor fails.
    fn notes(&self, truths: &dyn ReadTruth, data: &[&Dataset]) -> Result<Vec<String>, DataError>;

    /// Returns the words for users about this kind of input, as a task with these true answers reads it.
    fn wording(&self, truths: &dyn ReadTruth) -> Wording;

    /// Returns the names of the files in the model's folder that the reader uses.
    fn sources(&self) -> &[&'static str];

    /// Returns the name and content of the files of the tokenizer or image processor in a result.
    ///
    /// # Errors
    /// Returns [`DataError`] if a file cannot be written as text.
    fn files(&self) -> Result<Vec<(&'static str, String)>, DataError>;

    /// Whether a result may show rows of the data as the model reads them. The pixels of an image are the image itself,
    /// which it may not be permitted to pass on, and they are many.
    fn shows_rows(&self) -> bool;

    /// Returns fixed inputs with which other libraries can check the tokenizer or image processor of a result.
    ///
    /// # Errors
    /// Returns [`DataError`] if the tokenizer or image processor fails.
    fn checks(&self) -> Result<Checks, DataError>;

    /// Returns the input of a model that these arguments of `forward` in transformers describe. They are those of a
    /// [check](Self::checks) or of a row of [data](super::examples::Examples::arguments).
    ///
    /// # Errors
    /// Returns [`DataError`] if an argument is missing or malformed, or if the model cannot read it.
    fn input_of(&self, named: &Map<String, Value>) -> Result<Input, DataError>;
}

/// Words for users about a kind of input.
#[derive(Clone, Copy, Debug)]
pub struct Wording {
    /// The kind of input.
    pub input: &'static str,
    /// What the positions of a row are, in the plural.
    pub positions: &'static str,
    /// What turns a row into the input of the model.
    pub processor: &'static str,
    /// A variable in Python code that holds it.
    pub variable: &'static str,
    /// The class of transformers that opens it.
    pub auto_class: &'static str,
    /// Python code that makes a batch with it, as arrays of NumPy.
    pub call: &'static str,
}

/// Fixed inputs for checks.
pub struct Checks {
    /// The inputs.
    pub rows: Vec<Check>,
    /// All inputs as one batch, under the names of the arguments of `forward` in transformers. `None` if rows of
    /// different shapes cannot be joined.
    pub batch: Option<Map<String, Value>>,
}

/// One fixed input.
pub struct Check {
    /// Its source and its arguments of `forward` in transformers.
    pub named: Map<String, Value>,
    /// The same as input of a model, with one row.
    pub input: Input,
}
