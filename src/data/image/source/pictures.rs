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
    /// The label maps of the images, or what is wrong with them and how to correct it. `None` if the model predicts no
    /// label maps, or if the source has none.
    pub(in crate::data::image) maps: Option<Result<Maps, String>>,
    /// What is missing and how to add it, if the source has no labels.
    pub(in crate::data::image) unlabeled: Option<String>,
}

/// The label maps of the images of a source.
pub(in crate::data::image) struct Maps {
    /// Name of their column.
    pub(in crate::data::image) column: String,
    /// The label maps, in the order of the rows.
    pub(in crate::data::image) pictures: Box<dyn Pictures>,
}

impl Source {
    /// Returns the text of a row in a column, such as the path of an image. `None` if it has none.
    pub(in crate::data::image) fn text(&self, column: &str, row: usize) -> Option<&str> {
        let table = &self.table;
        let column = table.names.iter().position(|name| name == column)?;
        table.rows[row].cells[column].text()
    }

    /// Returns the location of a label map in this column, for messages: its path, or its row and the column.
    pub(in crate::data::image) fn map_place(&self, column: &str, row: usize) -> String {
        match self.text(column, row) {
            Some(path) => format!("{}, {path}", self.holder),
            None => format!("{}, column \"{column}\"", self.table.place(row)),
        }
    }
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

    /// Whether the model predicts label maps.
    pub(in crate::data::image) fn reads_maps(&self) -> bool {
        self.truths.map_classes().is_some()
    }

    /// Whether a column holds label maps.
    pub(in crate::data::image) fn is_map(&self, column: &str) -> bool {
        self.reads_maps() && columns::is_label(self.mapping, self.truths, column)
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
