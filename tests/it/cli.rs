//! Behaviors that all commands of the command line share.

use std::process::Command;

/// Returns the names under "Commands:" in the help of a command.
///
/// In a build with debug assertions, such as a test build, the command panics if two of its flags conflict.
fn commands(path: &[String]) -> Vec<String> {
    let run = Command::new(env!("CARGO_BIN_EXE_optin"))
        .args(path)
        .arg("--help")
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "optin {}: {errors}", path.join(" "));
    let help = String::from_utf8(run.stdout).unwrap();
    assert!(help.contains("Usage: optin"), "{help}");
    let Some((_, listed)) = help.split_once("\nCommands:\n") else {
        return Vec::new();
    };
    let lines = listed.lines().take_while(|line| !line.is_empty());
    let names = lines.filter_map(|line| line.split_whitespace().next());
    names
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}

#[test]
fn each_command_has_help_and_no_conflicting_flags() {
    let mut paths = vec![Vec::new()];
    let mut seen = 0;
    while let Some(path) = paths.pop() {
        seen += 1;
        for name in commands(&path) {
            paths.push([path.clone(), vec![name]].concat());
        }
    }
    assert!(seen > 15, "{seen} commands");
}

/// The test triggers a panic with `TOKIO_WORKER_THREADS=0`: the Tokio runtime panics if it has no threads.
#[test]
fn a_panic_prints_one_line_unless_a_backtrace_is_requested() {
    let panicked = |backtrace: &str| {
        let run = Command::new(env!("CARGO_BIN_EXE_optin"))
            .args(["status", "job"])
            .env("TOKIO_WORKER_THREADS", "0")
            .env("RUST_BACKTRACE", backtrace)
            .output()
            .unwrap();
        assert_eq!(run.status.code(), Some(1));
        assert!(run.stdout.is_empty());
        String::from_utf8(run.stderr).unwrap()
    };
    let short = panicked("0");
    assert!(
        short.starts_with("error: internal error in optin") && short.lines().count() == 1,
        "{short}"
    );
    assert!(short.contains("please report it"), "{short}");
    let long = panicked("1");
    assert!(long.lines().count() > 5 && long.contains("main"), "{long}");
}
