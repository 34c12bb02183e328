//! A second implementation of BERT, in plain f64 loops and without the crate's graphs. Scores are checked against it.

use candle_core::cpu::erf::erf_f64;
use optin::checkpoint::weights::Weights;

use crate::fixture::bert::Tiny;

/// A matrix as rows.
pub type Rows = Vec<Vec<f64>>;

/// The reference model. Tensors are looked up by name.
pub struct Reference<'a> {
    pub tiny: &'a Tiny,
    pub weights: &'a Weights,
}

/// The removed unit, if any: its layer, whether it is a head, and its index.
pub type Dropped = Option<(usize, bool, usize)>;

impl Reference<'_> {
    fn matrix(&self, name: &str) -> Rows {
        let shape = self.weights.shape(name).unwrap().to_vec();
        let rows = self
            .weights
            .tensor(name, &shape)
            .unwrap()
            .to_vec2::<f32>()
            .unwrap();
        rows.into_iter()
            .map(|row| row.into_iter().map(f64::from).collect())
            .collect()
    }

    fn vector(&self, name: &str) -> Vec<f64> {
        let shape = self.weights.shape(name).unwrap().to_vec();
        self.weights
            .tensor(name, &shape)
            .unwrap()
            .to_vec1::<f32>()
            .unwrap()
            .into_iter()
            .map(f64::from)
            .collect()
    }

    fn linear(&self, name: &str, rows: &Rows) -> Rows {
        let (weight, bias) = (
            self.matrix(&format!("{name}.weight")),
            self.vector(&format!("{name}.bias")),
        );
        let outputs = |row: &Vec<f64>| {
            weight
                .iter()
                .zip(&bias)
                .map(|(weights, bias)| dot(weights, row) + bias)
                .collect()
        };
        rows.iter().map(outputs).collect()
    }

    fn norm(&self, name: &str, rows: &Rows) -> Rows {
        let (weight, bias) = (
            self.vector(&format!("{name}.weight")),
            self.vector(&format!("{name}.bias")),
        );
        rows.iter()
            .map(|row| {
                let mean = row.iter().sum::<f64>() / row.len() as f64;
                let variance =
                    row.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / row.len() as f64;
                row.iter()
                    .zip(weight.iter().zip(&bias))
                    .map(|(value, (weight, bias))| {
                        (value - mean) / (variance + 1e-12).sqrt() * weight + bias
                    })
                    .collect()
            })
            .collect()
    }

    fn heads(&self, name: &str, hidden: &Rows, dropped: Option<usize>) -> Rows {
        let [query, key, value] = ["query", "key", "value"]
            .map(|part| self.linear(&format!("{name}.attention.self.{part}"), hidden));
        let width = self.tiny.hidden / self.tiny.heads;
        let mut context = vec![vec![0.0; self.tiny.hidden]; hidden.len()];
        for head in (0..self.tiny.heads).filter(|head| Some(*head) != dropped) {
            let own = head * width..(head + 1) * width;
            for (position, out) in context.iter_mut().enumerate() {
                let scores = key.iter().map(|key| {
                    dot(&query[position][own.clone()], &key[own.clone()]) / (width as f64).sqrt()
                });
                let powers: Vec<f64> = scores.map(f64::exp).collect();
                let total: f64 = powers.iter().sum();
                for (power, value) in powers.iter().zip(&value) {
                    for column in own.clone() {
                        out[column] += power / total * value[column];
                    }
                }
            }
        }
        context
    }

    /// Returns the output of each layer, and the logits, for one row of tokens.
    pub fn run(&self, ids: &[u32], types: &[u32], dropped: Dropped) -> (Vec<Rows>, Vec<f64>) {
        let table = |name: &str| self.matrix(&format!("bert.embeddings.{name}.weight"));
        let (words, positions, segments) = (
            table("word_embeddings"),
            table("position_embeddings"),
            table("token_type_embeddings"),
        );
        let sum = ids
            .iter()
            .zip(types)
            .enumerate()
            .map(|(position, (&id, &kind))| {
                let parts = words[id as usize]
                    .iter()
                    .zip(&positions[position])
                    .zip(&segments[kind as usize]);
                parts
                    .map(|((word, position), segment)| word + position + segment)
                    .collect()
            });
        let mut hidden = self.norm("bert.embeddings.LayerNorm", &sum.collect());
        let mut features = Vec::new();
        for layer in 0..self.tiny.layers {
            let name = format!("bert.encoder.layer.{layer}");
            let removed = |head: bool| {
                dropped.and_then(|unit| ((unit.0, unit.1) == (layer, head)).then_some(unit.2))
            };
            let context = self.heads(&name, &hidden, removed(true));
            let attended = add(
                &self.linear(&format!("{name}.attention.output.dense"), &context),
                &hidden,
            );
            let attended = self.norm(&format!("{name}.attention.output.LayerNorm"), &attended);
            let mut neurons = self.linear(&format!("{name}.intermediate.dense"), &attended);
            for row in &mut neurons {
                for (index, value) in row.iter_mut().enumerate() {
                    let gelu = 0.5 * *value * (1.0 + erf_f64(*value / std::f64::consts::SQRT_2));
                    *value = if removed(false) == Some(index) {
                        0.0
                    } else {
                        gelu
                    };
                }
            }
            let output = add(
                &self.linear(&format!("{name}.output.dense"), &neurons),
                &attended,
            );
            hidden = self.norm(&format!("{name}.output.LayerNorm"), &output);
            features.push(hidden.clone());
        }
        let pooled = self.linear("bert.pooler.dense", &vec![hidden[0].clone()]);
        let pooled = vec![pooled[0].iter().map(|value| value.tanh()).collect()];
        (features, self.linear("classifier", &pooled).remove(0))
    }
}

fn dot(left: &[f64], right: &[f64]) -> f64 {
    left.iter().zip(right).map(|(a, b)| a * b).sum()
}

fn add(left: &Rows, right: &Rows) -> Rows {
    left.iter()
        .zip(right)
        .map(|(a, b)| a.iter().zip(b).map(|(a, b)| a + b).collect())
        .collect()
}
