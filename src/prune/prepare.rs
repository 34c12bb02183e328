//! Reads everything that a run needs: weights, graph and examples.

use std::collections::HashMap;
use std::sync::Arc;

use safetensors::Dtype;

use super::digest::Digest;
use super::failure::{Code, Failure};
use super::inputs::{self, Input, Role};
use super::places::Places;
use super::recipe::{AnswerTerm, Recipe};
use super::report::CalibrationUse;
use super::score::scored::Scored;
use super::surgery::onnx;
use crate::answer;
use crate::answer::task::{Answer, Divergence};
use crate::checkpoint::config::Config;
use crate::checkpoint::limits::Limits;
use crate::checkpoint::plain_names::listed;
use crate::checkpoint::read_file::ReadFile;
use crate::checkpoint::weights::Weights;
use crate::data;
use crate::data::dataset::{Dataset, Sample};
use crate::data::reader::Reader;
use crate::model::chain::Model;
use crate::model::device::{self, Device};
use crate::model::registry::{self, Opened};
use crate::model::unit::Units;

/// The sources of a run, checked and in memory.
pub struct Prepared {
    /// The model's files other than its weights.
    pub beside_the_weights: Vec<Input>,
    /// The weights as they are stored.
    pub weights: Weights,
    /// The device that holds the graph.
    pub device: Device,
    /// The configuration.
    pub config: Config,
    /// The units of attention layers.
    pub units: Units,
    /// The architecture's name in the registry.
    pub architecture: &'static str,
    /// The task of the model.
    pub answer: Arc<dyn Answer>,
    /// The divergence of the parts of the answers, if the answer term compares them.
    parts: Option<Arc<dyn Divergence>>,
    /// The model's graph.
    pub model: Model,
    /// The original model, if a schedule of merged positions was planned for `model`.
    unmerged: Option<Unmerged>,
    /// The reader of the model's examples.
    pub reader: Arc<dyn Reader>,
    /// Notes for the user about how the sources were read, as sentences.
    pub notes: Vec<String>,
    /// Unlabeled examples, in the order in which they were sampled.
    pub calibration: Dataset,
    /// Labeled examples, if the recipe names an evaluation file.
    pub evaluation: Option<Dataset>,
}

/// A model without a planned schedule.
struct Unmerged {
    model: Model,
    config: Config,
}

impl Prepared {
    /// Reads and checks every source.
    ///
    /// # Errors
    /// Returns the failure of the first source that is missing, malformed or does not match the others.
    pub fn read(places: &Places, recipe: &Recipe) -> Result<Self, Failure> {
        let limits = Limits::default();
        let config = Config::open(&places.model, &limits)?;
        let weights = Weights::open(&places.model, &limits)?.on(&places.device);
        let Opened {
            architecture,
            model,
            weights,
            unused,
        } = registry::open(&config, weights, recipe.method.units)?;
        let answer = answer::of(&config)?;
        onnx::check(&model, answer.task(), &recipe.outputs)?;
        let parts = match recipe.method.answer_term {
            AnswerTerm::Answers => None,
            AnswerTerm::Parts => model.parts.as_ref().and_then(|_| answer.parts()),
        };
        if model.groups.iter().all(|group| group.width == 0) {
            return Err(Failure::new(
                Code::TargetUnreachable,
                "the model has no units left to prune",
            ));
        }
        let reader = data::open(&model.reads, &places.model)?;
        let beside_the_weights = inputs::beside_the_weights(&places.model, reader.sources())?;
        let data_limits = data::limits::Limits::default();
        let wanted = &recipe.calibration;
        let calibration = reader.calibration(
            &places.calibration,
            &wanted.mapping,
            answer.as_ref(),
            Sample {
                max_rows: wanted.max_samples,
                max_positions: wanted.max_positions,
                seed: wanted.seed,
            },
            &data_limits,
        )?;
        if recipe.evaluation.is_some() && !answer.has_truth() {
            return Err(Failure::new(
                Code::InvalidRecipe,
                "the recipe has an evaluation, but the model has no head, so none of its answers is right or wrong; leave the \
                 evaluation out: the report compares both models on the calibration rows",
            ));
        }
        let evaluation = match (&places.evaluation, &recipe.evaluation) {
            (Some(path), Some(wanted)) => Some(reader.evaluation(
                path,
                &wanted.mapping,
                answer.as_ref(),
                wanted.max_samples,
                &data_limits,
            )?),
            _ => None,
        };
        let read: Vec<&Dataset> = [Some(&calibration), evaluation.as_ref()]
            .into_iter()
            .flatten()
            .collect();
        let mut notes = reader.notes(answer.as_ref(), &read)?;
        notes.extend(without_parts(recipe.method.answer_term, parts.as_ref()));
        notes.extend(unused_tensors(&unused));
        notes.extend(stored_in_other_type(&weights));
        Ok(Self {
            beside_the_weights,
            weights,
            device: places.device.clone(),
            config,
            units: recipe.method.units,
            architecture,
            answer,
            parts,
            model,
            unmerged: None,
            reader,
            notes,
            calibration,
            evaluation,
        })
    }

    /// Replaces the elements of some tensors and builds the graph again.
    ///
    /// # Errors
    /// Returns an error if the device is out of memory.
    pub fn with_tensors(self, tensors: &HashMap<String, Vec<f32>>) -> Result<Self, Failure> {
        let weights = self.weights.replaced(tensors);
        // Frees the memory of the old graph first.
        drop(self.model);
        let opened = registry::open(&self.config, weights, self.units)?;
        Ok(Self {
            weights: opened.weights,
            model: opened.model,
            ..self
        })
    }

    /// Plans a schedule of merged positions and builds the graph again. A schedule that merges nothing gives the original
    /// graph.
    ///
    /// # Errors
    /// Returns an error if the device is out of memory.
    pub fn with_schedule(self, schedule: &[usize]) -> Result<Self, Failure> {
        let before = self.without_schedule();
        let Some(merging) = before.model.merging.clone() else {
            return Ok(before);
        };
        if schedule.iter().all(|&pairs| pairs == 0) {
            return Ok(before);
        }
        let planned = merging.planned(&before.config, schedule);
        let opened = registry::open(&planned, before.weights, before.units)?;
        Ok(Self {
            unmerged: Some(Unmerged {
                model: before.model,
                config: before.config,
            }),
            config: planned,
            weights: opened.weights,
            model: opened.model,
            ..before
        })
    }

    /// Removes a planned schedule.
    #[must_use]
    pub fn without_schedule(self) -> Self {
        match self.unmerged {
            None => self,
            Some(Unmerged { model, config }) => Self {
                model,
                config,
                unmerged: None,
                ..self
            },
        }
    }

    /// Returns the graph of the original model. It merges no positions for which a job planned that.
    #[must_use]
    pub fn original(&self) -> &Model {
        match &self.unmerged {
            Some(unmerged) => &unmerged.model,
            None => &self.model,
        }
    }

    /// Returns what the answer term compares.
    #[must_use]
    pub fn scored(&self) -> Scored<'_> {
        match (&self.parts, &self.model.parts) {
            (Some(answer), Some(head)) => Scored {
                head,
                answer: answer.as_ref(),
            },
            _ => Scored::answers(&self.model, self.answer.as_ref()),
        }
    }

    /// Returns the same sources with a pruned model, for another round of scoring. There are no evaluation rows.
    #[must_use]
    pub fn narrowed(&self, weights: Weights, config: Config, model: Model) -> Self {
        Self {
            beside_the_weights: self.beside_the_weights.clone(),
            weights,
            device: self.device.clone(),
            config,
            units: self.units,
            architecture: self.architecture,
            answer: self.answer.clone(),
            parts: self.parts.clone(),
            model,
            unmerged: None,
            reader: self.reader.clone(),
            notes: Vec::new(),
            calibration: self.calibration.clone(),
            evaluation: None,
        }
    }

    /// Whether a schedule of merged positions was planned.
    #[must_use]
    pub fn plans_merging(&self) -> bool {
        self.unmerged.is_some()
    }

    /// Starts the digest of a document that depends on the model and the device. `kind` names the document and the
    /// version of the code that produces it.
    #[must_use]
    pub fn model_digest(&self, kind: &str) -> Digest {
        self.digest_with(&self.config, kind)
    }

    fn digest_with(&self, config: &Config, kind: &str) -> Digest {
        Digest::new(kind)
            .part("device", device::kind(&self.device))
            .part("weights", self.weights.sha256())
            .part("architecture", self.architecture)
            .part("units", <&str>::from(self.units))
            .part("config", config_digest(config))
    }

    /// Starts the digest of a document that also depends on the calibration rows.
    #[must_use]
    pub fn digest(&self, kind: &str) -> Digest {
        self.model_digest(kind)
            .part("calibration", &self.calibration.sha256)
    }

    /// Starts the digest of a document that depends on the original model and the calibration rows, but not on a planned
    /// schedule.
    #[must_use]
    pub fn original_digest(&self, kind: &str) -> Digest {
        let config = match &self.unmerged {
            Some(unmerged) => &unmerged.config,
            None => &self.config,
        };
        self.digest_with(config, kind)
            .part("calibration", &self.calibration.sha256)
    }

    /// Returns the rows on which models are compared: the evaluation rows, or the calibration rows if there are none.
    #[must_use]
    pub fn compared(&self) -> &Dataset {
        self.evaluation.as_ref().unwrap_or(&self.calibration)
    }

    /// Returns the calibration rows that scoring reads: the first ones of the sample.
    #[must_use]
    pub fn scoring_rows(&self, recipe: &Recipe) -> Vec<usize> {
        (0..recipe.method.scoring_samples.min(self.calibration.len())).collect()
    }

    /// Returns all files that the run read.
    #[must_use]
    pub fn inputs(&self) -> Vec<Input> {
        let data = |role: Role, files: &[ReadFile]| -> Vec<Input> {
            files.iter().map(|file| role.of(file.clone())).collect()
        };
        let evaluation = self.evaluation.as_ref();
        let mut inputs = self.beside_the_weights.clone();
        let modules = self.config.modules().map(|modules| &modules.files);
        inputs.extend(modules.map_or_else(Vec::new, |files| data(Role::Config, files)));
        inputs.extend(data(Role::Weights, self.weights.files()));
        inputs.extend(data(Role::Calibration, &self.calibration.files));
        inputs.extend(evaluation.map_or_else(Vec::new, |read| data(Role::Evaluation, &read.files)));
        inputs
    }

    /// Returns what the run uses of the calibration file.
    #[must_use]
    pub fn calibration_use(&self, recipe: &Recipe) -> CalibrationUse {
        let stem = &self.model.stem;
        let all = stem.extent(&self.calibration.extent());
        let scoring = stem.extent(&self.calibration.extent_of(&self.scoring_rows(recipe)));
        CalibrationUse {
            rows: all.rows(),
            scoring_rows: scoring.rows(),
            positions: all.positions(),
            mean_length: all.mean(),
            gram_positions: recipe.method.gram_positions.min(scoring.longest()),
        }
    }
}

/// Returns a note if the answer term should compare parts, but the answers have none.
fn without_parts(wanted: AnswerTerm, parts: Option<&Arc<dyn Divergence>>) -> Option<String> {
    (wanted == AnswerTerm::Parts && parts.is_none()).then(|| {
        "The answers of this model have no parts, so the answer term compares the answers."
            .to_owned()
    })
}

/// Returns a note if the model does not use some tensors of the checkpoint. It names a few of them.
fn unused_tensors(unused: &[String]) -> Option<String> {
    const NAMED: usize = 5;
    let more = unused.len().saturating_sub(NAMED);
    let named = &unused[..unused.len() - more];
    let named = listed(named.iter().map(String::as_str));
    let what = "The checkpoint contains tensors that the model does not use. The result does not contain them";
    match (unused.len(), more) {
        (0, _) => None,
        (_, 0) => Some(format!("{what}: {named}.")),
        _ => Some(format!("{what}: {named} and {more} more.")),
    }
}

/// Returns a note if the weights are not stored as float32, because other libraries may compute in the stored type.
fn stored_in_other_type(weights: &Weights) -> Option<String> {
    let mut types = weights.entries().map(|entry| entry.dtype);
    // Integers are counters of training steps.
    let dtype = types.find(|dtype| matches!(dtype, Dtype::F64 | Dtype::F16 | Dtype::BF16))?;
    Some(format!(
        "The weights are stored as {dtype:?}, but the figures were measured in float32. transformers 5 computes in the \
         stored type unless you pass dtype=torch.float32."
    ))
}

/// Returns the digest of a whole configuration in hexadecimal.
fn config_digest(config: &Config) -> String {
    let digest = Digest::new("config").part("map", serde_json::json!(config.map()));
    match config.modules() {
        Some(modules) => digest.part("modules", modules.sha256()).hex(),
        None => digest.hex(),
    }
}
