//! Decodes a column of a row group, some rows at a time.

use parquet::column::reader::{ColumnReader, ColumnReaderImpl, get_column_reader};
use parquet::data_type::DataType;
use parquet::errors::Result as Decoded;
use parquet::file::reader::RowGroupReader;
use parquet::record::Field;
use parquet::schema::types::ColumnDescPtr;

use super::super::cell::Cell;
use super::super::list::List;
use super::pages::NonEmpty;
use super::schema::{Column, Shape};
use super::stop::Stop;

/// What was decoded so far, over all columns of a file.
///
/// A small file can be a dictionary that repeats a long text many times, so the texts themselves are counted.
#[derive(Debug, Default)]
pub(super) struct Made {
    /// Bytes of the texts.
    pub(super) bytes: u64,
    /// Maximum of `bytes`.
    pub(super) max_bytes: u64,
    /// Maximum size of a text, in bytes.
    pub(super) max_text_bytes: usize,
    /// Items of the lists.
    pub(super) items: usize,
}

impl Made {
    fn count(&mut self, cell: &Cell) -> Result<(), Stop> {
        let text = cell.text().map_or(0, str::len);
        if text > self.max_text_bytes {
            return Err(Stop::LongText);
        }
        self.bytes += text as u64;
        match self.bytes > self.max_bytes {
            true => Err(Stop::TooLarge),
            false => Ok(()),
        }
    }
}

/// The rows of a column that are not decoded yet.
pub(super) trait Rest {
    /// Decodes the next rows, one cell per row.
    ///
    /// # Errors
    /// Returns [`Stop`] if the column has fewer rows or cannot be decoded, or if the texts are too large.
    fn next(&mut self, rows: usize, made: &mut Made) -> Result<Vec<Cell>, Stop>;
}

/// Returns the rows of a column in a row group.
///
/// # Errors
/// Returns [`Stop`] if the column cannot be decoded.
pub(super) fn open(group: &dyn RowGroupReader, column: Column) -> Result<Box<dyn Rest>, Stop> {
    let descr = group.metadata().column(column.leaf).column_descr_ptr();
    let shape = column.shape;
    let pages = NonEmpty(group.get_column_page_reader(column.leaf)?);
    Ok(match get_column_reader(descr.clone(), Box::new(pages)) {
        ColumnReader::BoolColumnReader(reader) => typed(reader, descr, shape, |descr, value| {
            Ok(Field::convert_bool(descr, value))
        }),
        ColumnReader::Int32ColumnReader(reader) => typed(reader, descr, shape, |descr, value| {
            Ok(Field::convert_int32(descr, value))
        }),
        ColumnReader::Int64ColumnReader(reader) => typed(reader, descr, shape, |descr, value| {
            Ok(Field::convert_int64(descr, value))
        }),
        ColumnReader::Int96ColumnReader(reader) => typed(reader, descr, shape, |descr, value| {
            Ok(Field::convert_int96(descr, value))
        }),
        ColumnReader::FloatColumnReader(reader) => typed(reader, descr, shape, |descr, value| {
            Ok(Field::convert_float(descr, value))
        }),
        ColumnReader::DoubleColumnReader(reader) => typed(reader, descr, shape, |descr, value| {
            Ok(Field::convert_double(descr, value))
        }),
        ColumnReader::ByteArrayColumnReader(reader) => {
            typed(reader, descr, shape, Field::convert_byte_array)
        }
        ColumnReader::FixedLenByteArrayColumnReader(reader) => {
            typed(reader, descr, shape, |descr, value| {
                Field::convert_byte_array(descr, value.into())
            })
        }
    })
}

fn typed<T: DataType>(
    reader: ColumnReaderImpl<T>,
    descr: ColumnDescPtr,
    shape: Shape,
    convert: fn(&ColumnDescPtr, T::T) -> Decoded<Field>,
) -> Box<dyn Rest> {
    Box::new(Typed {
        reader,
        descr,
        shape,
        convert,
    })
}

/// The rows of a column with values of one type.
struct Typed<T: DataType> {
    reader: ColumnReaderImpl<T>,
    descr: ColumnDescPtr,
    shape: Shape,
    convert: fn(&ColumnDescPtr, T::T) -> Decoded<Field>,
}

impl<T: DataType> Rest for Typed<T> {
    fn next(&mut self, rows: usize, made: &mut Made) -> Result<Vec<Cell>, Stop> {
        let (mut definitions, mut repetitions, mut values) = (Vec::new(), Vec::new(), Vec::new());
        let (_, _, levels) = self.reader.read_records(
            rows,
            Some(&mut definitions),
            Some(&mut repetitions),
            &mut values,
        )?;
        let present = self.descr.max_def_level();
        // The library writes no levels for a column in which every row has one value.
        definitions.resize(levels, present);
        repetitions.resize(levels, 0);
        let mut values = values.into_iter();
        let mut next = |definition: i16| {
            if definition < present {
                return Ok(Cell::Null);
            }
            let value = values.next().ok_or(Stop::Unreadable)?;
            let cell = cell((self.convert)(&self.descr, value)?);
            made.count(&cell)?;
            Ok(cell)
        };
        let levels: Vec<(i16, i16)> = definitions.into_iter().zip(repetitions).collect();
        // Only the first value of a row has the repetition level 0.
        let rows_of_levels = levels.chunk_by(|_, (_, repetition)| *repetition > 0);
        let cells = rows_of_levels.map(|row| match (self.shape, row) {
            (Shape::Single, [(definition, _)]) => next(*definition),
            (Shape::List { empty }, row) => list(row, empty, &mut next),
            _ => Err(Stop::Unreadable),
        });
        let cells: Vec<Cell> = cells.collect::<Result<_, _>>()?;
        let lists = cells.iter().filter_map(Cell::list);
        made.items += lists.map(List::len).sum::<usize>();
        match cells.len() == rows {
            true => Ok(cells),
            false => Err(Stop::Unreadable),
        }
    }
}

/// Returns the list of a row with these definition and repetition levels. `empty` is the definition level of an empty
/// list, and `next` decodes an item.
fn list(
    row: &[(i16, i16)],
    empty: i16,
    next: &mut dyn FnMut(i16) -> Result<Cell, Stop>,
) -> Result<Cell, Stop> {
    match row {
        [(definition, _)] if *definition < empty => return Ok(Cell::Null),
        [(definition, _)] if *definition == empty => return Ok(List::default().into()),
        _ => {}
    }
    let (mut list, mut nested) = (List::default(), None);
    for (definition, _) in row {
        if *definition <= empty {
            return Err(Stop::Unreadable);
        }
        match next(*definition)? {
            Cell::Nested(_) => nested = Some(Cell::Nested("a list of bytes")),
            item => list.push(item.text()),
        }
    }
    Ok(nested.unwrap_or_else(|| list.into()))
}

/// Returns a decoded value as a cell.
fn cell(value: Field) -> Cell {
    match value {
        Field::Bool(flag) => Cell::Flag(flag),
        Field::Str(text) => Cell::Text(text),
        Field::Bytes(bytes) => match std::str::from_utf8(bytes.data()) {
            Ok(text) => Cell::Text(text.to_owned()),
            Err(_) => Cell::Nested("bytes"),
        },
        // pandas writes a missing number as NaN.
        Field::Float16(value) if value.is_nan() => Cell::Null,
        Field::Float(value) if value.is_nan() => Cell::Null,
        Field::Double(value) if value.is_nan() => Cell::Null,
        // The library would write 0.0 as "0E0".
        Field::Float16(value) => Cell::Text(format!("{:?}", value.to_f32())),
        Field::Float(value) => Cell::Text(format!("{value:?}")),
        Field::Double(value) => Cell::Text(format!("{value:?}")),
        number => Cell::Text(number.to_string()),
    }
}
