//! Reads the label maps of images as true answers.
//!
//! A label map keeps its own size: no step of the image processor changes it.

use std::sync::atomic::{AtomicU64, Ordering};

use rayon::prelude::*;

use super::ids::{self, Ids};
use super::listing::{self, Seen};
use super::processor::labels::LabelSettings;
use super::source::pictures::{Maps, Source};
use crate::checkpoint::read_file::ReadFile;
use crate::data::error::DataError;
use crate::data::label_map::LabelMap;
use crate::data::limits::Limits;
use crate::data::truth::Truth;

/// How label maps are read.
pub(super) struct Reading<'a> {
    /// Number of classes of the model.
    pub(super) classes: usize,
    /// The settings of the image processor.
    pub(super) settings: LabelSettings,
    /// Another id of pixels without a class, as it is in the files.
    pub(super) ignored: Option<u16>,
    pub(super) limits: &'a Limits,
}

/// Label maps that were read.
pub(super) struct ReadMaps {
    /// The true answer of each row.
    pub(super) answers: Vec<Option<Truth>>,
    /// The record of the files, if each label map is a file of its own.
    pub(super) file: Option<ReadFile>,
}

impl Reading<'_> {
    /// Reads the label maps of these rows.
    ///
    /// # Errors
    /// Returns [`DataError`] if a label map cannot be read, has an id that is not a class, or if all together are too
    /// large or have no class.
    pub(super) fn read(
        &self,
        source: &Source,
        maps: &Maps,
        rows: &[usize],
    ) -> Result<ReadMaps, DataError> {
        let held = maps.pictures.take(rows)?;
        let pixels = AtomicU64::new(0);
        let read = rows.par_iter().zip(&held).map(|(&row, held)| {
            let place = source.map_place(&maps.column, row);
            let bytes = held.read(&place)?;
            let ids = ids::decode(&bytes, &place)?;
            let own = ids.ids.len() as u64;
            if pixels.fetch_add(own, Ordering::Relaxed) + own > self.limits.file_bytes {
                return Err(DataError::Limit(format!(
                    "{}: the {} label maps that are used are too large together: the limit is {} pixels; use fewer samples",
                    source.holder,
                    rows.len(),
                    self.limits.file_bytes
                )));
            }
            Ok((self.classes_of(&ids, &place)?, Seen::of(&bytes)))
        });
        let read: Vec<(LabelMap, Seen)> = read.collect::<Result<_, _>>()?;
        if !read
            .iter()
            .any(|(map, _)| map.classes().any(|class| class.is_some()))
        {
            return Err(DataError::Invalid(format!(
                "{}: no pixel of the {} label maps that were read has a class; evaluate on labeled images",
                source.holder,
                rows.len()
            )));
        }
        let paths = rows.iter().map(|&row| source.text(&maps.column, row));
        let files = paths.zip(&read);
        let files = files.filter_map(|(path, (_, seen))| Some((path?, *seen)));
        let file = match maps.pictures.files() {
            Some(_) => None,
            None => Some(listing::record(&source.holder, "label maps", files)),
        };
        let answers = read.into_iter().map(|(map, _)| Some(Truth::Map(map)));
        Ok(ReadMaps {
            answers: answers.collect(),
            file,
        })
    }

    /// Returns the classes of a label map.
    fn classes_of(&self, map: &Ids, place: &str) -> Result<LabelMap, DataError> {
        let unknown = |id: &&u16| {
            self.class(**id)
                .is_some_and(|class| class >= self.classes as i64)
        };
        if let Some(&id) = map.ids.iter().find(unknown) {
            let reduced = match self.settings.reduced {
                true => format!(" (class {} after do_reduce_labels)", i64::from(id) - 1),
                false => String::new(),
            };
            return Err(DataError::Invalid(format!(
                "the label map {place} contains the id {id}{reduced}, but the model has {} classes, from 0; if pixels with this \
                 id have no class, set mapping \"ignored_label\" (--ignored-label) to {id}",
                self.classes
            )));
        }
        let classes = map
            .ids
            .iter()
            .map(|&id| self.class(id).map(|class| class as u16));
        Ok(LabelMap::new(map.size, self.classes, classes))
    }

    /// Returns the class of an id, which may be unknown to the model. `None` for a pixel without a class.
    fn class(&self, id: u16) -> Option<i64> {
        if self.ignored == Some(id) || (self.settings.reduced && id == 0) {
            return None;
        }
        let class = i64::from(id) - i64::from(self.settings.reduced);
        (self.settings.ignored != Some(class)).then_some(class)
    }
}
