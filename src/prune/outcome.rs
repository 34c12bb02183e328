//! The result of a run: the folder with the pruned checkpoint and its documents.

use strum::VariantArray;

use super::decisive;
use super::failure::Failure;
use super::page::{self, Story, page};
use super::parts;
use super::places::Places;
use super::plan::Plan;
use super::prepare::Prepared;
use super::recipe::{Output, Recipe};
use super::repairs::Repairs;
use super::report::{
    AuditReport, BeforeAfter, EvaluationReport, GroupReport, Report, Size, StageTime,
};
use super::score;
use super::score::combine::UnitImportance;
use super::search::Limit;
use super::search::frontier::{self, Frontier};
use super::search::keep_map::KeepMap;
use super::search::latency;
use super::student::Student;
use super::surgery;
use super::surgery::card::card;
use super::surgery::folder::Draft;
use super::surgery::onnx;
use super::verify::{self, Measured, golden, pictures};
use super::watch::Watch;
use crate::checkpoint::config::Config;
use crate::checkpoint::limits::Limits;
use crate::checkpoint::plain_names::listed;
use crate::checkpoint::weights::Weights;
use crate::checkpoint::write;
use crate::model::chain::Model;
use crate::model::device::kind;
use crate::model::export::Export;
use crate::model::mask::Masks;
use crate::model::registry;

/// The pruned model, written to a draft of the output folder and read back.
pub struct Cut {
    draft: Draft,
    export: Export,
    model: Model,
    /// The pruned model without the merging that the job planned, if it planned any.
    unmerged: Option<Model>,
    parameters: u64,
    bytes: u64,
}

/// Prunes the tensors, writes the files of the checkpoint, and reads the checkpoint back.
///
/// # Errors
/// Returns an error if the folder cannot be written or the written checkpoint cannot be opened as a model.
pub fn cut(
    places: &Places,
    prepared: &Prepared,
    masks: &Masks,
    repairs: &Repairs,
) -> Result<Cut, Failure> {
    let draft = Draft::begin(&places.out)?;
    let tensors = surgery::cut::cut(&prepared.weights, &prepared.model, masks, repairs)?;
    write::write(
        &draft.path().join("model.safetensors"),
        &tensors,
        prepared.weights.metadata(),
    )?;
    drop(tensors);
    let export = (prepared.model.export)(masks);
    draft.write_json("config.json", &export.config)?;
    for (name, content) in &export.companions {
        draft.write(name, content.as_bytes())?;
    }
    for (name, content) in prepared.config.files_of_result()? {
        draft.write(&name, &content)?;
    }
    for (name, content) in prepared.reader.files()? {
        draft.write(name, content.as_bytes())?;
    }
    let limits = Limits::default();
    let weights = Weights::open(draft.path(), &limits)?.on(&prepared.device);
    let bytes = weights.total_bytes();
    let config = Config::open(draft.path(), &limits)?;
    let opened = registry::open(&config, weights, prepared.units)?;
    let parameters = opened.weights.parameters();
    let unmerged = match (&opened.model.merging, prepared.plans_merging()) {
        (Some(merging), true) => {
            let config = merging.planned(&config, &vec![0; merging.schedule.len()]);
            Some(registry::open(&config, opened.weights, prepared.units)?.model)
        }
        _ => None,
    };
    Ok(Cut {
        draft,
        export,
        model: opened.model,
        unmerged,
        parameters,
        bytes,
    })
}

/// Measures the pruned model. At most `most_shown` changed rows are kept.
///
/// # Errors
/// Returns an error if the pruned model does not agree with the masked one, if the job must stop, or if a graph fails.
pub fn verify(
    prepared: &Prepared,
    masks: &Masks,
    repairs: &Repairs,
    cut: &Cut,
    most_shown: usize,
    watch: &dyn Watch,
) -> Result<Measured, Failure> {
    let student = Student::repaired(&prepared.model, masks.clone(), repairs)?;
    let unmerged = match &cut.unmerged {
        Some(cut) => Some((
            Student::repaired(prepared.original(), masks.clone(), repairs)?,
            cut,
        )),
        None => None,
    };
    let both = match &unmerged {
        Some((student, cut)) => (student, *cut),
        None => (&student, &cut.model),
    };
    verify::verify(prepared, &cut.model, &student, both, most_shown, watch)
}

/// Builds the report.
#[must_use]
#[expect(
    clippy::too_many_arguments,
    reason = "the report combines the results of all stages"
)]
pub fn report(
    prepared: &Prepared,
    recipe: &Recipe,
    plan: &Plan,
    audit: Option<AuditReport>,
    masks: &Masks,
    repairs: Repairs,
    measured: Measured,
    cut: &Cut,
    stages: Vec<StageTime>,
) -> Report {
    let groups = prepared
        .model
        .groups
        .iter()
        .enumerate()
        .map(|(index, group)| GroupReport {
            group: group.name.clone(),
            kind: group.kind.as_str().to_owned(),
            width: group.width,
            kept: masks.count(index),
            heads: group.heads.as_ref().map(|before| BeforeAfter {
                before: before.count,
                after: cut.model.groups[index].heads(),
            }),
        });
    let extent = prepared.calibration.extent();
    let macs = cut.model.cost(&extent);
    let macs = macs.with_all(&cut.model.groups);
    let after = Size {
        macs,
        parameters: cut.parameters,
        bytes: cut.bytes,
    };
    let mut notes = remarks(measured.evaluation.as_ref());
    notes.extend(self::notes(prepared, &cut.export));
    Report {
        optin_version: env!("CARGO_PKG_VERSION").to_owned(),
        recipe: recipe.clone(),
        inputs: prepared.inputs(),
        reproducibility: decisive::reproducibility(prepared, recipe),
        architecture: prepared.architecture.to_owned(),
        task: prepared.answer.task().name.to_owned(),
        position_name: prepared
            .reader
            .wording(prepared.answer.as_ref())
            .positions
            .to_owned(),
        device: kind(&prepared.device).to_owned(),
        estimator: score::estimator(&prepared.model, recipe),
        audit,
        calibration: plan.calibration,
        size: BeforeAfter {
            before: plan.size,
            after,
        },
        kept: after.macs as f64 / plan.size.macs as f64,
        parts: parts::parts(prepared.original(), &cut.model, &extent),
        groups: groups.collect(),
        merged_positions: merged_positions(&cut.model),
        compensation: repairs.reports,
        consistency: measured.consistency,
        fidelity: measured.fidelity,
        trajectory: measured.trajectory,
        changed_rows: measured.changed_rows,
        evaluation: measured.evaluation,
        latency: measured.latency,
        latency_single: Some(measured.latency_single),
        peak_bytes: plan.peak_bytes,
        stages,
        notes,
    }
}

/// Returns the number of pairs of positions that each layer merges, if any.
fn merged_positions(model: &Model) -> Vec<usize> {
    match &model.merging {
        Some(merging) if !merging.is_off() => merging.schedule.clone(),
        _ => Vec::new(),
    }
}

/// Returns the notes about the sources and about configuration keys that the result does not contain.
fn notes(prepared: &Prepared, export: &Export) -> Vec<String> {
    let mut notes = prepared.notes.clone();
    if !export.left_out.is_empty() {
        notes.push(format!(
            "Keys of config.json that are left out of the result, because they have no effect on this model or are unknown: {}.",
            listed(export.left_out.iter().map(String::as_str))
        ));
    }
    notes
}

/// Returns the notes about the evaluation.
fn remarks(evaluation: Option<&EvaluationReport>) -> Vec<String> {
    let Some(evaluation) = evaluation else {
        return Vec::new();
    };
    let unlabelled = (evaluation.unlabeled_rows > 0).then(|| {
        format!(
            "Evaluation rows that were left out because they have no label: {}.",
            evaluation.unlabeled_rows
        )
    });
    evaluation
        .hint
        .clone()
        .into_iter()
        .chain(unlabelled)
        .collect()
}

/// Writes the documents and moves the draft to the output folder.
///
/// # Errors
/// Returns an error if a document cannot be written or the draft cannot be moved.
pub fn close(
    prepared: &Prepared,
    masks: &Masks,
    limit: &Limit,
    importance: &UnitImportance,
    frontier: &Frontier,
    report: &Report,
    cut: Cut,
) -> Result<(), Failure> {
    let Cut {
        draft,
        export,
        model,
        ..
    } = cut;
    draft.write_json(
        golden::NAME,
        &golden::golden(&model, prepared.reader.as_ref(), prepared.compared())?,
    )?;
    let data = prepared.compared();
    let drawn = pictures::pictures(prepared.answer.as_ref(), prepared.original(), &model, data)?;
    if let Some(drawn) = &drawn {
        draft.write(pictures::NAME, drawn)?;
    }
    let kept = KeepMap::new(&prepared.model.groups, masks);
    draft.write_json("keep_map.json", &kept)?;
    draft.write_json(frontier::NAME, frontier)?;
    if let Some(table) = &limit.latency {
        draft.write_json(latency::NAME, table)?;
    }
    let config = Config::new(export.config.clone());
    for format in Output::VARIANTS
        .iter()
        .filter(|format| report.recipe.outputs.contains(format))
    {
        if let Some(name) = onnx::name(*format) {
            let (task, path) = (prepared.answer.task(), draft.file(name)?);
            onnx::write(&model, task, &config, draft.path(), &path, *format)?;
        }
    }
    draft.write_json("report.json", report)?;
    let story = Story {
        report,
        kept: &kept,
        importance,
        frontier,
        pictures: drawn.as_deref(),
    };
    draft.write(page::NAME, page(&story).as_bytes())?;
    draft.write(
        "README.md",
        card(
            report,
            prepared.answer.as_ref(),
            prepared.reader.wording(prepared.answer.as_ref()),
            &export,
            drawn.map(|_| pictures::NAME),
        )
        .as_bytes(),
    )?;
    draft.finish()
}
