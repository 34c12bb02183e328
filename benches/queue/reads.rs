//! Reads of a job through the real service.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use optin::job::JobId;

use crate::times::Times;

const READERS: usize = 16;

/// Measures `GET /v1/jobs/{id}` of the real service.
pub(super) async fn reads(serve: &[&str], id: JobId, name: &str) {
    let (_server, url) = Server::start(serve);
    let start = Instant::now();
    let client = reqwest::Client::new();
    let readers = (0..READERS).map(|_| {
        let (client, url) = (client.clone(), format!("{url}/v1/jobs/{id}"));
        tokio::spawn(async move {
            let mut times = Vec::new();
            while start.elapsed() < Duration::from_secs(5) {
                let begun = Instant::now();
                let answer = client.get(&url).send().await.unwrap();
                assert_eq!(answer.status(), 200);
                answer.bytes().await.unwrap();
                times.push(begun.elapsed());
            }
            times
        })
    });
    Times::of(readers).await.line(
        &format!("{name}: GET /v1/jobs/{{id}}, {READERS} readers"),
        start.elapsed(),
    );
}

struct Server(Child);

impl Server {
    fn start(arguments: &[&str]) -> (Self, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_optin"));
        command.args([
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--workers",
            "0",
            "--log-format",
            "json",
        ]);
        command
            .args(["--rate", "1000000", "--burst", "1000000"])
            .args(arguments);
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let server = Self(child);
        while let Some(line) = lines.next() {
            let record: serde_json::Value =
                serde_json::from_str(&line.unwrap()).unwrap_or_default();
            if let Some(url) = record["fields"]["url"].as_str() {
                let url = url.to_owned();
                // The pipe must be read to its end, or it fills up and blocks the server.
                std::thread::spawn(move || lines.for_each(drop));
                return (server, url);
            }
        }
        panic!("the server ended before it listened");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
