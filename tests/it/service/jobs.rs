//! The commands that send files in, list jobs and cancel them.

use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

use super::process::{Client, Server, optin, run, text};
use crate::fixture::bert::Tiny;
use crate::fixture::folder::Folder;

/// A service that runs no jobs.
fn idle(folder: &Path) -> Server {
    let mut command = optin();
    command.args(["serve", "--workers", "0", "--listen", "127.0.0.1:0"]);
    command.args(["--log-format", "json", "--source-root"]);
    command.arg(folder).arg("--data-dir");
    Server::launch(command.arg(folder.join("data")))
}

fn call(server: &Server, arguments: &[&str]) -> Output {
    run(optin().args(arguments).env("OPTIN_SERVER", &server.url))
}

/// The one line that a command prints.
fn said(server: &Server, arguments: &[&str]) -> String {
    let ended = call(server, arguments);
    assert!(ended.status.success(), "{}", text(&ended.stderr));
    text(&ended.stdout).trim().to_owned()
}

/// The exit code and the error of a command.
fn failed(server: &Server, arguments: &[&str]) -> (Option<i32>, String) {
    let ended = call(server, arguments);
    assert!(ended.stdout.is_empty(), "{}", text(&ended.stdout));
    (ended.status.code(), text(&ended.stderr))
}

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
    let server = idle(folder.root.path());
    let model = said(&server, &["upload", &archive(&folder)]);
    let data = folder.calibration().display().to_string();
    let data = said(&server, &["upload", &data]);
    assert!(model.starts_with("upload://upl_") && data.starts_with("upload://upl_"));
    let mut submit = vec!["submit", "--model", &model, "--calibration", &data];
    submit.extend(["--tolerance", "3%", "--target"]);
    let older = said(&server, &[&submit[..], &["60%"]].concat());
    let newer = said(&server, &[&submit[..], &["50%"]].concat());

    let listed = said(&server, &["list"]);
    let lines: Vec<&str> = listed.lines().collect();
    assert_eq!(lines.len(), 2, "{listed}");
    assert!(
        lines[0].starts_with(&newer) && lines[1].starts_with(&older),
        "{listed}"
    );
    for word in ["queued", "60% flops", model.as_str()] {
        assert!(lines[1].contains(word), "{listed}");
    }
    assert!(said(&server, &["list", "--limit", "1"]).starts_with(&newer));

    assert_eq!(said(&server, &["cancel", &older]), "canceled");
    assert_eq!(said(&server, &["cancel", &older]), "canceled");
    let states = ["list", "--state", "canceled", "--state", "failed", "--json"];
    let jobs: Value = serde_json::from_str(&said(&server, &states)).expect("one JSON object");
    let jobs = jobs["data"].as_array().unwrap();
    assert_eq!((jobs.len(), jobs[0]["id"].as_str()), (1, Some(&*older)));
    assert!(said(&server, &["list", "--state", "queued"]).starts_with(&newer));
    assert_eq!(said(&server, &["list", "--state", "running"]), "");
    let (code, why) = failed(&server, &["wait", &older]);
    assert!(code == Some(1) && why.contains("is canceled"), "{why}");
}

#[test]
fn a_list_may_be_longer_than_a_page() {
    let folder = Folder::new(Tiny::default());
    let server = idle(folder.root.path());
    let client = Client::new();
    for _ in 0..103 {
        client.create(&server, &folder);
    }
    let count = |limit: &str| said(&server, &["list", "--limit", limit]).lines().count();
    assert_eq!((count("102"), count("1000")), (102, 103));
}

#[test]
fn what_cannot_be_uploaded_or_canceled_is_an_error_with_its_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let server = idle(folder.path());
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
        let (found, why) = failed(&server, &["upload", path]);
        assert!(found == Some(code) && why.contains(word), "{path}: {why}");
    }
    let nobody = "job_0190c5a8-7c1e-7f3a-9d56-3f1d2b7a4c10";
    let (code, why) = failed(&server, &["cancel", nobody]);
    assert!(code == Some(1) && why.contains("not found"), "{why}");
    let (code, why) = failed(&server, &["list", "--state", "asleep"]);
    assert!(
        code == Some(2) && why.contains("possible values: queued"),
        "{why}"
    );
    let upload = ["upload", "--server", "http://127.0.0.1:9"];
    let data = file("data.tsv", "text\nwords\n");
    let (code, why) = failed(&server, &[&upload[..], &[data.as_str()]].concat());
    assert!(
        code == Some(1) && why.contains("could not connect to the server"),
        "{why}"
    );
}
