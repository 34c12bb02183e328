//! Flags that name the model, the data and the device.

use std::path::{Path, PathBuf};

use clap::Args;
use url::Url;

use super::super::device;
use super::super::exit::Exit;
use super::super::one_of::one_of;
use super::range::ranged;
use crate::config::device::DeviceFlag;
use crate::prune::places::Places;
use crate::prune::recipe::{Calibration, Evaluation, LabelReading, Mapping, Source};

/// Help heading of the flags for the model and the data.
pub(in super::super) const INPUT_HEADING: &str = "Input options";

/// The model and the calibration data on this machine.
#[derive(Args)]
#[command(next_help_heading = INPUT_HEADING)]
pub(in super::super) struct LocalFlags {
    /// Hugging Face folder of the model: config.json, model.safetensors and the tokenizer
    #[arg(long, value_name = "DIR")]
    model: PathBuf,
    /// Rows for scoring and repair; labels are not read
    ///
    /// A file, or a folder with its shards. Formats: tsv, csv, jsonl, json (also compressed as gz or
    /// zst) and parquet.
    #[arg(long, verbatim_doc_comment, value_name = "FILE")]
    calibration: PathBuf,
}

impl LocalFlags {
    /// Returns the paths as URIs.
    pub(in super::super) fn uris(&self, evaluation: Option<&Path>) -> Result<Uris, Exit> {
        Ok(Uris {
            model: file_uri(&self.model)?,
            calibration: file_uri(&self.calibration)?,
            evaluation: evaluation.map(file_uri).transpose()?,
        })
    }

    /// Returns the paths, and the opened device.
    pub(in super::super) fn places(
        &self,
        evaluation: Option<&Path>,
        device: DeviceFlag,
        out: PathBuf,
    ) -> Result<Places, Exit> {
        Ok(Places {
            model: self.model.clone(),
            calibration: self.calibration.clone(),
            evaluation: evaluation.map(Path::to_owned),
            out,
            device: device::open(device)?,
        })
    }
}

/// The model and the data, as the service reads them.
#[derive(Args)]
#[command(next_help_heading = INPUT_HEADING)]
pub(in super::super) struct RemoteFlags {
    /// Hugging Face folder of the model: config.json, model.safetensors and the tokenizer
    #[arg(long, value_name = "URI")]
    model: String,
    /// Rows for scoring and repair; labels are not read
    ///
    /// A file, or a folder with its shards. Formats: tsv, csv, jsonl, json (also compressed as gz or
    /// zst) and parquet.
    #[arg(long, verbatim_doc_comment, value_name = "URI")]
    calibration: String,
    /// Labeled rows for measuring the quality before and after pruning
    #[arg(long, value_name = "URI")]
    evaluation: Option<String>,
}

impl RemoteFlags {
    /// Returns the URIs.
    pub(super) fn uris(&self) -> Result<Uris, Exit> {
        Ok(Uris {
            model: uri(&self.model)?,
            calibration: uri(&self.calibration)?,
            evaluation: self.evaluation.as_deref().map(uri).transpose()?,
        })
    }
}

/// URIs of the model and its data.
pub(in super::super) struct Uris {
    model: Source,
    calibration: Source,
    evaluation: Option<Source>,
}

/// How the data is read, and the device.
#[derive(Args)]
#[command(next_help_heading = INPUT_HEADING)]
pub(in super::super) struct DataFlags {
    /// Column of the text, of the first text of a pair, or of the question [default: a common name, such as text or sentence1]
    ///
    /// All columns are given by name or by number from 0. If all given columns are numbers, the file is
    /// read without a header row.
    #[arg(long, verbatim_doc_comment, value_name = "COLUMN")]
    text: Option<String>,
    /// Column of the second text of a pair, or of the text that contains the answers [default: detected if --text is not given]
    #[arg(long, value_name = "COLUMN")]
    text_pair: Option<String>,
    #[arg(long, value_name = "ROWS", default_value_t = Calibration::default_max_samples(), help = ranged::<Calibration>("max_samples", "Maximum number of rows to sample from the calibration data"))]
    max_samples: usize,
    #[arg(long, value_name = "POSITIONS", default_value_t = Calibration::default_max_positions(), help = ranged::<Calibration>("max_positions", "Maximum number of positions (tokens of a text) to sample from the calibration data"))]
    max_positions: usize,
    /// Device for the computation
    #[arg(long, value_enum, default_value_t)]
    pub(in super::super) device: DeviceFlag,
}

/// How the labels of evaluation data are read.
#[derive(Args)]
#[command(next_help_heading = INPUT_HEADING)]
pub(in super::super) struct LabelFlags {
    /// Column of the label in the evaluation data [default: a common name, such as label]
    #[arg(long, value_name = "COLUMN")]
    label: Option<String>,
    /// Whether the label column has class names or class indices (config.json, id2label) [default: detected]
    #[arg(long, value_parser = one_of::<LabelReading>(), value_name = "ENCODING")]
    label_encoding: Option<LabelReading>,
    /// Class id of pixels without a class in label maps, besides ignore_index in preprocessor_config.json
    #[arg(long, value_name = "ID")]
    ignored_label: Option<u16>,
}

/// The inputs of a recipe.
pub(in super::super) struct Inputs {
    pub(super) model: Source,
    pub(super) calibration: Calibration,
    pub(super) evaluation: Option<Evaluation>,
}

impl DataFlags {
    /// Returns the inputs of a recipe.
    pub(in super::super) fn inputs(
        &self,
        uris: Uris,
        labels: Option<&LabelFlags>,
        seed: u64,
    ) -> Inputs {
        let mapping = Mapping {
            text: self.text.clone(),
            text_pair: self.text_pair.clone(),
            label: labels.and_then(|labels| labels.label.clone()),
            labels: labels.and_then(|labels| labels.label_encoding),
            ignored_label: labels.and_then(|labels| labels.ignored_label),
        };
        Inputs {
            model: uris.model,
            evaluation: uris.evaluation.map(|source| Evaluation {
                source,
                mapping: mapping.clone(),
                max_samples: None,
            }),
            calibration: Calibration {
                source: uris.calibration,
                mapping,
                max_samples: self.max_samples,
                max_positions: self.max_positions,
                seed,
            },
        }
    }
}

/// Returns a URI unchanged, or a path as a `file://` URI.
fn uri(text: &str) -> Result<Source, Exit> {
    match text.contains("://") {
        true => Ok(Source::new(text)),
        false => file_uri(Path::new(text)),
    }
}

fn file_uri(path: &Path) -> Result<Source, Exit> {
    let path = std::path::absolute(path)?;
    match Url::from_file_path(&path) {
        Ok(url) => Ok(Source::new(url)),
        Err(()) => Err(Exit::Usage(format!(
            "the path {} cannot be written as a file:// URI",
            path.display()
        ))),
    }
}
