//! Check of `model.onnx`: that it gives the answers of `verify.json` in ONNX Runtime.

use std::path::Path;

use super::golden::{Golden, Numbers};
use crate::data::reader::Reader;
use crate::model::batch::{Input, Reads};
use crate::model::feed::feed;
use crate::onnx::runtime::{Array, Numbers as OfInput, Runtime, RuntimeError};
use crate::prune::failure::{Code, Failure};

impl From<RuntimeError> for Failure {
    fn from(error: RuntimeError) -> Self {
        Self::new(Code::InvalidCheckpoint, error.to_string())
    }
}

/// Returns the largest difference of a graph's answers from those of the rows, relative to `max(1, |number|)`.
///
/// # Errors
/// Returns an error if the graph cannot be opened or run.
pub(super) fn difference(
    runtime: &Runtime,
    graph: &Path,
    golden: &Golden,
    (reader, reads): (&dyn Reader, Reads),
) -> Result<f64, Failure> {
    let mut graph = runtime.open(graph)?;
    let names = graph.inputs();
    golden.compared(|row| {
        let input = reader.input_of(&row.inputs)?;
        let inputs = names.iter();
        let inputs = inputs.map(|name| Ok((name.clone(), array(name, &input, reads)?)));
        Ok(numbers(
            &graph.run(inputs.collect::<Result<_, Failure>>()?)?,
        ))
    })
}

/// Returns the input of a graph with this name.
fn array(name: &str, input: &Input, reads: Reads) -> Result<Array<OfInput>, Failure> {
    let missing = || {
        Failure::new(
            Code::InvalidCheckpoint,
            format!("the graph has the input {name}, which models of this kind do not have"),
        )
    };
    feed(name, input, reads)?.ok_or_else(missing)
}

/// Returns the answer to one row as `verify.json` has it.
fn numbers(outputs: &[Array<Vec<f32>>]) -> Numbers {
    let Some(Array { shape, numbers }) = outputs.first() else {
        return Numbers::Row(Vec::new());
    };
    match shape.as_slice() {
        // Each output is one channel at each position.
        [1, positions] if outputs.len() > 1 => {
            let channels = |position: usize| {
                let outputs = outputs.iter();
                outputs.filter_map(move |output| output.numbers.get(position).copied())
            };
            Numbers::Positions(
                (0..*positions)
                    .map(|position| channels(position).collect())
                    .collect(),
            )
        }
        // The pixels of a map are the last dimensions, and in `verify.json` the first ones.
        [1, channels, height, width] => {
            let pixels = height * width;
            let of_pixel = |pixel: usize| {
                let channels = 0..*channels;
                channels.map(move |channel| numbers[channel * pixels + pixel])
            };
            Numbers::Positions((0..pixels).map(|pixel| of_pixel(pixel).collect()).collect())
        }
        [1, _, channels] => Numbers::Positions(
            numbers
                .chunks_exact((*channels).max(1))
                .map(<[f32]>::to_vec)
                .collect(),
        ),
        _ => Numbers::Row(numbers.clone()),
    }
}
