//! Constraints of a job on the wire.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::prune::recipe::Constraints;

/// Maximum number of names in `keep_whole`.
pub(crate) const MAX_NAMES: usize = 256;

/// Constraints on the units that each group keeps. By default there are none.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(default)]
#[schema(as = Constraints)]
pub(crate) struct ConstraintsBody {
    /// Each group of neurons keeps a multiple of this number of neurons, or all. Multiples of 8 or 32 are often faster.
    /// Groups of attention heads are not rounded.
    #[schema(minimum = 1, maximum = 4096, default = 1)]
    pub(crate) round_to: usize,
    /// Minimum number of units that each group keeps. A smaller group keeps all its units.
    #[schema(minimum = 0, maximum = 1_000_000, default = 0)]
    pub(crate) min_kept: usize,
    /// Groups that are not pruned: full names as in `groups` of the estimate, or prefixes that end before a dot. For
    /// example, `encoder.layer.0` names the heads and the neurons of the first layer. At most 256 names.
    #[schema(max_items = 256, example = json!(["encoder.layer.0"]))]
    pub(crate) keep_whole: Vec<String>,
    /// Whether every group keeps the same fraction of its units.
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
