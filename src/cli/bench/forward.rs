//! `optin bench forward`: measures a forward pass over generated rows of one shape, for comparison with other
//! inference engines.

use std::path::PathBuf;
use std::time::Instant;

use candle_core::{Device, Tensor};
use clap::Args;
use serde::Serialize;

use super::super::exit::Exit;
use super::super::output;
use crate::checkpoint::config::Config;
use crate::checkpoint::limits::Limits;
use crate::checkpoint::weights::Weights;
use crate::model::batch::{Batch, ImageShape, Input, Reads, TextLimits};
use crate::model::mask::Masks;
use crate::model::nn::kernel::instruction_set;
use crate::model::registry;
use crate::model::unit::Units;
use crate::prune::failure::Failure;
use crate::prune::lanes;
use crate::statistics::median;

/// Flags of `optin bench forward`.
#[derive(Args)]
pub(in super::super) struct ForwardCommand {
    /// Hugging Face folder of the model
    #[arg(long, value_name = "DIR")]
    model: PathBuf,
    /// Number of rows in the batch, distributed over all threads
    #[arg(long, value_name = "ROWS", default_value_t = 32)]
    rows: usize,
    /// Sequence length, in tokens per row; images have the size that the model reads
    #[arg(long, value_name = "TOKENS", default_value_t = 128)]
    length: usize,
    /// Number of timed forward passes, after one untimed pass
    #[arg(long, value_name = "N", default_value_t = 5)]
    repeats: usize,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Answer {
    instruction_set: &'static str,
    threads: usize,
    rows: usize,
    /// Number of tokens, or of pixels, per row.
    length: usize,
    median_ms: f64,
    ms: Vec<f64>,
    /// Logits of the first row, to compare them with those of another engine.
    logits: Vec<f32>,
}

/// Measures the forward pass and prints the result.
pub(super) fn run(command: &ForwardCommand) -> Result<(), Exit> {
    let limits = Limits::default();
    let config = Config::open(&command.model, &limits).map_err(Failure::from)?;
    let weights = Weights::open(&command.model, &limits).map_err(Failure::from)?;
    let model = registry::open(&config, weights, Units::Heads)
        .map_err(Failure::from)?
        .model;
    let rows = command.rows.max(1);
    let (length, positions, input) = match model.reads {
        Reads::Text(limits) => {
            let length = command.length.max(1);
            (length, "tokens", tokens(rows, length, limits)?)
        }
        Reads::Pixels(shape) => {
            let input = pixels(rows, shape).map_err(Failure::from)?;
            (shape.height * shape.width, "pixels", input)
        }
    };
    let batch = Batch {
        rows: (0..rows).collect(),
        input,
    };
    let share = rows.div_ceil(lanes::lanes()) * batch.length();
    let parts = batch.parts(share).map_err(Failure::from)?;
    let full = Masks::full(&model.groups);
    let mut all = Vec::new();
    let mut logits = Vec::new();
    for _ in 0..=command.repeats.max(1) {
        let start = Instant::now();
        let answers = lanes::run(
            parts.len(),
            |part| Ok(model.forward(&parts[part].1, &full)?),
        )?;
        all.push(start.elapsed().as_secs_f64() * 1e3);
        logits = answers[0]
            .stream
            .narrow(0, 0, 1)
            .and_then(|row| row.flatten_all()?.to_vec1())
            .map_err(Failure::from)?;
    }
    let ms = all.split_off(1);
    let answer = Answer {
        instruction_set: instruction_set(),
        threads: lanes::lanes(),
        rows,
        length,
        median_ms: median(ms.iter().copied()),
        ms,
        logits,
    };
    match command.json {
        true => output::print_json(&answer),
        false => output::print(&format!(
            "{rows} rows of {length} {positions} on {} threads ({}): {:.1} ms",
            answer.threads, answer.instruction_set, answer.median_ms
        )),
    }
}

/// Generates rows of tokens. Token `position` of row `row` is `(31 row + 17 position) mod vocabulary`, so any engine can
/// generate the same rows.
fn tokens(rows: usize, length: usize, limits: TextLimits) -> Result<Input, Exit> {
    if length > limits.positions {
        return Err(Exit::Usage(format!(
            "--length {length} is too large: the model reads at most {} tokens per row",
            limits.positions
        )));
    }
    let ids = pattern(rows, length, limits.vocabulary)
        .map(|id| id as u32)
        .collect();
    let shape = (rows, length);
    let input = Tensor::from_vec::<_, u32>(ids, shape, &Device::Cpu).and_then(|ids| {
        let types = ids.zeros_like()?;
        Ok(Input::Tokens {
            ids,
            types,
            asked: None,
        })
    });
    Ok(input.map_err(Failure::from)?)
}

/// Generates images. Value `at` of image `row`, in the order of rows, columns and channels, is
/// `((31 row + 17 at) mod 251) / 125 - 1`.
fn pixels(rows: usize, shape: ImageShape) -> candle_core::Result<Input> {
    let count = shape.height * shape.width;
    let values = pattern(rows, count * shape.channels, 251)
        .map(|value| value as f32 / 125.0 - 1.0)
        .collect();
    let images = Tensor::from_vec::<_, f32>(values, (rows, count, shape.channels), &Device::Cpu)?;
    let (layout, _) = shape.patches();
    Ok(Input::Pixels(images, layout))
}

fn pattern(rows: usize, length: usize, modulus: usize) -> impl Iterator<Item = usize> {
    (0..rows).flat_map(move |row| (0..length).map(move |at| (31 * row + 17 * at) % modulus))
}
