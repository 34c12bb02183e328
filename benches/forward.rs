//! Compares a forward pass of BERT with that of `candle-transformers`, which also runs on candle:
//!
//!     cargo bench --bench forward -- [--rows 32] [--length 64] [--layers 6] [--hidden 384] [--rounds 31]
//!
//! Both implementations compute the last features of one batch from the same random weights. The benchmark first checks
//! that the features agree. Then it times the two passes alternately in one process, and prints the ratio of their times.
//!
//! The comparison runs in a process of its own on one thread, and then in another one on all threads. The number of
//! threads is fixed by `RAYON_NUM_THREADS`, which both implementations read. If it is already set, only this number is
//! measured. Rows are not distributed over threads beforehand, which `optin` does when it prunes.
#![expect(clippy::print_stdout, reason = "a benchmark prints its result")]
#![expect(
    clippy::unwrap_used,
    reason = "a benchmark that cannot continue reports the location"
)]
#![expect(unreachable_pub, reason = "the fixtures belong to the tests")]

#[path = "../tests/it/fixture/bert.rs"]
mod bert;
#[path = "../tests/it/fixture/difference.rs"]
mod difference;
#[path = "../tests/it/fixture/random_weights.rs"]
mod random_weights;
#[path = "../tests/it/fixture/reference.rs"]
mod reference;

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use candle_core::Tensor;
use clap::Parser;
use clap::builder::RangedU64ValueParser;
use optin::checkpoint::config::Config;
use optin::checkpoint::limits::Limits;
use optin::checkpoint::weights::Weights;
use optin::model::chain::Model;
use optin::model::mask::Masks;
use optin::model::registry;
use optin::model::unit::Units;
use optin::statistics::median;

use bert::Tiny;
use difference::relative_difference;

/// The allocator of the `optin` binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The number of threads of both implementations.
const THREADS: &str = "RAYON_NUM_THREADS";

/// Largest difference of the features, relative to the largest feature.
const TOLERANCE: f64 = 1e-4;

/// Number of pairs that run before the timed ones and are not counted.
const WARM_UP: usize = 2;

#[derive(Parser)]
struct Flags {
    /// Number of rows in the batch
    #[arg(long, default_value_t = 32)]
    rows: usize,
    /// Number of tokens per row
    #[arg(long, default_value_t = 64)]
    length: usize,
    /// Number of layers
    #[arg(long, default_value_t = 6)]
    layers: usize,
    /// Number of channels of the hidden states, a multiple of 32
    #[arg(long, default_value_t = 384)]
    hidden: usize,
    /// Number of timed pairs of forward passes
    #[arg(long, default_value_t = 31, value_parser = RangedU64ValueParser::<usize>::new().range(6..=1_000))]
    rounds: usize,
    /// Passed by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() {
    let flags = Flags::parse();
    if std::env::var_os(THREADS).is_some() {
        compare(&flags);
        return;
    }
    let all = std::thread::available_parallelism().map_or(1, usize::from);
    let mut counts = vec![1, all];
    counts.dedup();
    for threads in counts {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let command = command.args(std::env::args_os().skip(1));
        let status = command.env(THREADS, threads.to_string()).status().unwrap();
        assert!(status.success(), "the comparison failed: {status}");
    }
}

/// Compares the two implementations and prints the ratio of their times.
fn compare(flags: &Flags) {
    let &Flags {
        rows,
        length,
        layers,
        hidden,
        rounds,
        ..
    } = flags;
    // Heads of 32 channels, four times as many neurons as channels, and weights of the size of trained ones.
    let sizes = Tiny {
        layers,
        hidden,
        heads: hidden / 32,
        neurons: 4 * hidden,
        vocabulary: 30_522,
        positions: length.max(512),
        spread: 0.035,
        ..Tiny::default()
    };
    let folder = tempfile::tempdir().unwrap();
    sizes.write(folder.path());
    let model = open(folder.path());
    let reference = reference::open(&sizes, folder.path());
    let batch = sizes.batch(rows, length, 1);
    let full = Masks::full(&model.groups);
    let (ids, types) = batch.input.tokens().unwrap();
    let ours = || model.features(&batch, &full).unwrap().stream;
    let theirs = || reference.forward(ids, types, None).unwrap();
    let apart = relative_difference(&theirs(), &ours());
    assert!(apart < TOLERANCE, "the features differ by {apart:e}");

    let mut ratios = ratios(ours, theirs, rounds);
    ratios.sort_by(f64::total_cmp);
    let (low, high) = interval(&ratios);
    let threads = match rayon::current_num_threads() {
        1 => "1 thread".to_owned(),
        count => format!("{count} threads"),
    };
    println!(
        "{layers} layers of {hidden} channels, {rows} rows of {length} tokens, {threads}: candle-transformers takes \
         {:.2} times as long as optin (median of {rounds} pairs; 95% interval {low:.2} to {high:.2}); the features \
         differ by {apart:.0e}",
        median(ratios.iter().copied()),
    );
}

/// Opens a model folder.
fn open(folder: &Path) -> Model {
    let limits = Limits::default();
    let weights = Weights::open(folder, &limits).unwrap();
    let config = Config::open(folder, &limits).unwrap();
    registry::open(&config, weights, Units::Heads)
        .unwrap()
        .model
}

/// Times two passes alternately. Returns the time of the second one divided by that of the first one, for each pair.
fn ratios(ours: impl Fn() -> Tensor, theirs: impl Fn() -> Tensor, rounds: usize) -> Vec<f64> {
    let pairs = (0..WARM_UP + rounds).map(|round| {
        // The second pass of a pair runs on a warmer machine, so the order alternates.
        if round % 2 == 0 {
            let ours = seconds(&ours);
            seconds(&theirs) / ours
        } else {
            let theirs = seconds(&theirs);
            theirs / seconds(&ours)
        }
    });
    pairs.collect::<Vec<f64>>().split_off(WARM_UP)
}

fn seconds(pass: &impl Fn() -> Tensor) -> f64 {
    let start = Instant::now();
    let features = pass();
    let elapsed = start.elapsed();
    drop(features);
    elapsed.as_secs_f64()
}

/// Returns two of at least six sorted values that enclose the median of their distribution with a probability of at
/// least 95%. The number of values below the median has a binomial distribution, whatever that of the values is.
fn interval(sorted: &[f64]) -> (f64, f64) {
    let count = sorted.len();
    let mut exactly = 0.5f64.powi(count as i32);
    let mut at_most = exactly;
    let mut rank = 0;
    loop {
        exactly *= (count - rank) as f64 / (rank + 1) as f64;
        at_most += exactly;
        if at_most > 0.025 {
            return (sorted[rank], sorted[count - 1 - rank]);
        }
        rank += 1;
    }
}
