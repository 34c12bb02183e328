//! Rotary positions (Su et al. 2021): pairs of channels are turned by angles that grow with the position. The products of
//! turned queries and keys depend on positions only by their distances.

use candle_core::{Result, Tensor};
use candle_nn::rotary_emb::rope_thd;

/// The turns of heads of one width. Channel `j` of a head and channel `j + width / 2` are turned by the same angle:
/// `position * base^(-2 j / width)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Rotary {
    /// The angle of each pair at position 1.
    frequencies: Vec<f32>,
}

impl Rotary {
    /// Creates the turns of heads with an even number of channels.
    #[must_use]
    pub fn new(width: usize, base: f64) -> Self {
        let pairs = (0..width / 2).map(|pair| {
            let exponent = (2 * pair) as f32 / width as f32;
            // In f32, as in torch.
            (base as f32).powf(exponent).recip()
        });
        Self {
            frequencies: pairs.collect(),
        }
    }

    /// Returns the angle of each pair at position 1.
    #[must_use]
    pub fn frequencies(&self) -> &[f32] {
        &self.frequencies
    }

    /// Returns the number of channels of a head.
    #[must_use]
    pub fn width(&self) -> usize {
        2 * self.frequencies.len()
    }

    /// Turns the heads of positions that are numbered from 0: `[rows, positions, heads * width]` to the same shape.
    ///
    /// # Errors
    /// Returns an error if the channels are not those of whole heads.
    pub fn turn(&self, states: &Tensor) -> Result<Tensor> {
        self.turn_by(states, 1.0)
    }

    /// Reverses [`turn`](Self::turn). It is also its pullback, because turns are orthogonal.
    ///
    /// # Errors
    /// Returns an error if the channels are not those of whole heads.
    pub fn turn_back(&self, states: &Tensor) -> Result<Tensor> {
        self.turn_by(states, -1.0)
    }

    fn turn_by(&self, states: &Tensor, direction: f32) -> Result<Tensor> {
        let (rows, positions, channels) = states.dims3()?;
        if states.elem_count() == 0 {
            return Ok(states.clone());
        }
        let width = self.width();
        if !channels.is_multiple_of(width) {
            candle_core::bail!("{channels} channels are not those of heads with {width} channels");
        }
        let table = |of: fn(f32) -> f32, factor: f32| {
            let numbers = (0..positions).flat_map(|position| {
                let angles = self.frequencies.iter();
                angles.map(move |frequency| factor * of(position as f32 * frequency))
            });
            let numbers: Vec<f32> = numbers.collect();
            Tensor::from_vec(numbers, (positions, width / 2), states.device())
        };
        let (cosines, sines) = (table(f32::cos, 1.0)?, table(f32::sin, direction)?);
        let heads = (rows, positions, channels / width, width);
        let turned = rope_thd(&states.contiguous()?.reshape(heads)?, &cosines, &sines)?;
        turned.reshape((rows, positions, channels))
    }
}
