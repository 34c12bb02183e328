//! The examples of a job, and the batches in which a model reads them.

use std::sync::Arc;

use super::error::DataError;
use super::examples::Examples;
use super::mapping::Mapping;
use super::truth::Truth;
use crate::checkpoint::read_file::ReadFile;
use crate::model::batch::Batch;
use crate::model::extent::Extent;

/// Examples: calibration examples in the order of the sample, evaluation examples in the order of the file.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// The inputs.
    pub examples: Arc<dyn Examples>,
    /// The true answer of each example. `None` if labels are not read.
    pub answers: Vec<Option<Truth>>,
    /// Names of the columns that were read.
    pub mapping: Mapping,
    /// The files that were read.
    pub files: Vec<ReadFile>,
    /// SHA-256 over the inputs and true answers of all examples, hex.
    pub sha256: String,
    /// Number of rows that were left out because they have no label.
    pub unlabelled: usize,
    /// Number of examples that another version of transformers would read differently.
    pub read_otherwise: usize,
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

impl Dataset {
    /// Returns the number of examples.
    #[must_use]
    pub fn len(&self) -> usize {
        self.answers.len()
    }

    /// Whether there are no examples.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.answers.is_empty()
    }

    /// Returns the true answers, in the order of the examples.
    #[must_use]
    pub fn truths(&self) -> Vec<&Truth> {
        self.answers.iter().flatten().collect()
    }

    /// Returns the first examples as a dataset of their own.
    #[must_use]
    pub fn first(&self, count: usize) -> Self {
        let count = count.min(self.len());
        Self {
            answers: self.answers[..count].to_vec(),
            sha256: format!("{}, first {count}", self.sha256),
            ..self.clone()
        }
    }

    /// Returns the shapes of all examples.
    #[must_use]
    pub fn extent(&self) -> Extent {
        let all: Vec<usize> = (0..self.len()).collect();
        self.extent_of(&all)
    }

    /// Returns the shapes of these examples.
    #[must_use]
    pub fn extent_of(&self, rows: &[usize]) -> Extent {
        Extent::of(rows.iter().map(|&row| self.examples.shape(row)))
    }

    /// Divides all examples into batches; see [`batches_of`](Self::batches_of).
    #[must_use]
    pub fn batches(&self, max_positions: usize) -> Batches<'_> {
        let all: Vec<usize> = (0..self.len()).collect();
        self.batches_of(&all, max_positions)
    }

    /// Divides these examples into batches, smallest examples first. All examples of a batch have the same shape. A
    /// batch has at most `max_positions` positions, but at least one example.
    #[must_use]
    pub fn batches_of(&self, rows: &[usize], max_positions: usize) -> Batches<'_> {
        let shape = |row: usize| self.examples.shape(row);
        let mut rows = rows.to_vec();
        rows.sort_by_key(|&row| (shape(row).1, shape(row).0));
        let same_shape = rows.chunk_by(|&a, &b| shape(a) == shape(b));
        let batches = same_shape.flat_map(|rows| {
            let positions = shape(rows[0]).1.max(1);
            rows.chunks((max_positions / positions).max(1))
        });
        Batches {
            data: self,
            rows: batches.map(<[usize]>::to_vec).collect(),
        }
    }
}

/// Batches of a dataset, each of which is loaded when it is needed.
pub struct Batches<'a> {
    data: &'a Dataset,
    rows: Vec<Vec<usize>>,
}

impl Batches<'_> {
    /// Returns the number of batches.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are no batches.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Returns the shape of the rows of a batch.
    #[must_use]
    pub fn extent(&self, index: usize) -> Extent {
        self.data.extent_of(&self.rows[index])
    }

    /// Returns the true answer of an example, given by its index in the dataset. `None` if labels are not read.
    #[must_use]
    pub fn truth(&self, row: usize) -> Option<&Truth> {
        self.data.answers[row].as_ref()
    }

    /// Returns the examples of all batches.
    #[must_use]
    pub fn examples(&self) -> &dyn Examples {
        self.data.examples.as_ref()
    }

    /// Loads a batch.
    ///
    /// # Errors
    /// Returns [`DataError`] if a row cannot be read.
    pub fn load(&self, index: usize) -> Result<Batch, DataError> {
        let rows = self.rows[index].clone();
        Ok(Batch {
            input: self.data.examples.load(&rows)?,
            rows,
        })
    }

    /// Loads all batches.
    ///
    /// # Errors
    /// Returns [`DataError`] if a row cannot be read.
    pub fn load_all(&self) -> Result<Vec<Batch>, DataError> {
        (0..self.len()).map(|index| self.load(index)).collect()
    }
}

impl<'a> Batches<'a> {
    /// Appends the batches of the same dataset.
    #[must_use]
    pub fn chain(mut self, others: Batches<'a>) -> Self {
        self.rows.extend(others.rows);
        self
    }
}
