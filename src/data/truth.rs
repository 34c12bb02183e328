//! True answers of examples, as tasks read them from a table.

use super::error::DataError;
use super::label::{self, LabelReading};
use super::table::column::Column;

/// The true answer of an example, as numbers whose meaning the task defines: the index of a class, a number, and so on.
#[derive(Clone, Debug, PartialEq)]
pub struct Truth(pub Vec<f32>);

impl Truth {
    /// Returns the first number as the index of a class.
    #[must_use]
    pub fn class(&self) -> usize {
        self.0.first().copied().unwrap_or_default() as usize
    }
}

/// Reader of true answers.
pub trait ReadTruth {
    /// Returns common names of columns with true answers.
    fn columns(&self) -> &'static [&'static str] {
        label::COLUMNS
    }

    /// Whether an example is a list of words instead of a text.
    fn reads_words(&self) -> bool {
        false
    }

    /// Whether the true answer of an example is a list.
    fn reads_lists(&self) -> bool {
        self.reads_words()
    }

    /// Maps the true answers of the words of an example to its positions. `words` holds the word of each position. It
    /// is called only if the task reads words.
    fn align(&self, truth: Truth, _words: &[Option<usize>]) -> Truth {
        truth
    }

    /// Reads the true answers of the rows of a column. A row without one gives `None`. All rows are read in the same way.
    ///
    /// # Errors
    /// Returns [`DataError::Invalid`] if a value cannot be read. The message names the row, the column and the known
    /// values.
    fn read(
        &self,
        column: Column<'_>,
        wanted: Option<LabelReading>,
    ) -> Result<Vec<Option<Truth>>, DataError>;
}

/// Returns the rows that have a true answer, with their answers. Each answer is that of the row at its place.
#[must_use]
pub fn labeled(rows: &[usize], answers: Vec<Option<Truth>>) -> (Vec<usize>, Vec<Option<Truth>>) {
    let both = rows.iter().zip(answers);
    both.filter(|(_, answer)| answer.is_some()).unzip()
}
