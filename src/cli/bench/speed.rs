//! `optin bench speed`: measures the time of each part of pruning in one run, as multiples of one forward pass
//! of the original model over the scoring rows.

use std::path::PathBuf;
use std::time::Instant;

use candle_core::Tensor;
use clap::Args;
use serde::Serialize;

use super::super::exit::Exit;
use super::super::recipe::{DataFlags, LocalFlags, MethodFlags};
use super::super::{output, table};
use super::recipe::half;
use crate::model::cost::flops;
use crate::model::device::Device;
use crate::model::mask::Masks;
use crate::model::nn::kernel::instruction_set;
use crate::model::nn::meter;
use crate::prune::failure::{Code, Failure};
use crate::prune::journal::NoJournal;
use crate::prune::prepare::Prepared;
use crate::prune::recipe::{Constraints, Recipe};
use crate::prune::rotate::rotate;
use crate::prune::score::combine::combine;
use crate::prune::score::exact::Wanted;
use crate::prune::score::teacher::Teacher;
use crate::prune::score::{self, exact, sketch};
use crate::prune::search::{self, Limit};
use crate::prune::watch::Unwatched;
use crate::prune::{compensate, lanes};

/// Flags of `optin bench speed`.
#[derive(Args)]
pub(in super::super) struct SpeedCommand {
    /// Numbers of probes to measure, separated by commas
    #[arg(
        long,
        value_name = "N",
        value_delimiter = ',',
        default_value = "8,16,32"
    )]
    probes: Vec<usize>,
    /// Score one in N neurons of each group exactly, and multiply the time by N
    #[arg(long, value_name = "N", default_value_t = 64)]
    sample_every: usize,
    /// Number of timed forward passes, and of timed matrix products that measure the machine's peak speed
    #[arg(long, value_name = "N", default_value_t = 5)]
    repeats: usize,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    local: LocalFlags,
    #[command(flatten)]
    data: DataFlags,
    #[command(flatten)]
    method: MethodFlags,
}

/// One row of the result.
#[derive(Serialize)]
struct Measured {
    what: String,
    ms: f64,
    /// Time as a multiple of one forward pass of the original model over the scoring rows.
    forwards: f64,
    /// FLOPs of the executed matrix products, in units of 10^9.
    gflop: f64,
    gflop_per_second: f64,
    /// Speed as a fraction of the measured peak of the machine.
    of_peak: f64,
}

#[derive(Serialize)]
struct Answer {
    instruction_set: &'static str,
    threads: usize,
    peak_gflop_per_second: f64,
    units: usize,
    rows: usize,
    tokens: usize,
    measured: Vec<Measured>,
}

/// Side length of the square matrices whose product measures the peak speed of the machine.
const PEAK_SIDE: usize = 2_048;

/// Time and work of one measurement.
struct Took {
    ms: f64,
    macs: u64,
}

fn time<T>(work: impl FnOnce() -> Result<T, Failure>) -> Result<(T, Took), Failure> {
    let start = Instant::now();
    let (answer, macs) = meter::measure(work);
    let ms = start.elapsed().as_secs_f64() * 1e3;
    Ok((answer?, Took { ms, macs }))
}

/// Measures all parts and prints the result.
pub(super) fn run(command: &SpeedCommand) -> Result<(), Exit> {
    let (local, data) = (&command.local, &command.data);
    let inputs = data.inputs(local.uris(None)?, None, 0);
    let recipe = half(inputs, Constraints::default(), command.method.method())?;
    let places = local.places(None, data.device, PathBuf::new())?;
    let prepared = Prepared::read(&places, &recipe)?;
    let (prepared, rotation) = time(|| rotate(prepared, &NoJournal, &Unwatched))?;
    let peak = peak(command.repeats, &prepared.device)?;
    let teacher = Teacher::run(&prepared, &recipe)?;
    let forward = forward(&teacher, command.repeats)?;
    let per_forward = forward.ms;
    let rows = prepared.calibration.len();
    let mut measured = Vec::new();
    let mut note = |what: String, took: &Took, times: f64| {
        let gflop = flops(took.macs) as f64 * times / 1e9;
        let ms = took.ms * times;
        measured.push(Measured {
            what,
            ms,
            forwards: ms / per_forward,
            gflop,
            gflop_per_second: gflop / ms * 1e3,
            of_peak: gflop / ms * 1e3 / peak,
        });
    };
    note("original model, forward".to_owned(), &forward, 1.0);
    note(format!("rotation, {rows} rows"), &rotation, 1.0);
    let (exact, sampled) = exact_parts(&teacher, &recipe, command.sample_every)?;
    note("exact, few or wide units".to_owned(), &exact, 1.0);
    let extrapolated = format!(
        "exact, other units (1 in {}, extrapolated)",
        command.sample_every
    );
    note(extrapolated, &sampled, command.sample_every as f64);
    for &probes in &command.probes {
        let took = sketched(&teacher, &recipe, probes)?;
        note(format!("sketch, {probes} probes"), &took, 1.0);
    }
    let (scores, took) = time(|| score::score(&prepared, &recipe, &NoJournal, &Unwatched))?;
    note("scoring, as in a job".to_owned(), &took, 1.0);
    let importance = combine(&scores, &recipe.method.for_model(&prepared.model.reads));
    let limit = Limit::of(&prepared, &recipe, &NoJournal, &Unwatched)?;
    let (masks, took) = time(|| search::choose(&prepared, &importance, &recipe, &limit))?;
    note("search, 50%".to_owned(), &took, 1.0);
    let (_, took) =
        time(|| compensate::compensate(&prepared, &masks, &recipe, &NoJournal, &Unwatched))?;
    note(format!("repair, {rows} rows"), &took, 1.0);
    let groups = &teacher.model.groups;
    let answer = Answer {
        instruction_set: instruction_set(),
        threads: lanes::lanes(),
        peak_gflop_per_second: peak,
        units: groups.iter().map(|group| group.width).sum(),
        rows: teacher.batches.iter().map(|batch| batch.len()).sum(),
        tokens: teacher
            .batches
            .iter()
            .map(|batch| batch.len() * batch.length())
            .sum(),
        measured,
    };
    match command.json {
        true => output::print_json(&answer),
        false => output::print(&as_text(&answer)),
    }
}

/// Returns the best speed of some large matrix products on all threads, in GFLOP/s.
fn peak(repeats: usize, device: &Device) -> Result<f64, Failure> {
    let shape = (PEAK_SIDE, PEAK_SIDE);
    let side = Tensor::rand(-1.0f32, 1.0, shape, device)?;
    let mut best: f64 = 0.0;
    for _ in 0..=repeats.max(1) {
        let start = Instant::now();
        side.matmul(&side)?;
        device.synchronize()?;
        let flop = flops((PEAK_SIDE * PEAK_SIDE * PEAK_SIDE) as u64) as f64;
        best = best.max(flop / start.elapsed().as_secs_f64() / 1e9);
    }
    Ok(best)
}

/// Returns the median of some forward passes of the original model over the scoring rows, after one that is not counted.
fn forward(teacher: &Teacher<'_>, repeats: usize) -> Result<Took, Failure> {
    let full = Masks::full(&teacher.model.groups);
    let mut all = Vec::new();
    for _ in 0..=repeats.max(1) {
        let (_, took) = time(|| {
            lanes::run(teacher.batches.len(), |index| {
                let answers = teacher.model.forward(&teacher.batches[index], &full)?;
                Ok(answers.stream.device().synchronize()?)
            })
        })?;
        all.push(took);
    }
    let mut all = all.split_off(1);
    all.sort_by(|a, b| a.ms.total_cmp(&b.ms));
    Ok(all.swap_remove(all.len() / 2))
}

/// Scores all units exactly of the groups that are never sketched, and one of every `sample_every` other units.
fn exact_parts(
    teacher: &Teacher<'_>,
    recipe: &Recipe,
    sample_every: usize,
) -> Result<(Took, Took), Failure> {
    let sketched = score::sketched(teacher.model, recipe);
    let part = |others: bool, step: usize| {
        let groups = teacher.model.groups.iter().enumerate();
        let wanted: Vec<Wanted> = groups
            .filter(|(index, _)| sketched[*index] == others)
            .map(|(index, group)| Wanted {
                group: index,
                units: (0..group.width).step_by(step).collect(),
            })
            .collect();
        time(|| {
            exact::score(
                teacher,
                &recipe.method,
                &wanted,
                &|_| Ok(()),
                &|_, _| Ok(()),
            )
        })
    };
    Ok((part(false, 1)?.1, part(true, sample_every.max(1))?.1))
}

/// Scores all units with this number of probes.
fn sketched(teacher: &Teacher<'_>, recipe: &Recipe, probes: usize) -> Result<Took, Failure> {
    let wanted = score::sketched(teacher.model, recipe);
    if !wanted.contains(&true) {
        return Err(Failure::new(
            Code::UnsupportedModel,
            "no group of this model can be scored by sketches",
        ));
    }
    let stop = sketch::Stop {
        most: probes,
        reliability: f64::INFINITY,
    };
    let (seed, method) = (recipe.calibration.seed, &recipe.method);
    let sketch = || sketch::score(teacher, method, seed, &wanted, stop, &|_| Ok(()));
    Ok(time(sketch)?.1)
}

fn as_text(answer: &Answer) -> String {
    let rows = answer.measured.iter().map(|line| {
        [
            line.what.clone(),
            format!("{:.1} ms", line.ms),
            format!("{:.2}", line.forwards),
            format!("{:.1}", line.gflop),
            format!("{:.0}", line.gflop_per_second),
            format!("{:.0} %", 100.0 * line.of_peak),
        ]
    });
    let head = ["", "time", "forwards", "GFLOP", "GFLOP/s", "of peak"].map(str::to_owned);
    format!(
        "{} units; {} rows with {} tokens in total; {} threads, {}, peak {:.0} GFLOP/s\n\n{}",
        answer.units,
        answer.rows,
        answer.tokens,
        answer.threads,
        answer.instruction_set,
        answer.peak_gflop_per_second,
        table::aligned(head, &rows.collect::<Vec<_>>())
    )
}
