//! Datasets are inspected in a process of its own, for their tenant alone, and nothing keeps their rows.

use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};

use super::process::{Client, Running, optin, wait_until, write_key};
use super::upload::upload_file;

/// A text of the dataset, which only the response may contain.
const SECRET: &str = "diagnosis of patient 4711";

/// Returns the files below a folder.
fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push(path),
        }
    }
    found
}

#[test]
fn rows_are_shown_to_their_tenant_and_kept_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let (data, root) = (folder.path().join("data"), folder.path().join("sources"));
    std::fs::create_dir(&root).unwrap();
    let table = root.join("train.tsv");
    let huge = "x".repeat(1 << 20);
    let rows = format!(
        "text\tlabel\n{SECRET}\t1\n\u{1b}[2J<script>alert(1)</script>\t0\n{huge}\t0\nlast\t1\n"
    );
    std::fs::write(&table, rows).unwrap();
    let [own, other] = ["a", "b"].map(|tenant| write_key(&data, tenant));
    let log = folder.path().join("log");
    let _service = Running(
        optin()
            .args(["serve", "--listen", "127.0.0.1:0", "--keys", "required"])
            .args(["--log", "debug", "--data-dir"])
            .arg(&data)
            .arg("--source-root")
            .arg(&root)
            .stderr(Stdio::from(std::fs::File::create(&log).unwrap()))
            .spawn()
            .unwrap(),
    );
    let mut url = String::new();
    wait_until("the service listens", || {
        let text = std::fs::read_to_string(&log).unwrap();
        let port = text.split("http://127.0.0.1:").nth(1).map(|rest| {
            rest.split(|sign: char| !sign.is_ascii_digit())
                .next()
                .unwrap_or_default()
                .to_owned()
        });
        url = port.map_or_else(String::new, |port| format!("http://127.0.0.1:{port}"));
        !url.is_empty()
    });
    let inspect =
        |client: &Client, body: &Value| client.post(&format!("{url}/v1/datasets/inspect"), body);
    let (own, other) = (Client::with_key(&own), Client::with_key(&other));
    let uri = format!("file://{}", table.display());
    let (status, found) = inspect(&own, &json!({"uri": uri}));
    assert_eq!(status, 200, "{found}");
    assert_eq!(found["rows"], 4);
    assert_eq!(found["columns"], json!(["text", "label"]));
    let sample = found["sample"].as_array().unwrap();
    assert_eq!(sample.len(), 3);
    assert_eq!(sample[0], json!([SECRET, "1"]));
    assert_eq!(sample[1][0], "\u{1b}[2J<script>alert(1)</script>");
    assert_eq!(sample[2][0], format!("{}…", &huge[..200]));
    let (_, numbered) = inspect(&own, &json!({"uri": uri, "mapping": {"text": "0"}}));
    assert_eq!(
        (&numbered["rows"], &numbered["columns"]),
        (&json!(5), &json!(["0", "1"]))
    );
    for path in files(&data).iter().chain([&log]) {
        let content = std::fs::read(path).unwrap();
        let kept = content
            .windows(SECRET.len())
            .any(|part| part == SECRET.as_bytes());
        assert!(!kept, "{} contains a row", path.display());
    }
    // What is outside of the roots, another tenant's, or no dataset is refused by its URI.
    let upload = upload_file(&own, &url, &table);
    assert_eq!(inspect(&own, &json!({"uri": upload})).0, 200);
    for (client, uri) in [
        (&other, upload.as_str()),
        (&own, "file:///etc/passwd"),
        (&own, "file:///"),
        (&own, "http://127.0.0.1/x.tsv"),
    ] {
        let (status, problem) = inspect(client, &json!({"uri": uri}));
        assert_eq!(
            (status, &problem["code"]),
            (422, &json!("source_not_found")),
            "{uri}: {problem}"
        );
    }
    std::fs::write(root.join("broken.tsv"), "text\tlabel\nonly one\n").unwrap();
    let broken = format!("file://{}/broken.tsv", root.display());
    let (status, problem) = inspect(&own, &json!({"uri": broken}));
    assert_eq!(
        (status, &problem["code"]),
        (422, &json!("invalid_data")),
        "{problem}"
    );
    let detail = problem["detail"].as_str().unwrap();
    assert!(
        detail.contains("broken.tsv, line 2") && detail.contains("1 fields"),
        "{detail}"
    );
}
