//! Flags that describe a pruning recipe, in groups for the commands that use them.

mod constraints;
mod method;
mod range;
mod sources;
mod target;

use clap::Args;
use serde_json::{Map, Value, json};

use super::exit::Exit;
use super::one_of::explained;
use crate::job::Device;
use crate::prune::recipe::{Constraints, Method, Output, Recipe, Reporting, Target};
pub(super) use constraints::ConstraintFlags;
pub(super) use method::{MethodFlags, RoundFlags, ScoringFlags};
use range::ranged;
pub(super) use sources::{
    DataFlags, INPUT_HEADING, Inputs, LabelFlags, LocalFlags, RemoteFlags, Uris,
};
pub(super) use target::TargetFlags;

/// Flags of a recipe, without the locations of its inputs.
#[derive(Args)]
pub(super) struct RecipeFlags {
    #[command(flatten)]
    labels: LabelFlags,
    #[command(flatten)]
    pub(super) data: DataFlags,
    #[command(flatten)]
    target: TargetFlags,
    #[command(flatten)]
    method: MethodFlags,
    #[command(flatten)]
    rounds: RoundFlags,
    /// Add a score audit to the report: compare estimated scores with exact scores of a sample of units
    #[arg(long, help_heading = method::METHOD_HEADING)]
    audit: bool,
    /// Formats of the result's model; repeat the flag for more
    #[arg(long = "output", value_name = "FORMAT", value_parser = explained::<Output>(), default_values = Output::usual().into_iter().map(<&str>::from))]
    outputs: Vec<Output>,
    #[arg(long, value_name = "ROWS", default_value_t = Reporting::default().rows, help = ranged::<Reporting>("rows", "Maximum number of rows of the data that the report shows: those whose answers changed most; 0 shows none"))]
    report_rows: usize,
}

impl RecipeFlags {
    /// Returns the recipe for these inputs, validated.
    pub(super) fn recipe(&self, uris: Uris) -> Result<Recipe, Exit> {
        let inputs = self.data.inputs(uris, Some(&self.labels), self.target.seed);
        let method = Method {
            rounds: self.rounds.rounds,
            audit: self.audit,
            ..self.method.method()
        };
        let constraints = self.target.constraints();
        let recipe = recipe(inputs, self.target.target()?, constraints, method)?;
        let report = Reporting {
            rows: self.report_rows,
        };
        Ok(Recipe {
            outputs: self.outputs.clone(),
            report,
            ..recipe
        }
        .validated()?)
    }

    /// Returns the recipe for these inputs as the body of `POST /v1/jobs`.
    pub(super) fn request(&self, inputs: &RemoteFlags) -> Result<Value, Exit> {
        let recipe = self.recipe(inputs.uris()?)?;
        let calibration = &recipe.calibration;
        let mut request = Map::new();
        request.insert("model".to_owned(), json!({"uri": recipe.model.uri}));
        request.insert(
            "calibration".to_owned(),
            json!({"uri": calibration.source.uri, "mapping": calibration.mapping,
                   "max_samples": calibration.max_samples, "max_positions": calibration.max_positions,
                   "seed": calibration.seed}),
        );
        if let Some(evaluation) = &recipe.evaluation {
            let body = json!({"uri": evaluation.source.uri, "mapping": evaluation.mapping});
            request.insert("evaluation".to_owned(), body);
        }
        request.insert(
            "target".to_owned(),
            json!({"metric": recipe.target.metric.as_str(), "value": self.target.target, "tolerance": self.target.tolerance}),
        );
        request.insert("constraints".to_owned(), json!(recipe.constraints));
        request.insert("method".to_owned(), json!(recipe.method));
        request.insert("outputs".to_owned(), json!(recipe.outputs));
        request.insert("report".to_owned(), json!(recipe.report));
        let device = Device::from(self.data.device);
        request.insert("device".to_owned(), json!(device.as_str()));
        Ok(Value::Object(request))
    }
}

/// Builds and validates a recipe from its parts.
pub(super) fn recipe(
    inputs: Inputs,
    target: Target,
    constraints: Constraints,
    method: Method,
) -> Result<Recipe, Exit> {
    let recipe = Recipe {
        model: inputs.model,
        calibration: inputs.calibration,
        evaluation: inputs.evaluation,
        target,
        constraints,
        method,
        outputs: Output::usual(),
        report: Reporting::default(),
    };
    Ok(recipe.validated()?)
}
