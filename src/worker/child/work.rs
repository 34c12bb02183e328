//! The work of a child process: one task from standard input.

use std::io::{self, BufReader};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use std::sync::mpsc::{Receiver, channel};

use super::journal::Asked;
use super::memory;
use super::message::{self, Answer, Message, Reply};
use super::report::Reports;
use super::task::{Task, Work};
use crate::checkpoint::regular_file;
use crate::job::queue;
use crate::model::device::{Device, cuda};
use crate::prune::admission::Kind;
use crate::prune::failure::{Code, Failure};
use crate::worker::panic::failure_of;
use crate::worker::pruner::{Core, Pruner};

/// Does the task on standard input. The outcome goes to standard output, and so does a failure: an error means that nobody wrote
/// a task.
///
/// # Errors
/// Returns an error if standard input holds no task.
pub fn work() -> io::Result<()> {
    memory::confine();
    let mut input = BufReader::new(io::stdin());
    let task = message::read::<Task>(&mut input)?.ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "this command is started by a service and reads a task from standard input",
        )
    })?;
    let reports = Reports::new();
    let replies = listen(input);
    // A panic in the core is a failure with a message, like in any other process.
    let done = catch_unwind(AssertUnwindSafe(|| run(task, &reports, replies)));
    let outcome = match done.unwrap_or_else(|panic| Err(failure_of(panic.as_ref()))) {
        Ok(answer) => Message::Done(answer),
        Err(failure) => Message::Failed(failure),
    };
    reports.send(&outcome);
    Ok(())
}

/// Passes the replies of the parent on. Ends this process if the parent closes its end, which it also does by ending.
fn listen(mut input: BufReader<io::Stdin>) -> Receiver<Reply> {
    let (sender, replies) = channel();
    std::thread::spawn(move || {
        while let Ok(Some(reply)) = message::read(&mut input) {
            // The task may have ended without waiting for a reply.
            let _ = sender.send(reply);
        }
        std::process::exit(1);
    });
    replies
}

fn run(task: Task, reports: &Reports, replies: Receiver<Reply>) -> Result<Answer, Failure> {
    let Task {
        work,
        device,
        readable,
    } = task;
    regular_file::allow_only(&readable);
    match work {
        Work::Open { path, kind } => {
            memory::limit(memory::opening(&path, kind));
            let core = Core(Device::Cpu);
            core.open(&path, kind, reports).map(|()| Answer::Opened)
        }
        Work::Inspect { path, mapping } => {
            memory::limit(memory::opening(&path, Kind::Data));
            let inspection = Core(Device::Cpu).inspect(&path, &mapping, reports)?;
            Ok(Answer::Inspected(Box::new(inspection)))
        }
        Work::Estimate { places, recipe } => {
            let places = places.on(Device::Cpu);
            memory::limit(memory::reading(&places));
            let plan = opened(device)?.estimate(&places, &recipe, reports)?;
            Ok(Answer::Plan(Box::new(plan)))
        }
        Work::Run {
            places,
            recipe,
            exchange,
        } => {
            let places = places.on(Device::Cpu);
            memory::limit(memory::reading(&places));
            let asked = Asked {
                reports,
                replies: Mutex::new(replies),
                exchange,
                files: AtomicU64::new(0),
            };
            let report = opened(device)?.run(&places, &recipe, &asked, reports)?;
            Ok(Answer::Report(Box::new(report)))
        }
    }
}

/// Returns the core on a device.
fn opened(device: queue::Device) -> Result<Core, Failure> {
    match device {
        queue::Device::Cpu => Ok(Core(Device::Cpu)),
        queue::Device::Cuda => cuda()
            .map(Core)
            .map_err(|reason| Failure::new(Code::Internal, reason)),
    }
}
