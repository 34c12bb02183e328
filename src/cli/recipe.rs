//! The flags that describe a prune, for `prune` and for `submit`.

use std::path::Path;

use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};
use url::Url;

use super::exit::Exit;
use crate::prune::recipe::{
    Calibration, Compensation, Estimator, Evaluation, Mapping, Method, Metric, Recipe, Source,
    Target, Trajectory,
};

/// Flags of a recipe.
#[derive(Args)]
pub(super) struct RecipeFlags {
    /// Hugging Face folder of the model: config.json, model.safetensors, tokenizer.json
    #[arg(long, value_name = "DIR")]
    pub(super) model: String,
    /// Unlabelled examples that scoring and repair look at: .tsv, .csv or .jsonl
    #[arg(long, value_name = "FILE")]
    pub(super) calibration: String,
    /// Labelled examples that the result is measured on
    #[arg(long, value_name = "FILE")]
    pub(super) evaluation: Option<String>,
    /// Column of the (first) text; found by its usual names when not given
    #[arg(long, value_name = "COLUMN")]
    text: Option<String>,
    /// Column of the second text of a pair
    #[arg(long, value_name = "COLUMN")]
    text_pair: Option<String>,
    /// Column of the label
    #[arg(long, value_name = "COLUMN")]
    label: Option<String>,
    /// Share of the FLOPs to KEEP, for example 60%
    #[arg(long, value_name = "PERCENT")]
    target: String,
    /// How far below the target the result may end, as a share of it
    #[arg(long, value_name = "PERCENT", default_value = "1%")]
    tolerance: String,
    /// Seeds the draws of examples and of token rows
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Examples drawn from the calibration file
    #[arg(long, value_name = "ROWS", default_value_t = 512)]
    max_samples: usize,
    /// Of these, examples that scoring looks at
    #[arg(long, value_name = "ROWS", default_value_t = Method::default().scoring_samples)]
    scoring_samples: usize,
    /// How units are scored: one by one, or all at once by random probes
    #[arg(long, value_enum, default_value_t = EstimatorFlag::Exact)]
    estimator: EstimatorFlag,
    /// How the terms of later layers are combined
    #[arg(long, value_enum, default_value_t = TrajectoryFlag::Mean)]
    trajectory: TrajectoryFlag,
    /// What is done to the kept weights
    #[arg(long, value_enum, default_value_t = CompensationFlag::LeastSquares)]
    compensation: CompensationFlag,
}

#[derive(Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum EstimatorFlag {
    Exact,
    Sketch,
}

#[derive(Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum TrajectoryFlag {
    Mean,
    Sum,
}

#[derive(Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum CompensationFlag {
    LeastSquares,
    None,
}

impl RecipeFlags {
    /// The recipe.
    pub(super) fn recipe(&self) -> Result<Recipe, Exit> {
        let mapping = Mapping {
            text: self.text.clone(),
            text_pair: self.text_pair.clone(),
            label: self.label.clone(),
        };
        let recipe = Recipe {
            model: source(&self.model)?,
            calibration: Calibration {
                source: source(&self.calibration)?,
                mapping: mapping.clone(),
                max_samples: self.max_samples,
                seed: self.seed,
            },
            evaluation: match &self.evaluation {
                Some(path) => Some(Evaluation {
                    source: source(path)?,
                    mapping,
                    max_samples: None,
                }),
                None => None,
            },
            target: Target {
                metric: Metric::Flops,
                keep: Target::parse_keep(&self.target)?,
                tolerance: Target::parse_keep(&self.tolerance)?,
            },
            method: Method {
                estimator: match self.estimator {
                    EstimatorFlag::Exact => Estimator::Exact,
                    EstimatorFlag::Sketch => Estimator::Sketch,
                },
                trajectory: match self.trajectory {
                    TrajectoryFlag::Mean => Trajectory::Mean,
                    TrajectoryFlag::Sum => Trajectory::Sum,
                },
                compensation: match self.compensation {
                    CompensationFlag::LeastSquares => Compensation::LeastSquares,
                    CompensationFlag::None => Compensation::None,
                },
                scoring_samples: self.scoring_samples,
                ..Method::default()
            },
        };
        Ok(recipe.validated()?)
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
                   "max_samples": calibration.max_samples, "seed": calibration.seed}),
        );
        if let Some(evaluation) = &recipe.evaluation {
            let body =
                json!({"uri": evaluation.source.uri, "mapping": mapping(&evaluation.mapping)});
            request.insert("evaluation".to_owned(), body);
        }
        request.insert(
            "target".to_owned(),
            json!({"metric": "flops", "value": self.target, "tolerance": self.tolerance}),
        );
        request.insert(
            "method".to_owned(),
            json!({"estimator": recipe.method.estimator, "trajectory": recipe.method.trajectory, "compensation": recipe.method.compensation,
                   "scoring_samples": recipe.method.scoring_samples}),
        );
        Ok(Value::Object(request))
    }
}

/// A URI as it is, or a local path as one.
fn source(text: &str) -> Result<Source, Exit> {
    if text.contains("://") {
        return Ok(Source {
            uri: text.to_owned(),
        });
    }
    let path = std::path::absolute(Path::new(text))?;
    match Url::from_file_path(&path) {
        Ok(url) => Ok(Source {
            uri: url.to_string(),
        }),
        Err(()) => Err(Exit::Usage(format!(
            "{} is no path that a URI can name",
            path.display()
        ))),
    }
}
