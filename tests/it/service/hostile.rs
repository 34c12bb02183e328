//! Hostile models, tables and archives are uploaded to a service that has little memory. Each is refused with its reason, and the
//! jobs of another tenant run beside them.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::process::{Client, Server, optin, write_key};
use super::upload::{archive, complete, create_upload, upload_file};
use crate::fixture::bert::Tiny;
use crate::fixture::folder::Folder;
use crate::fixture::hostile::packed::gzip;
use crate::fixture::hostile::{HostileFile, archives, arrays, models, tables};

/// What the service and each of its children may allocate, in KiB. 1 GiB of it is reserved by the allocator.
const LIMIT_KIB: u64 = 2 << 20;

/// What the service itself may take at its peak, whatever it is sent, in KiB.
const SERVICE_KIB: u64 = 384 << 10;

/// Time for one answer. It is generous, because the tests share the machine.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// Starts a service with two workers and little memory.
fn start(data: &Path) -> Server {
    let serve = optin();
    let mut command = Command::new("sh");
    let script = format!("ulimit -d {LIMIT_KIB} && exec \"$0\" \"$@\"");
    command.arg("-c").arg(script).arg(serve.get_program());
    for (name, _) in serve.get_envs() {
        command.env_remove(name);
    }
    command.args(["serve", "--listen", "127.0.0.1:0", "--log-format", "json"]);
    command.args(["--workers", "2", "--keys", "required"]);
    command.args(["--rate", "1000", "--burst", "1000"]);
    Server::launch(command.arg("--data-dir").arg(data))
}

/// Returns a value of `/proc/ID/status` in KiB.
fn status_kib(id: u32, name: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let value = line.unwrap().trim_start_matches(':').trim();
    value.trim_end_matches(" kB").parse().unwrap()
}

/// A tenant that uploads hostile inputs.
struct Attacker<'a> {
    client: Client,
    url: &'a str,
    /// URI of a valid table.
    rows: String,
    /// Jobs that were created with hostile models, and the expected code of their failures.
    jobs: Vec<(String, &'static str)>,
    answers: usize,
}

impl<'a> Attacker<'a> {
    fn new(key: &str, url: &'a str, valid: &Folder) -> Self {
        let client = Client::with_key(key);
        let rows = upload_file(&client, url, &valid.calibration());
        Self {
            client,
            url,
            rows,
            jobs: Vec::new(),
            answers: 0,
        }
    }

    /// Uploads a file. Returns the answer to its completion.
    fn upload(&self, path: &Path) -> (u16, Value) {
        let upload = create_upload(&self.client, self.url, path);
        let content = std::fs::read(path).unwrap();
        assert!(matches!(
            self.client.put(&upload["put"], content),
            200 | 204
        ));
        complete(&self.client, self.url, &upload)
    }

    /// Asserts that an answer refuses an input for this reason.
    fn assert_refused(
        &mut self,
        what: &str,
        (status, problem): (u16, Value),
        code: &str,
        words: &[&str],
    ) {
        assert_eq!(
            (status / 100, problem["code"].as_str()),
            (4, Some(code)),
            "{what}: {problem}"
        );
        let detail = problem["detail"].as_str().unwrap();
        for word in words {
            assert!(detail.contains(word), "{what}: {detail}");
        }
        self.answers += 1;
    }

    /// Uploads a file that is refused when it is complete.
    fn send(&mut self, file: HostileFile) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(file.name);
        std::fs::write(&path, file.content).unwrap();
        let start = Instant::now();
        let answer = self.upload(&path);
        assert!(start.elapsed() < ANSWER_TIMEOUT, "{}", file.name);
        self.assert_refused(file.name, answer, file.code.as_str(), &file.words);
    }

    /// Uploads a model. If it can be opened, an estimate is refused, and a job fails.
    fn send_model(&mut self, model: &models::HostileModel) {
        let folder = Folder::new(Tiny::default());
        model.apply(&folder.model());
        let tar = archive(folder.root.path(), "model", folder.root.path());
        let start = Instant::now();
        let (mut status, mut answer) = self.upload(&tar);
        if status == 200 {
            let request = json!({
                "model": {"uri": answer["uri"]},
                "calibration": {"uri": self.rows},
                "target": {"value": "50%"},
                "max_attempts": 1,
            });
            let jobs = format!("{}/v1/jobs", self.url);
            (status, answer) = self.client.post(&format!("{jobs}/estimate"), &request);
            let (created, job) = self.client.post(&jobs, &request);
            assert_eq!(created, 202, "{job}");
            let id = job["id"].as_str().unwrap().to_owned();
            self.jobs.push((id, model.code.as_str()));
        }
        assert!(start.elapsed() < ANSWER_TIMEOUT, "{}", model.what);
        self.assert_refused(
            &model.what,
            (status, answer),
            model.code.as_str(),
            &model.words,
        );
    }

    /// Waits for the jobs, all of which fail.
    fn await_jobs(&self, server: &Server) {
        for (id, code) in &self.jobs {
            let job = self.client.wait_until_finished(server, id);
            assert_eq!(job["state"], "failed", "{job}");
            assert_eq!(job["error"]["code"], *code, "{job}");
        }
    }
}

/// Ends the work of the other tenant, also if the attack ends with a failed assertion.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Prunes a model again and again until the attack is over. Returns the number of jobs.
fn work(client: &Client, server: &Server, folder: &Folder, over: &AtomicBool) -> usize {
    let url = &server.url;
    let tar = archive(folder.root.path(), "model", folder.root.path());
    let files = [tar, folder.calibration(), folder.evaluation()];
    let [model, calibration, evaluation] = files.map(|file| upload_file(client, url, &file));
    let request = json!({
        "model": {"uri": model},
        "calibration": {"uri": calibration, "max_samples": 64},
        "evaluation": {"uri": evaluation},
        "target": {"value": "50%", "tolerance": "3%"},
        "max_attempts": 1,
    });
    let mut jobs = 0;
    while jobs == 0 || !over.load(Ordering::Relaxed) {
        let (status, job) = client.post(&format!("{url}/v1/jobs"), &request);
        assert_eq!(status, 202, "{job}");
        let job = client.wait_until_finished(server, job["id"].as_str().unwrap());
        assert_eq!(job["state"], "succeeded", "{job}");
        jobs += 1;
    }
    jobs
}

/// Returns the files that are refused when their upload is complete. An archive of images is compressed, because an upload that
/// ends in .tar is a model.
fn files() -> [Vec<HostileFile>; 3] {
    let of_name = |name, file: HostileFile| HostileFile {
        name,
        content: gzip(&file.content),
        ..file
    };
    let packed = |file: HostileFile| match file.name {
        "long.tar" => of_name("long.tar.gz", file),
        "path.tar" => of_name("path.tar.gz", file),
        "a.tar" => of_name("a.tar.gz", file),
        _ => file,
    };
    let images = [
        arrays::long_names(),
        arrays::long_lists(),
        arrays::arrays(),
        arrays::outside(),
    ];
    let images = images.into_iter().flatten().map(packed).collect();
    let mut tables = tables::large();
    tables.extend(tables::nested());
    // An upload without content is refused before there is one.
    let mut archives = archives::all();
    archives.retain(|file| !file.content.is_empty());
    [images, tables, archives]
}

#[test]
fn hostile_inputs_are_refused_while_another_tenant_works() {
    let root = tempfile::tempdir().unwrap();
    let data = root.path().join("data");
    let [hostile, peaceful] = ["hostile", "peaceful"].map(|tenant| write_key(&data, tenant));
    let server = start(&data);
    let valid = Folder::new(Tiny::default());
    let over = AtomicBool::new(false);
    let (answers, jobs) = std::thread::scope(|scope| {
        let attack = || Attacker::new(&hostile, &server.url, &valid);
        let worker = scope.spawn(|| work(&Client::with_key(&peaceful), &server, &valid, &over));
        let files = files().map(|files| {
            let mut attacker = attack();
            scope.spawn(move || {
                files.into_iter().for_each(|file| attacker.send(file));
                attacker.answers
            })
        });
        let attack_is_over = Over(&over);
        let mut attacker = attack();
        for model in models::all() {
            attacker.send_model(&model);
        }
        attacker.await_jobs(&server);
        assert!(attacker.jobs.len() >= 5, "{:?}", attacker.jobs);
        let files = files.map(|files| files.join().unwrap());
        drop(attack_is_over);
        let answers = attacker.answers + files.iter().sum::<usize>();
        (answers, worker.join().unwrap())
    });
    assert!(answers >= 30, "{answers}");
    assert!(jobs >= 1);
    let peak = status_kib(server.id(), "VmHWM");
    assert!(peak < SERVICE_KIB, "{peak} KiB");
    assert_eq!(Client::new().status(&format!("{}/livez", server.url)), 200);
}
