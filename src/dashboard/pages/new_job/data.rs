//! What a dataset holds: its columns, those that the job reads, and its first rows.

use maud::{Markup, html};
use serde_json::{Value, json};

use super::draft::Draft;
use super::main_fields::{CALIBRATION, EVALUATION};
use crate::dashboard::api::Visitor;
use crate::dashboard::view::plain::plain;
use crate::dashboard::wire::dataset::Inspection;
use crate::dashboard::wire::estimate::{Columns, Estimate};
use crate::dashboard::wire::problem::Problem;
use crate::quantity::grouped;

/// Maximum number of columns that the page shows.
const MAX_COLUMNS: usize = 6;

/// What is known about the datasets of a draft.
#[derive(Default)]
pub(super) struct Found {
    calibration: Option<Result<Inspection, Problem>>,
    evaluation: Option<Result<Inspection, Problem>>,
}

impl Found {
    /// Inspects the datasets of a draft.
    pub(super) async fn of(visitor: &Visitor, draft: &Draft, request: &Value) -> Self {
        let (calibration, evaluation) = tokio::join!(
            inspect(
                visitor,
                draft.get(CALIBRATION),
                &request["calibration"]["mapping"]
            ),
            inspect(
                visitor,
                draft.get(EVALUATION),
                &request["evaluation"]["mapping"]
            ),
        );
        Self {
            calibration,
            evaluation,
        }
    }

    fn at(&self, path: &str) -> Option<&Result<Inspection, Problem>> {
        match path {
            CALIBRATION => self.calibration.as_ref(),
            EVALUATION => self.evaluation.as_ref(),
            _ => None,
        }
    }

    /// What is wrong with the dataset of a field.
    pub(super) fn wrong(&self, path: &str) -> Option<&str> {
        let problem = self.at(path)?.as_ref().err()?;
        Some(&problem.detail)
    }

    /// Whether the field of a dataset says the same as this problem.
    pub(super) fn says(&self, problem: &Problem) -> bool {
        let own = [CALIBRATION, EVALUATION].into_iter();
        own.filter_map(|path| self.wrong(path))
            .any(|detail| detail == problem.detail)
    }

    /// The dataset of a field.
    pub(super) fn shown(&self, path: &str, estimate: Option<&Estimate>) -> Option<Markup> {
        let inspection = self.at(path)?.as_ref().ok()?;
        let columns = estimate.and_then(|estimate| match path {
            CALIBRATION => Some(&estimate.calibration_columns),
            _ => estimate.evaluation_columns.as_ref(),
        });
        Some(table(inspection, columns))
    }
}

async fn inspect(
    visitor: &Visitor,
    uri: Option<&str>,
    mapping: &Value,
) -> Option<Result<Inspection, Problem>> {
    let mut body = json!({"uri": uri?});
    if mapping.is_object() {
        body["mapping"] = mapping.clone();
    }
    let inspected = visitor.post("/v1/datasets/inspect", Some(&body)).await;
    Some(inspected.map_err(|refusal| refusal.problem))
}

/// Whether the job reads a column. `None` if that is not known, or if there are no columns with these names.
fn is_read(columns: Option<&Columns>, name: &str) -> Option<bool> {
    let columns = columns?;
    let read = [&columns.text, &columns.text_pair, &columns.label];
    let mut read = read.into_iter().flatten().peekable();
    read.peek()?;
    Some(read.any(|column| column == name))
}

fn table(inspection: &Inspection, columns: Option<&Columns>) -> Markup {
    let names = inspection.columns.iter().enumerate();
    let mut shown: Vec<_> = names
        .map(|(at, name)| (at, name, is_read(columns, name)))
        .collect();
    // Those that the job reads come first.
    shown.sort_by_key(|(_, _, is_read)| *is_read != Some(true));
    shown.truncate(MAX_COLUMNS);
    let others = inspection.column_count - shown.len();
    let read = shown
        .iter()
        .filter(|(_, _, is_read)| *is_read == Some(true));
    let read: Vec<_> = read.map(|(_, name, _)| name).collect();
    let class = |is_read: Option<bool>| (is_read == Some(false)).then_some("unread");
    html! {
        p.hint {
            (grouped(inspection.rows)) @if inspection.rows == 1 { " row" } @else { " rows" }
            @if others > 0 { " of " (inspection.column_count) " columns, of which " (shown.len()) " are shown" }
            ". "
            @if !read.is_empty() { "The job reads " @for (index, name) in read.iter().enumerate() { @if index > 0 { " and " } code { (plain(name)) } } "." }
        }
        div.scroll tabindex="0" role="region" aria-label="First rows" {
            table.sample {
                thead { tr { @for (_, name, is_read) in &shown { th class=[class(*is_read)] { (plain(name)) } } } }
                tbody { @for row in &inspection.sample { tr { @for (at, _, is_read) in &shown {
                    td class=[class(*is_read)] { @match row.get(*at).and_then(Option::as_deref) { Some(text) => span.clip { (plain(text)) }, None => span.faint title="no value" { "–" } } }
                } } } }
            }
        }
    }
}
