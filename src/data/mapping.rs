//! The columns of a dataset, as a user names them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::label::LabelReading;

/// Columns of a dataset. A column is given by its name, or by its number from 0. If all given columns are numbers, the
/// file has no header. Other columns are detected by common names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ColumnMapping")]
pub struct Mapping {
    /// Column of the text, of the first text of a pair, or of the list of words. Null if it is detected by name.
    pub text: Option<String>,
    /// Column of the second text of a pair. Null if there is none or it is detected by name.
    pub text_pair: Option<String>,
    /// Column of the label: a class name in `id2label` of the model, a class index, a number for regression, or a list
    /// of names or indices for several labels per row or a label per word. Null if it is detected by name.
    pub label: Option<String>,
    /// How the label column identifies classes. Absent if it is detected from its values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<LabelReading>,
}

impl Mapping {
    /// Returns whether all given columns are numbers, which means that the first row of the file is data.
    #[must_use]
    pub fn is_numbered(&self) -> bool {
        let mut named = [&self.text, &self.text_pair, &self.label]
            .into_iter()
            .flatten()
            .peekable();
        named.peek().is_some() && named.all(|name| name.parse::<usize>().is_ok())
    }
}
