//! The interface of the examples of one kind of input.

use serde_json::{Map, Value};

use super::error::DataError;
use super::passage::Passage;
use super::picture::Picture;
use crate::model::batch::Input;
use crate::model::hidden::Layout;

/// Where a row of a dataset comes from, for a person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// Number of the row in the data, counted from 1, without a header.
    pub row: usize,
    /// The beginnings of its texts, or the name of its file. Empty if the data has neither.
    pub shown: Vec<String>,
}

/// The inputs of the rows of a dataset.
pub trait Examples: Send + Sync {
    /// Returns the arrangement and the number of the positions of a row. They are known without loading the row.
    fn shape(&self, row: usize) -> (Layout, usize);

    /// Loads rows of one shape.
    ///
    /// # Errors
    /// Returns [`DataError`] if a row cannot be read. The message names the row.
    fn load(&self, rows: &[usize]) -> Result<Input, DataError>;

    /// Loads rows for timing. If rows can have different shapes, each row is repeated or cropped to this number of
    /// positions.
    ///
    /// # Errors
    /// Returns [`DataError`] if a row cannot be read. The message names the row.
    fn load_resized(&self, rows: &[usize], positions: usize) -> Result<Input, DataError>;

    /// Returns the input of a row under the names of the arguments of `forward` in transformers.
    ///
    /// # Errors
    /// Returns [`DataError`] if the row cannot be read. The message names the row.
    fn arguments(&self, row: usize) -> Result<Map<String, Value>, DataError>;

    /// Returns where a row comes from.
    fn origin(&self, row: usize) -> Origin;

    /// Returns the text of which the answer to a row is a part. `None` if answers are not parts of texts.
    fn passage(&self, _row: usize) -> Option<&Passage> {
        None
    }

    /// Returns the names of the positions of a row, such as its tokens. Empty if they have none.
    fn positions(&self, _row: usize) -> Vec<String> {
        Vec::new()
    }

    /// Returns a row as a picture whose longer side has this length, in pixels. `None` if rows are not images.
    ///
    /// # Errors
    /// Returns [`DataError`] if the row cannot be read. The message names the row.
    fn picture(&self, _row: usize, _side: usize) -> Result<Option<Picture>, DataError> {
        Ok(None)
    }
}

impl std::fmt::Debug for dyn Examples {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Examples")
    }
}
