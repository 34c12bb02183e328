//! Measures the search for the units to keep, on one thread:
//!
//!     cargo bench --bench search
//!
//! The importances are random with heavy tails, and the shapes and costs are those of known models. Each problem is
//! solved for 100 targets, as for a frontier. Prints one table.
#![expect(clippy::print_stdout, reason = "a benchmark prints its table")]

use std::time::{Duration, Instant};

use optin::prune::search::knapsack::{Choice, Knapsack, Stage, total};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// Creates the stages of a problem.
type Problem = fn(&mut Draw) -> Vec<Stage>;

fn main() {
    println!(
        "{:<34}{:>7}{:>9}{:>16}{:>16}{:>12}",
        "problem", "stages", "choices", "mean, ms", "longest, ms", "all, ms"
    );
    let problems: [(&str, Problem); 6] = [
        ("BERT, FLOPs", bert),
        ("BERT, measured times", measured_bert),
        ("12 different costs", twelve_costs),
        ("Swin-T, FLOPs", swin),
        ("VGG-16, FLOPs (chain)", vgg),
        ("ResNet-50, FLOPs (pairs)", resnet),
    ];
    for (name, problem) in problems {
        measure(name, problem(&mut Draw(ChaCha8Rng::seed_from_u64(1))));
    }
}

/// Solves a problem for 100 targets and prints the times.
fn measure(name: &str, stages: Vec<Stage>) {
    let (count, choices) = (stages.len(), stages.iter().map(|stage| stage.menu.len()));
    let choices: usize = choices.sum();
    let everything: Vec<usize> = stages.iter().map(|stage| stage.menu.len() - 1).collect();
    let (whole, _) = total(&stages, &everything);
    let knapsack = Knapsack::new(stages);
    let times = (1..=100).map(|percent| {
        let start = Instant::now();
        let high = whole / 100 * percent;
        let found = knapsack.best(high / 100 * 99, high);
        assert!(found.is_some(), "no choice at {percent} %");
        start.elapsed()
    });
    let times: Vec<Duration> = times.collect();
    let ms = |time: Duration| 1e3 * time.as_secs_f64();
    let (all, longest) = (times.iter().sum(), times.iter().max());
    println!(
        "{name:<34}{count:>7}{choices:>9}{:>16.2}{:>16.2}{:>12.0}",
        ms(all) / times.len() as f64,
        ms(longest.copied().unwrap_or_default()),
        ms(all),
    );
}

/// Random importances.
struct Draw(ChaCha8Rng);

impl Draw {
    /// Returns heavy-tailed importances with this median, the largest first.
    fn importances(&mut self, count: usize, median: f64) -> Vec<f64> {
        let values = (0..count).map(|_| {
            // The sum of twelve uniform numbers is almost normally distributed.
            let normal: f64 = (0..12).map(|_| self.0.random_range(-0.5..0.5)).sum();
            median * f64::exp(1.5 * normal)
        });
        let mut values: Vec<f64> = values.collect();
        values.sort_by(|a, b| b.total_cmp(a));
        values
    }

    /// Returns a stage of units that cost the same.
    fn stage(&mut self, count: usize, median: f64, each: u64, pair: u64) -> Stage {
        let values = self.importances(count, median);
        stage(&values, |units| each * units as u64, pair)
    }
}

fn stage(values: &[f64], cost: impl Fn(usize) -> u64, pair: u64) -> Stage {
    let mut worth = 0.0;
    let menu = (0..=values.len()).map(|units| {
        worth += units.checked_sub(1).map_or(0.0, |unit| values[unit]);
        Choice {
            units,
            cost: cost(units),
            worth,
        }
    });
    Stage {
        menu: menu.collect(),
        pair,
    }
}

/// One stage for the heads of all layers, one for the neurons.
fn bert(draw: &mut Draw) -> Vec<Stage> {
    let (heads, neurons) = (4 * 64 * 768 * 64 + 2 * 64 * 64 * 64, 2 * 768 * 64);
    vec![
        draw.stage(144, 100.0, heads, 0),
        draw.stage(12 * 3072, 1.0, neurons, 0),
    ]
}

/// Two shapes of 12 groups. The times are measured at 16 counts of units with an error of some percent.
fn measured_bert(draw: &mut Draw) -> Vec<Stage> {
    let curves = [(12, 1.5e6), (3072, 3e6)].map(|(width, whole): (usize, f64)| {
        let points: Vec<f64> = (0..=16)
            .map(|point| whole * f64::from(point) / 16.0 * draw.0.random_range(0.95..1.05))
            .collect();
        let mut most = 0;
        let curve = (0..=width).map(|units| {
            let along = 16.0 * units as f64 / width as f64;
            let point = (along as usize).min(15);
            let time = points[point] + (points[point + 1] - points[point]) * (along - point as f64);
            most = most.max(time as u64);
            most
        });
        (curve.collect::<Vec<u64>>(), whole / width as f64)
    });
    let stages = (0..24).map(|index| {
        let (curve, median) = &curves[index % 2];
        let values = draw.importances(curve.len() - 1, *median);
        stage(&values, |units| curve[units], 0)
    });
    stages.collect()
}

fn twelve_costs(draw: &mut Draw) -> Vec<Stage> {
    let stages = (0..12).map(|_| {
        let each = draw.0.random_range(50_000..3_000_000);
        let count = draw.0.random_range(2000..8000);
        draw.stage(count, each as f64, each, 0)
    });
    stages.collect()
}

/// Heads and neurons cost differently in each of four resolutions.
fn swin(draw: &mut Draw) -> Vec<Stage> {
    let mut stages = Vec::new();
    for (level, depth) in [2, 2, 6, 2].into_iter().enumerate() {
        let (channels, positions) = (96 << level, 3136 >> (2 * level));
        let head = (4 * 32 * channels + 2 * 49 * 32) * positions;
        let neuron = 2 * channels * positions;
        let heads = depth * (3 << level);
        stages.push(draw.stage(heads, head as f64, head, 0));
        let neurons = depth * 4 * channels as usize;
        stages.push(draw.stage(neurons, neuron as f64, neuron, 0));
    }
    stages
}

/// Each convolution connects two groups of channels. The last two groups are neurons.
fn vgg(draw: &mut Draw) -> Vec<Stage> {
    let layers: [(usize, u64); 15] = [
        (64, 50_176),
        (64, 50_176),
        (128, 12_544),
        (128, 12_544),
        (256, 3136),
        (256, 3136),
        (256, 3136),
        (512, 784),
        (512, 784),
        (512, 784),
        (512, 196),
        (512, 196),
        (512, 196),
        (4096, 1),
        (4096, 1),
    ];
    let stages = layers
        .iter()
        .enumerate()
        .map(|(index, &(count, positions))| {
            let pair = match (index, layers.get(index + 1)) {
                (_, None) => 0,
                (12, _) => 49,
                (13, _) => 1,
                (_, Some((_, positions))) => 9 * positions,
            };
            let each = match index {
                0 => 27 * positions,
                14 => 1000,
                _ => 0,
            };
            draw.stage(count, 1e6 * (positions as f64).sqrt(), each, pair)
        });
    stages.collect()
}

/// Sixteen bottlenecks of two groups each: the channels before and after the 3 x 3 convolution.
fn resnet(draw: &mut Draw) -> Vec<Stage> {
    let mut stages = Vec::new();
    for (channels, blocks, positions) in [(64, 3, 3136), (128, 4, 784), (256, 6, 196), (512, 3, 49)]
    {
        let each = 4 * channels * positions;
        let median = (9 * channels * channels * positions) as f64;
        for _ in 0..blocks {
            stages.push(draw.stage(channels as usize, median, each, 9 * positions));
            stages.push(draw.stage(channels as usize, median, each, 0));
        }
    }
    stages
}
