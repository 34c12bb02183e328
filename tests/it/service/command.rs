//! The command line: results on standard output, errors on standard error, and documented exit codes.

use serde_json::Value;
use std::process::Command;

use super::process::{optin, run, text};
use crate::fixture::bert::Tiny;
use crate::fixture::folder::Folder;

fn prune(folder: &Folder, target: &str, out: &str) -> Command {
    let mut command = optin();
    command
        .arg("prune")
        .arg("--model")
        .arg(folder.model())
        .arg("--calibration")
        .arg(folder.calibration());
    command.arg("--evaluation").arg(folder.evaluation()).args([
        "--target",
        target,
        "--tolerance",
        "3%",
        "--scoring-samples",
        "8",
    ]);
    command.arg("--out").arg(folder.root.path().join(out));
    command
}

#[test]
fn prune_prints_a_table_or_one_json_object() {
    let folder = Folder::new(Tiny::default());
    let table = run(&mut prune(&folder, "60%", "a"));
    let output = text(&table.stdout);
    assert!(table.status.success(), "{}", text(&table.stderr));
    for word in [
        "before",
        "after",
        "MACs per row",
        "accuracy (64 rows)",
        "±",
        "faster",
        "written to",
    ] {
        assert!(output.contains(word), "{output}");
    }
    let json = run(prune(&folder, "60%", "b").arg("--json"));
    let report: Value = serde_json::from_slice(&json.stdout).expect("one JSON object");
    assert_eq!(report["architecture"], "bert");
}

#[test]
fn exit_codes_depend_on_the_kind_of_error() {
    let folder = Folder::new(Tiny::default());
    for (target, code, word) in [
        ("60", 2, "no % sign"),
        ("0%", 2, "between 0% and 100%"),
        ("100%", 2, "KEEP"),
        ("0.01%", 3, "or more"),
    ] {
        let ended = run(&mut prune(&folder, target, "out"));
        let output = text(&ended.stderr);
        assert_eq!(ended.status.code(), Some(code), "{output}");
        assert!(
            output.starts_with("error: ") && output.contains(word),
            "{output}"
        );
        assert!(ended.stdout.is_empty() && !folder.root.path().join("out").exists());
    }
    let missing = run(prune(&folder, "60%", "out").arg("--text").arg("sentence"));
    assert_eq!(missing.status.code(), Some(1));
    assert!(text(&missing.stderr).contains("no column \"sentence\""));
    assert_eq!(run(optin().arg("prune")).status.code(), Some(2));
    assert_eq!(run(optin().arg("frobnicate")).status.code(), Some(2));
}

#[test]
fn inspect_prints_the_reachable_targets() {
    let folder = Folder::new(Tiny::default());
    let inspected = run(optin().arg("inspect").arg(folder.model()));
    let output = text(&inspected.stdout);
    for word in [
        "bert",
        "13,383",
        "encoder.layer.2.neurons",
        "reachable targets",
    ] {
        assert!(output.contains(word), "{output}");
    }
    let json = run(optin()
        .args(["inspect", "--json", "--length", "10"])
        .arg(folder.model()));
    let inspection: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(
        (&inspection["parameters"], &inspection["length"]),
        (&Value::from(13_383), &Value::from(10))
    );
    assert_eq!(inspection["groups"].as_array().unwrap().len(), 9);
}

#[test]
fn serve_rejects_public_addresses_without_keys_unknown_stores_and_a_second_process() {
    let folder = tempfile::tempdir().unwrap();
    let serve = |arguments: &[&str]| {
        let ended = run(optin()
            .arg("serve")
            .arg("--data-dir")
            .arg(folder.path().join("data"))
            .args(arguments));
        (ended.status.code(), text(&ended.stderr))
    };
    for (arguments, word) in [
        (["--listen=0.0.0.0:0", "--keys=off"], "--keys required"),
        (
            ["--database-url", "mysql://user:secret@host/db"],
            "postgres://",
        ),
        (
            ["--storage-url", "gs://bucket/prefix"],
            "s3://bucket/prefix",
        ),
    ] {
        let (code, output) = serve(&arguments);
        assert!(
            code == Some(2) && output.contains(word) && !output.contains("secret"),
            "{code:?} {output}"
        );
    }
    let server = super::process::Server::start(&folder.path().join("data"), folder.path());
    let (code, output) = serve(&["--listen", "127.0.0.1:0"]);
    assert!(
        code == Some(1) && output.contains("in use by another process"),
        "{code:?} {output}"
    );
    drop(server);
}

#[test]
fn submit_wait_status_and_download_use_the_given_server() {
    let folder = Folder::new(Tiny::default());
    let server =
        super::process::Server::start(&folder.root.path().join("data"), folder.root.path());
    let submitted = run(optin()
        .args([
            "submit",
            "--server",
            &server.url,
            "--target",
            "60%",
            "--tolerance",
            "3%",
        ])
        .arg("--model")
        .arg(folder.model())
        .arg("--calibration")
        .arg(folder.calibration()));
    let id = text(&submitted.stdout).trim().to_owned();
    assert!(id.starts_with("job_"), "{}", text(&submitted.stderr));
    let waited = run(optin().args(["wait", "--server", &server.url, &id]));
    assert!(
        waited.status.success() && text(&waited.stdout).contains("MACs per row"),
        "{}",
        text(&waited.stderr)
    );
    assert_eq!(
        text(&run(optin().args(["status", "--server", &server.url, &id])).stdout).trim(),
        "succeeded"
    );
    let out = folder.root.path().join("downloaded");
    let downloaded = run(optin()
        .args(["download", "--server", &server.url, &id, "--out"])
        .arg(&out));
    assert!(downloaded.status.success(), "{}", text(&downloaded.stderr));
    assert!(out.join("model.safetensors").is_file() && out.join("SHA256SUMS").is_file());
    let unknown = run(optin().args([
        "status",
        "--server",
        &server.url,
        "job_0190c5a8-7c1e-7f3a-9d56-3f1d2b7a4c10",
    ]));
    assert!(unknown.status.code() == Some(1) && text(&unknown.stderr).contains("not found"));
    let unreachable = run(optin().args(["status", "--server", "http://127.0.0.1:9", &id]));
    assert!(
        unreachable.status.code() == Some(1)
            && text(&unreachable.stderr).contains("could not connect to the server")
    );
}

#[test]
fn doctor_reports_the_state_of_each_check() {
    let folder = tempfile::tempdir().unwrap();
    let doctor = |arguments: &[&str]| {
        let mut command = optin();
        command.args(["doctor", "--json", "--hub-endpoint", "http://127.0.0.1:9"]);
        command.arg("--data-dir").arg(folder.path().join("data"));
        let ended = run(command.args(arguments));
        let found: Value = serde_json::from_slice(&ended.stdout).unwrap();
        let states: std::collections::BTreeMap<String, String> = found["checks"]
            .as_array()
            .unwrap()
            .iter()
            .map(|check| {
                let text = |name: &str| check[name].as_str().unwrap().to_owned();
                (text("check"), text("state"))
            })
            .collect();
        (
            ended.status.code(),
            found["healthy"].as_bool().unwrap(),
            states,
        )
    };
    let (code, healthy, states) = doctor(&[]);
    assert!(code == Some(0) && healthy, "{states:?}");
    assert_eq!(
        (states["database"].as_str(), states["hub"].as_str()),
        ("ok", "warning")
    );
    let (code, healthy, states) = doctor(&["--database-url", "postgres://optin@127.0.0.1:1/jobs"]);
    assert!(code == Some(1) && !healthy, "{states:?}");
    assert_eq!(
        (
            states["database"].as_str(),
            states["artifact store"].as_str()
        ),
        ("failed", "ok")
    );
    let bucket = crate::fixture::bucket::options();
    let url = format!("s3://{}/{}", bucket.bucket, bucket.prefix);
    let endpoint = bucket.endpoint.unwrap();
    let keys = [
        "--s3-access-key-id",
        &bucket.keys.unwrap().id,
        "--s3-secret-access-key",
        &crate::fixture::bucket::secret(),
    ];
    let arguments = [
        &["--storage-url", &url, "--s3-endpoint", &endpoint][..],
        &keys,
    ]
    .concat();
    assert_eq!(doctor(&arguments).2["download URLs"], "ok");
    let unreachable = [
        &arguments[..],
        &["--s3-public-endpoint", "http://127.0.0.1:9"],
    ]
    .concat();
    let (_, healthy, states) = doctor(&unreachable);
    assert!(
        !healthy && states["download URLs"] == "failed",
        "{states:?}"
    );
}
