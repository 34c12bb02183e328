//! Data and method in words, and how the result is opened.

use maud::{Markup, html};

use crate::prune::recipe::{Compensation, Output};
use crate::prune::report::Report;
use crate::prune::surgery::onnx;
use crate::quantity::{duration, short};

pub(super) fn method(report: &Report) -> Markup {
    let calibration = &report.calibration;
    html! {
        section {
            h2 { "How it was made" }
            dl {
                dt { "Model" }
                dd { (report.recipe.model.uri) " (" (report.architecture) ", " (report.task) ")" }
                dt { "Data" }
                dd {
                    (report.recipe.calibration.source.uri) ": " (calibration.rows) " unlabeled rows with "
                    (short(calibration.positions as u64)) " " (report.position_name) "; " (calibration.scoring_rows) " of them for the scores"
                }
                @if let Some(evaluation) = &report.recipe.evaluation {
                    dt { "Evaluation" }
                    dd { (evaluation.source.uri) }
                }
                dt { "Scores" }
                dd { "What the removal of each unit does to the features of all later layers and to the answers (OPTIN), by " (<&str>::from(report.estimator)) " estimates" }
                dt { "Repair" }
                dd {
                    @match report.recipe.method.compensation {
                        Compensation::None => "None",
                        _ => "Least squares for the weights that read the remaining units",
                    }
                }
                dt { "Check" }
                dd { "The pruned model equals the masked original up to " (format!("{:.1e}", report.consistency)) " of the largest answer" }
                dt { "Time" }
                dd {
                    @for (index, stage) in report.stages.iter().enumerate() {
                        @if index > 0 { ", " }
                        (<&str>::from(stage.stage)) " " (duration(stage.ms))
                    }
                }
            }
            @if !report.notes.is_empty() {
                h3 { "Notes" }
                ul {
                    @for note in &report.notes {
                        li { (note) }
                    }
                }
            }
        }
        section {
            h2 { "How to open it" }
            p {
                code { "README.md" } " of the folder has the code for Python"
                @if report.recipe.outputs.contains(&Output::Onnx) {
                    ", and for " code { (onnx::NAME) } ", which opens in ONNX Runtime and other runtimes without our code"
                }
                ". " code { "optin verify DIR" } " checks the folder: its checksums, and the answers of " code { "verify.json" } "."
            }
        }
    }
}
