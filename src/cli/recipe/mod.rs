//! The flags that describe a prune, for every command that takes one.

mod constraints;
mod method;
mod one_of;
mod sources;

use clap::Args;
use serde_json::{Map, Value, json};

use super::exit::Exit;
use constraints::ConstraintFlags;
use one_of::one_of;

use crate::job::Device;
use crate::prune::recipe::{Constraints, Mapping, Metric, Recipe, Target};
pub(super) use method::MethodFlags;
pub(super) use sources::SourceFlags;

/// Flags of a recipe.
#[derive(Args)]
pub(super) struct RecipeFlags {
    #[command(flatten)]
    pub(super) sources: SourceFlags,
    /// Share to KEEP, for example 60%
    #[arg(long, value_name = "PERCENT")]
    target: String,
    /// Of what: the FLOPs of a forward, the parameters, or the time of a forward
    #[arg(long, value_parser = one_of::<Metric>(), default_value = Metric::Flops.as_str())]
    metric: Metric,
    /// How far below the target the result may end, as a share of it
    #[arg(long, value_name = "PERCENT", default_value = "1%")]
    tolerance: String,
    /// Seeds the draws of examples, of token rows and of probes
    #[arg(long, default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    constraints: ConstraintFlags,
    #[command(flatten)]
    method: MethodFlags,
}

impl RecipeFlags {
    /// The recipe.
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

    /// The same as the body of `POST /v1/jobs`.
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

/// A recipe of its parts.
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
