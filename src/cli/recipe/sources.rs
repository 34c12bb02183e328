//! Flags that name the model, the data and the device.

use std::path::{Path, PathBuf};

use clap::Args;
use url::Url;

use super::super::device;
use super::super::exit::Exit;
use super::super::one_of::one_of;
use crate::config::device::DeviceFlag;
use crate::prune::Places;
use crate::prune::recipe::{Calibration, Evaluation, LabelReading, Mapping, Source};

/// The model, its data and the device.
#[derive(Args)]
#[command(next_help_heading = "Input options")]
pub(in super::super) struct SourceFlags {
    /// Hugging Face folder of the model: config.json, model.safetensors, tokenizer.json
    #[arg(long, value_name = "DIR")]
    model: String,
    /// Examples for scoring and repair; labels are not read
    ///
    /// A table, or a folder with its shards. Formats: tsv, csv, jsonl, json (also compressed as gz
    /// or zst) and parquet.
    #[arg(long, verbatim_doc_comment, value_name = "FILE")]
    calibration: String,
    /// Labeled examples for measuring the quality before and after pruning
    #[arg(long, value_name = "FILE")]
    pub(in super::super) evaluation: Option<String>,
    /// Column of the text, or of the first text of a pair [default: detected by common names]
    ///
    /// Columns are given by name or by number from 0. If all given columns are numbers, the file
    /// has no header row.
    #[arg(long, verbatim_doc_comment, value_name = "COLUMN")]
    text: Option<String>,
    /// Column of the second text of a pair [default: detected if --text is not given]
    #[arg(long, value_name = "COLUMN")]
    text_pair: Option<String>,
    /// Column of the label [default: detected by common names]
    #[arg(long, value_name = "COLUMN")]
    label: Option<String>,
    /// Encoding of classes in the label column: names or indices of id2label [default: detected from the values]
    #[arg(long, value_parser = one_of::<LabelReading>(), value_name = "ENCODING")]
    labels: Option<LabelReading>,
    /// Maximum number of examples to sample from the calibration data (1 to 100000)
    #[arg(long, value_name = "ROWS", default_value_t = Calibration::DEFAULT_MAX_SAMPLES)]
    max_samples: usize,
    /// Number of tokens at which sampling stops (1 to 100000000)
    #[arg(long, value_name = "TOKENS", default_value_t = Calibration::DEFAULT_MAX_TOKENS)]
    max_tokens: usize,
    /// Device for the computation
    #[arg(long, value_enum, default_value_t)]
    pub(super) device: DeviceFlag,
}

impl SourceFlags {
    /// Returns the local paths of the sources, and the opened device.
    pub(in super::super) fn places(&self, out: PathBuf) -> Result<Places, Exit> {
        Ok(Places {
            model: PathBuf::from(&self.model),
            calibration: PathBuf::from(&self.calibration),
            evaluation: self.evaluation.as_ref().map(PathBuf::from),
            out,
            device: device::open(self.device)?,
        })
    }

    pub(super) fn model(&self) -> Result<Source, Exit> {
        source(&self.model)
    }

    pub(super) fn calibration(&self, seed: u64) -> Result<Calibration, Exit> {
        Ok(Calibration {
            source: source(&self.calibration)?,
            mapping: self.mapping(),
            max_samples: self.max_samples,
            max_tokens: self.max_tokens,
            seed,
        })
    }

    pub(super) fn evaluation(&self) -> Result<Option<Evaluation>, Exit> {
        let Some(path) = &self.evaluation else {
            return Ok(None);
        };
        Ok(Some(Evaluation {
            source: source(path)?,
            mapping: self.mapping(),
            max_samples: None,
        }))
    }

    fn mapping(&self) -> Mapping {
        Mapping {
            text: self.text.clone(),
            text_pair: self.text_pair.clone(),
            label: self.label.clone(),
            labels: self.labels,
        }
    }
}

/// Returns a URI unchanged, or a local path as a `file://` URI.
fn source(text: &str) -> Result<Source, Exit> {
    if text.contains("://") {
        return Ok(Source::new(text));
    }
    let path = std::path::absolute(Path::new(text))?;
    match Url::from_file_path(&path) {
        Ok(url) => Ok(Source::new(url)),
        Err(()) => Err(Exit::Usage(format!(
            "the path {} cannot be written as a file:// URI",
            path.display()
        ))),
    }
}
