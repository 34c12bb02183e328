//! The command line as a whole.

use std::process::Command;

/// The names under "Commands:" of a command's help. A build with debug assertions, as tests have, ends in a
/// panic where two flags of a command are in each other's way.
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
fn each_command_has_help_and_flags_that_agree() {
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

/// The runtime refuses to start with no threads, by a panic: as good a fault as any.
#[test]
fn a_panic_is_one_sentence_unless_a_backtrace_is_asked_for() {
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
    let told = panicked("0");
    assert!(
        told.starts_with("error: internal error in optin") && told.lines().count() == 1,
        "{told}"
    );
    assert!(told.contains("please report it"), "{told}");
    let asked = panicked("1");
    assert!(
        asked.lines().count() > 5 && asked.contains("main"),
        "{asked}"
    );
}
