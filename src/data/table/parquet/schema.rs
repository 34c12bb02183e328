//! The columns of a Parquet file that can be read, and the class names in its metadata.

use std::collections::HashMap;

use parquet::basic::{ConvertedType, LogicalType, Repetition};
use parquet::file::metadata::ParquetMetaData;
use parquet::schema::types::{SchemaDescriptor, Type};
use serde_json::Value;

use super::super::cell::{LIST, NESTED_LIST, TEXT};

/// A column that can be read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    /// Position of the column in the table.
    pub(super) position: usize,
    /// Index of its values among the physical columns of the file.
    pub(super) leaf: usize,
    pub(super) shape: Shape,
}

/// What a row contains in a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// One value.
    Single,
    /// A list of values.
    List {
        /// Definition level of an empty list. Smaller levels mean that there is no list, larger ones that there is an
        /// item.
        empty: i16,
    },
}

/// Returns the columns of single values, and the columns of lists of single values, or of objects with a [text](TEXT), whose
/// name `lists` accepts, but not those whose name `left_out` accepts.
pub(super) fn readable(
    schema: &SchemaDescriptor,
    lists: &dyn Fn(&str) -> bool,
    left_out: &dyn Fn(&str) -> bool,
) -> Vec<Column> {
    let leaves = 0..schema.num_columns();
    let columns = leaves.filter_map(|leaf| {
        let position = schema.get_column_root_idx(leaf);
        let root = schema.root_schema().get_fields().get(position)?;
        let path = schema.column(leaf).path().parts().to_vec();
        let (shape, is_single) = match shape(root) {
            Some(shape) => (shape, shape == Shape::Single),
            // The other parts of an object are not read.
            None if path.get(1).is_some_and(|part| part == TEXT) => (shape_of_text(root)?, false),
            None => return None,
        };
        let is_read = (is_single || lists(root.name())) && !left_out(root.name());
        is_read.then_some(Column {
            position,
            leaf,
            shape,
        })
    });
    columns.collect()
}

/// Returns the shape of the [text](TEXT) of a column of objects. `None` if there is no such text.
fn shape_of_text(column: &Type) -> Option<Shape> {
    if !column.is_group() || is_list(column) {
        return None;
    }
    let text = column
        .get_fields()
        .iter()
        .find(|part| part.name() == TEXT)?;
    Some(match shape(text)? {
        Shape::Single => Shape::Single,
        Shape::List { empty } => Shape::List {
            empty: empty + i16::from(repetition(column) == Repetition::OPTIONAL),
        },
    })
}

/// Returns the kind of the values in a column that is not read, for messages.
pub(super) fn kind(column: &Type) -> &'static str {
    match (shape(column), is_list(column)) {
        (Some(Shape::Single), _) => "a value that is not read",
        (Some(_), _) => LIST,
        (None, true) => NESTED_LIST,
        (None, false) => "a nested value",
    }
}

/// Returns whether the rows of a column are lists.
fn is_list(column: &Type) -> bool {
    let info = column.get_basic_info();
    let annotated = info.converted_type() == ConvertedType::LIST
        || info.logical_type_ref() == Some(&LogicalType::List);
    repetition(column) == Repetition::REPEATED || (column.is_group() && annotated)
}

/// Returns the shape of a column, or `None` if its values have several parts.
///
/// Three forms of a list are known. The current form has a group for the list, a repeated group and an element. Old
/// writers leave out the element, or both groups. See "Lists" and "Backward-compatibility rules" in `LogicalTypes.md`
/// of the Parquet format.
fn shape(column: &Type) -> Option<Shape> {
    let optional = repetition(column) == Repetition::OPTIONAL;
    if column.is_primitive() {
        return Some(match is_list(column) {
            true => Shape::List { empty: 0 },
            false => Shape::Single,
        });
    }
    if !is_list(column) || repetition(column) == Repetition::REPEATED {
        return None;
    }
    let [repeated] = column.get_fields() else {
        return None;
    };
    // A repeated group with one of these names is itself the element, an object with one key.
    let is_element = |name: &str| name == "array" || name == format!("{}_tuple", column.name());
    let is_single = match repeated.is_primitive() {
        true => true,
        false => matches!(
            repeated.get_fields(),
            [element] if element.is_primitive()
                && repetition(element) != Repetition::REPEATED
                && !is_element(repeated.name())
        ),
    };
    (is_single && repetition(repeated) == Repetition::REPEATED).then_some(Shape::List {
        empty: i16::from(optional),
    })
}

fn repetition(column: &Type) -> Repetition {
    let info = column.get_basic_info();
    match info.has_repetition() {
        true => info.repetition(),
        false => Repetition::REQUIRED,
    }
}

/// Returns the class names of each column of class indices, or of lists of class indices, in the order of the indices.
/// The library of the hub stores them in the metadata of the file.
pub(super) fn classes(metadata: &ParquetMetaData) -> HashMap<String, Vec<String>> {
    let entries = metadata
        .file_metadata()
        .key_value_metadata()
        .into_iter()
        .flatten();
    let own = entries
        .filter(|entry| entry.key == "huggingface")
        .find_map(|entry| serde_json::from_str::<Value>(entry.value.as_deref()?).ok());
    let features = own
        .as_ref()
        .and_then(|own| own["info"]["features"].as_object());
    let classes = features
        .into_iter()
        .flatten()
        .filter_map(|(column, feature)| Some((column.clone(), class_names(element(feature))?)));
    classes.collect()
}

/// Returns the type of the items if the feature is a list, and the feature itself otherwise. Lists have the type
/// `Sequence` until version 3 of the library, and `List` or `LargeList` since. A list is also written as an array with
/// the type of its items.
fn element(feature: &Value) -> &Value {
    match (feature, feature["_type"].as_str()) {
        (Value::Array(items), _) => items.first().unwrap_or(feature),
        (_, Some("Sequence" | "List" | "LargeList")) => &feature["feature"],
        _ => feature,
    }
}

/// Returns the names of a feature of the type `ClassLabel`.
fn class_names(feature: &Value) -> Option<Vec<String>> {
    let names = (feature["_type"] == "ClassLabel").then(|| feature["names"].as_array())??;
    names
        .iter()
        .map(|name| name.as_str().map(str::to_owned))
        .collect()
}
