//! On what a process works, and for what a service accepts jobs.

use serde_json::json;

use super::process::{Client, Server, optin, request};
use crate::fixture::bert::Tiny;
use crate::fixture::folder::Folder;

#[test]
fn a_service_accepts_jobs_for_the_devices_of_workers_elsewhere() {
    let folder = Folder::new(Tiny::default());
    let client = Client::new();
    let devices = |flags: &[&str]| {
        let data = folder.root.path().join(format!("data-{}", flags.len()));
        let mut command = optin();
        command.args(["serve", "--listen", "127.0.0.1:0", "--log-format", "json"]);
        command.arg("--data-dir").arg(data).args(flags);
        command.arg("--source-root").arg(folder.root.path());
        let server = Server::launch(&mut command);
        let capabilities = client.get(&format!("{}/v1/capabilities", server.url));
        let mut job = request(&folder);
        job["device"] = json!("cuda");
        let (status, answer) = client.post(&format!("{}/v1/jobs", server.url), &job);
        (capabilities["devices"].clone(), status, answer)
    };
    let (known, status, answer) = devices(&[]);
    assert_eq!((known, status), (json!(["cpu"]), 422));
    assert_eq!(answer["errors"][0]["pointer"], "/device", "{answer}");
    let (known, status, answer) = devices(&["--workers", "0", "--remote-devices", "cuda"]);
    assert_eq!((known, status), (json!(["cuda"]), 202));
    assert_eq!(
        (&answer["device"], &answer["state"]),
        (&json!("cuda"), &json!("queued"))
    );
    let (known, status, _) = devices(&["--remote-devices", "cuda,cpu"]);
    assert_eq!((known, status), (json!(["cpu", "cuda"]), 202));
}

#[cfg(not(feature = "cuda"))]
#[test]
fn a_build_without_cuda_says_so_before_anything_is_read() {
    let mut prune = optin();
    prune.args([
        "prune",
        "--device",
        "cuda",
        "--model",
        "none",
        "--calibration",
        "none",
    ]);
    prune.args(["--target", "60%", "--out", "none"]);
    let mut worker = optin();
    worker.args(["serve", "--device", "cuda", "--listen", "127.0.0.1:0"]);
    let data = tempfile::tempdir().unwrap();
    worker.arg("--data-dir").arg(data.path());
    for command in [&mut prune, &mut worker] {
        let output = command.output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("--features cuda"), "{said}");
    }
}
