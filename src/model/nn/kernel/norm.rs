//! Layer normalization of rows `[rows, width]`, in place, with optional addends, and its backward pass.

use pulp::NullaryFnOnce;

use super::{Path, dot, sum, threads};

/// Values that are added to each row before it is normalized.
#[derive(Clone, Copy)]
pub struct Addends<'a> {
    /// Added to every row, `[width]`.
    pub bias: &'a [f32],
    /// Added row by row, `[rows, width]`.
    pub residual: &'a [f32],
}

/// Weight, bias and epsilon of a norm.
#[derive(Clone, Copy)]
pub struct Norm<'a> {
    /// The weight, `[width]`.
    pub weight: &'a [f32],
    /// The bias, `[width]`.
    pub bias: &'a [f32],
    /// Number that is added to the variance.
    pub epsilon: f32,
}

/// Computes `values = (x - mean) / sqrt(variance + epsilon) * weight + bias`, where `x` is `values` plus the addends.
pub fn normalise(values: &mut [f32], addends: Option<Addends<'_>>, norm: Norm<'_>, path: Path) {
    let width = norm.weight.len();
    threads::by_rows(values, width, |first, values| {
        let addends = addends.map(|addends| Addends {
            residual: &addends.residual[first * width..][..values.len()],
            ..addends
        });
        path.run(Normalise {
            values,
            addends,
            norm,
        });
    });
}

/// Computes `values = (x - mean) / sqrt(variance + epsilon)` and returns the inverses of the divisors, `[rows]`.
pub fn standardise(values: &mut [f32], width: usize, epsilon: f32, path: Path) -> Vec<f32> {
    path.run(Standardise {
        values,
        width,
        epsilon,
    })
}

/// Replaces the `cotangent` `[copies * rows, width]` on a norm's output by the cotangent on its input.
///
/// The result is `scale (u - mean(u) - x mean(u x))` with `u = weight * cotangent`. `standard` `[rows, width]` (`x`)
/// and `scales` `[rows]` are the results of [`standardise`]. All copies read the same ones.
pub fn pull(cotangent: &mut [f32], standard: &[f32], scales: &[f32], weight: &[f32], path: Path) {
    if standard.is_empty() {
        return;
    }
    for cotangent in cotangent.chunks_exact_mut(standard.len()) {
        path.run(Pull {
            cotangent,
            standard,
            scales,
            weight,
        });
    }
}

struct Normalise<'a> {
    values: &'a mut [f32],
    addends: Option<Addends<'a>>,
    norm: Norm<'a>,
}

impl NullaryFnOnce for Normalise<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Norm {
            weight,
            bias,
            epsilon,
        } = self.norm;
        let width = weight.len();
        for (index, row) in self.values.chunks_exact_mut(width).enumerate() {
            if let Some(addends) = self.addends {
                let residual = &addends.residual[index * width..][..width];
                for ((value, bias), residual) in row.iter_mut().zip(addends.bias).zip(residual) {
                    // The order of the separate operations, so that the result has the same bits.
                    *value = (*value + bias) + residual;
                }
            }
            let (mean, scale) = moments(row, epsilon);
            for ((value, weight), bias) in row.iter_mut().zip(weight).zip(bias) {
                *value = (*value - mean) * scale * weight + bias;
            }
        }
    }
}

struct Standardise<'a> {
    values: &'a mut [f32],
    width: usize,
    epsilon: f32,
}

impl NullaryFnOnce for Standardise<'_> {
    type Output = Vec<f32>;

    #[inline(always)]
    fn call(self) -> Vec<f32> {
        let mut scales = Vec::with_capacity(self.values.len() / self.width.max(1));
        for row in self.values.chunks_exact_mut(self.width.max(1)) {
            let (mean, scale) = moments(row, self.epsilon);
            for value in row.iter_mut() {
                *value = (*value - mean) * scale;
            }
            scales.push(scale);
        }
        scales
    }
}

/// Returns the mean and `1 / sqrt(variance + epsilon)`.
#[inline(always)]
fn moments(row: &[f32], epsilon: f32) -> (f32, f32) {
    let share = 1.0 / row.len() as f32;
    let mean = sum(row, |value| value) * share;
    let variance = sum(row, |value| (value - mean) * (value - mean)) * share;
    (mean, 1.0 / (variance + epsilon).sqrt())
}

struct Pull<'a> {
    cotangent: &'a mut [f32],
    standard: &'a [f32],
    scales: &'a [f32],
    weight: &'a [f32],
}

impl NullaryFnOnce for Pull<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let width = self.weight.len();
        let share = 1.0 / width as f32;
        let rows = self.cotangent.chunks_exact_mut(width);
        for ((row, standard), scale) in rows.zip(self.standard.chunks_exact(width)).zip(self.scales)
        {
            for (value, weight) in row.iter_mut().zip(self.weight) {
                *value *= weight;
            }
            let mean = sum(row, |value| value) * share;
            let slope = dot(row, standard) * share;
            for (value, standard) in row.iter_mut().zip(standard) {
                *value = scale * (*value - mean - standard * slope);
            }
        }
    }
}
