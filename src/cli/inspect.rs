//! `optin inspect`: shows a model's architecture, cost, prunable units and reachable targets.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::exit::Exit;
use super::one_of::explained;
use super::{output, table};
use crate::checkpoint::config::Config;
use crate::checkpoint::limits::Limits;
use crate::checkpoint::weights::Weights;
use crate::model::batch::Reads;
use crate::model::extent::Extent;
use crate::model::hidden::Layout;
use crate::model::registry::{self, Opened};
use crate::model::unit::{UnitKind, Units};
use crate::prune::failure::Failure;
use crate::prune::recipe::Method;
use crate::quantity::grouped;

/// Flags of `optin inspect`.
#[derive(Args)]
pub(super) struct InspectCommand {
    /// Hugging Face folder of the model
    #[arg(value_name = "DIR")]
    model: PathBuf,
    /// Sequence length at which costs are counted, in tokens per row
    ///
    /// A pruning job counts mean costs over its calibration rows, so its reachable targets
    /// differ from these. Models that read images of one size count that size.
    #[arg(
        long,
        verbatim_doc_comment,
        value_name = "TOKENS",
        default_value_t = 128
    )]
    length: usize,
    /// Units of attention layers
    #[arg(long, value_parser = explained::<Units>(), default_value = <&str>::from(Method::default().units))]
    units: Units,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// The result of `optin inspect`.
#[derive(Serialize)]
struct Inspection {
    architecture: &'static str,
    sha256: String,
    bytes: u64,
    parameters: u64,
    /// What costs are counted for, in words.
    row: String,
    /// Tokens or patches per row.
    length: usize,
    /// MACs of one row of that length.
    macs: u64,
    /// MACs without any prunable unit.
    reachable_macs: u64,
    /// `reachable_macs` as a percentage of `macs`. Targets between this and 100 % are reachable.
    reachable_percent: f64,
    groups: Vec<Group>,
    /// Tensors of the checkpoint that the model does not use. Results do not contain them.
    unused_tensors: Vec<String>,
}

#[derive(Serialize)]
struct Group {
    group: String,
    kind: UnitKind,
    width: usize,
    macs_per_unit: u64,
}

/// Inspects a model and prints the result.
pub(super) fn run(command: &InspectCommand) -> Result<(), Exit> {
    let inspection = inspect(command)?;
    if command.json {
        return output::print_json(&inspection);
    }
    output::print(&text(&inspection))
}

fn inspect(command: &InspectCommand) -> Result<Inspection, Failure> {
    let limits = Limits::default();
    let config = Config::open(&command.model, &limits)?;
    let weights = Weights::open(&command.model, &limits)?;
    let bytes = weights.total_bytes();
    let Opened {
        architecture,
        model,
        weights,
        unused,
    } = registry::open(&config, weights, command.units)?;
    let (row, extent, length) = row(&model.reads, command.length);
    let cost = model.cost(&Extent::of([(extent, length)]));
    let macs = cost.whole(&model.groups);
    let groups =
        model
            .groups
            .iter()
            .zip(cost.per_unit(&model.groups))
            .map(|(group, macs_per_unit)| Group {
                group: group.name.clone(),
                kind: group.kind,
                width: group.width,
                macs_per_unit,
            });
    Ok(Inspection {
        architecture,
        sha256: weights.sha256().to_owned(),
        bytes,
        parameters: weights.parameters(),
        row,
        length,
        macs,
        reachable_macs: cost.fixed,
        reachable_percent: 100.0 * cost.fixed as f64 / macs as f64,
        groups: groups.collect(),
        unused_tensors: unused,
    })
}

/// Returns the row for which costs are counted, in words, with the arrangement and the number of its positions.
fn row(reads: &Reads, length: usize) -> (String, Layout, usize) {
    match reads {
        Reads::Text(_) => (format!("row of {length} tokens"), Layout::Sequence, length),
        Reads::Pixels(shape) => {
            let (layout, patches) = shape.patches();
            let words = format!("image of {} x {} pixels", shape.height, shape.width);
            (words, layout, patches)
        }
    }
}

fn text(inspection: &Inspection) -> String {
    let facts = [
        [
            "architecture".to_owned(),
            inspection.architecture.to_owned(),
        ],
        [
            "SHA-256 of the weights".to_owned(),
            inspection.sha256.clone(),
        ],
        ["bytes".to_owned(), grouped(inspection.bytes)],
        ["parameters".to_owned(), grouped(inspection.parameters)],
        [
            format!("MACs, {}", inspection.row),
            grouped(inspection.macs),
        ],
        [
            "reachable targets".to_owned(),
            format!(
                "{:.2} % to 100 % of the FLOPs",
                inspection.reachable_percent
            ),
        ],
    ];
    let groups: Vec<_> = inspection
        .groups
        .iter()
        .map(|group| {
            [
                group.group.clone(),
                group.kind.as_str().to_owned(),
                group.width.to_string(),
                grouped(group.macs_per_unit),
            ]
        })
        .collect();
    let names = facts.iter().map(|[name, _]| name.len() + 2);
    let width = names.fold(32, usize::max);
    let facts = facts
        .map(|[name, value]| format!("{name:<width$}{value}"))
        .join("\n");
    let groups = table::aligned(
        ["units", "kind", "width", "MACs each"].map(str::to_owned),
        &groups,
    );
    match inspection.unused_tensors.as_slice() {
        [] => format!("{facts}\n\n{groups}"),
        unused => format!(
            "{facts}\n\n{groups}\n\nunused tensors: {}",
            unused.join(", ")
        ),
    }
}
