//! API keys on the command line. The log and the stored data never contain their secrets.

use optin::job::key::KeyScope;
use serde_json::Value;
use std::process::{Command, Stdio};
use strum::VariantArray;

use super::process::{Running, optin, run, text, wait_until};

fn keys(data: &std::path::Path) -> Command {
    let mut command = optin();
    command.arg("keys").arg("--data-dir").arg(data);
    command
}

#[test]
fn the_help_lists_all_scopes_and_storage_flags_may_follow_the_subcommand() {
    let folder = tempfile::tempdir().unwrap();
    let help = text(&run(optin().args(["keys", "create", "--help"])).stdout);
    for scope in KeyScope::VARIANTS {
        assert!(
            help.contains(&format!("- {}:", scope.as_str())),
            "{scope:?} {help}"
        );
        let mut create = optin();
        create.args(["keys", "create", "--tenant", "team", "--name", "laptop"]);
        create.args(["--scope", scope.as_str(), "--data-dir"]);
        let created = run(create.arg(folder.path()));
        assert!(
            text(&created.stdout).starts_with("optk_"),
            "{}",
            text(&created.stderr)
        );
    }
    let listed = text(&run(keys(folder.path()).arg("list")).stdout);
    assert_eq!(listed.lines().count(), KeyScope::VARIANTS.len(), "{listed}");
}

#[test]
fn a_key_grants_access_and_its_secret_is_not_logged_or_stored() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let create = [
        "create", "--tenant", "team", "--name", "laptop", "--scope", "admin",
    ];
    let created = run(keys(&data)
        .args(create)
        .args(["--expires", "90d", "--json"]));
    let created: Value = serde_json::from_slice(&created.stdout)
        .unwrap_or_else(|_| panic!("{}", text(&created.stderr)));
    let (key, id) = (
        created["key"].as_str().unwrap(),
        created["id"].as_str().unwrap(),
    );
    let secret = key.rsplit_once('_').unwrap().1;
    let listed = text(&run(keys(&data).arg("list")).stdout);
    assert!(
        listed.contains(id) && listed.contains("laptop") && !listed.contains(secret),
        "{listed}"
    );

    let log = folder.path().join("log");
    let serve = optin()
        .args([
            "serve",
            "--keys",
            "required",
            "--listen",
            "127.0.0.1:0",
            "--log",
            "trace",
            "--log-format",
            "json",
        ])
        .arg("--data-dir")
        .arg(&data)
        .stderr(Stdio::from(std::fs::File::create(&log).unwrap()))
        .spawn()
        .unwrap();
    let server = Running(serve);
    let read_log = || std::fs::read_to_string(&log).unwrap();
    let mut url = String::new();
    wait_until("the server listens", || {
        let address = read_log().lines().find_map(|line| {
            let line: Value = serde_json::from_str(line).ok()?;
            Some(line["fields"]["url"].as_str()?.to_owned())
        });
        url = address.unwrap_or_default();
        !url.is_empty()
    });
    let unknown_job = "job_0190c5a8-7c1e-7f3a-9d56-3f1d2b7a4c10";
    let status = |key: Option<&str>| {
        let mut command = optin();
        command
            .args(["status", "--server", &url, unknown_job])
            .env_remove("OPTIN_API_KEY");
        if let Some(key) = key {
            command.env("OPTIN_API_KEY", key);
        }
        text(&run(&mut command).stderr)
    };
    assert!(status(Some(key)).contains("not found"));
    assert!(status(None).contains("a valid API key is required"));
    let changed = key.replace(id, &id.chars().rev().collect::<String>());
    assert!(status(Some(&changed)).contains("a valid API key is required"));
    let in_use = run(keys(&data).arg("list"));
    assert!(
        in_use.status.code() == Some(1)
            && text(&in_use.stderr).contains("manage keys through its API"),
        "{}",
        text(&in_use.stderr)
    );
    drop(server);
    let logged = read_log();
    assert!(
        logged.contains("\"level\":\"DEBUG\"") && logged.contains("\"status\":401"),
        "the log lacks debug records or the request with status 401"
    );
    assert!(!logged.contains(secret), "the log contains the secret");
    for entry in std::fs::read_dir(&data)
        .unwrap()
        .flatten()
        .filter(|entry| entry.path().is_file())
    {
        let bytes = std::fs::read(entry.path()).unwrap();
        let found = bytes
            .windows(secret.len())
            .any(|part| part == secret.as_bytes());
        assert!(!found, "{} contains the secret", entry.path().display());
    }

    assert!(run(keys(&data).args(["revoke", id])).status.success());
    assert!(text(&run(keys(&data).arg("list")).stdout).contains("revoked"));
    let unknown = run(keys(&data).args(["revoke", &"0".repeat(32)]));
    assert!(
        text(&unknown.stderr).contains("not found"),
        "{}",
        text(&unknown.stderr)
    );
}
