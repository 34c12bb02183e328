//! The images of a source that a job uses.

use std::collections::BTreeMap;
use std::sync::Arc;

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::decode;
use super::processor::steps::Processor;
use super::rows::{Image, ImageRows};
use super::source::pictures::{Form, Source};
use crate::checkpoint::read_file::ReadFile;
use crate::data::dataset::Dataset;
use crate::data::error::DataError;
use crate::data::limits::Limits;
use crate::data::mapping::Mapping;
use crate::data::truth::Truth;
use crate::model::batch::ImageShape;

/// A source, and how its images are read.
pub(super) struct Used<'a> {
    pub(super) source: &'a Source,
    pub(super) processor: &'a Processor,
    pub(super) shape: ImageShape,
    pub(super) limits: &'a Limits,
}

/// Size and digest of an image.
struct Seen {
    bytes: u64,
    sha256: [u8; 32],
}

impl Used<'_> {
    /// Returns these rows as a dataset. Reads each image once, for its digest and to check its format and size.
    ///
    /// # Errors
    /// Returns [`DataError`] if an image cannot be read, or if all together are too large.
    pub(super) fn dataset(
        &self,
        rows: &[usize],
        answers: Vec<Option<Truth>>,
        mapping: Mapping,
    ) -> Result<Dataset, DataError> {
        let source = self.source;
        let held = source.pictures.take(rows)?;
        let images = rows.iter().zip(held).map(|(&row, held)| Image {
            place: self.place(row),
            held,
        });
        let images: Vec<Image> = images.collect();
        let seen: Vec<Seen> = images
            .par_iter()
            .map(|image| self.seen(image))
            .collect::<Result<_, _>>()?;
        let bytes: u64 = seen.iter().map(|image| image.bytes).sum();
        if bytes > self.limits.image_bytes {
            return Err(DataError::Limit(format!(
                "{}: the {} images that are used have {bytes} bytes, the limit is {}; use fewer samples",
                source.holder,
                images.len(),
                self.limits.image_bytes
            )));
        }
        let mut digest = Sha256::new();
        digest.update(format!("{:?}", source.form));
        for (image, answer) in seen.iter().zip(&answers) {
            digest.update(image.sha256);
            digest.update(format!("{answer:?}"));
        }
        Ok(Dataset {
            files: self.files(rows, &seen),
            examples: Arc::new(ImageRows {
                images,
                form: source.form,
                processor: self.processor.clone(),
                shape: self.shape,
            }),
            answers,
            mapping: Mapping {
                text: Some(source.image.clone()),
                ..mapping
            },
            sha256: hex::encode(digest.finalize()),
            unlabelled: 0,
            read_otherwise: 0,
        })
    }

    /// Returns the location of an image: its row, and its path if the row is one of a table.
    fn place(&self, row: usize) -> String {
        let place = self.source.table.place(row);
        match self.path(row) {
            Some(path) if !place.ends_with(path) => format!("{place} (\"{path}\")"),
            _ => place,
        }
    }

    /// Returns the path of an image in the table.
    fn path(&self, row: usize) -> Option<&str> {
        let table = &self.source.table;
        let column = table
            .names
            .iter()
            .position(|name| *name == self.source.image)?;
        table.rows[row].cells[column].text()
    }

    fn seen(&self, image: &Image) -> Result<Seen, DataError> {
        let bytes = image.held.read(&image.place)?;
        if self.source.form == Form::Encoded {
            decode::check(&bytes, &image.place)?;
        }
        Ok(Seen {
            bytes: bytes.len() as u64,
            sha256: Sha256::digest(&bytes).into(),
        })
    }

    /// Returns the records of the files. Images that are files of their own have one record together: the SHA-256 of the
    /// list that `sha256sum` prints for them, sorted by path.
    fn files(&self, rows: &[usize], seen: &[Seen]) -> Vec<ReadFile> {
        let table = &self.source.table;
        if let Some(files) = self.source.pictures.files() {
            return files;
        }
        let paths = rows.iter().map(|&row| self.path(row).unwrap_or_default());
        let listed: BTreeMap<&str, &Seen> = paths.zip(seen).collect();
        let lines = listed
            .iter()
            .map(|(path, image)| format!("{}  {path}\n", hex::encode(image.sha256)));
        let list: String = lines.collect();
        let name = self.source.holder.trim_end_matches('/').rsplit('/').next();
        let mut files = table.files.clone();
        files.push(ReadFile {
            name: format!("{} ({} images)", name.unwrap_or_default(), listed.len()),
            bytes: listed.values().map(|image| image.bytes).sum(),
            sha256: hex::encode(Sha256::digest(list)),
        });
        files
    }
}
