//! The events of a job.

use maud::{Markup, html};

use crate::dashboard::view::time::clock;
use crate::dashboard::wire::event::Event;
use crate::quantity::grouped;

pub(super) fn log(events: &[Event]) -> Markup {
    // Of the progress of a stage, only the last event is shown.
    let shown = events.iter().enumerate().filter(|(index, event)| {
        let next = events.get(index + 1);
        event.kind != "progress"
            || next.is_none_or(|next| next.kind != "progress" || next.stage != event.stage)
    });
    html! {
        details #events {
            summary { "Events " span.count { (events.len()) } }
            div.scroll {
                table.log {
                    thead.visually-hidden { tr { th { "Number" } th { "Time" } th { "Event" } th { "Detail" } } }
                    tbody {
                        @for (_, event) in shown {
                            tr {
                                td.number.faint { (event.sequence) }
                                td { (clock(event.at)) }
                                td { (event.kind.replace('_', " ")) }
                                td { (detail(event)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn detail(event: &Event) -> Markup {
    html! {
        @if let Some(attempt) = event.attempt { "attempt " (attempt) }
        @if let Some(stage) = event.stage { (stage.as_str()) }
        @if let (Some(done), Some(total)) = (event.done, event.total) { " " (grouped(done)) " of " (grouped(total)) }
        @if let Some(error) = &event.error { code { (error.code) } " " (error.detail) }
    }
}
