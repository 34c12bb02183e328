//! Help of the flags that set a number with bounds.

use schemars::JsonSchema;

use crate::prune::recipe::bounds;

/// Returns the help of a flag for a field of `T`, with the bounds of the field.
pub(super) fn ranged<T: JsonSchema>(field: &str, help: &str) -> String {
    match bounds::<T>(field) {
        Some((low, high)) => format!("{help} [range: {low} to {high}]"),
        None => help.to_owned(),
    }
}
