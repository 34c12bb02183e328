//! Images in a column of a table in Parquet, as the hub stores them: bytes, or a group of bytes and a path.

use std::fs::File;
use std::io::BufReader;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use parquet::column::reader::{ColumnReaderImpl, get_typed_column_reader};
use parquet::data_type::{ByteArray, ByteArrayType};
use parquet::file::reader::{FileReader, SerializedFileReader};

use super::columns;
use super::pictures::{Form, Maps, Opening, Pictures, Source};
use crate::checkpoint::read_file::ReadFile;
use crate::checkpoint::regular_file;
use crate::data::error::DataError;
use crate::data::image::held::Held;
use crate::data::limits::Limits;
use crate::data::table::Table;
use crate::data::table::parquet::page_sizes;
use crate::data::table::parquet::stop::Stop;

/// Number of bytes that are read at once for the header of a page.
const HEADER_BYTES: usize = 256;

/// Opens a file, or a folder of shards.
///
/// # Errors
/// Returns [`DataError`] if the files are not a table, or have no column of images.
pub(super) fn open(path: &Path, opening: &Opening<'_>) -> Result<Source, DataError> {
    let lists = |column: &str| opening.reads_list(column);
    let left_out =
        |column: &str| columns::is_image(opening.mapping, column) || opening.is_map(column);
    let table = Table::read_except(path, true, &lists, &left_out, opening.limits)?;
    let Some(column) = columns::image(&table, opening.mapping)? else {
        return Err(table.missing("images", "text"));
    };
    let image = table.names[column].clone();
    let map = opening.reads_maps().then(|| {
        let column = columns::label(&table, opening.mapping, opening.truths);
        column.map(|column| table.names[column].clone())
    });
    let shards: Vec<(usize, PathBuf)> = match table.shards() {
        [] => vec![(0, path.to_owned())],
        shards => shards
            .iter()
            .map(|(first, own)| (*first, path.join(own)))
            .collect(),
    };
    let places: Vec<String> = (0..table.rows.len()).map(|row| table.place(row)).collect();
    let of_column = |column: &str| {
        Box::new(Shards {
            image: column.to_owned(),
            shards: shards.clone(),
            places: places.clone(),
            limits: *opening.limits,
            files: table.files.clone(),
        })
    };
    Ok(Source {
        pictures: of_column(&image),
        // Calibration needs no label maps.
        maps: map.map(|column| match column {
            Ok(column) => Ok(Maps {
                pictures: of_column(&column),
                column,
            }),
            Err(missing) => Err(missing.to_string()),
        }),
        holder: table.file.clone(),
        table,
        image,
        form: Form::Encoded,
        unlabeled: None,
    })
}

/// The shards of a table.
struct Shards {
    /// Name of the column of images or of label maps.
    image: String,
    /// The first row of each shard, and its file.
    shards: Vec<(usize, PathBuf)>,
    /// The location of each row, for messages.
    places: Vec<String>,
    limits: Limits,
    files: Vec<ReadFile>,
}

impl Pictures for Shards {
    fn take(&self, rows: &[usize]) -> Result<Vec<Held>, DataError> {
        let mut order: Vec<usize> = (0..rows.len()).collect();
        order.sort_by_key(|&place| rows[place]);
        let mut held = vec![Held::Bytes(Vec::new()); rows.len()];
        let mut left = self.limits.file_bytes;
        for (index, (first, path)) in self.shards.iter().enumerate() {
            let end = self
                .shards
                .get(index + 1)
                .map_or(usize::MAX, |(next, _)| *next);
            let wanted = order
                .iter()
                .copied()
                .filter(|&place| (*first..end).contains(&rows[place]));
            let wanted: Vec<usize> = wanted.collect();
            let own: Vec<usize> = wanted.iter().map(|&place| rows[place] - first).collect();
            let images = self.read(path, *first, &own, &mut left)?;
            for (place, image) in wanted.into_iter().zip(images) {
                held[place] = Held::Bytes(image);
            }
        }
        Ok(held)
    }

    fn files(&self) -> Option<Vec<ReadFile>> {
        Some(self.files.clone())
    }
}

impl Shards {
    /// Reads the images of these rows of a shard, which are in ascending order.
    fn read(
        &self,
        path: &Path,
        first: usize,
        rows: &[usize],
        left: &mut u64,
    ) -> Result<Vec<Vec<u8>>, DataError> {
        let name = path.display().to_string();
        let file = regular_file::open(path).map_err(|source| DataError::Io {
            path: name.clone(),
            source,
        })?;
        // The library checks some properties of an untrusted file with assertions, which panic.
        let read = catch_unwind(AssertUnwindSafe(|| self.decode(file, first, rows, left)));
        read.unwrap_or(Err(Stop::Unreadable))
            .map_err(|stop| stop.error(&name, &self.limits))
    }

    fn decode(
        &self,
        file: File,
        first: usize,
        rows: &[usize],
        left: &mut u64,
    ) -> Result<Vec<Vec<u8>>, Stop> {
        let mut pages = BufReader::with_capacity(HEADER_BYTES, file.try_clone()?);
        let reader = SerializedFileReader::new(file)?;
        let schema = reader.metadata().file_metadata().schema_descr();
        let is_image = |&leaf: &usize| {
            let column = schema.column(leaf);
            let parts = column.path().parts();
            parts == [self.image.as_str()] || parts == [self.image.as_str(), "bytes"]
        };
        let leaf = (0..schema.num_columns()).find(is_image);
        let is_bytes =
            |leaf: &usize| schema.column(*leaf).physical_type() == parquet::basic::Type::BYTE_ARRAY;
        let Some(leaf) = leaf.filter(is_bytes) else {
            return Err(Stop::Limit(DataError::Invalid(format!(
                "{}: the column \"{}\" holds no images; it must hold bytes, or objects with the keys bytes and path",
                self.places[first], self.image
            ))));
        };
        let (mut images, mut rows) = (Vec::new(), rows.iter().copied().peekable());
        let mut begin = 0;
        for group in 0..reader.num_row_groups() {
            let group = reader.get_row_group(group)?;
            let count =
                usize::try_from(group.metadata().num_rows()).map_err(|_| Stop::Unreadable)?;
            let end = begin + count;
            if rows.peek().is_some_and(|&row| row < end) {
                let range = group.metadata().column(leaf).byte_range();
                if page_sizes::unpacked(&mut pages, range)? > self.limits.file_bytes {
                    return Err(Stop::TooLarge);
                }
                let present = group
                    .metadata()
                    .column(leaf)
                    .column_descr_ptr()
                    .max_def_level();
                let mut column: ColumnReaderImpl<ByteArrayType> =
                    get_typed_column_reader(group.get_column_reader(leaf)?);
                let mut next = begin;
                while let Some(row) = rows.next_if(|&row| row < end) {
                    if row >= next {
                        column.skip_records(row - next)?;
                        let image = one(&mut column, present)?;
                        images.push(self.checked(first + row, image, left)?);
                        next = row + 1;
                    } else if let Some(same) = images.last().cloned() {
                        images.push(same);
                    }
                }
            }
            begin = end;
        }
        Ok(images)
    }

    fn checked(
        &self,
        row: usize,
        image: Option<ByteArray>,
        left: &mut u64,
    ) -> Result<Vec<u8>, Stop> {
        let Some(image) = image else {
            return Err(Stop::Limit(DataError::Invalid(format!(
                "{}, column \"{}\" contains no image; write the bytes of the images into the table, or leave the row out",
                self.places[row], self.image
            ))));
        };
        *left = left.checked_sub(image.len() as u64).ok_or_else(|| {
            Stop::Limit(DataError::Limit(format!(
                "{}: the images that are used are too large together: the limit is {} bytes; use fewer samples",
                self.places[row], self.limits.file_bytes
            )))
        })?;
        Ok(image.data().to_vec())
    }
}

/// Reads the value of the next row. `present` is the definition level of a row with a value.
fn one(
    column: &mut ColumnReaderImpl<ByteArrayType>,
    present: i16,
) -> Result<Option<ByteArray>, Stop> {
    let (mut definitions, mut values) = (Vec::new(), Vec::new());
    let (records, ..) = column.read_records(1, Some(&mut definitions), None, &mut values)?;
    match (records, definitions.first()) {
        (1, Some(definition)) if *definition < present => Ok(None),
        (1, _) => Ok(Some(values.pop().ok_or(Stop::Unreadable)?)),
        _ => Err(Stop::Unreadable),
    }
}
