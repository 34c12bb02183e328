//! The images of a source that a job uses.

use std::sync::Arc;

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::decode;
use super::listing::{self, Seen};
use super::processor::steps::Processor;
use super::rows::{Image, ImageRows};
use super::source::pictures::{Form, Source};
use crate::checkpoint::read_file::ReadFile;
use crate::data::dataset::Dataset;
use crate::data::error::DataError;
use crate::data::examples::Origin;
use crate::data::excerpt::excerpt;
use crate::data::limits::Limits;
use crate::data::mapping::Mapping;
use crate::data::truth::{Truth, add_to_digest};
use crate::model::batch::ImageShape;

/// A source, and how its images are read.
pub(super) struct Used<'a> {
    pub(super) source: &'a Source,
    pub(super) processor: &'a Processor,
    pub(super) shape: ImageShape,
    pub(super) limits: &'a Limits,
}

/// An image that was read.
struct Checked {
    seen: Seen,
    /// Height and width, in pixels.
    size: [usize; 2],
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
            origin: Origin {
                row: row + 1,
                shown: self.file(row).map(excerpt).into_iter().collect(),
            },
            held,
        });
        let images: Vec<Image> = images.collect();
        let checked: Vec<Checked> = images
            .par_iter()
            .map(|image| self.check(image))
            .collect::<Result<_, _>>()?;
        let bytes: u64 = checked.iter().map(|image| image.seen.bytes).sum();
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
        for ((&row, image), answer) in rows.iter().zip(&checked).zip(&answers) {
            if let (Some(map), Some(column)) =
                (answer.as_ref().and_then(Truth::map), &mapping.label)
            {
                let place = self.source.map_place(column, row);
                self.check_size(row, image.size, (&place, map.size()))?;
            }
            digest.update(image.seen.sha256);
            add_to_digest(answer.as_ref(), &mut digest);
        }
        Ok(Dataset {
            files: self.files(rows, &checked),
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

    /// Returns the name of the file of an image. `None` if the images are parts of arrays.
    fn file(&self, row: usize) -> Option<&str> {
        match self.source.form {
            Form::Encoded => self.path(row),
            Form::Pixels { .. } => None,
        }
    }

    /// Returns the path of an image in the table.
    fn path(&self, row: usize) -> Option<&str> {
        self.source.text(&self.source.image, row)
    }

    fn check(&self, image: &Image) -> Result<Checked, DataError> {
        let bytes = image.held.read(&image.place)?;
        Ok(Checked {
            seen: Seen::of(&bytes),
            size: match self.source.form {
                Form::Encoded => decode::check(&bytes, &image.place)?,
                Form::Pixels { height, width, .. } => [height, width],
            },
        })
    }

    /// Checks that a label map has the size of its image, both given as height and width.
    fn check_size(
        &self,
        row: usize,
        image: [usize; 2],
        (place, map): (&str, [usize; 2]),
    ) -> Result<(), DataError> {
        match image == map {
            true => Ok(()),
            false => Err(DataError::Invalid(format!(
                "the label map {place} has {} x {} pixels, but its image, {}, has {} x {}; create the label map in the size of \
                 the image",
                map[1],
                map[0],
                self.place(row),
                image[1],
                image[0]
            ))),
        }
    }

    /// Returns the records of the files. Images that are files of their own have one record together.
    fn files(&self, rows: &[usize], checked: &[Checked]) -> Vec<ReadFile> {
        if let Some(files) = self.source.pictures.files() {
            return files;
        }
        let paths = rows.iter().map(|&row| self.path(row).unwrap_or_default());
        let images = paths.zip(checked.iter().map(|image| image.seen));
        let mut files = self.source.table.files.clone();
        files.push(listing::record(&self.source.holder, "images", images));
        files
    }
}
