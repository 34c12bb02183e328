//! Images of one shape, one after the other in a file.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use zip::{CompressionMethod, ZipArchive};

use super::digest;
use super::pictures::{Form, Pictures, Source};
use crate::checkpoint::read_file::ReadFile;
use crate::checkpoint::regular_file;
use crate::data::error::DataError;
use crate::data::format::Packing;
use crate::data::image::held::Held;
use crate::data::image::limits::MAX_PIXELS;
use crate::data::image::window::Window;
use crate::data::limits::Limits;
use crate::data::table::Table;
use crate::data::table::cell::Cell;

/// A sequence of bytes: a file, possibly compressed, or an entry of a zip archive.
#[derive(Clone)]
pub(super) struct Unpacked {
    path: PathBuf,
    name: String,
    at: At,
}

#[derive(Clone)]
enum At {
    File(Packing),
    /// The archive, the index of the entry, and the maximum of its bytes.
    Entry(ZipArchive<Window>, usize, u64),
}

impl Unpacked {
    /// Returns the content of a file.
    pub(super) fn file(path: &Path, name: &str, packing: Packing) -> Self {
        Self {
            path: path.to_owned(),
            name: name.to_owned(),
            at: At::File(packing),
        }
    }

    /// Returns the content of an entry of the zip archive at `path`.
    pub(super) fn entry(
        path: &Path,
        name: &str,
        archive: &ZipArchive<Window>,
        index: usize,
        max_bytes: u64,
    ) -> Self {
        Self {
            path: path.to_owned(),
            name: name.to_owned(),
            at: At::Entry(archive.clone(), index, max_bytes),
        }
    }

    fn failed(&self, source: io::Error) -> DataError {
        DataError::Io {
            path: self.name.clone(),
            source,
        }
    }

    fn damaged(&self) -> DataError {
        DataError::Invalid(format!(
            "{} cannot be read; it is truncated, or damaged; create it again",
            self.name
        ))
    }

    /// Starts to read.
    ///
    /// # Errors
    /// Returns [`DataError`] if this is not possible.
    pub(super) fn open(&self) -> Result<Box<dyn Read + '_>, DataError> {
        match &self.at {
            At::File(packing) => {
                let file = regular_file::open(&self.path).map_err(|error| self.failed(error))?;
                let kind = file.metadata().map_err(|error| self.failed(error))?;
                if kind.is_dir() {
                    return Err(self.failed(io::ErrorKind::IsADirectory.into()));
                }
                let file = io::BufReader::new(file);
                Ok(match packing {
                    Packing::Plain => Box::new(file),
                    Packing::Gzip => Box::new(flate2::read::MultiGzDecoder::new(file)),
                    Packing::Zstd => {
                        Box::new(zstd::Decoder::new(file).map_err(|_| self.damaged())?)
                    }
                })
            }
            At::Entry(archive, index, max_bytes) => {
                let mut archive = archive.clone();
                let mut bytes = Vec::new();
                let entry = archive.by_index(*index).map_err(|_| self.damaged())?;
                // An entry borrows its archive, so its bytes are read at once.
                let mut entry = entry.take(*max_bytes);
                entry.read_to_end(&mut bytes).map_err(|_| self.damaged())?;
                Ok(Box::new(io::Cursor::new(bytes)))
            }
        }
    }

    /// Returns the file and the place in it, if the bytes are not compressed, and their number.
    fn span(&self) -> Result<Option<(Arc<File>, u64, u64)>, DataError> {
        let open = || {
            regular_file::open(&self.path)
                .map(Arc::new)
                .map_err(|error| self.failed(error))
        };
        match &self.at {
            At::File(Packing::Plain) => {
                let file = open()?;
                let length = file.metadata().map_err(|error| self.failed(error))?.len();
                Ok(Some((file, 0, length)))
            }
            At::File(_) => Ok(None),
            At::Entry(archive, index, _) => {
                let mut archive = archive.clone();
                let entry = archive.by_index_raw(*index).map_err(|_| self.damaged())?;
                match (entry.compression(), entry.data_start()) {
                    (CompressionMethod::Stored, Some(first)) if !entry.encrypted() => {
                        Ok(Some((open()?, first, entry.size())))
                    }
                    _ => Ok(None),
                }
            }
        }
    }
}

/// Images of one shape.
pub(super) struct Strip {
    unpacked: Unpacked,
    /// Number of bytes before the first image.
    first: u64,
    /// Number of images.
    rows: usize,
    /// Number of bytes of an image.
    bytes: usize,
    form: Form,
    /// The records of the files.
    files: Vec<ReadFile>,
}

impl Strip {
    /// Creates the images.
    ///
    /// # Errors
    /// Returns [`DataError`] if there are no images, or if they exceed the limits.
    pub(super) fn new(
        unpacked: Unpacked,
        first: u64,
        rows: usize,
        form: Form,
        limits: &Limits,
    ) -> Result<Self, DataError> {
        let name = &unpacked.name;
        let Form::Pixels {
            height,
            width,
            channels,
        } = form
        else {
            return Err(unpacked.damaged());
        };
        let pixels = (height as u64).saturating_mul(width as u64);
        if rows == 0 || pixels == 0 {
            return Err(DataError::Invalid(format!("{name} contains no images")));
        }
        if rows > limits.rows || pixels > MAX_PIXELS {
            return Err(DataError::Limit(format!(
                "{name} is too large: {rows} images of {width} x {height} pixels; the limits are {} images and {MAX_PIXELS} pixels per \
                 image",
                limits.rows
            )));
        }
        let bytes = (pixels as usize) * channels;
        let total = first.saturating_add((bytes as u64).saturating_mul(rows as u64));
        match unpacked.span()? {
            Some((_, _, length)) if length < total => return Err(unpacked.damaged()),
            Some(_) => {}
            // Of a compressed file, the images that are used are unpacked into memory.
            None if total > limits.file_bytes => {
                return Err(DataError::Limit(format!(
                    "{name} is too large when decompressed: {total} bytes, the limit is {}; use fewer images, or a file without \
                     compression",
                    limits.file_bytes
                )));
            }
            None => {}
        }
        let record = digest::record(&unpacked.path, &unpacked.path.display().to_string())?;
        Ok(Self {
            unpacked,
            first,
            rows,
            bytes,
            form,
            files: vec![record],
        })
    }

    /// Adds the file of the labels.
    pub(super) fn with_file(mut self, record: ReadFile) -> Self {
        self.files.push(record);
        self
    }

    /// Returns the images with their labels. `unlabeled` says how to add labels if there are none.
    ///
    /// # Errors
    /// Does not fail in practice.
    pub(super) fn source(
        self,
        name: &str,
        labels: Option<Vec<String>>,
        unlabeled: &str,
    ) -> Result<Source, DataError> {
        let unlabeled = labels.is_none().then(|| unlabeled.to_owned());
        let label = |row: usize| match &labels {
            Some(labels) => Cell::Text(labels[row].clone()),
            None => Cell::Null,
        };
        let image = |row: usize| Cell::Text(row.to_string());
        let rows = (0..self.rows).map(|row| vec![image(row), label(row)]);
        let entries = (0..self.rows).map(|row| format!("image {row}"));
        let rows = rows.collect();
        Ok(Source {
            holder: name.to_owned(),
            table: Table::of_entries(
                name.to_owned(),
                &["image", "label"],
                rows,
                entries.collect(),
            ),
            image: "image".to_owned(),
            form: self.form,
            pictures: Box::new(self),
            maps: None,
            unlabeled,
        })
    }
}

impl Pictures for Strip {
    fn take(&self, rows: &[usize]) -> Result<Vec<Held>, DataError> {
        if let Some((file, start, _)) = self.unpacked.span()? {
            let held = rows.iter().map(|&row| Held::Span {
                file: file.clone(),
                first: start + self.first + row as u64 * self.bytes as u64,
                bytes: self.bytes as u64,
            });
            return Ok(held.collect());
        }
        let mut order: Vec<usize> = (0..rows.len()).collect();
        order.sort_by_key(|&place| rows[place]);
        let mut held = vec![Held::Bytes(Vec::new()); rows.len()];
        let mut reader = self.unpacked.open()?;
        let damaged = |_| self.unpacked.damaged();
        let skip = |bytes: u64, reader: &mut dyn Read| {
            io::copy(&mut reader.take(bytes), &mut io::sink()).map_err(damaged)
        };
        skip(self.first, &mut reader)?;
        let mut next = 0;
        let mut bytes = vec![0; self.bytes];
        for place in order {
            let row = rows[place];
            // The same row can be wanted twice.
            if row >= next {
                skip((row - next) as u64 * self.bytes as u64, &mut reader)?;
                reader.read_exact(&mut bytes).map_err(damaged)?;
                next = row + 1;
            }
            held[place] = Held::Bytes(bytes.clone());
        }
        Ok(held)
    }

    fn files(&self) -> Option<Vec<ReadFile>> {
        Some(self.files.clone())
    }
}
