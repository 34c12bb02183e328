//! States of jobs.

use maud::{Markup, html};

use crate::job::State;

/// The state as a word with a mark. The mark differs in color and shape.
pub(crate) fn badge(state: State) -> Markup {
    html! { span.state.(state.as_str()) { (name(state)) } }
}

/// The name of a state.
pub(crate) fn name(state: State) -> &'static str {
    match state {
        State::Queued => "Queued",
        State::Running => "Running",
        State::Canceling => "Canceling",
        State::Succeeded => "Succeeded",
        State::Failed => "Failed",
        State::Canceled => "Canceled",
        State::Expired => "Expired",
    }
}
