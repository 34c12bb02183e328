//! Tests of the child process that runs the core: its results, its limits and its end.

use optin::job::queue::Device;
use optin::model::device::Device as CpuOrCuda;
use optin::prune::admission::Kind;
use optin::prune::failure::{Code, Failure};
use optin::prune::journal::{FolderJournal, NoJournal};
use optin::prune::plan::Plan;
use optin::prune::recipe::Mapping;
use optin::prune::report::Report;
use optin::prune::stage::Stage;
use optin::prune::watch::{Unwatched, Watch};
use optin::prune::{estimate, run};
use optin::worker::child::{COMMAND, Isolated, Program};
use optin::worker::pruner::{Core, Pruner};
use optin::worker::source::roots::Roots;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::fixture::bert::Tiny;
use crate::fixture::folder::Folder;
use crate::fixture::refusal::assert_says;
use crate::fixture::stopping::Stopping;

/// The core in child processes of the real binary.
fn isolated() -> Isolated {
    Isolated {
        program: Program {
            path: env!("CARGO_BIN_EXE_optin").into(),
            environment: vec![("RAYON_NUM_THREADS".into(), "2".into())],
        },
        device: Device::Cpu,
        roots: Roots::default(),
        max_preparing: Duration::from_secs(600),
    }
}

/// The core behind a shell script, which gets the path of the real binary as `$OPTIN`.
fn scripted(folder: &Path, script: &str) -> Isolated {
    let program = folder.join("child.sh");
    std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
    let environment = [
        ("OPTIN", env!("CARGO_BIN_EXE_optin")),
        ("PATH", "/usr/bin:/bin"),
    ];
    let environment = environment.map(|(name, value)| (name.into(), value.into()));
    Isolated {
        program: Program {
            path: program,
            environment: environment.to_vec(),
        },
        ..isolated()
    }
}

fn run_in(isolated: &Isolated, folder: &Folder, watch: &dyn Watch) -> Result<Report, Failure> {
    let (places, recipe) = (folder.places("out"), folder.recipe(0.5));
    isolated.run(&places, &recipe, &NoJournal, watch)
}

#[test]
fn a_child_returns_the_same_result_and_stage_cache_as_this_process() {
    let folder = Folder::new(Tiny::default());
    let recipe = folder.recipe(0.5);
    let caches = ["here", "there"].map(|name| folder.root.path().join(name));
    let journals = caches.each_ref().map(|path| FolderJournal::open(path));
    let [here, there] = journals.map(Result::unwrap);
    let alone = run(&folder.places("alone"), &recipe, &here, &Unwatched).unwrap();
    let watch = Stopping::at(usize::MAX);
    let places = folder.places("apart");
    let apart = isolated().run(&places, &recipe, &there, &watch).unwrap();
    assert_eq!(apart.size, alone.size);
    assert_eq!(apart.fidelity, alone.fidelity);
    assert_eq!(folder.weights("apart"), folder.weights("alone"));
    let stages: Vec<Stage> = apart.stages.iter().map(|stage| stage.stage).collect();
    assert_eq!(*watch.stages.lock().unwrap(), stages);
    let documents = |cache: &PathBuf| {
        let entries = std::fs::read_dir(cache).unwrap();
        let mut documents: Vec<(String, Vec<u8>)> = entries
            .map(|entry| entry.unwrap().path())
            .map(|path| {
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                (name, std::fs::read(path).unwrap())
            })
            .collect();
        documents.sort();
        documents
    };
    let [here, there] = caches.each_ref().map(documents);
    assert!(here.len() > 3);
    assert_eq!(here, there);
    assert!(!folder.root.path().join("apart.exchange").exists());
    // The next run finds its scores in the stage cache.
    let [_, cache] = &caches;
    let places = folder.places("again");
    let journal = FolderJournal::open(cache).unwrap();
    let again = isolated()
        .run(&places, &recipe, &journal, &Unwatched)
        .unwrap();
    let macs = |report: &Report| report.stages[Stage::Scoring as usize].macs;
    assert!(
        macs(&again) < macs(&apart) / 2,
        "{} {}",
        macs(&again),
        macs(&apart)
    );
    assert_eq!(folder.weights("again"), folder.weights("alone"));
}

#[test]
fn a_child_plans_jobs_and_opens_sources() {
    let folder = Folder::new(Tiny::default());
    let (places, recipe) = (folder.places("unused"), folder.recipe(0.5));
    let plan = isolated().estimate(&places, &recipe, &Unwatched).unwrap();
    let expected = estimate(&places, &recipe, &Unwatched).unwrap();
    let without_time = |plan| Plan {
        scoring_ms: 0,
        ..plan
    };
    assert_eq!(without_time(plan), without_time(expected));
    let open = |path: &Path, kind| isolated().open(path, kind, &Unwatched);
    open(&folder.model(), Kind::Model).unwrap();
    open(&folder.calibration(), Kind::Data).unwrap();
    let inspect = |pruner: &dyn Pruner| {
        pruner.inspect(&folder.calibration(), &Mapping::default(), &Unwatched)
    };
    let inspection = inspect(&isolated()).unwrap();
    assert_eq!(inspection.sample.len(), 3);
    assert_eq!(inspection, inspect(&Core(CpuOrCuda::Cpu)).unwrap());
    let failure = open(&folder.root.path().join("none"), Kind::Model).unwrap_err();
    assert_eq!(failure.code, Code::SourceNotFound, "{failure:?}");
    let unreachable = isolated()
        .estimate(&places, &folder.recipe(0.001), &Unwatched)
        .unwrap_err();
    assert_eq!(
        (unreachable.code, unreachable.stage),
        (Code::TargetUnreachable, Some(Stage::Planning))
    );
}

/// The weights of this model take 20 MB as stored, and as much as f32. The child may allocate 30 MB.
#[test]
fn a_child_without_memory_is_a_failure_that_says_so() {
    let folder = Folder::new(Tiny {
        vocabulary: 20_000,
        hidden: 256,
        ..Tiny::default()
    });
    let script = "ulimit -d 30000; exec \"$OPTIN\" \"$@\"";
    let isolated = scripted(folder.root.path(), script);
    let failure = run_in(&isolated, &folder, &Unwatched).unwrap_err();
    assert_eq!(
        (failure.code, failure.stage),
        (Code::OutOfMemory, Some(Stage::Preparing)),
        "{failure:?}"
    );
}

#[test]
fn a_child_that_ends_without_an_answer_is_a_failure() {
    let folder = Folder::new(Tiny::default());
    let stage = "echo '{\"stage\":\"scoring\"}'";
    for (script, code, stage) in [
        ("kill -SEGV $$".to_owned(), Code::Crashed, None),
        (
            format!("{stage}; kill -KILL $$"),
            Code::OutOfMemory,
            Some(Stage::Scoring),
        ),
        (
            format!("{stage}; exit 0"),
            Code::Crashed,
            Some(Stage::Scoring),
        ),
        (
            "echo unreadable; sleep 1000".to_owned(),
            Code::Crashed,
            None,
        ),
        (
            "echo 'memory allocation of 9 bytes failed' >&2; kill -ABRT $$".to_owned(),
            Code::OutOfMemory,
            None,
        ),
        (
            // As with a backtrace.
            "echo 'memory allocation of 9 bytes failed' >&2; head -c 20000 /dev/zero >&2; kill -ABRT $$"
                .to_owned(),
            Code::OutOfMemory,
            None,
        ),
    ] {
        let isolated = scripted(folder.root.path(), &script);
        let failure = run_in(&isolated, &folder, &Unwatched).unwrap_err();
        assert_eq!((failure.code, failure.stage), (code, stage), "{script}");
    }
}

/// A watch that asks to stop after some time.
struct Deadline(Instant);

impl Watch for Deadline {
    fn stage(&self, _: Stage) {}
    fn progress(&self, _: u64, _: u64) {}
    fn proceed(&self) -> Result<(), Failure> {
        match self.0.elapsed() > Duration::from_millis(300) {
            true => Err(Failure::new(Code::Canceled, "stop")),
            false => Ok(()),
        }
    }
}

#[test]
fn a_child_that_does_not_listen_is_killed_when_the_attempt_must_stop() {
    let folder = Folder::new(Tiny::default());
    let file = folder.root.path().join("id");
    let script = format!("echo $$ > {}; exec sleep 1000", file.display());
    let isolated = scripted(folder.root.path(), &script);
    let start = Instant::now();
    let failure = run_in(&isolated, &folder, &Deadline(start)).unwrap_err();
    assert_eq!(failure.code, Code::Canceled);
    assert!(start.elapsed() < Duration::from_secs(10));
    let id = std::fs::read_to_string(file).unwrap();
    assert!(!Path::new("/proc").join(id.trim()).exists());
}

#[test]
fn only_reading_has_a_time_limit_and_it_is_named() {
    let folder = Folder::new(Tiny::default());
    let stage = |name: &str| format!("echo '{{\"stage\":\"{name}\"}}'");
    let [preparing, planning] = ["preparing", "planning"].map(stage);
    let run = |script: String| {
        let isolated = Isolated {
            max_preparing: Duration::from_secs(1),
            ..scripted(folder.root.path(), &script)
        };
        run_in(&isolated, &folder, &Unwatched).unwrap_err()
    };
    for (script, stage) in [
        ("exec sleep 1000".to_owned(), None),
        (
            format!("{preparing}; exec sleep 1000"),
            Some(Stage::Preparing),
        ),
    ] {
        let failure = run(script);
        assert_eq!(failure.stage, stage);
        let words = ["longer than 1 s", "fewer rows", "--max-preparing"];
        assert_says(&failure, Code::LimitExceeded, &words);
    }
    let later = run(format!("{preparing}; {planning}; sleep 2; exit 0"));
    assert_eq!(
        (later.code, later.stage),
        (Code::Crashed, Some(Stage::Planning))
    );
}

/// A child notices the end of its parent although it is busy.
#[test]
fn a_child_ends_with_its_parent() {
    let folder = Folder::new(Tiny {
        layers: 4,
        ..Tiny::default()
    });
    let caught = folder.root.path().join("task");
    let script = format!("head -n 1 > {}", caught.display());
    let isolated = scripted(folder.root.path(), &script);
    run_in(&isolated, &folder, &Unwatched).unwrap_err();
    let task = std::fs::read(caught).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_optin"))
        .arg(COMMAND)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(&task).unwrap();
    drop(input);
    let start = Instant::now();
    while child.try_wait().unwrap().is_none() {
        assert!(start.elapsed() < Duration::from_secs(20));
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(!folder.root.path().join("out").exists());
}

#[test]
fn the_hidden_command_explains_itself() {
    let output = Command::new(env!("CARGO_BIN_EXE_optin"))
        .arg(COMMAND)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("started by a service"), "{error}");
}
