//! The flags that say what is read.

use std::path::{Path, PathBuf};

use clap::Args;
use url::Url;

use super::super::device;
use super::super::exit::Exit;
use super::one_of::one_of;
use crate::config::device::DeviceFlag;
use crate::prune::Places;
use crate::prune::recipe::{Calibration, Evaluation, LabelReading, Mapping, Source};

/// A model and its data.
#[derive(Args)]
pub(in super::super) struct SourceFlags {
    /// Hugging Face folder of the model: config.json, model.safetensors, tokenizer.json
    #[arg(long, value_name = "DIR")]
    model: String,
    /// Unlabelled examples that scoring and repair look at: a table (tsv, csv, jsonl, json, parquet; gz, zst) or a folder of its shards
    #[arg(long, value_name = "FILE")]
    calibration: String,
    /// Labelled examples that the result is measured on
    #[arg(long, value_name = "FILE")]
    pub(in super::super) evaluation: Option<String>,
    /// Column of the (first) text; found by its usual names when not given
    #[arg(long, value_name = "COLUMN")]
    text: Option<String>,
    /// Column of the second text of a pair
    #[arg(long, value_name = "COLUMN")]
    text_pair: Option<String>,
    /// Column of the label
    #[arg(long, value_name = "COLUMN")]
    label: Option<String>,
    /// How the label column names classes; found from its values when not given
    #[arg(long, value_parser = one_of::<LabelReading>(), value_name = "READING")]
    labels: Option<LabelReading>,
    /// Examples drawn from the calibration file
    #[arg(long, value_name = "ROWS", default_value_t = Calibration::DEFAULT_MAX_SAMPLES)]
    max_samples: usize,
    /// Drawing ends where the examples have so many tokens
    #[arg(long, value_name = "TOKENS", default_value_t = Calibration::DEFAULT_MAX_TOKENS)]
    max_tokens: usize,
    /// On what it runs
    #[arg(long, value_enum, default_value_t)]
    pub(super) device: DeviceFlag,
}

impl SourceFlags {
    /// The same as local paths, and the device.
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

/// A URI as it is, or a local path as one.
fn source(text: &str) -> Result<Source, Exit> {
    if text.contains("://") {
        return Ok(Source::new(text));
    }
    let path = std::path::absolute(Path::new(text))?;
    match Url::from_file_path(&path) {
        Ok(url) => Ok(Source::new(url)),
        Err(()) => Err(Exit::Usage(format!(
            "{} is no path that a URI can name",
            path.display()
        ))),
    }
}
