//! Texts, pairs of texts and lists of words: reads tables and encodes their rows as token ids.

mod checks;
pub mod columns;
mod encode;
mod encoded;

use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value};

use self::columns::Columns;
use self::encode::Source;
use self::encoded::{Encoded, TokenRows};
use super::dataset::{Dataset, Sample};
use super::draw::draw;
use super::error::DataError;
use super::label::LabelReading;
use super::limits::Limits;
use super::mapping::Mapping;
use super::reader::{Checks, Reader, Wording};
use super::table::Table;
use super::table::column::Column;
use super::truth::{ReadTruth, Truth, labeled};
use crate::checkpoint::limits::Limits as FileLimits;
use crate::checkpoint::tokenizer::{self, Tokenizer};
use crate::model::batch::{Input, TextLimits};

/// The reader of texts.
pub struct TextReader {
    tokenizer: Arc<Tokenizer>,
    limits: TextLimits,
    sources: Vec<&'static str>,
}

impl TextReader {
    /// Opens the tokenizer in the folder of a model.
    ///
    /// # Errors
    /// Returns [`DataError::Tokenizer`] if a file is missing or cannot be read.
    pub fn open(limits: TextLimits, folder: &Path) -> Result<Self, DataError> {
        let tokenizer = Tokenizer::open(folder, limits.positions, &FileLimits::default())?;
        Ok(Self {
            tokenizer: Arc::new(match limits.segments {
                0 => tokenizer.without_segments(),
                _ => tokenizer,
            }),
            limits,
            sources: tokenizer::files_of(folder),
        })
    }

    fn table(
        path: &Path,
        mapping: &Mapping,
        truths: &dyn ReadTruth,
        limits: &Limits,
    ) -> Result<Table, DataError> {
        let reads_list = |column: &str| columns::reads_list(mapping, column, truths);
        Table::read(path, !mapping.is_numbered(), &reads_list, limits)
    }

    /// Returns encoded rows of a table as a dataset.
    fn dataset(
        &self,
        encoded: Encoded,
        table: &Table,
        columns: Columns,
        labels: Option<LabelReading>,
    ) -> Dataset {
        Dataset {
            examples: Arc::new(TokenRows {
                rows: encoded.rows,
                origins: encoded.origins,
                passages: encoded.passages,
                tokenizer: Arc::clone(&self.tokenizer),
                has_segments: self.limits.segments > 0,
            }),
            answers: encoded.answers,
            mapping: columns.named(table, labels),
            files: table.files.clone(),
            sha256: encoded.sha256,
            unlabelled: 0,
            read_otherwise: encoded.read_otherwise,
        }
    }

    /// Encodes rows of a table, until they have this number of tokens.
    fn encoded(
        &self,
        table: &Table,
        columns: Columns,
        truths: &dyn ReadTruth,
        (rows, labels): (&[usize], Vec<Option<Truth>>),
        max_positions: usize,
    ) -> Result<Encoded, DataError> {
        let windows = truths.reads_passages().then(|| self.tokenizer.windows());
        let windows = windows.transpose()?;
        let source = Source {
            table,
            columns,
            tokenizer: &self.tokenizer,
            windows: windows.as_ref(),
            limits: self.limits,
            truths,
        };
        source.encode_all(rows, labels, max_positions)
    }
}

impl Reader for TextReader {
    fn calibration(
        &self,
        path: &Path,
        mapping: &Mapping,
        truths: &dyn ReadTruth,
        sample: Sample,
        limits: &Limits,
    ) -> Result<Dataset, DataError> {
        let table = Self::table(path, mapping, truths, limits)?;
        let rows = draw(table.rows.len(), sample.max_rows, sample.seed);
        let columns = Columns::resolve(mapping, &table, truths, false)?;
        let rows = (&rows[..], vec![None; rows.len()]);
        let encoded = self.encoded(&table, columns, truths, rows, sample.max_positions)?;
        Ok(self.dataset(encoded, &table, columns, None))
    }

    fn evaluation(
        &self,
        path: &Path,
        mapping: &Mapping,
        truths: &dyn ReadTruth,
        max_samples: Option<usize>,
        limits: &Limits,
    ) -> Result<Dataset, DataError> {
        let table = Self::table(path, mapping, truths, limits)?;
        let wanted = table.rows.len().min(max_samples.unwrap_or(usize::MAX));
        let rows: Vec<usize> = (0..wanted).collect();
        let columns = Columns::resolve(mapping, &table, truths, true)?;
        let labels = match columns.label {
            Some(column) => truths.read(Column::new(&table, &rows, column), mapping.labels)?,
            None => vec![None; rows.len()],
        };
        let (rows, labels) = labeled(&rows, labels);
        let unlabelled = wanted - rows.len();
        let rows = (&rows[..], labels);
        let encoded = self.encoded(&table, columns, truths, rows, usize::MAX)?;
        Ok(Dataset {
            unlabelled,
            ..self.dataset(encoded, &table, columns, mapping.labels)
        })
    }

    fn notes(&self, truths: &dyn ReadTruth, data: &[&Dataset]) -> Result<Vec<String>, DataError> {
        let mut notes = self.tokenizer.notes().to_vec();
        if truths.reads_words() {
            notes.extend(self.tokenizer.note_on_words()?);
        }
        let otherwise: usize = data.iter().map(|data| data.read_otherwise).sum();
        let rows: usize = data.iter().map(|data| data.len()).sum();
        if otherwise > 0 {
            notes.push(format!(
                "transformers 4 tokenizes {otherwise} of the {rows} rows differently with the original's tokenizer files; \
                 the figures are those of transformers 5. Both versions tokenize the same way with the files of the result."
            ));
        }
        Ok(notes)
    }

    fn wording(&self, truths: &dyn ReadTruth) -> Wording {
        Wording {
            input: "text",
            positions: "tokens",
            processor: "tokenizer",
            variable: "tokenizer",
            auto_class: "AutoTokenizer",
            call: if truths.reads_passages() {
                "tokenizer(questions, contexts, padding=True, truncation=\"only_second\", return_tensors=\"np\")"
            } else if truths.reads_words() {
                "tokenizer(words, is_split_into_words=True, padding=True, truncation=True, return_tensors=\"np\")"
            } else {
                "tokenizer(texts, padding=True, truncation=True, return_tensors=\"np\")"
            },
        }
    }

    fn sources(&self) -> &[&'static str] {
        &self.sources
    }

    fn files(&self) -> Result<Vec<(&'static str, String)>, DataError> {
        Ok(self.tokenizer.files()?)
    }

    fn shows_rows(&self) -> bool {
        true
    }

    fn checks(&self) -> Result<Checks, DataError> {
        checks::checks(&self.tokenizer, &self.limits)
    }

    fn input_of(&self, named: &Map<String, Value>) -> Result<Input, DataError> {
        checks::input_of(named, &self.limits)
    }
}
