//! `optin bench accuracy`: measures the quality for several targets, method variants and seeds, in one table.
//!
//! Scores are computed once per seed and kind. The students are masked originals with their repairs. Every
//! prune checks that the pruned model equals such a student.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::Serialize;
use strum::VariantArray;

use super::super::exit::Exit;
use super::super::progress::Bar;
use super::super::recipe::{
    ConstraintFlags, DataFlags, INPUT_HEADING, LabelFlags, LocalFlags, MethodFlags, RoundFlags,
};
use super::super::{interrupt, output, table};
use super::judge::{Judge, Quality};
use super::magnitude::magnitudes;
use super::recipe::half;
use crate::model::batch::Reads;
use crate::prune::compensate;
use crate::prune::failure::Failure;
use crate::prune::journal::FolderJournal;
use crate::prune::merging;
use crate::prune::prepare::Prepared;
use crate::prune::recipe::{
    Compensation, Importance, Method, PositionWeights, Recipe, Target, Trajectory, Units,
};
use crate::prune::rotate::rotate;
use crate::prune::rounds;
use crate::prune::score;
use crate::prune::score::scores::Scores;
use crate::prune::search::Limit;
use crate::prune::student::Student;
use crate::prune::watch::Watch;
use crate::statistics::{deviation, mean};

/// Flags of `optin bench accuracy`.
#[derive(Args)]
pub(in super::super) struct AccuracyCommand {
    /// Percentages of the FLOPs to KEEP, separated by commas
    #[arg(
        long,
        value_name = "PERCENT",
        value_delimiter = ',',
        default_value = "70%,60%,50%,40%,30%,25%,20%"
    )]
    targets: Vec<String>,
    /// Random seeds for sampling, separated by commas
    #[arg(
        long,
        value_name = "SEED",
        value_delimiter = ',',
        default_value = "0,1,2"
    )]
    seeds: Vec<u64>,
    /// Variants of the method, separated by commas
    #[arg(
        long,
        value_name = "VARIANT",
        value_enum,
        value_delimiter = ',',
        default_value = "paper,bias,least_squares,default"
    )]
    variants: Vec<Variant>,
    /// Folder for the stage cache: the results of completed stages, such as scores and repairs
    #[arg(long, value_name = "DIR")]
    stage_cache: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    local: LocalFlags,
    /// Labeled rows on which the quality is measured
    #[arg(long, help_heading = INPUT_HEADING, value_name = "FILE")]
    evaluation: PathBuf,
    #[command(flatten)]
    labels: LabelFlags,
    #[command(flatten)]
    data: DataFlags,
    #[command(flatten)]
    method: MethodFlags,
    #[command(flatten)]
    rounds: RoundFlags,
    #[command(flatten)]
    constraints: ConstraintFlags,
}

/// Steps from the paper's formula to the default method, and the default method with one change.
#[derive(Clone, Copy, PartialEq, ValueEnum, Serialize)]
#[value(rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
enum Variant {
    /// The paper's formula, without repair
    Paper,
    /// Like paper, with refitted biases
    Bias,
    /// Like paper, with weights refitted by least squares, all positions weighted equally
    LeastSquares,
    /// The method set by the flags; by default it also weights positions by sensitivity
    Default,
    /// Like default, with whole attention heads as units
    Heads,
    /// Like default, with the mean of the feature terms instead of their sum
    Mean,
    /// Like default, in three rounds; the remaining model is repaired and scored again between rounds
    Rounds,
    /// Like default, with a tenth of the weight for the answer term
    Features,
    /// Like heads, with the local term, exponent 0.3
    Local,
    /// Like heads, with only the answer term and the local term, exponent 0.3
    Fisher,
    /// The norm of the weights of whole heads, neurons and channels, without repair
    Magnitude,
    /// Like magnitude, with the repair of the default
    RepairedMagnitude,
}

impl Variant {
    /// Whether the scores are the magnitudes of the units.
    fn is_magnitude(self) -> bool {
        matches!(self, Self::Magnitude | Self::RepairedMagnitude)
    }

    fn of(self, method: Method) -> Method {
        let paper = |compensation| Method {
            importance: Importance::Paper,
            units: Units::Heads,
            position_weights: PositionWeights::Uniform,
            compensation,
            ..method
        };
        match self {
            Self::Paper => paper(Compensation::None),
            Self::Bias => paper(Compensation::Bias),
            Self::LeastSquares => paper(Compensation::LeastSquares),
            Self::Default => method,
            Self::Heads => Method {
                units: Units::Heads,
                ..method
            },
            Self::Mean => Method {
                trajectory: Trajectory::Mean,
                ..method
            },
            Self::Rounds => Method {
                rounds: 3,
                ..method
            },
            Self::Features => Method {
                answer_weight: method.answer_weight / 10.0,
                ..method
            },
            Self::Local => Method {
                units: Units::Heads,
                local_weight: 0.3,
                ..method
            },
            Self::Fisher => Method {
                importance: Importance::Fisher,
                units: Units::Heads,
                local_weight: 0.3,
                ..method
            },
            // The local term alone, in whose place are the magnitudes.
            Self::Magnitude => Method {
                importance: Importance::Optin,
                units: Units::Heads,
                local_weight: 1.0,
                compensation: Compensation::None,
                ..method
            },
            Self::RepairedMagnitude => Method {
                importance: Importance::Optin,
                units: Units::Heads,
                local_weight: 1.0,
                ..method
            },
        }
    }
}

/// The result of one variant at one target.
#[derive(Serialize)]
struct Cell {
    target: String,
    mean: f64,
    /// Sample standard deviation over the seeds.
    deviation: f64,
    scores: Vec<f64>,
    /// Mean distance of the answers to those of the original model: Kullback-Leibler divergence or squared error.
    divergence: f64,
    divergences: Vec<f64>,
}

#[derive(Serialize)]
struct Row {
    variant: Variant,
    cells: Vec<Cell>,
}

#[derive(Serialize)]
struct Answer {
    metric: String,
    rows: usize,
    dense: f64,
    dense_standard_error: f64,
    variants: Vec<Row>,
}

/// Measures the quality and prints a table.
pub(super) fn run(command: &AccuracyCommand) -> Result<(), Exit> {
    let targets = command.targets.iter();
    let targets: Vec<f64> = targets
        .map(|target| Target::parse_keep(target))
        .collect::<Result<_, _>>()?;
    interrupt::listen()?;
    let bar = Bar::new();
    let journal = FolderJournal::open(&command.stage_cache)?;
    let (local, data) = (&command.local, &command.data);
    let evaluation = Some(command.evaluation.as_path());
    let places = local.places(evaluation, data.device, PathBuf::new())?;
    let method = Method {
        rounds: command.rounds.rounds,
        ..command.method.method()
    };
    let of_targets = || targets.iter().map(|_| Vec::new()).collect();
    let mut scored: Vec<Vec<Vec<Quality>>> =
        command.variants.iter().map(|_| of_targets()).collect();
    let mut dense = None;
    for &seed in &command.seeds {
        let inputs = data.inputs(local.uris(evaluation)?, Some(&command.labels), seed);
        let recipe = half(inputs, command.constraints.constraints(), method)?;
        for units in Units::VARIANTS {
            let variants = command.variants.iter().zip(&mut scored);
            let variants: Vec<_> = variants
                .filter(|(variant, _)| variant.of(method).units == *units)
                .collect();
            if variants.is_empty() {
                continue;
            }
            let mut recipe = recipe.clone();
            recipe.method.units = *units;
            let mut prepared = rotate(Prepared::read(&places, &recipe)?, &journal, &bar)?;
            let judge = Judge::new(&prepared, &bar)?;
            let variants_with_scores = variants
                .iter()
                .filter(|(variant, _)| !variant.is_magnitude());
            let methods = variants_with_scores.map(|(variant, _)| variant.of(method));
            let scoring = Recipe {
                method: for_all(methods.collect(), recipe.method, &prepared.model.reads),
                ..recipe.clone()
            };
            let scores = score::score(&prepared, &scoring, &journal, &bar)?;
            for (variant, scored) in variants {
                let scores = match variant.is_magnitude() {
                    true => &Scores {
                        local: magnitudes(&prepared.weights, &prepared.model.groups)?,
                        ..scores.clone()
                    },
                    false => &scores,
                };
                for (&keep, scored) in targets.iter().zip(scored) {
                    let mut recipe = recipe.clone();
                    recipe.method = variant.of(recipe.method);
                    recipe.target.keep = keep;
                    prepared = merging::choose(prepared, &recipe, scores, &journal, &bar)?;
                    let student = student(&prepared, scores, &recipe, &journal, &bar)?;
                    scored.push(judge.quality(&student, &bar)?);
                    drop(student);
                    prepared = prepared.without_schedule();
                }
            }
            dense = Some(judge.dense_quality());
        }
    }
    bar.clear();
    let Some((metric, rows, score, standard_error)) = dense else {
        return Err(Exit::Usage(
            "--seeds is empty; give at least one seed".to_owned(),
        ));
    };
    let variants = command.variants.iter().zip(scored);
    let answer = Answer {
        metric,
        rows,
        dense: score,
        dense_standard_error: standard_error,
        variants: variants
            .map(|(&variant, scored)| Row {
                variant,
                cells: command.targets.iter().zip(scored).map(cell).collect(),
            })
            .collect(),
    };
    match command.json {
        true => output::print_json(&answer),
        false => output::print(&as_text(&answer)),
    }
}

/// Returns a method whose scores hold what each of these methods reads, and no more. `base` is the method that the flags set.
fn for_all(methods: Vec<Method>, base: Method, reads: &Reads) -> Method {
    let mut importances = methods
        .iter()
        .map(|method| method.for_model(reads).importance);
    let measures_curves = importances.any(|importance| importance == Importance::AfterRepair);
    let local_weights = methods.iter().map(|method| method.local_weight);
    Method {
        importance: match measures_curves {
            true => Importance::AfterRepair,
            false => Importance::Optin,
        },
        local_weight: local_weights.fold(0.0, f64::max),
        ..base
    }
}

fn cell((target, qualities): (&String, Vec<Quality>)) -> Cell {
    let scores: Vec<f64> = qualities.iter().map(|quality| quality.score).collect();
    let divergences: Vec<f64> = qualities.iter().map(|quality| quality.divergence).collect();
    Cell {
        target: target.clone(),
        mean: mean(&scores),
        deviation: deviation(&scores),
        scores,
        divergence: mean(&divergences),
        divergences,
    }
}

/// Searches and repairs a student at the target of the recipe.
fn student<'a>(
    prepared: &'a Prepared,
    scores: &Scores,
    recipe: &Recipe,
    journal: &FolderJournal,
    watch: &dyn Watch,
) -> Result<Student<'a>, Failure> {
    let limit = Limit::of(prepared, recipe, journal, watch)?;
    let masks = rounds::choose(prepared, recipe, &limit, scores, journal, watch)?;
    let repairs = compensate::compensate_once(prepared, &masks, recipe, journal, watch)?;
    Ok(Student::repaired(&prepared.model, masks, &repairs)?)
}

fn as_text(answer: &Answer) -> String {
    let lines = answer.variants.iter().flat_map(|row| {
        row.cells.iter().map(move |cell| {
            let name = row.variant.to_possible_value();
            [
                name.map_or_else(String::new, |name| name.get_name().to_owned()),
                cell.target.clone(),
                format!("{:.4}", cell.mean),
                format!("{:.4}", cell.deviation),
                format!("{:+.4}", cell.mean - answer.dense),
                format!("{:.4}", cell.divergence),
            ]
        })
    });
    let head = [
        "variant",
        "kept",
        "mean",
        "deviation",
        "change",
        "divergence",
    ];
    let head = head.map(str::to_owned);
    format!(
        "{} on {} rows; original model: {:.4}, standard error {:.4}\n\n{}",
        answer.metric,
        answer.rows,
        answer.dense,
        answer.dense_standard_error,
        table::aligned(head, &lines.collect::<Vec<_>>())
    )
}
