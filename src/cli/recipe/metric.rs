//! What a target is a share of.

use clap::ValueEnum;

use crate::prune::recipe::Metric;

/// A metric, as flags name it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum MetricFlag {
    /// Floating-point operations of one forward.
    #[default]
    Flops,
    /// Weights, those of the embeddings among them.
    Params,
    /// Time of a forward, as measured on the machine that prunes.
    #[value(name = "latency_ms")]
    LatencyMs,
}

impl From<MetricFlag> for Metric {
    fn from(flag: MetricFlag) -> Self {
        match flag {
            MetricFlag::Flops => Self::Flops,
            MetricFlag::Params => Self::Params,
            MetricFlag::LatencyMs => Self::LatencyMs,
        }
    }
}
