//! Devices: those that a process uses, and those that a service accepts jobs for.

use serde_json::json;

use super::process::{Client, Server, optin, request};
use crate::fixture::bert::Tiny;
use crate::fixture::folder::Folder;

#[test]
fn a_service_accepts_jobs_for_the_devices_of_remote_workers() {
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
        let (status, response) = client.post(&format!("{}/v1/jobs", server.url), &job);
        (capabilities["devices"].clone(), status, response)
    };
    let (listed, status, response) = devices(&[]);
    assert_eq!((listed, status), (json!(["cpu"]), 422));
    assert_eq!(response["errors"][0]["pointer"], "/device", "{response}");
    let (listed, status, response) = devices(&["--workers", "0", "--remote-devices", "cuda"]);
    assert_eq!((listed, status), (json!(["cuda"]), 202));
    assert_eq!(
        (&response["device"], &response["state"]),
        (&json!("cuda"), &json!("queued"))
    );
    let (listed, status, _) = devices(&["--remote-devices", "cuda,cpu"]);
    assert_eq!((listed, status), (json!(["cpu", "cuda"]), 202));
}

#[cfg(not(feature = "cuda"))]
#[test]
fn a_build_without_cuda_rejects_the_device_before_it_reads_any_file() {
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
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{errors}");
        assert!(errors.contains("--features cuda"), "{errors}");
    }
}
