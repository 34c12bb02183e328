//! Images: finds them in folders, archives, tables and arrays, and turns them into pixels as the image processor of a
//! model does.

mod checks;
mod crop;
mod decode;
mod held;
mod ids;
mod limits;
mod listing;
mod maps;
mod processor;
mod raster;
mod resize;
mod rows;
mod source;
mod used;
mod window;

use std::path::Path;

use serde_json::{Map, Value};

use self::maps::Reading;
use self::processor::steps::Processor;
use self::source::pictures::{Opening, Source};
use self::source::{columns, pairs};
use self::used::Used;
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
use crate::checkpoint::image_processor::{FILE, Settings};
use crate::model::batch::{ImageShape, Input};

/// Whether a column with this name holds images, if the user names no other one.
#[must_use]
pub fn is_column(name: &str) -> bool {
    columns::is_image(&Mapping::default(), name)
}

/// Checks that a file is a source of images. Only the list of the images is read, and not the images.
///
/// # Errors
/// Returns [`DataError`] if it is not.
pub fn check(path: &Path, limits: &Limits) -> Result<(), DataError> {
    let opening = Opening {
        mapping: &Mapping::default(),
        truths: &Unread,
        limits,
    };
    source::open(path, &opening).map(drop)
}

/// Returns the list of the images of a source as a table, with their labels or label maps. No image is read.
///
/// # Errors
/// Returns [`DataError`] if the source holds no images.
pub fn list(path: &Path, mapping: &Mapping, limits: &Limits) -> Result<Table, DataError> {
    let opening = Opening {
        mapping,
        truths: &AnyMap,
        limits,
    };
    source::open(path, &opening).map(|source| source.table)
}

/// Reads no true answers, but finds label maps.
struct AnyMap;

impl ReadTruth for AnyMap {
    fn map_classes(&self) -> Option<usize> {
        Some(usize::MAX)
    }

    fn read(
        &self,
        column: Column<'_>,
        wanted: Option<LabelReading>,
    ) -> Result<Vec<Option<Truth>>, DataError> {
        Unread.read(column, wanted)
    }
}

/// Reads no true answers.
struct Unread;

impl ReadTruth for Unread {
    fn read(
        &self,
        column: Column<'_>,
        _: Option<LabelReading>,
    ) -> Result<Vec<Option<Truth>>, DataError> {
        Ok(vec![None; column.rows.len()])
    }
}

/// The reader of images.
pub struct ImageReader {
    processor: Processor,
    shape: ImageShape,
    /// The file of the image processor, if there is one.
    settings: Option<Settings>,
    sources: Vec<&'static str>,
}

impl ImageReader {
    /// Opens the image processor in the folder of a model.
    ///
    /// # Errors
    /// Returns [`DataError::Tokenizer`] if the settings are missing or not supported, or do not fit the model.
    pub fn open(shape: ImageShape, folder: &Path) -> Result<Self, DataError> {
        let (processor, settings) = processor::open(folder, shape)?;
        Ok(Self {
            processor,
            shape,
            sources: settings.iter().map(|_| FILE).collect(),
            settings,
        })
    }

    fn used<'a>(&'a self, source: &'a Source, limits: &'a Limits) -> Used<'a> {
        Used {
            source,
            processor: &self.processor,
            shape: self.shape,
            limits,
        }
    }

    /// Reads these rows with their label maps, for a model with this number of classes.
    fn with_maps(
        &self,
        source: &Source,
        rows: &[usize],
        classes: usize,
        opening: &Opening<'_>,
    ) -> Result<Dataset, DataError> {
        let maps = match &source.maps {
            Some(Ok(maps)) => maps,
            Some(Err(wrong)) => return Err(DataError::Invalid(wrong.clone())),
            None => {
                return Err(DataError::Invalid(format!(
                    "{} has no label maps; put images and label maps of the same names into two folders, {}, or use Parquet \
                     with a column of label maps",
                    source.holder,
                    pairs::folders()
                )));
            }
        };
        let reading = Reading {
            classes,
            settings: processor::labels::labels(self.settings.as_ref())?,
            ignored: opening.mapping.ignored_label,
            limits: opening.limits,
        };
        let read = reading.read(source, maps, rows)?;
        let mapping = Mapping {
            label: Some(maps.column.clone()),
            ignored_label: opening.mapping.ignored_label,
            ..Mapping::default()
        };
        let used = self.used(source, opening.limits);
        let mut data = used.dataset(rows, read.answers, mapping)?;
        data.files.extend(read.file);
        Ok(data)
    }
}

impl Reader for ImageReader {
    fn calibration(
        &self,
        path: &Path,
        mapping: &Mapping,
        truths: &dyn ReadTruth,
        sample: Sample,
        limits: &Limits,
    ) -> Result<Dataset, DataError> {
        let opening = Opening {
            mapping,
            truths,
            limits,
        };
        let source = source::open(path, &opening)?;
        let positions = self.shape.counted().max(1);
        let most = sample.max_positions.div_ceil(positions).max(1);
        let wanted = sample.max_rows.min(most);
        let rows = draw(source.table.rows.len(), wanted, sample.seed);
        let answers = vec![None; rows.len()];
        self.used(&source, limits)
            .dataset(&rows, answers, Mapping::default())
    }

    fn evaluation(
        &self,
        path: &Path,
        mapping: &Mapping,
        truths: &dyn ReadTruth,
        max_samples: Option<usize>,
        limits: &Limits,
    ) -> Result<Dataset, DataError> {
        let opening = Opening {
            mapping,
            truths,
            limits,
        };
        let source = source::open(path, &opening)?;
        let table = &source.table;
        let wanted = table.rows.len().min(max_samples.unwrap_or(usize::MAX));
        let rows: Vec<usize> = (0..wanted).collect();
        if let Some(classes) = truths.map_classes() {
            return self.with_maps(&source, &rows, classes, &opening);
        }
        if let Some(unlabeled) = &source.unlabeled {
            return Err(DataError::Invalid(unlabeled.clone()));
        }
        let column = columns::label(table, mapping, truths)?;
        let labels = truths.read(Column::new(table, &rows, column), mapping.labels)?;
        let (rows, labels) = labeled(&rows, labels);
        let read = Mapping {
            label: Some(table.names[column].clone()),
            labels: mapping.labels,
            ..Mapping::default()
        };
        Ok(Dataset {
            unlabelled: wanted - rows.len(),
            ..self.used(&source, limits).dataset(&rows, labels, read)?
        })
    }

    fn notes(&self, _: &dyn ReadTruth, _: &[&Dataset]) -> Result<Vec<String>, DataError> {
        Ok(Vec::new())
    }

    fn wording(&self, _: &dyn ReadTruth) -> Wording {
        Wording {
            input: "image",
            positions: match self.shape.patch {
                1 => "pixels",
                _ => "patches",
            },
            processor: "image processor",
            variable: "image_processor",
            auto_class: "AutoImageProcessor",
            call: "image_processor(images, return_tensors=\"np\")",
        }
    }

    fn sources(&self) -> &[&'static str] {
        &self.sources
    }

    fn files(&self) -> Result<Vec<(&'static str, String)>, DataError> {
        let files = self.settings.iter();
        let files = files.map(|file| (FILE, format!("{:#}\n", Value::Object(file.written()))));
        Ok(files.collect())
    }

    fn shows_rows(&self) -> bool {
        false
    }

    fn checks(&self) -> Result<Checks, DataError> {
        checks::checks(&self.processor, self.shape)
    }

    fn input_of(&self, named: &Map<String, Value>) -> Result<Input, DataError> {
        checks::input_of(named, &self.processor, self.shape)
    }
}
