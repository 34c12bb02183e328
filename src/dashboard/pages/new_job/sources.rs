//! The fields for the model and the data.

use maud::{Markup, html};

use super::data::Found;
use super::draft::Draft;
use super::main_fields::{CALIBRATION, EVALUATION, MODEL};
use crate::dashboard::wire::estimate::Estimate;

/// A field for the address of a model or a dataset.
pub(super) struct SourceField {
    pub(super) path: &'static str,
    name: &'static str,
    sentence: &'static str,
    /// The list of known addresses.
    list: &'static str,
    required: bool,
    /// What is uploaded: a folder or a file.
    upload: &'static str,
}

/// All of them.
pub(super) const SOURCES: [SourceField; 3] = [
    SourceField {
        path: MODEL,
        name: "Model",
        sentence: "A folder of Hugging Face or timm with safetensors weights",
        list: "models",
        required: true,
        upload: "folder",
    },
    SourceField {
        path: CALIBRATION,
        name: "Calibration data",
        sentence: "1,000 to 8,000 of the usual inputs; labels are not needed",
        list: "data",
        required: true,
        upload: "file",
    },
    SourceField {
        path: EVALUATION,
        name: "Evaluation data",
        sentence: "Optional, with labels: the result compares both models on it",
        list: "data",
        required: false,
        upload: "file",
    },
];

impl SourceField {
    /// The field, with what is known about its source.
    pub(super) fn render(
        &self,
        draft: &Draft,
        wrong: Option<&str>,
        found: &Found,
        estimate: Option<&Estimate>,
    ) -> Markup {
        let Self {
            path,
            name,
            sentence,
            list,
            required,
            upload,
        } = *self;
        let wrong = wrong.or(found.wrong(path));
        html! {
            div.field {
                label for=(path) { (name) }
                div.with-button {
                    input id=(path) name=(path) value=[draft.get(path)] list=(list) required[required] autocomplete="off" spellcheck="false" placeholder="file:///srv/…" aria-invalid=[wrong.map(|_| "true")] aria-describedby={ (path) "-hint" };
                    button type="button" data-upload=(upload) data-into=(path) hidden { "Upload…" }
                }
                p.hint id={ (path) "-hint" } { @match wrong { Some(wrong) => span.wrong { (wrong) }, None => (sentence) } }
                div.found id={ (path) "-found" } { @if let Some(shown) = found.shown(path, estimate) { (shown) } }
            }
        }
    }
}
