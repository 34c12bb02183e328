//! Encodes the rows of a table.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::columns::Columns;
use super::encoded::Encoded;
use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::tokenizer::Tokenizer;
use crate::checkpoint::tokenizer::encoding::Encoding;
use crate::checkpoint::tokenizer::windows::Windows;
use crate::data::error::DataError;
use crate::data::examples::Origin;
use crate::data::excerpt::excerpt;
use crate::data::passage::Passage;
use crate::data::table::Table;
use crate::data::truth::{ReadTruth, Truth, add_to_digest};
use crate::model::batch::TextLimits;

/// A table, and how its rows are encoded.
pub(super) struct Source<'a> {
    pub(super) table: &'a Table,
    pub(super) columns: Columns,
    pub(super) tokenizer: &'a Tokenizer,
    /// What divides the texts of questions into windows, if rows are questions.
    pub(super) windows: Option<&'a Windows>,
    /// What the model has embeddings for.
    pub(super) limits: TextLimits,
    pub(super) truths: &'a dyn ReadTruth,
}

/// An encoded row.
struct Row {
    encoding: Encoding,
    /// The beginnings of its texts.
    shown: Vec<String>,
    truth: Option<Truth>,
    /// The text of which the answer is a part.
    passage: Option<Passage>,
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
            for Row {
                encoding,
                shown,
                truth,
                passage,
                agrees,
            } in self.examples(row, truth)?
            {
                self.check(row, &encoding)?;
                digest.update((encoding.ids.len() as u64).to_le_bytes());
                let numbers = encoding.ids.iter().chain(&encoding.types);
                numbers.for_each(|value| digest.update(value.to_le_bytes()));
                add_to_digest(truth.as_ref(), &mut digest);
                if let Some(passage) = &passage {
                    digest.update(passage.whole());
                }
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
                encoded.passages.extend(passage);
                encoded.origins.push(Origin {
                    row: row + 1,
                    shown,
                });
            }
        }
        encoded.sha256 = hex::encode(digest.finalize());
        Ok(encoded)
    }

    /// Returns the examples of a row of the table: one, or one for each text.
    fn examples(&self, row: usize, truth: Option<Truth>) -> Result<Vec<Row>, DataError> {
        if self.truths.reads_words() {
            return Ok(vec![self.encode_words(row, truth)?]);
        }
        let text = self.table.text(row, self.columns.text)?;
        let pair = self.columns.text_pair;
        let pair = pair
            .map(|column| self.table.text(row, column))
            .transpose()?;
        if let (Some(windows), Some(context)) = (self.windows, pair) {
            return self.encode_question(row, windows, [text, context], truth);
        }
        if !self.truths.reads_texts_apart() {
            return Ok(vec![self.encode(row, text, pair, truth)?]);
        }
        let truth = truth.map(|truth| self.truths.of_row(truth, row));
        let texts = std::iter::once(text).chain(pair);
        texts
            .map(|text| self.encode(row, text, None, truth.clone()))
            .collect()
    }

    /// Checks that the model has an embedding for every token and segment of a row.
    fn check(&self, row: usize, encoding: &Encoding) -> Result<(), DataError> {
        let TextLimits {
            vocabulary,
            segments,
            ..
        } = self.limits;
        let place = self.table.place(row);
        let refused = |detail| Err(DataError::Tokenizer(CheckpointError::Tokenizer(detail)));
        let largest = |values: &[u32]| values.iter().max().map_or(0, |&value| value as usize);
        let (id, segment) = (largest(&encoding.ids), largest(&encoding.types));
        if id >= vocabulary {
            return refused(format!(
                "{place}: the text contains token {id}, but the model has embeddings for {vocabulary}, and the tokenizer has {} tokens; \
                 use the tokenizer that the model was trained with, or save the model after resize_token_embeddings(..)",
                self.tokenizer.vocabulary(),
            ));
        }
        if segments > 0 && segment >= segments {
            return refused(format!(
                "{place}: the tokenizer assigns segment {segment} to the second text of a pair, but the model has embeddings for \
                 {segments} segments (type_vocab_size); use single texts, or a tokenizer without segments (model_input_names)",
            ));
        }
        Ok(())
    }

    /// Returns the error of the tokenizer for a row.
    fn failed(&self, row: usize, error: CheckpointError) -> DataError {
        let place = self.table.place(row);
        match error {
            CheckpointError::Limit(what) => DataError::Limit(format!("{place}: {what}")),
            CheckpointError::Tokenizer(what) => {
                DataError::Tokenizer(CheckpointError::Tokenizer(format!("{place}: {what}")))
            }
            other => DataError::Tokenizer(other),
        }
    }

    /// Encodes a text or a pair of texts.
    fn encode(
        &self,
        row: usize,
        text: &str,
        pair: Option<&str>,
        truth: Option<Truth>,
    ) -> Result<Row, DataError> {
        let failed = |error| self.failed(row, error);
        let encoding = self.tokenizer.encode(text, pair).map_err(failed)?;
        let agrees = self.tokenizer.agrees_with_4(text, pair, &encoding);
        Ok(Row {
            agrees: agrees.map_err(failed)?,
            shown: std::iter::once(text).chain(pair).map(excerpt).collect(),
            encoding,
            truth,
            passage: None,
        })
    }

    /// Encodes a question with each window of its text.
    fn encode_question(
        &self,
        row: usize,
        windows: &Windows,
        [question, context]: [&str; 2],
        truth: Option<Truth>,
    ) -> Result<Vec<Row>, DataError> {
        let failed = |error| self.failed(row, error);
        let encoded = windows.encode(question, context).map_err(failed)?;
        let agrees = windows.agrees_with_4([question, context], &encoded);
        let agrees = agrees.map_err(failed)?;
        let text: Arc<str> = context.into();
        let rows = encoded.into_iter().map(|window| {
            let passage = Passage::new(row, Arc::clone(&text), window.places);
            Row {
                agrees,
                shown: vec![excerpt(question), excerpt(passage.whole())],
                encoding: window.encoding,
                truth: truth.clone(),
                passage: Some(passage),
            }
        });
        Ok(rows.collect())
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
        let failed = |error| self.failed(row, error);
        let encoded = self.tokenizer.encode_words(&words).map_err(failed)?;
        let agrees = self.tokenizer.agrees_with_4_on_words(&words, &encoded);
        Ok(Row {
            agrees: agrees.map_err(failed)?,
            truth: truth.map(|truth| self.truths.align(truth, &encoded.words)),
            shown: vec![excerpt(&words.join(" "))],
            encoding: encoded.encoding,
            passage: None,
        })
    }
}
