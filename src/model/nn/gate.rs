//! Products of two values of the same input.

use candle_core::{Result, Tensor};

use super::traced::{Traced, times_each};

/// Multiplies two values of the same input, each with its pullback, element by element.
///
/// # Errors
/// Returns an error if shapes do not match.
pub fn traced(first: Traced, second: Traced) -> Result<Traced> {
    let value = (&first.value * &second.value)?;
    Ok(Traced {
        value,
        pull: Box::new(move |cotangent: Tensor| {
            let of_first = times_each(cotangent.copy()?, &second.value)?;
            let of_second = times_each(cotangent, &first.value)?;
            (first.pull)(of_first)? + (second.pull)(of_second)?
        }),
    })
}
