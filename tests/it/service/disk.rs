//! A temporarily full disk: the service rejects new jobs, keeps accepted jobs, and recovers.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::kill::folder;
use super::process::{Client, Server, request, wait_until};

/// Starts `optin serve` with its data folder on a separate file system of 24 MiB.
///
/// Returns the server and the path of the data folder as the test sees it.
fn on_a_small_disk(data: &Path, root: &Path) -> (Server, PathBuf) {
    let script = "mount -t tmpfs -o size=24m tmpfs \"$1\" && shift && exec \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c", script, "sh"]);
    command.arg(data).arg(env!("CARGO_BIN_EXE_optin"));
    command.args(["serve", "--listen", "127.0.0.1:0", "--log-format", "json"]);
    command.arg("--data-dir").arg(data);
    let server = Server::launch(command.arg("--source-root").arg(root));
    // The path of the data folder from outside the server's mount namespace.
    let server_root = PathBuf::from(format!("/proc/{}/root", server.id()));
    let inside = server_root.join(data.strip_prefix("/").unwrap());
    (server, inside)
}

/// Writes to a file until the disk is full.
fn fill(file: &Path) {
    use std::io::Write;
    let mut file = std::fs::File::create(file).unwrap();
    for bytes in [1 << 16, 1 << 10, 1] {
        let piece = vec![0; bytes];
        while file.write_all(&piece).is_ok() {}
    }
}

#[test]
fn a_service_accepts_jobs_again_when_a_full_disk_has_free_space() {
    let folder = folder();
    let client = Client::new();
    let data = folder.root.path().join("small");
    std::fs::create_dir(&data).unwrap();
    let (server, inside) = on_a_small_disk(&data, folder.root.path());
    let jobs = format!("{}/v1/jobs", server.url);
    let first = client.create(&server, &folder);
    assert_eq!(
        client.wait_until_finished(&server, &first)["state"],
        "succeeded"
    );
    let filler = inside.join("filler");
    fill(&filler);
    // The database first uses space that it has already allocated. Jobs that it accepts until then are kept.
    let mut accepted = Vec::new();
    wait_until("the database is full", || {
        let (status, response) = client.post(&jobs, &request(&folder));
        match status {
            202 => {
                accepted.push(response["id"].as_str().unwrap().to_owned());
                false
            }
            507 => {
                assert_eq!(response["code"], "storage_full", "{response}");
                true
            }
            _ => panic!("{status}: {response}"),
        }
    });
    assert_eq!(client.status(&format!("{}/readyz", server.url)), 503);
    // Stored jobs can still be read.
    assert_eq!(client.get(&format!("{jobs}/{first}"))["state"], "succeeded");
    std::fs::remove_file(&filler).unwrap();
    assert_eq!(client.status(&format!("{}/readyz", server.url)), 200);
    accepted.push(client.create(&server, &folder));
    for id in accepted {
        let job = client.wait_until_finished(&server, &id);
        assert_eq!(job["state"], "succeeded", "{job}");
    }
}
