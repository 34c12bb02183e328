//! Self-attention among all positions of a row, from separate query, key and value maps.

use candle_core::{Result, Tensor};

use super::StreamLayer;
use super::dense::Dense;
use crate::model::extent::Extent;
use crate::model::nn::attention::attend;
use crate::model::nn::attention_back;
use crate::model::nn::traced::Traced;
use crate::model::width::Widths;
use crate::model::work::{Terms, Work};

/// The context of each head: `[rows, positions, hidden]` to `[rows, positions, heads * head_dim]`.
pub struct SelfAttention {
    /// Maps to query, key and value.
    incoming: [Dense; 3],
    head_dim: usize,
}

impl SelfAttention {
    /// Creates a layer from the maps to query, key and value, each `[heads * head_dim, hidden]`.
    #[must_use]
    pub fn new(incoming: [Dense; 3], head_dim: usize) -> Self {
        Self { incoming, head_dim }
    }
}

impl StreamLayer for SelfAttention {
    fn forward(&self, stream: &Tensor) -> Result<Tensor> {
        let [query, key, value] = self.incoming.each_ref().map(|map| map.forward(stream));
        attend(&query?, &key?, &value?, self.head_dim)
    }

    fn traced(&self, stream: &Tensor) -> Result<Traced> {
        let incoming = self.incoming.each_ref().map(|map| map.linear().clone());
        let [query, key, value] = incoming.each_ref().map(|linear| linear.forward(stream));
        let attention = attention_back::traced(query?, key?, value?, self.head_dim)?;
        Ok(Traced {
            value: attention.value.clone(),
            pull: Box::new(move |cotangent| {
                let [query, key, value] = attention.pull(&cotangent)?;
                let sum = (incoming[0].pull(&query)? + incoming[1].pull(&key)?)?;
                sum + incoming[2].pull(&value)?
            }),
        })
    }

    /// Returns the work of the three maps, and of scores and context over all pairs of positions (Kwon et al. 2022).
    fn work(&self, extent: &Extent, widths: &Widths<'_>) -> Work {
        let mut work = Work::default();
        for map in &self.incoming {
            work += map.work(extent, widths);
        }
        let channels = self.incoming[0].outputs(widths);
        work.macs += Terms::from(&channels) * (2.0 * extent.mean_square());
        work.written += extent.mean() * channels.full;
        work.remembered += extent.mean() * channels.full;
        work
    }
}
