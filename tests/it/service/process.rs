//! Server processes and an HTTP client for tests.

use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::fixture::folder::Folder;

/// Timeout of every wait.
const TIMEOUT: Duration = Duration::from_secs(90);

/// Returns a command for the `optin` binary.
pub fn optin() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_optin"));
    // The settings of the developer's shell must not affect the tests.
    for name in [
        "OPTIN_LISTEN",
        "OPTIN_DATA_DIR",
        "DATABASE_URL",
        "OPTIN_STORAGE_URL",
        "OPTIN_SOURCE_ROOTS",
        "OPTIN_WORKERS",
        "OPTIN_LOG",
        "OPTIN_KEYS",
        "OPTIN_SECRETS_KEY",
        "OPTIN_API_KEY",
        "OPTIN_SERVER",
        "OPTIN_SIGNING_KEY",
        "OPTIN_SIGNING_KEY_PASSWORD",
    ] {
        command.env_remove(name);
    }
    command
}

pub fn run(command: &mut Command) -> Output {
    command.output().expect("the binary starts")
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Creates an API key of a tenant with the scope `write`, before the service starts.
pub fn write_key(data: &Path, tenant: &str) -> String {
    let mut command = optin();
    command.args(["keys", "create", "--scope", "write", "--name", "test"]);
    command.args(["--json", "--tenant", tenant, "--data-dir"]);
    let created = run(command.arg(data));
    let created: Value = serde_json::from_slice(&created.stdout)
        .unwrap_or_else(|_| panic!("{}", text(&created.stderr)));
    created["key"].as_str().unwrap().to_owned()
}

/// A process that is killed when it is dropped.
pub struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// An `optin` server process that is killed when it is dropped.
pub struct Server {
    child: Child,
    pub url: String,
}

impl Server {
    /// Starts `optin serve` with this data folder and source root.
    pub fn start(data: &Path, root: &Path) -> Self {
        let mut command = optin();
        command.args(["serve", "--listen", "127.0.0.1:0", "--log-format", "json"]);
        command.arg("--data-dir").arg(data);
        Self::launch(command.arg("--source-root").arg(root))
    }

    /// Starts a process and waits until it logs the URL that it listens on.
    pub fn launch(command: &mut Command) -> Self {
        let mut child = command
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let mut lines =
            BufReader::new(child.stderr.take().expect("standard error is piped")).lines();
        let mut logged = Vec::new();
        let url = loop {
            let line = lines
                .next()
                .unwrap_or_else(|| panic!("the server exited before it listened: {logged:?}"))
                .unwrap();
            let record: Value = serde_json::from_str(&line).unwrap_or_default();
            if let Some(url) = record["fields"]["url"].as_str() {
                break url.to_owned();
            }
            logged.push(line);
        };
        // The server would block on a full pipe if nothing read its log.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, url }
    }

    /// Returns the process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by its name, such as `STOP`.
    pub fn signal(&self, name: &str) {
        let mut command = Command::new("kill");
        command
            .arg(format!("-{name}"))
            .arg(self.child.id().to_string());
        assert!(command.status().unwrap().success());
    }

    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A blocking HTTP client.
pub struct Client {
    runtime: tokio::runtime::Runtime,
    http: reqwest::Client,
}

impl Client {
    pub fn new() -> Self {
        Self::of(reqwest::Client::new)
    }

    /// Creates a client that sends an API key with each request.
    pub fn with_key(key: &str) -> Self {
        let bearer = format!("Bearer {key}").parse().unwrap();
        let headers = [(reqwest::header::AUTHORIZATION, bearer)];
        Self::of(|| {
            let client = reqwest::Client::builder().default_headers(headers.into_iter().collect());
            client.build().unwrap()
        })
    }

    fn of(http: impl FnOnce() -> reqwest::Client) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        Self {
            runtime,
            http: http(),
        }
    }

    pub fn get(&self, url: &str) -> Value {
        self.runtime.block_on(async {
            self.http
                .get(url)
                .send()
                .await
                .unwrap()
                .json()
                .await
                .unwrap()
        })
    }

    pub fn bytes(&self, url: &str) -> Vec<u8> {
        self.runtime.block_on(async {
            self.http
                .get(url)
                .send()
                .await
                .unwrap()
                .error_for_status()
                .unwrap()
                .bytes()
                .await
                .unwrap()
                .to_vec()
        })
    }

    pub fn post(&self, url: &str, body: &Value) -> (u16, Value) {
        self.runtime.block_on(async {
            let response = self.http.post(url).json(body).send().await.unwrap();
            (response.status().as_u16(), response.json().await.unwrap())
        })
    }

    /// Uploads content with the URL and headers that the API returned for the upload, and returns the status.
    pub fn put(&self, target: &Value, content: Vec<u8>) -> u16 {
        let mut request = self.http.put(target["url"].as_str().unwrap()).body(content);
        for (name, value) in target["headers"].as_object().unwrap() {
            request = request.header(name, value.as_str().unwrap());
        }
        let response = self.runtime.block_on(request.send());
        response.unwrap().status().as_u16()
    }

    pub fn status(&self, url: &str) -> u16 {
        let response = self.runtime.block_on(self.http.get(url).send());
        response.unwrap().status().as_u16()
    }

    /// Creates a job and returns its id.
    pub fn create(&self, server: &Server, folder: &Folder) -> String {
        let sent = self.http.post(format!("{}/v1/jobs", server.url));
        let job: Value = self.runtime.block_on(async {
            let sent = sent.json(&request(folder)).send();
            sent.await.unwrap().json().await.unwrap()
        });
        job["id"]
            .as_str()
            .unwrap_or_else(|| panic!("{job}"))
            .to_owned()
    }

    /// Creates a job with an idempotency key. Returns its id, or `None` if the server sends no valid response.
    pub fn try_create(&self, url: &str, folder: &Folder, key: &str) -> Option<String> {
        let sent = self.http.post(format!("{url}/v1/jobs"));
        let sent = sent.header("idempotency-key", key).json(&request(folder));
        let job: Value = self
            .runtime
            .block_on(async { sent.send().await.ok()?.json().await.ok() })?;
        Some(job["id"].as_str()?.to_owned())
    }

    /// Waits until a job has finished, and returns it.
    pub fn wait_until_finished(&self, server: &Server, id: &str) -> Value {
        let start = Instant::now();
        loop {
            // While the database is unavailable, the response is a problem with status 503. The loop tries again.
            let job = self.get(&format!("{}/v1/jobs/{id}?wait=5", server.url));
            if job["finished_at"].is_string() {
                return job;
            }
            assert!(
                start.elapsed() < TIMEOUT,
                "the job has not finished within {TIMEOUT:?}: {job}"
            );
        }
    }
}

/// Returns a request body for a job with the model and data of a folder.
pub fn request(folder: &Folder) -> Value {
    let uri = |path: PathBuf| format!("file://{}", path.display());
    json!({
        "model": {"uri": uri(folder.model())},
        "calibration": {"uri": uri(folder.calibration()), "max_samples": 64},
        "evaluation": {"uri": uri(folder.evaluation())},
        "target": {"value": "50%", "tolerance": "3%"},
        "max_attempts": 10,
    })
}

/// Checks a condition every 100 microseconds until it is true.
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(
            start.elapsed() < TIMEOUT,
            "timeout: waited {TIMEOUT:?} until {what}"
        );
        std::thread::sleep(Duration::from_micros(100));
    }
}

/// Returns the names of the files and folders in a folder. The result is empty if the folder does not exist.
pub fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}
