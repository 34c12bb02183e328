//! The workers, what they run, and the queue.

use maud::{Markup, html};

use crate::dashboard::api::Visitor;
use crate::dashboard::refusal::Refusal;
use crate::dashboard::view::time::age;
use crate::dashboard::wire::moment::Moment;
use crate::dashboard::wire::worker::Workers;
use crate::quantity::{duration, grouped};

pub(super) async fn part(visitor: &Visitor) -> Result<Markup, Refusal> {
    let workers: Workers = visitor.get("/v1/workers").await?;
    let now = Moment::now();
    let queue = &workers.queue;
    let places: u64 = workers.data.iter().map(|process| process.workers).sum();
    Ok(html! {
        div #workers data-live-part {
            section {
                div.cards.small {
                    div.card { h3 { "Queued" } p.big { (grouped(queue.queued)) } }
                    div.card { h3 { "Oldest waits for" } p.big { @if queue.queued == 0 { "–" } @else { (duration(queue.oldest_queued_ms)) } } }
                    div.card { h3 { "Running" } p.big { (grouped(queue.running)) span.unit { " on " (places) @if places == 1 { " worker" } @else { " workers" } } } }
                }
            }
            section {
                h2 { "Workers" }
                @if workers.data.is_empty() {
                    div.notice.warn { p { "No process runs workers, so queued jobs do not start. Start the service with " code { "--workers" } ", or with PostgreSQL also " code { "optin worker" } "." } }
                } @else {
                    div.scroll { table {
                        thead { tr { th { "Process" } th { "Device" } th.number { "Workers" } th { "Seen" } } }
                        tbody { @for process in &workers.data { tr {
                            td { code { (process.name) } } td { (process.device) } td.number { (process.workers) } td { (age(process.seen_at, now)) }
                        } } }
                    } }
                }
                @if !workers.leases.is_empty() {
                    h3.spaced { "Leases of your jobs" }
                    div.scroll { table {
                        thead { tr { th { "Job" } th { "Worker" } th { "Lease ends in" } } }
                        tbody { @for lease in &workers.leases { tr {
                            td { a href={ "/jobs/" (lease.job) } { code { (lease.job) } } }
                            td { code { (lease.worker) } }
                            td { @if lease.until > now { (duration(lease.until.ms_since(now))) } @else { span.wrong { "has ended; another worker takes over" } } }
                        } } }
                    } }
                }
            }
        }
    })
}
