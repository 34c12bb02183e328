//! Times and ages.

use maud::{Markup, html};

use crate::dashboard::wire::moment::Moment;
use crate::quantity::duration;

/// A time, as `30 Nov 19:42`, in UTC. The script shows the time zone of the reader.
pub(crate) fn moment(moment: Moment) -> Markup {
    html! { time datetime=(moment.0.to_string()) title={ (moment.0.strftime("%F %T")) " UTC" } { (moment.0.strftime("%-d %b %H:%M")) } }
}

/// A time of day with seconds, in UTC.
pub(crate) fn clock(moment: Moment) -> Markup {
    html! { time data-clock datetime=(moment.0.to_string()) title={ (moment.0.strftime("%F %T")) " UTC" } { (moment.0.strftime("%T")) } }
}

/// How long ago a time is: `4 min ago`.
pub(crate) fn age(moment: Moment, now: Moment) -> Markup {
    let seconds = now.ms_since(moment) / 1_000;
    let text = match seconds {
        0..=9 => "just now".to_owned(),
        10..=59 => format!("{} s ago", seconds / 10 * 10),
        60..=3_599 => format!("{} min ago", seconds / 60),
        3_600..=86_399 => format!("{} h ago", seconds / 3_600),
        _ => format!("{} d ago", seconds / 86_400),
    };
    html! { time datetime=(moment.0.to_string()) data-age title={ (moment.0.strftime("%F %T")) " UTC" } { (text) } }
}

/// The time between two moments.
pub(crate) fn span(from: Moment, to: Moment) -> String {
    duration(to.ms_since(from))
}
