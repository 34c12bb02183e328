//! `report.html`: the report for people, as one file without scripts and without references to other files.
//!
//! It begins with the numbers that matter, then shows what was cut and what the repair mended, and ends with the data and the
//! method in words. Charts are SVG. Colors follow the scheme of the reader, and the page can be printed.

mod cards;
mod changed_rows;
mod frontier_chart;
mod keep_chart;
mod latency_chart;
mod method;
mod plot;
mod repair_chart;
mod trajectory_chart;
mod units;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::report::Report;
use super::reproducibility::Reproducibility;
use super::score::combine::UnitImportance;
use super::search::frontier::Frontier;
use super::search::keep_map::KeepMap;
use crate::quantity::share;
use units::percent;

/// Name of the file.
pub const NAME: &str = "report.html";

const STYLE: &str = include_str!("style.css");

/// What the page tells.
pub struct Story<'a> {
    /// The figures.
    pub report: &'a Report,
    /// The kept units.
    pub kept: &'a KeepMap,
    /// The importance of all units.
    pub importance: &'a UnitImportance,
    /// The best choices at other targets.
    pub frontier: &'a Frontier,
    /// Pictures of both models' answers as PNG, if there are any.
    pub pictures: Option<&'a [u8]>,
}

/// Returns the page.
#[must_use]
pub fn page(story: &Story<'_>) -> String {
    let report = story.report;
    let title = format!(
        "Pruned {} at {} of its FLOPs",
        report.architecture,
        percent(report.kept)
    );
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    p.kind { "Pruning report" }
                    h1 { (title) }
                    p.lead { (lead(report)) }
                }
                main {
                    (cards::cards(report))
                    @if let Some(pictures) = story.pictures {
                        (section("Answers of both models", "From left to right: the image, the classes by the original, the classes by the pruned model, and in red the pixels whose classes differ.", html! {
                            img.pictures src=(format!("data:image/png;base64,{}", BASE64_STANDARD.encode(pictures))) alt="Images with the classes by both models";
                        }))
                    }
                    @if !report.changed_rows.is_empty() {
                        (section("Answers that changed", changed_rows::EXPLANATION, changed_rows::list(&report.changed_rows)))
                    }
                    (section("What was kept", keep_chart::EXPLANATION, keep_chart::chart(story.kept, story.importance)))
                    @if !report.compensation.is_empty() {
                        (section("What the repair mended", repair_chart::EXPLANATION, repair_chart::chart(&report.compensation)))
                    }
                    @if let Some(trajectory) = &report.trajectory {
                        (section("Damage along the trajectory", trajectory_chart::EXPLANATION, trajectory_chart::chart(trajectory)))
                    }
                    (section("Other sizes", frontier_chart::EXPLANATION, frontier_chart::chart(story.frontier, report.kept)))
                    (section("Speed", latency_chart::EXPLANATION, latency_chart::charts(report)))
                    (method::method(report))
                }
                footer {
                    p { "Written by optin " (report.optin_version) ". All figures are in " code { "report.json" } "." }
                    @if let Some(reproducibility) = &report.reproducibility {
                        p { (reproducible(reproducibility)) }
                        p { "Reproducibility hash: " code.hash { (reproducibility.hash) } }
                    }
                }
            }
        }
    };
    page.into_string()
}

/// Says in one sentence what was done.
fn lead(report: &Report) -> String {
    let repaired = match report.compensation.is_empty() {
        true => "was not repaired",
        false => "was repaired by least squares on unlabeled rows",
    };
    format!(
        "The model was pruned in one shot, without retraining, and what remains {repaired}. It does {} of the original's \
         multiply-accumulates and has {} of its parameters.",
        percent(report.kept),
        share(report.size.after.parameters, report.size.before.parameters)
    )
}

/// Says what the reproducibility hash means.
fn reproducible(reproducibility: &Reproducibility) -> String {
    let machine = &reproducibility.of.machine;
    format!(
        "The same model files, data, recipe and version of optin give the same bytes of the model on machines of this kind \
         ({}, {}, {}).",
        machine.architecture, machine.instructions, machine.device
    )
}

fn section(title: &str, explanation: &str, content: Markup) -> Markup {
    html! {
        section {
            h2 { (title) }
            p.explanation { (explanation) }
            (content)
        }
    }
}
