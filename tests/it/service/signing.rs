//! Signed results, of a service and of the command line.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use super::process::{Client, Server, optin, run, text};
use crate::fixture::bert::Tiny;
use crate::fixture::folder::Folder;

fn golden(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens/signature");
    folder.join(name)
}

/// Runs `optin verify` with the public key of the tests.
fn verify(folder: &Path) -> Output {
    let mut command = optin();
    command.arg("verify").arg(folder);
    run(command.arg("--public-key").arg(golden("plain.pub")))
}

/// Checks that the folder of a result passes, and not after a change of its checksums.
fn assert_signed(folder: &Path, about: &str) {
    let ended = verify(folder);
    let told = text(&ended.stdout);
    assert!(ended.status.success(), "{}", text(&ended.stderr));
    assert!(
        told.contains("the signature is right") && told.contains(about),
        "{told}"
    );
    // Without a key, the signature is not checked, and the checksums are.
    let unchecked = run(optin().arg("verify").arg(folder));
    assert!(
        text(&unchecked.stdout).contains("was not checked"),
        "{unchecked:?}"
    );
    // Whoever changes a file can write new checksums, but not sign them.
    let config = folder.join("config.json");
    let changed = format!("{}\n", fs::read_to_string(&config).unwrap());
    let old = optin::prune::digest::sha256_of(&config).unwrap();
    fs::write(&config, changed).unwrap();
    let new = optin::prune::digest::sha256_of(&config).unwrap();
    let sums = fs::read_to_string(folder.join("SHA256SUMS")).unwrap();
    fs::write(folder.join("SHA256SUMS"), sums.replace(&old, &new)).unwrap();
    let unchecked = run(optin().arg("verify").arg(folder));
    assert!(unchecked.status.success(), "{}", text(&unchecked.stderr));
    let ended = verify(folder);
    assert_eq!(ended.status.code(), Some(1));
    let told = text(&ended.stderr);
    assert!(told.contains("is not a signature of the file"), "{told}");
}

#[test]
fn a_service_signs_its_results() {
    let folder = Folder::new(Tiny::default());
    let root = folder.root.path();
    let mut command = optin();
    command.args(["serve", "--listen", "127.0.0.1:0", "--log-format", "json"]);
    command.arg("--data-dir").arg(root.join("data"));
    command.arg("--signing-key").arg(golden("plain.key"));
    let server = Server::launch(command.arg("--source-root").arg(root));
    let client = Client::new();
    let id = client.create(&server, &folder);
    assert_eq!(
        client.wait_until_finished(&server, &id)["state"],
        "succeeded"
    );
    let out = root.join("downloaded");
    let mut download = optin();
    download.args(["download", &id, "--server", &server.url, "--out"]);
    let ended = run(download.arg(&out));
    assert!(ended.status.success(), "{}", text(&ended.stderr));
    assert_signed(&out, &format!("job:{id}"));
}

#[test]
fn a_run_without_a_service_signs_its_result() {
    let folder = Folder::new(Tiny::default());
    let out = folder.root.path().join("out");
    let pruned = |key: &str| {
        let mut command = optin();
        command.args([
            "prune",
            "--target",
            "60%",
            "--tolerance",
            "10%",
            "--max-samples",
            "32",
        ]);
        command.arg("--model").arg(folder.model());
        command.arg("--calibration").arg(folder.calibration());
        command.arg("--signing-key").arg(golden(key));
        run(command.arg("--out").arg(&out))
    };
    // A wrong key is an error before any work.
    let ended = pruned("plain.pub");
    assert_eq!(ended.status.code(), Some(2), "{}", text(&ended.stderr));
    assert!(!out.exists());
    let ended = pruned("plain.key");
    assert!(ended.status.success(), "{}", text(&ended.stderr));
    assert_signed(&out, "file:SHA256SUMS");
}
