//! What decides the bytes of the pruned model, collected from a job.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use strum::VariantArray;

use super::inputs::Role;
use super::prepare::Prepared;
use super::recipe::{Metric, Output, Recipe};
use super::reproducibility::{Decisive, Machine, Reproducibility};
use crate::model::device::kind;
use crate::model::nn::kernel::instruction_set;

/// Returns the reproducibility hash of a job. `None` if its target is a latency, because that is measured.
#[must_use]
pub fn reproducibility(prepared: &Prepared, recipe: &Recipe) -> Option<Reproducibility> {
    if recipe.target.metric == Metric::LatencyMs {
        return None;
    }
    let evaluation = prepared.evaluation.as_ref();
    let of = Decisive {
        optin_version: env!("CARGO_PKG_VERSION").to_owned(),
        model: model(prepared),
        calibration: prepared.calibration.sha256.clone(),
        evaluation: evaluation.map(|data| data.sha256.clone()),
        recipe: sha256(&normalized(recipe).to_string()),
        machine: Machine {
            architecture: ARCHITECTURE.to_owned(),
            instructions: instruction_set().to_owned(),
            device: kind(&prepared.device).to_owned(),
        },
    };
    Some(of.hashed())
}

/// The architecture for which this program was compiled.
const ARCHITECTURE: &str = if cfg!(target_arch = "x86_64") {
    "x86_64"
} else if cfg!(target_arch = "aarch64") {
    "aarch64"
} else {
    "other"
};

fn sha256(written: &str) -> String {
    hex::encode(Sha256::digest(written))
}

/// Returns the digest of the files of the model.
fn model(prepared: &Prepared) -> String {
    let inputs = prepared.inputs();
    let files = inputs
        .iter()
        .filter(|input| !matches!(input.role, Role::Calibration | Role::Evaluation));
    let lines = files.map(|input| format!("{}  {}\n", input.file.sha256, input.file.name));
    sha256(&lines.collect::<String>())
}

/// Returns a recipe without what the digests of its sources cover, and without what has no effect on the model.
fn normalized(recipe: &Recipe) -> Value {
    let calibration = &recipe.calibration;
    // Every result has the folder, and the order of the formats has no effect.
    let outputs = Output::VARIANTS.iter();
    let outputs = outputs
        .filter(|&&output| output == Output::Safetensors || recipe.outputs.contains(&output));
    json!({
        "calibration": {
            "max_samples": calibration.max_samples,
            "max_positions": calibration.max_positions,
            "seed": calibration.seed,
        },
        "target": recipe.target,
        "constraints": recipe.constraints,
        "method": recipe.method,
        "outputs": outputs.collect::<Vec<_>>(),
    })
}
