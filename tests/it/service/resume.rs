//! An upload that continues after its connection and the service broke.

use std::io::Write;
use std::net::TcpStream;
use std::path::Path;

use optin::artifact::incoming::PART_BYTES;
use optin::prune::digest::sha256_of;
use serde_json::{Value, json};

use super::process::{Client, Server, optin, run, text};
use super::upload::{complete, create_upload};

fn server(folder: &Path) -> Server {
    let mut command = optin();
    command.args(["serve", "--workers", "0", "--listen", "127.0.0.1:0"]);
    command.args(["--log-format", "json", "--data-dir"]);
    Server::launch(command.arg(folder.join("data")))
}

/// Writes a data file of this size.
fn data_file(path: &Path, bytes: usize) {
    let mut content = b"text\tlabel\n".to_vec();
    while content.len() < bytes {
        let row = format!("row {} of the file\t{}\n", content.len(), content.len() % 2);
        content.extend_from_slice(row.as_bytes());
    }
    std::fs::write(path, content).unwrap();
}

/// Asks for the request that sends a part.
fn ask(client: &Client, url: &str, upload: &Value, number: usize, part: &Path) -> Value {
    let id = upload["id"].as_str().unwrap();
    let body = json!({"number": number, "sha256": sha256_of(part).unwrap()});
    let (status, asked) = client.post(&format!("{url}/v1/uploads/{id}/parts"), &body);
    assert_eq!(status, 200, "{asked}");
    asked["put"].clone()
}

#[test]
fn an_upload_continues_after_a_broken_connection_and_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let (path, part) = (folder.path().join("train.tsv"), folder.path().join("part"));
    data_file(&path, 2 * PART_BYTES as usize);
    let content = std::fs::read(&path).unwrap();
    let parts: Vec<&[u8]> = content.chunks(PART_BYTES as usize).collect();
    let client = Client::new();
    let first = server(folder.path());
    let upload = create_upload(&client, &first.url, &path);
    std::fs::write(&part, parts[0]).unwrap();
    let put = ask(&client, &first.url, &upload, 1, &part);
    assert_eq!(client.put(&put, parts[0].to_vec()), 204);
    // The connection of the second part breaks, and then the service.
    std::fs::write(&part, parts[1]).unwrap();
    let put = ask(&client, &first.url, &upload, 2, &part);
    let url = url::Url::parse(put["url"].as_str().unwrap()).unwrap();
    let mut stream = TcpStream::connect(first.url.strip_prefix("http://").unwrap()).unwrap();
    let target = &url[url::Position::BeforePath..];
    let head = format!("PUT {target} HTTP/1.1\r\nhost: a\r\ncontent-length: {PART_BYTES}\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&parts[1][..3 << 20]).unwrap();
    drop(stream);
    first.kill();

    let second = server(folder.path());
    let id = upload["id"].as_str().unwrap();
    let found = client.get(&format!("{}/v1/uploads/{id}/parts", second.url));
    assert_eq!(found["missing"], json!([2, 3]), "{found}");
    let (status, problem) = complete(&client, &second.url, &upload);
    assert_eq!(status, 409, "{problem}");
    let resume = |file: &Path| {
        run(optin()
            .args(["upload", "--resume", id, "--server", &second.url])
            .arg(file))
    };
    let other = folder.path().join("other.tsv");
    data_file(&other, 100);
    let refused = resume(&other);
    let error = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(2), "{error}");
    assert!(error.contains("is not the file of the upload"), "{error}");
    let resumed = resume(&path);
    assert!(resumed.status.success(), "{}", text(&resumed.stderr));
    assert_eq!(
        text(&resumed.stdout).trim(),
        upload["uri"].as_str().unwrap()
    );
    let (status, ready) = complete(&client, &second.url, &upload);
    assert_eq!((status, ready["state"].as_str()), (200, Some("ready")));
}
