//! The images of a data source, with one row of a table for each.

use super::columns;
use crate::checkpoint::read_file::ReadFile;
use crate::data::error::DataError;
use crate::data::image::held::Held;
use crate::data::limits::Limits;
use crate::data::mapping::Mapping;
use crate::data::table::Table;
use crate::data::truth::ReadTruth;

/// The images of a data source.
pub(in crate::data::image) struct Source {
    /// Path of the file or folder that holds the images.
    pub(in crate::data::image) holder: String,
    /// One row for each image, with its label if there is one.
    pub(in crate::data::image) table: Table,
    /// Name of the column of the images.
    pub(in crate::data::image) image: String,
    /// How the bytes of an image are read.
    pub(in crate::data::image) form: Form,
    /// The images, in the order of the rows.
    pub(in crate::data::image) pictures: Box<dyn Pictures>,
    /// What is missing and how to add it, if the source has no labels.
    pub(in crate::data::image) unlabeled: Option<String>,
}

/// Form of the bytes of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::data::image) enum Form {
    /// A file, in one of several formats.
    Encoded,
    /// Samples, `[height, width, channels]`.
    Pixels {
        /// Number of rows of pixels.
        height: usize,
        /// Number of columns of pixels.
        width: usize,
        /// Number of channels.
        channels: usize,
    },
}

/// The images themselves.
pub(in crate::data::image) trait Pictures: Send + Sync {
    /// Returns where the bytes of these images are, in the order of `rows`.
    ///
    /// # Errors
    /// Returns [`DataError`] if an image cannot be found or read.
    fn take(&self, rows: &[usize]) -> Result<Vec<Held>, DataError>;

    /// Returns the records of the files that hold the images. `None` if each image is a file of its own.
    fn files(&self) -> Option<Vec<ReadFile>>;
}

/// How a source is read.
#[derive(Clone, Copy)]
pub(in crate::data::image) struct Opening<'a> {
    pub(in crate::data::image) mapping: &'a Mapping,
    pub(in crate::data::image) truths: &'a dyn ReadTruth,
    pub(in crate::data::image) limits: &'a Limits,
}

impl Opening<'_> {
    /// Whether a column may hold lists as true answers.
    pub(in crate::data::image) fn reads_list(&self, column: &str) -> bool {
        columns::reads_list(self.mapping, self.truths, column)
    }

    /// Reads the content of a table in an archive.
    ///
    /// # Errors
    /// Returns [`DataError`] if the table is malformed.
    pub(in crate::data::image) fn parse(
        &self,
        file: &str,
        bytes: Vec<u8>,
    ) -> Result<Table, DataError> {
        let lists = |column: &str| self.reads_list(column);
        Table::parse(
            file,
            bytes,
            !self.mapping.is_numbered(),
            &lists,
            self.limits,
        )
    }
}
