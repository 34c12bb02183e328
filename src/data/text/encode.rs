//! Encodes the rows of a table.

use sha2::{Digest, Sha256};

use super::columns::Columns;
use super::encoded::Encoded;
use crate::checkpoint::tokenizer::Tokenizer;
use crate::checkpoint::tokenizer::encoding::Encoding;
use crate::data::error::DataError;
use crate::data::table::Table;
use crate::data::truth::{ReadTruth, Truth, add_to_digest};

/// A table, and how its rows are encoded.
pub(super) struct Source<'a> {
    pub(super) table: &'a Table,
    pub(super) columns: Columns,
    pub(super) tokenizer: &'a Tokenizer,
    pub(super) truths: &'a dyn ReadTruth,
}

/// An encoded row.
struct Row {
    encoding: Encoding,
    truth: Option<Truth>,
    /// Whether transformers 4 gives the same tokens.
    agrees: bool,
}

impl Source<'_> {
    /// Encodes rows, until they have this number of tokens.
    pub(super) fn encode_all(
        &self,
        rows: &[usize],
        truths: Vec<Option<Truth>>,
        max_positions: usize,
    ) -> Result<Encoded, DataError> {
        let mut digest = Sha256::new();
        let mut encoded = Encoded::default();
        let mut positions = 0;
        for (&row, truth) in rows.iter().zip(truths) {
            if positions >= max_positions {
                break;
            }
            let Row {
                encoding,
                truth,
                agrees,
            } = match self.truths.reads_words() {
                true => self.encode_words(row, truth)?,
                false => self.encode(row, truth)?,
            };
            digest.update((encoding.ids.len() as u64).to_le_bytes());
            let numbers = encoding.ids.iter().chain(&encoding.types);
            numbers.for_each(|value| digest.update(value.to_le_bytes()));
            add_to_digest(truth.as_ref(), &mut digest);
            if encoding.ids.is_empty() {
                return Err(DataError::Invalid(format!(
                    "{}: the text has no tokens",
                    self.table.place(row)
                )));
            }
            positions += encoding.ids.len();
            encoded.read_otherwise += usize::from(!agrees);
            encoded.rows.push(encoding);
            encoded.answers.push(truth);
        }
        encoded.sha256 = hex::encode(digest.finalize());
        Ok(encoded)
    }

    /// Encodes a text or a pair of texts.
    fn encode(&self, row: usize, truth: Option<Truth>) -> Result<Row, DataError> {
        let text = self.table.text(row, self.columns.text)?;
        let pair = self.columns.text_pair;
        let pair = pair
            .map(|column| self.table.text(row, column))
            .transpose()?;
        let encoding = self.tokenizer.encode(text, pair)?;
        Ok(Row {
            agrees: self.tokenizer.agrees_with_4(text, pair, &encoding)?,
            encoding,
            truth,
        })
    }

    /// Encodes a list of words.
    fn encode_words(&self, row: usize, truth: Option<Truth>) -> Result<Row, DataError> {
        let list = self.table.list(row, self.columns.text)?;
        let words: Vec<&str> = list.iter().map(Option::unwrap_or_default).collect();
        if let Some(labels) = truth.as_ref().map(|truth| truth.numbers().len())
            && labels != words.len()
        {
            return Err(DataError::Invalid(format!(
                "{}: {} words, but {labels} labels; each word needs one label",
                self.table.place(row),
                words.len()
            )));
        }
        let encoded = self.tokenizer.encode_words(&words)?;
        Ok(Row {
            agrees: self.tokenizer.agrees_with_4_on_words(&words, &encoded)?,
            truth: truth.map(|truth| self.truths.align(truth, &encoded.words)),
            encoding: encoded.encoding,
        })
    }
}
