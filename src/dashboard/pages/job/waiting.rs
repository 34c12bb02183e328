//! What a queued job waits for.

use maud::{Markup, html};

use crate::dashboard::view::time::age;
use crate::dashboard::wire::job::{Job, Position};
use crate::dashboard::wire::moment::Moment;
use crate::quantity::grouped;

pub(super) fn waiting(job: &Job, position: Option<&Position>, now: Moment) -> Markup {
    html! {
        @if let Some(waiting) = &job.waiting {
            section.notice.warn {
                h2 { "The job waits, and continues by itself" }
                p.detail { (waiting.detail) }
                p.faint { code { (waiting.code) } " · since " (age(waiting.since, now)) }
            }
        } @else if let Some(position) = position {
            @if position.workers == 0 {
                section.notice.warn {
                    h2 { "No worker runs for the device " (job.device) }
                    p { "The job starts as soon as one does. Workers run in the service (" code { "--workers" } "), and with PostgreSQL also in other processes (" code { "optin worker --device " (job.device) } ")." }
                }
            } @else {
                section.notice {
                    p { b { (place(position.ahead)) } " " (running(position, &job.device)) }
                }
            }
        }
    }
}

fn place(ahead: u64) -> String {
    match ahead {
        0 => "This job is the next of yours.".to_owned(),
        1 => "1 of your jobs starts before it.".to_owned(),
        ahead => format!("{} of your jobs start before it.", grouped(ahead)),
    }
}

fn running(position: &Position, device: &str) -> String {
    let workers = match position.workers {
        1 => format!("the only {device} worker"),
        workers => format!("{workers} {device} workers"),
    };
    match position.running {
        0 => format!("It waits for {workers}, and other tenants have their turns in between."),
        1 => format!("1 of your jobs runs now, on {workers}."),
        running => format!("{} of your jobs run now, on {workers}.", grouped(running)),
    }
}
