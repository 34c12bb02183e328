//! True answers of examples, as tasks read them from a table or from label maps.

use sha2::{Digest, Sha256};

use super::error::DataError;
use super::label::{self, LabelReading};
use super::label_map::LabelMap;
use super::table::column::Column;

/// The true answer of an example.
#[derive(Clone, Debug, PartialEq)]
pub enum Truth {
    /// Numbers whose meaning the task defines: the index of a class, a number, and so on.
    Numbers(Vec<f32>),
    /// A class for each pixel of an image.
    Map(LabelMap),
    /// Texts, each of which is right. Empty if there is no answer.
    Texts(Vec<String>),
}

impl Truth {
    /// Returns the numbers. Empty for other answers.
    #[must_use]
    pub fn numbers(&self) -> &[f32] {
        match self {
            Self::Numbers(numbers) => numbers,
            Self::Map(_) | Self::Texts(_) => &[],
        }
    }

    /// Returns the first number as the index of a class.
    #[must_use]
    pub fn class(&self) -> usize {
        self.numbers().first().copied().unwrap_or_default() as usize
    }

    /// Returns the label map. `None` for other answers.
    #[must_use]
    pub fn map(&self) -> Option<&LabelMap> {
        match self {
            Self::Map(map) => Some(map),
            Self::Numbers(_) | Self::Texts(_) => None,
        }
    }

    /// Returns the texts. Empty for other answers.
    #[must_use]
    pub fn texts(&self) -> &[String] {
        match self {
            Self::Texts(texts) => texts,
            Self::Numbers(_) | Self::Map(_) => &[],
        }
    }
}

/// Adds the true answer of an example to a digest.
pub(super) fn add_to_digest(answer: Option<&Truth>, digest: &mut Sha256) {
    match answer {
        None => digest.update("none"),
        Some(Truth::Numbers(numbers)) => digest.update(format!("{numbers:?}")),
        Some(Truth::Texts(texts)) => digest.update(format!("{texts:?}")),
        Some(Truth::Map(map)) => {
            digest.update(format!("map of {:?}", map.size()));
            // The numbers are the same for each type of the pixels.
            let pixels = map
                .classes()
                .map(|class| class.map_or(u16::MAX, |class| class as u16));
            digest.update(pixels.flat_map(u16::to_le_bytes).collect::<Vec<u8>>());
        }
    }
}

/// Reader of true answers.
pub trait ReadTruth {
    /// Whether answers are right or wrong. If not, there is nothing to evaluate.
    fn has_truth(&self) -> bool {
        true
    }

    /// Returns common names of columns with true answers.
    fn columns(&self) -> &'static [&'static str] {
        label::COLUMNS
    }

    /// Whether an example is a list of words instead of a text.
    fn reads_words(&self) -> bool {
        false
    }

    /// Whether each text of a row is an example of its own. The true answer of a row is then that of both.
    fn reads_texts_apart(&self) -> bool {
        false
    }

    /// Whether an example is a question and a text of which its answer is a part. A long text is divided into windows, each of
    /// which is an example.
    fn reads_passages(&self) -> bool {
        false
    }

    /// Returns the true answer of a text whose row in the table is `row`. It is called only if the task reads texts apart.
    fn of_row(&self, truth: Truth, _row: usize) -> Truth {
        truth
    }

    /// Whether the true answer of an example is a list.
    fn reads_lists(&self) -> bool {
        self.reads_words()
    }

    /// Returns the number of classes if the true answer of an example is a label map. `None` if it is in a column.
    fn map_classes(&self) -> Option<usize> {
        None
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
