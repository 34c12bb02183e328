//! The stages of a job, with their times.

use maud::{Markup, html};

use crate::dashboard::view::time::span;
use crate::dashboard::wire::event::Event;
use crate::dashboard::wire::job::Job;
use crate::dashboard::wire::moment::Moment;
use crate::job::State;
use crate::prune::stage::Stage;
use crate::quantity::{duration, grouped};

/// How far a stage is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Status {
    Done,
    Current,
    Stopped,
    Ahead,
}

impl Status {
    fn class(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Current => "current",
            Self::Stopped => "stopped",
            Self::Ahead => "ahead",
        }
    }

    /// The status for screen readers.
    fn word(self) -> &'static str {
        match self {
            Self::Done => "completed",
            Self::Current => "in progress",
            Self::Stopped => "ended here",
            Self::Ahead => "not started",
        }
    }
}

/// A stage of the last attempt.
struct Step {
    stage: Stage,
    status: Status,
    ms: Option<u64>,
}

pub(super) fn steps(job: &Job, events: &[Event], now: Moment) -> Markup {
    let steps = of_attempt(job, events, now);
    let queue = job.started_at.or(job.finished_at);
    html! {
        section.progress aria-label="Progress" {
            ol.steps {
                li.queue.(if job.started_at.is_some() { "done" } else if job.state == State::Queued { "current" } else { "stopped" }) {
                    b { "queued" }
                    span { (span(job.created_at, queue.unwrap_or(now))) }
                }
                @for step in &steps {
                    li.(step.status.class()) aria-current=[(step.status == Status::Current).then_some("step")] {
                        b { (step.stage.as_str()) }
                        span.visually-hidden { (step.status.word()) }
                        @if let Some(ms) = step.ms { span { (duration(ms)) } }
                    }
                }
            }
            (current(job))
        }
    }
}

fn current(job: &Job) -> Markup {
    let progress = &job.progress;
    html! {
        @match job.state {
            State::Running | State::Canceling => {
                div.now {
                    @match progress.percent {
                        Some(percent) => progress.wide max="100" value=(percent) aria-label="Progress of the stage" { (percent) " %" },
                        None => progress.wide aria-label="Progress of the stage" {},
                    }
                    p {
                        @if let Some(stage) = job.stage { b { (stage.as_str()) } " " }
                        @if progress.total > 0 { (grouped(progress.done)) " of " (grouped(progress.total)) }
                        @if let Some(eta) = progress.eta_ms { span.faint { " · about " (duration(eta)) " left in this stage" } }
                    }
                }
            }
            State::Queued | State::Succeeded | State::Failed | State::Canceled | State::Expired => {}
        }
    }
}

/// The stages of the last attempt: when each began, and until when it lasted.
fn of_attempt(job: &Job, events: &[Event], now: Moment) -> Vec<Step> {
    let start = events.iter().rposition(|event| event.kind == "started");
    let attempt = start.map_or(&[][..], |start| &events[start..]);
    let begun = attempt.iter().filter(|event| event.kind == "stage");
    let mut begun: Vec<(Stage, Moment)> = begun
        .filter_map(|event| Some((event.stage?, event.at)))
        .collect();
    begun.dedup_by_key(|(stage, _)| *stage);
    // A job that ends soon has no event of its stage.
    if let (Some(stage), Some(start)) = (job.stage, job.started_at)
        && !begun.iter().any(|(own, _)| *own == stage)
    {
        begun.push((stage, begun.last().map_or(start, |(_, at)| *at)));
    }
    let end = job.finished_at.unwrap_or(now);
    let is_over = job.state.is_terminal();
    let last = begun.last().map(|(stage, _)| *stage);
    // The report has exact times. Events are written with the heartbeats.
    let measured = job.report.as_ref().map(|report| &report.stages);
    let steps = Stage::ALL.iter().filter_map(|&stage| {
        let Some(index) = begun.iter().position(|(own, _)| *own == stage) else {
            // Stages that an ended job has not reached, or does not have, are not shown.
            let status = Status::Ahead;
            return (!is_over).then_some(Step {
                stage,
                status,
                ms: None,
            });
        };
        let until = begun.get(index + 1).map_or(end, |(_, at)| *at);
        let status = match job.state {
            _ if last != Some(stage) => Status::Done,
            State::Succeeded => Status::Done,
            State::Failed | State::Canceled | State::Expired => Status::Stopped,
            State::Queued | State::Running | State::Canceling => Status::Current,
        };
        let own = measured.and_then(|stages| stages.iter().find(|own| own.stage == stage));
        let ms = own.map_or_else(|| until.ms_since(begun[index].1), |own| own.ms);
        // A stage that a model does not have takes no time.
        let is_empty = job.state == State::Succeeded && ms == 0;
        (!is_empty).then_some(Step {
            stage,
            status,
            ms: Some(ms),
        })
    });
    steps.collect()
}
