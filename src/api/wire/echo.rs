//! The request of a job on the wire, with defaults filled in.

use serde::Serialize;
use utoipa::ToSchema;

use super::create::{CalibrationBody, EvaluationBody, ModelBody, TargetBody};
use crate::prune::recipe::{Constraints, Method, Output, Recipe, Reporting};

/// The request that created the job, with defaults filled in.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = JobRequest)]
pub(crate) struct RequestEcho {
    /// The model to prune. A `hf://` URI names the commit that it was resolved to.
    model: ModelBody,
    /// The unlabeled rows for scoring and repair.
    calibration: CalibrationBody,
    /// The labeled rows for the evaluation. Absent if there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    evaluation: Option<EvaluationBody>,
    /// The size of the pruned model.
    target: TargetBody,
    /// Constraints on the units that each group keeps.
    constraints: Constraints,
    /// How units are scored and how the pruned model is repaired.
    method: Method,
    /// The formats in which the result has the model.
    outputs: Vec<Output>,
    /// What the report contains beside the figures.
    report: Reporting,
}

impl From<&Recipe> for RequestEcho {
    fn from(recipe: &Recipe) -> Self {
        Self {
            model: ModelBody {
                uri: recipe.model.uri.clone(),
            },
            calibration: CalibrationBody {
                uri: recipe.calibration.source.uri.clone(),
                mapping: recipe.calibration.mapping.clone(),
                max_samples: recipe.calibration.max_samples,
                max_positions: recipe.calibration.max_positions,
                seed: recipe.calibration.seed,
            },
            evaluation: recipe.evaluation.as_ref().map(|evaluation| EvaluationBody {
                uri: evaluation.source.uri.clone(),
                mapping: evaluation.mapping.clone(),
                max_samples: evaluation.max_samples,
            }),
            target: TargetBody {
                metric: recipe.target.metric,
                value: percent(recipe.target.keep),
                tolerance: percent(recipe.target.tolerance),
            },
            constraints: recipe.constraints.clone(),
            method: recipe.method,
            outputs: recipe.outputs.clone(),
            report: recipe.report,
        }
    }
}

/// Formats `0.6` as `60%`. Nine digits hide the rounding error of the division by 100.
fn percent(fraction: f64) -> String {
    let text = format!("{:.9}", fraction * 100.0);
    format!("{}%", text.trim_end_matches('0').trim_end_matches('.'))
}
