//! Flags that describe a pruning recipe, shared by all commands that prune.

mod constraints;
mod method;
mod sources;

use clap::Args;
use serde_json::{Map, Value, json};

use super::exit::Exit;
use super::one_of::one_of;
use constraints::ConstraintFlags;

use crate::job::Device;
use crate::prune::recipe::{Constraints, Mapping, Metric, Recipe, Target};
pub(super) use method::MethodFlags;
pub(super) use sources::SourceFlags;

/// Help heading of the flags for the target.
const TARGET_HEADING: &str = "Target options";

/// Flags of a recipe.
#[derive(Args)]
pub(super) struct RecipeFlags {
    #[command(flatten)]
    pub(super) sources: SourceFlags,
    /// Fraction to KEEP, as a percentage, such as 60%
    #[arg(long, value_name = "PERCENT", help_heading = TARGET_HEADING)]
    target: String,
    /// Quantity that the target limits: FLOPs, parameters or latency of a forward pass
    #[arg(long, help_heading = TARGET_HEADING, value_parser = one_of::<Metric>(), default_value = Metric::Flops.as_str())]
    metric: Metric,
    /// Maximum distance of the result below the target, as a percentage of the target (0.01% to 50%)
    #[arg(long, value_name = "PERCENT", default_value = "1%", help_heading = TARGET_HEADING)]
    tolerance: String,
    /// Random seed for sampling examples, token rows and probes
    #[arg(long, default_value_t = 0, help_heading = TARGET_HEADING)]
    seed: u64,
    #[command(flatten)]
    constraints: ConstraintFlags,
    #[command(flatten)]
    method: MethodFlags,
}

impl RecipeFlags {
    /// Returns the recipe, validated.
    pub(super) fn recipe(&self) -> Result<Recipe, Exit> {
        let target = Target {
            metric: self.metric,
            keep: Target::parse_keep(&self.target)?,
            tolerance: Target::parse_keep(&self.tolerance)?,
        };
        recipe(
            &self.sources,
            self.seed,
            target,
            self.constraints.constraints(),
            &self.method,
        )
    }

    /// Returns the recipe as the body of `POST /v1/jobs`.
    pub(super) fn request(&self) -> Result<Value, Exit> {
        let recipe = self.recipe()?;
        let mapping = |mapping: &Mapping| json!({"text": mapping.text, "text_pair": mapping.text_pair, "label": mapping.label});
        let calibration = &recipe.calibration;
        let mut request = Map::new();
        request.insert("model".to_owned(), json!({"uri": recipe.model.uri}));
        request.insert(
            "calibration".to_owned(),
            json!({"uri": calibration.source.uri, "mapping": mapping(&calibration.mapping),
                   "max_samples": calibration.max_samples, "max_tokens": calibration.max_tokens,
                   "seed": calibration.seed}),
        );
        if let Some(evaluation) = &recipe.evaluation {
            let body =
                json!({"uri": evaluation.source.uri, "mapping": mapping(&evaluation.mapping)});
            request.insert("evaluation".to_owned(), body);
        }
        request.insert(
            "target".to_owned(),
            json!({"metric": recipe.target.metric.as_str(), "value": self.target, "tolerance": self.tolerance}),
        );
        request.insert("constraints".to_owned(), json!(recipe.constraints));
        request.insert("method".to_owned(), json!(recipe.method));
        let device = Device::from(self.sources.device);
        request.insert("device".to_owned(), json!(device.as_str()));
        Ok(Value::Object(request))
    }
}

/// Builds and validates a recipe from its parts.
pub(super) fn recipe(
    sources: &SourceFlags,
    seed: u64,
    target: Target,
    constraints: Constraints,
    method: &MethodFlags,
) -> Result<Recipe, Exit> {
    let recipe = Recipe {
        model: sources.model()?,
        calibration: sources.calibration(seed)?,
        evaluation: sources.evaluation()?,
        target,
        constraints,
        method: method.method(),
    };
    Ok(recipe.validated()?)
}
