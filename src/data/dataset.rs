//! The tokenized examples of a job, and the batches in which a model reads them.

use std::path::Path;

use candle_core::{Device, Tensor};
use sha2::{Digest, Sha256};

use super::draw::draw;
use super::error::DataError;
use super::example::Example;
use super::limits::Limits;
use super::mapping::{Columns, Mapping};
use super::table::Table;
use super::table::column::Column;
use super::truth::{ReadTruth, Truth};
use crate::checkpoint::read_file::ReadFile;
use crate::checkpoint::tokenizer::Tokenizer;
use crate::model::batch::{Batch, Input};
use crate::model::extent::Extent;
use crate::model::hidden::Layout;

/// Tokenized examples: calibration examples in the order of the sample, evaluation examples in the order of the file.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// The examples.
    pub examples: Vec<Example>,
    /// Names of the columns that were read.
    pub mapping: Mapping,
    /// The files that were read.
    pub files: Vec<ReadFile>,
    /// SHA-256 over the tokens and labels of all examples, hex.
    pub sha256: String,
    /// Number of rows that were left out because they have no label.
    pub unlabelled: usize,
    /// Number of examples that transformers 4 would encode differently.
    pub read_otherwise: usize,
}

impl Dataset {
    /// Samples examples without labels. Label columns are never read.
    ///
    /// # Errors
    /// Returns [`DataError`] if the file, a column or a row cannot be used.
    pub fn calibration(
        path: &Path,
        mapping: &Mapping,
        tokenizer: &Tokenizer,
        truths: &dyn ReadTruth,
        sample: Sample,
        limits: &Limits,
    ) -> Result<Self, DataError> {
        let reads_list = |column: &str| mapping.reads_list(column, truths);
        let table = Table::read(path, !mapping.is_numbered(), &reads_list, limits)?;
        let rows = draw(table.rows.len(), sample.max_rows, sample.seed);
        let source = Source {
            columns: mapping.resolve(&table, truths, false)?,
            table: &table,
            tokenizer,
            truths,
        };
        let unlabelled = vec![None; rows.len()];
        source.encode_all(&rows, unlabelled, sample.max_positions)
    }

    /// Reads labeled examples from the first `max_samples` rows, or from all rows. Rows without a label are left out
    /// and counted.
    ///
    /// # Errors
    /// Returns [`DataError`] if the file, a column, a row or a label cannot be used.
    pub fn evaluation(
        path: &Path,
        mapping: &Mapping,
        tokenizer: &Tokenizer,
        truths: &dyn ReadTruth,
        max_samples: Option<usize>,
        limits: &Limits,
    ) -> Result<Self, DataError> {
        let reads_list = |column: &str| mapping.reads_list(column, truths);
        let table = Table::read(path, !mapping.is_numbered(), &reads_list, limits)?;
        let rows: Vec<usize> =
            (0..table.rows.len().min(max_samples.unwrap_or(usize::MAX))).collect();
        let columns = mapping.resolve(&table, truths, true)?;
        let labels = match columns.label {
            Some(column) => truths.read(Column::new(&table, &rows, column), mapping.labels)?,
            None => vec![None; rows.len()],
        };
        let (rows, labels): (Vec<usize>, Vec<_>) = rows
            .iter()
            .zip(labels)
            .filter(|(_, label)| label.is_some())
            .unzip();
        let unlabelled = table.rows.len().min(max_samples.unwrap_or(usize::MAX)) - rows.len();
        let source = Source {
            table: &table,
            columns,
            tokenizer,
            truths,
        };
        let mut data = source.encode_all(&rows, labels, usize::MAX)?;
        data.unlabelled = unlabelled;
        data.mapping.labels = mapping.labels;
        Ok(data)
    }

    /// Returns the true answers, in the order of the examples.
    #[must_use]
    pub fn truths(&self) -> Vec<&Truth> {
        let truths = self.examples.iter().map(|example| example.truth.as_ref());
        truths.flatten().collect()
    }

    /// Returns the shapes of all examples.
    #[must_use]
    pub fn extent(&self) -> Extent {
        let all: Vec<usize> = (0..self.examples.len()).collect();
        self.extent_of(&all)
    }

    /// Returns the shapes of these examples.
    #[must_use]
    pub fn extent_of(&self, rows: &[usize]) -> Extent {
        let lengths = rows.iter().map(|&row| self.examples[row].ids.len());
        Extent::of(lengths.map(|length| (Layout::Sequence, length)))
    }

    /// Returns all examples in batches; see [`batches_of`](Self::batches_of).
    ///
    /// # Errors
    /// Does not fail in practice, because the shapes come from the data itself.
    pub fn batches(&self, max_positions: usize) -> candle_core::Result<Vec<Batch>> {
        let all: Vec<usize> = (0..self.examples.len()).collect();
        self.batches_of(&all, max_positions)
    }

    /// Returns these examples in batches, shortest examples first. All examples of a batch have the same length. A
    /// batch has at most `max_positions` tokens, but at least one example.
    ///
    /// # Errors
    /// Does not fail in practice, because the shapes come from the data itself.
    pub fn batches_of(
        &self,
        rows: &[usize],
        max_positions: usize,
    ) -> candle_core::Result<Vec<Batch>> {
        let mut rows = rows.to_vec();
        rows.sort_by_key(|&row| self.examples[row].ids.len());
        let same_length =
            rows.chunk_by(|&a, &b| self.examples[a].ids.len() == self.examples[b].ids.len());
        let batches = same_length.flat_map(|rows| {
            let length = self.examples[rows[0]].ids.len().max(1);
            rows.chunks((max_positions / length).max(1))
        });
        batches.map(|rows| self.batch(rows)).collect()
    }

    fn batch(&self, rows: &[usize]) -> candle_core::Result<Batch> {
        let length = self.examples[rows[0]].ids.len();
        let stacked = |of: fn(&Example) -> &[u32]| {
            let values: Vec<u32> = rows
                .iter()
                .flat_map(|&row| of(&self.examples[row]))
                .copied()
                .collect();
            Tensor::from_vec(values, (rows.len(), length), &Device::Cpu)
        };
        let input = Input::Tokens {
            ids: stacked(|example| &example.ids)?,
            types: stacked(|example| &example.types)?,
        };
        Ok(Batch {
            rows: rows.to_vec(),
            input,
        })
    }
}

/// A random sample of rows.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// Maximum number of rows.
    pub max_rows: usize,
    /// Sampling stops when the rows have this number of positions or more.
    pub max_positions: usize,
    /// Seed of the sample.
    pub seed: u64,
}

/// A table, and how its rows become examples.
struct Source<'a> {
    table: &'a Table,
    columns: Columns,
    tokenizer: &'a Tokenizer,
    truths: &'a dyn ReadTruth,
}

impl Source<'_> {
    fn encode_all(
        &self,
        rows: &[usize],
        truths: Vec<Option<Truth>>,
        max_positions: usize,
    ) -> Result<Dataset, DataError> {
        let mut digest = Sha256::new();
        let mut examples = Vec::new();
        let (mut positions, mut read_otherwise) = (0, 0);
        for (&row, truth) in rows.iter().zip(truths) {
            if positions >= max_positions {
                break;
            }
            let (example, agrees) = match self.truths.reads_words() {
                true => self.encode_words(row, truth)?,
                false => self.encode(row, truth)?,
            };
            if !agrees {
                read_otherwise += 1;
            }
            digest.update((example.ids.len() as u64).to_le_bytes());
            example
                .ids
                .iter()
                .chain(&example.types)
                .for_each(|value| digest.update(value.to_le_bytes()));
            digest.update(format!("{:?}", example.truth));
            if example.ids.is_empty() {
                return Err(DataError::Invalid(format!(
                    "{}: the text has no tokens",
                    self.table.place(row)
                )));
            }
            positions += example.ids.len();
            examples.push(example);
        }
        Ok(Dataset {
            examples,
            mapping: Mapping::named(self.columns, self.table, None),
            files: self.table.files.clone(),
            sha256: hex::encode(digest.finalize()),
            read_otherwise,
            unlabelled: 0,
        })
    }

    /// Encodes a text or a pair of texts. Also returns whether transformers 4 gives the same tokens.
    fn encode(&self, row: usize, truth: Option<Truth>) -> Result<(Example, bool), DataError> {
        let text = self.table.text(row, self.columns.text)?;
        let pair = self.columns.text_pair;
        let pair = pair
            .map(|column| self.table.text(row, column))
            .transpose()?;
        let encoding = self.tokenizer.encode(text, pair)?;
        let agrees = self.tokenizer.agrees_with_4(text, pair, &encoding)?;
        let example = Example {
            ids: encoding.ids,
            types: encoding.types,
            truth,
        };
        Ok((example, agrees))
    }

    /// Encodes a list of words. Also returns whether transformers 4 gives the same tokens.
    fn encode_words(&self, row: usize, truth: Option<Truth>) -> Result<(Example, bool), DataError> {
        let list = self.table.list(row, self.columns.text)?;
        let words: Vec<&str> = list.iter().map(Option::unwrap_or_default).collect();
        if let Some(labels) = truth.as_ref().map(|truth| truth.0.len())
            && labels != words.len()
        {
            return Err(DataError::Invalid(format!(
                "{}: {} words, but {labels} labels; each word needs one label",
                self.table.place(row),
                words.len()
            )));
        }
        let encoded = self.tokenizer.encode_words(&words)?;
        let agrees = self.tokenizer.agrees_with_4_on_words(&words, &encoded)?;
        let truth = truth.map(|truth| self.truths.align(truth, &encoded.words));
        let example = Example {
            ids: encoded.encoding.ids,
            types: encoded.encoding.types,
            truth,
        };
        Ok((example, agrees))
    }
}
