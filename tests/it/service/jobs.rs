//! The commands `upload`, `submit`, `list` and `cancel`.

use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

use super::process::{Client, Server, optin, run, text};
use crate::fixture::bert::Tiny;
use crate::fixture::folder::Folder;

/// Starts a service without workers.
fn server_without_workers(folder: &Path) -> Server {
    let mut command = optin();
    command.args(["serve", "--workers", "0", "--listen", "127.0.0.1:0"]);
    command.args(["--log-format", "json", "--source-root"]);
    command.arg(folder).arg("--data-dir");
    Server::launch(command.arg(folder.join("data")))
}

fn call(server: &Server, arguments: &[&str]) -> Output {
    run(optin().args(arguments).env("OPTIN_SERVER", &server.url))
}

/// Runs a command that must succeed, and returns its trimmed standard output.
fn stdout_of(server: &Server, arguments: &[&str]) -> String {
    let ended = call(server, arguments);
    assert!(ended.status.success(), "{}", text(&ended.stderr));
    text(&ended.stdout).trim().to_owned()
}

/// Runs a command that must print nothing to standard output. Returns its exit code and standard error.
fn error_of(server: &Server, arguments: &[&str]) -> (Option<i32>, String) {
    let ended = call(server, arguments);
    assert!(ended.stdout.is_empty(), "{}", text(&ended.stdout));
    (ended.status.code(), text(&ended.stderr))
}

/// Archives the contents of the model folder.
fn archive(folder: &Folder) -> String {
    let path = folder.root.path().join("model.tar");
    let mut command = Command::new("tar");
    command.arg("-cf").arg(&path);
    command.arg("-C").arg(folder.model()).arg(".");
    assert!(command.status().unwrap().success());
    path.display().to_string()
}

#[test]
fn uploads_become_jobs_that_are_listed_and_canceled() {
    let folder = Folder::new(Tiny::default());
    let server = server_without_workers(folder.root.path());
    let model = stdout_of(&server, &["upload", &archive(&folder)]);
    let data = folder.calibration().display().to_string();
    let data = stdout_of(&server, &["upload", &data]);
    assert!(model.starts_with("upload://upl_") && data.starts_with("upload://upl_"));
    let mut submit = vec!["submit", "--model", &model, "--calibration", &data];
    submit.extend(["--tolerance", "3%", "--target"]);
    let older = stdout_of(&server, &[&submit[..], &["60%"]].concat());
    let newer = stdout_of(&server, &[&submit[..], &["50%"]].concat());

    let listed = stdout_of(&server, &["list"]);
    let lines: Vec<&str> = listed.lines().collect();
    assert_eq!(lines.len(), 2, "{listed}");
    assert!(
        lines[0].starts_with(&newer) && lines[1].starts_with(&older),
        "{listed}"
    );
    for word in ["queued", "60% flops", model.as_str()] {
        assert!(lines[1].contains(word), "{listed}");
    }
    assert!(stdout_of(&server, &["list", "--limit", "1"]).starts_with(&newer));

    assert_eq!(stdout_of(&server, &["cancel", &older]), "canceled");
    assert_eq!(stdout_of(&server, &["cancel", &older]), "canceled");
    let states = ["list", "--state", "canceled", "--state", "failed", "--json"];
    let jobs: Value = serde_json::from_str(&stdout_of(&server, &states)).expect("one JSON object");
    let jobs = jobs["data"].as_array().unwrap();
    assert_eq!((jobs.len(), jobs[0]["id"].as_str()), (1, Some(&*older)));
    assert!(stdout_of(&server, &["list", "--state", "queued"]).starts_with(&newer));
    assert_eq!(stdout_of(&server, &["list", "--state", "running"]), "");
    let (code, error) = error_of(&server, &["wait", &older]);
    assert!(code == Some(1) && error.contains("is canceled"), "{error}");
}

#[test]
fn a_list_can_be_longer_than_a_page() {
    let folder = Folder::new(Tiny::default());
    let server = server_without_workers(folder.root.path());
    let client = Client::new();
    for _ in 0..103 {
        client.create(&server, &folder);
    }
    let count = |limit: &str| {
        stdout_of(&server, &["list", "--limit", limit])
            .lines()
            .count()
    };
    assert_eq!((count("102"), count("1000")), (102, 103));
}

#[test]
fn invalid_uploads_lists_and_cancellations_have_specific_errors() {
    let folder = tempfile::tempdir().unwrap();
    let server = server_without_workers(folder.path());
    let file = |name: &str, content: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.display().to_string()
    };
    let directory = folder.path().display().to_string();
    let absent = folder.path().join("absent.tsv").display().to_string();
    for (path, code, word) in [
        (&*directory, 2, "tar -cf model.tar"),
        ("/dev/null", 2, "not a regular file"),
        (&*absent, 1, "absent.tsv"),
        (&*file("notes.txt", "text"), 1, ".tar"),
        (&*file("empty.tsv", ""), 1, "between 1 and"),
        (&*file("model.tar", "no archive"), 1, "archive"),
    ] {
        let (found, error) = error_of(&server, &["upload", path]);
        assert!(
            found == Some(code) && error.contains(word),
            "{path}: {error}"
        );
    }
    let unknown = "job_0190c5a8-7c1e-7f3a-9d56-3f1d2b7a4c10";
    let (code, error) = error_of(&server, &["cancel", unknown]);
    assert!(code == Some(1) && error.contains("not found"), "{error}");
    let (code, error) = error_of(&server, &["list", "--state", "asleep"]);
    assert!(
        code == Some(2) && error.contains("possible values: queued"),
        "{error}"
    );
    let upload = ["upload", "--server", "http://127.0.0.1:9"];
    let data = file("data.tsv", "text\nwords\n");
    let (code, error) = error_of(&server, &[&upload[..], &[data.as_str()]].concat());
    assert!(
        code == Some(1) && error.contains("could not connect to the server"),
        "{error}"
    );
}
