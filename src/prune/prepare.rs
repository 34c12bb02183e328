//! From places to everything in memory that a run reads: weights, graph, examples.

use super::Places;
use super::digest::Digest;
use super::failure::{Code, Failure};
use super::recipe::Recipe;
use super::report::CalibrationUse;
use crate::checkpoint::config::Config;
use crate::checkpoint::limits::Limits;
use crate::checkpoint::tokenizer::Tokenizer;
use crate::checkpoint::weights::Weights;
use crate::data::dataset::Dataset;
use crate::model::device::Device;
use crate::model::{PrunableModel, registry};

/// What a run reads, checked and in memory.
pub struct Prepared {
    /// The weights as they are stored.
    pub weights: Weights,
    /// Where the graph lives.
    pub device: Device,
    /// Digest of `config.json`'s content.
    pub config_digest: String,
    /// The architecture's name in the registry.
    pub architecture: &'static str,
    /// The graph.
    pub model: Box<dyn PrunableModel>,
    /// Unlabelled examples, in drawn order.
    pub calibration: Dataset,
    /// Labelled examples, where the recipe names some.
    pub evaluation: Option<Dataset>,
}

impl Prepared {
    /// Reads and checks every source.
    ///
    /// # Errors
    /// The first source that is missing, malformed or does not fit the others.
    pub fn read(places: &Places, recipe: &Recipe) -> Result<Self, Failure> {
        let limits = Limits::default();
        let config = Config::open(&places.model, &limits)?;
        let weights = Weights::open(&places.model, &limits)?.on(&places.device);
        let config_digest = config_digest(&config);
        let (architecture, model) = registry::open(&config, &weights)?;
        if model.groups().iter().all(|group| group.width == 0) {
            return Err(Failure::new(
                Code::TargetUnreachable,
                "the model has no unit left to prune",
            ));
        }
        let tokenizer = Tokenizer::open(&places.model, model.max_length(), &limits)?;
        let data_limits = crate::data::limits::Limits::default();
        let wanted = &recipe.calibration;
        let calibration = Dataset::calibration(
            &places.calibration,
            &wanted.mapping,
            &tokenizer,
            wanted.max_samples,
            wanted.max_tokens,
            wanted.seed,
            &data_limits,
        )?;
        let evaluation = match (&places.evaluation, &recipe.evaluation) {
            (Some(path), Some(wanted)) => Some(Dataset::evaluation(
                path,
                &wanted.mapping,
                &tokenizer,
                model.problem(),
                wanted.max_samples,
                &data_limits,
            )?),
            _ => None,
        };
        Ok(Self {
            weights,
            device: places.device.clone(),
            config_digest,
            architecture,
            model,
            calibration,
            evaluation,
        })
    }

    /// Examples that scoring looks at: the first of the draw.
    #[must_use]
    pub fn scoring_rows(&self, recipe: &Recipe) -> Vec<usize> {
        (0..recipe
            .method
            .scoring_samples
            .min(self.calibration.examples.len()))
            .collect()
    }

    /// Tokens of these calibration rows.
    #[must_use]
    pub fn tokens(&self, rows: &[usize]) -> usize {
        let examples = rows.iter().map(|&row| &self.calibration.examples[row]);
        examples.map(|example| example.ids.len()).sum()
    }

    /// The calibration as it is used.
    #[must_use]
    pub fn calibration_use(&self, recipe: &Recipe) -> CalibrationUse {
        let scoring = self.scoring_rows(recipe);
        CalibrationUse {
            rows: self.calibration.examples.len(),
            scoring_rows: scoring.len(),
            tokens: self.calibration.tokens(),
            mean_length: self.calibration.mean_length(),
            gram_tokens: recipe.method.gram_tokens.min(self.tokens(&scoring)),
        }
    }
}

/// Of all that a configuration says, hex.
#[must_use]
pub fn config_digest(config: &Config) -> String {
    Digest::new("config")
        .part("map", serde_json::json!(config.map()))
        .hex()
}
