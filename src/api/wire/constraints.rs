//! What a choice must respect besides its target, on the wire.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::prune::recipe::Constraints;

/// Names in `keep_whole` at most.
pub(crate) const MOST_NAMES: usize = 256;

/// Limits on what each group of units keeps. Every field has a default that limits nothing.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ConstraintsBody {
    /// Each group of neurons keeps a multiple of so many.
    #[schema(minimum = 1, maximum = 4096, default = 1)]
    pub(crate) round_to: usize,
    /// Each group keeps at least so many units, or all that it has.
    #[schema(minimum = 0, maximum = 1_000_000, default = 0)]
    pub(crate) min_kept: usize,
    /// Groups that stay whole: their names, or beginnings of their names up to a dot.
    #[schema(max_items = 256, example = json!(["encoder.layer.0"]))]
    pub(crate) keep_whole: Vec<String>,
    /// Every group keeps the same share.
    #[schema(default = false)]
    pub(crate) uniform: bool,
}

impl Default for ConstraintsBody {
    fn default() -> Self {
        Constraints::default().into()
    }
}

impl From<Constraints> for ConstraintsBody {
    fn from(constraints: Constraints) -> Self {
        Self {
            round_to: constraints.round_to,
            min_kept: constraints.min_kept,
            keep_whole: constraints.keep_whole,
            uniform: constraints.uniform,
        }
    }
}

impl From<ConstraintsBody> for Constraints {
    fn from(body: ConstraintsBody) -> Self {
        Self {
            round_to: body.round_to,
            min_kept: body.min_kept,
            keep_whole: body.keep_whole,
            uniform: body.uniform,
        }
    }
}
