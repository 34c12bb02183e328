//! The tokenized examples of a job, and the batches in which a model reads them.

use std::path::Path;

use candle_core::{Device, Tensor};
use sha2::{Digest, Sha256};

use super::draw::draw;
use super::error::DataError;
use super::example::Example;
use super::label::{self, Label};
use super::limits::Limits;
use super::mapping::{Columns, Mapping};
use super::table::Table;
use crate::checkpoint::config::Problem;
use crate::checkpoint::read_file::ReadFile;
use crate::checkpoint::tokenizer::Tokenizer;
use crate::model::batch::{Batch, Input};

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
    /// Samples at most `max_samples` examples without labels, and stops when they have `max_tokens` tokens or more.
    /// Label columns are never read.
    ///
    /// # Errors
    /// Returns [`DataError`] if the file, a column or a row cannot be used.
    pub fn calibration(
        path: &Path,
        mapping: &Mapping,
        tokenizer: &Tokenizer,
        max_samples: usize,
        max_tokens: usize,
        seed: u64,
        limits: &Limits,
    ) -> Result<Self, DataError> {
        let table = Table::read(path, !mapping.is_numbered(), &|_| false, limits)?;
        let rows = draw(table.rows.len(), max_samples, seed);
        let columns = mapping.resolve(&table, false)?;
        let unlabelled = vec![None; rows.len()];
        Self::tokenize(&table, &rows, unlabelled, columns, tokenizer, max_tokens)
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
        problem: &Problem,
        max_samples: Option<usize>,
        limits: &Limits,
    ) -> Result<Self, DataError> {
        let table = Table::read(path, !mapping.is_numbered(), &|_| false, limits)?;
        let rows: Vec<usize> =
            (0..table.rows.len().min(max_samples.unwrap_or(usize::MAX))).collect();
        let columns = mapping.resolve(&table, true)?;
        let labels = match columns.label {
            Some(column) => label::read(&table, &rows, column, problem, mapping.labels)?,
            None => vec![None; rows.len()],
        };
        let (rows, labels): (Vec<usize>, Vec<_>) = rows
            .iter()
            .zip(labels)
            .filter(|(_, label)| label.is_some())
            .unzip();
        let unlabelled = table.rows.len().min(max_samples.unwrap_or(usize::MAX)) - rows.len();
        let mut data = Self::tokenize(&table, &rows, labels, columns, tokenizer, usize::MAX)?;
        data.unlabelled = unlabelled;
        data.mapping.labels = mapping.labels;
        Ok(data)
    }

    fn tokenize(
        table: &Table,
        rows: &[usize],
        labels: Vec<Option<Label>>,
        columns: Columns,
        tokenizer: &Tokenizer,
        max_tokens: usize,
    ) -> Result<Self, DataError> {
        let mut digest = Sha256::new();
        let mut examples = Vec::new();
        let (mut tokens, mut read_otherwise) = (0, 0);
        for (&row, label) in rows.iter().zip(labels) {
            if tokens >= max_tokens {
                break;
            }
            let text = table.text(row, columns.text)?;
            let pair = columns.text_pair.map(|column| table.text(row, column));
            let pair = pair.transpose()?;
            let encoding = tokenizer.encode(text, pair)?;
            if !tokenizer.agrees_with_4(text, pair, &encoding)? {
                read_otherwise += 1;
            }
            digest.update((encoding.ids.len() as u64).to_le_bytes());
            encoding
                .ids
                .iter()
                .chain(&encoding.types)
                .for_each(|value| digest.update(value.to_le_bytes()));
            digest.update(format!("{label:?}"));
            if encoding.ids.is_empty() {
                return Err(DataError::Invalid(format!(
                    "{}: the text has no tokens",
                    table.place(row)
                )));
            }
            tokens += encoding.ids.len();
            examples.push(Example {
                ids: encoding.ids,
                types: encoding.types,
                label,
            });
        }
        Ok(Self {
            examples,
            mapping: Mapping::named(columns, table, None),
            files: table.files.clone(),
            sha256: hex::encode(digest.finalize()),
            read_otherwise,
            unlabelled: 0,
        })
    }

    /// Returns the number of tokens of all examples.
    #[must_use]
    pub fn tokens(&self) -> usize {
        self.examples.iter().map(|example| example.ids.len()).sum()
    }

    /// Returns the mean number of tokens per example.
    #[must_use]
    pub fn mean_length(&self) -> f64 {
        self.tokens() as f64 / self.examples.len().max(1) as f64
    }

    /// Returns all examples in batches; see [`batches_of`](Self::batches_of).
    ///
    /// # Errors
    /// Does not fail in practice, because the shapes come from the data itself.
    pub fn batches(&self, max_tokens: usize) -> candle_core::Result<Vec<Batch>> {
        let all: Vec<usize> = (0..self.examples.len()).collect();
        self.batches_of(&all, max_tokens)
    }

    /// Returns these examples in batches, shortest examples first. All examples of a batch have the same length. A
    /// batch has at most `max_tokens` tokens, but at least one example.
    ///
    /// # Errors
    /// Does not fail in practice, because the shapes come from the data itself.
    pub fn batches_of(&self, rows: &[usize], max_tokens: usize) -> candle_core::Result<Vec<Batch>> {
        let mut rows = rows.to_vec();
        rows.sort_by_key(|&row| self.examples[row].ids.len());
        let same_length =
            rows.chunk_by(|&a, &b| self.examples[a].ids.len() == self.examples[b].ids.len());
        let batches = same_length.flat_map(|rows| {
            let length = self.examples[rows[0]].ids.len().max(1);
            rows.chunks((max_tokens / length).max(1))
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
