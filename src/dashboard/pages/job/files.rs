//! The files of a result.

use maud::{Markup, html};

use crate::dashboard::view::time::moment;
use crate::dashboard::wire::artifact::Artifacts;
use crate::dashboard::wire::job::Job;
use crate::dashboard::wire::moment::Moment;
use crate::quantity::{bytes, grouped};

/// The files of a result.
pub(super) enum Files {
    /// They exist, or the job has no result yet.
    Here(Artifacts),
    /// They were removed; the sentence says when.
    Gone(String),
}

pub(super) fn files(job: &Job, files: &Files, now: Moment) -> Markup {
    html! {
        @match files {
            Files::Gone(detail) => section { h2 { "Files" } div.notice.warn { p { (detail) } } },
            Files::Here(artifacts) if artifacts.data.is_empty() => {},
            Files::Here(artifacts) => (table(job, artifacts, now)),
        }
    }
}

fn table(job: &Job, artifacts: &Artifacts, now: Moment) -> Markup {
    let total: u64 = artifacts.data.iter().map(|file| file.bytes).sum();
    html! {
        section {
            h2 { "Files" }
            div.scroll {
                table.files {
                    thead { tr { th { "Name" } th.number { "Size" } th { "SHA-256" } } }
                    tbody {
                        @for file in &artifacts.data {
                            tr {
                                td { a href={ "/jobs/" (job.id) "/files/" (file.name) } download { (file.name) } }
                                td.number title={ (grouped(file.bytes)) " bytes" } { (bytes(file.bytes)) }
                                td.sum { code { (file.sha256) } }
                            }
                        }
                    }
                    tfoot { tr { td { (artifacts.data.len()) " files" } td.number { (bytes(total)) } td {} } }
                }
            }
            @if let Some(expiry) = artifacts.expires_at.filter(|expiry| *expiry > now) { p.faint { "The files are removed on " (moment(expiry)) "." } }
        }
    }
}
