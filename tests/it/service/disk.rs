//! The service's disk is full for a while: what it refuses, what it keeps, and that it goes on.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::kill::folder;
use super::process::{Client, Server, request, until};

/// `optin serve` whose data folder is a file system of its own that holds so little.
fn on_a_small_disk(data: &Path, root: &Path) -> (Server, PathBuf) {
    let script = "mount -t tmpfs -o size=24m tmpfs \"$1\" && shift && exec \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c", script, "sh"]);
    command.arg(data).arg(env!("CARGO_BIN_EXE_optin"));
    command.args(["serve", "--listen", "127.0.0.1:0", "--log-format", "json"]);
    command.arg("--data-dir").arg(data);
    let server = Server::launch(command.arg("--source-root").arg(root));
    // The same folder, seen from outside of the server's name space.
    let seen = PathBuf::from(format!("/proc/{}/root", server.id()));
    let inside = seen.join(data.strip_prefix("/").unwrap());
    (server, inside)
}

/// Takes all the room that there is.
fn fill(file: &Path) {
    use std::io::Write;
    let mut file = std::fs::File::create(file).unwrap();
    for bytes in [1 << 16, 1 << 10, 1] {
        let piece = vec![0; bytes];
        while file.write_all(&piece).is_ok() {}
    }
}

#[test]
fn a_disk_that_was_full_is_used_again_as_soon_as_there_is_room() {
    let folder = folder();
    let client = Client::new();
    let data = folder.root.path().join("small");
    std::fs::create_dir(&data).unwrap();
    let (server, inside) = on_a_small_disk(&data, folder.root.path());
    let jobs = format!("{}/v1/jobs", server.url);
    let first = client.create(&server, &folder);
    assert_eq!(client.ended(&server, &first)["state"], "succeeded");
    let filler = inside.join("filler");
    fill(&filler);
    // Room that the database had taken before is used up first: what is accepted until then is kept.
    let mut accepted = Vec::new();
    until("the database is full", || {
        let (status, answer) = client.post(&jobs, &request(&folder));
        match status {
            202 => {
                accepted.push(answer["id"].as_str().unwrap().to_owned());
                false
            }
            507 => {
                assert_eq!(answer["code"], "storage_full", "{answer}");
                true
            }
            _ => panic!("{status}: {answer}"),
        }
    });
    assert_eq!(client.status(&format!("{}/readyz", server.url)), 503);
    // What is there can be read.
    assert_eq!(client.get(&format!("{jobs}/{first}"))["state"], "succeeded");
    std::fs::remove_file(&filler).unwrap();
    assert_eq!(client.status(&format!("{}/readyz", server.url)), 200);
    accepted.push(client.create(&server, &folder));
    for id in accepted {
        let job = client.ended(&server, &id);
        assert_eq!(job["state"], "succeeded", "{job}");
    }
}
