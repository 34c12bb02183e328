//! Limits of connections, over real sockets. Clients have different addresses of the loopback network.

use optin::api::{Connections, bind, serve, worker_routes};
use optin::artifact::health::Health;
use optin::artifact::progress::Patience;
use optin::telemetry::metric;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::harness::{Harness, Options};

const TIMEOUT: Duration = Duration::from_secs(20);

/// Size of a file that the buffers of a connection cannot hold.
const BIG: usize = 8 << 20;

/// Limits that no test reaches by accident.
fn wide() -> Connections {
    Connections {
        most: 64,
        most_per_address: 64,
        head: TIMEOUT * 3,
        patience: Patience {
            within: TIMEOUT * 3,
            ..Patience::DEFAULT
        },
    }
}

/// Speed limits with a short window.
fn impatient() -> Patience {
    Patience {
        within: Duration::from_millis(500),
        ..Patience::DEFAULT
    }
}

/// A router that is served on a local address.
struct Served {
    harness: Harness,
    address: SocketAddr,
    server: JoinHandle<()>,
}

impl Served {
    async fn start(options: Options, connections: Connections) -> Self {
        let stopping = options.stopping.clone();
        let harness = Harness::with(options).await;
        let listener = bind(([127, 0, 0, 1], 0).into()).unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(serve(listener, harness.router(), connections, stopping));
        Self {
            harness,
            address,
            server,
        }
    }

    /// Connects from 127.0.0.`client`, with a small receive buffer.
    async fn connect(&self, client: u8) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4_096).unwrap();
        let from = SocketAddr::from(([127, 0, 0, client], 0));
        socket.bind(from).unwrap();
        let connected = tokio::time::timeout(TIMEOUT, socket.connect(self.address)).await;
        connected.expect("the service accepts").unwrap()
    }

    /// Sends a request from 127.0.0.`client` and returns all that the server sends.
    async fn get(&self, client: u8, path: &str) -> String {
        let stream = self.connect(client).await;
        let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
        let answered = tokio::time::timeout(TIMEOUT, send_raw(stream, &request)).await;
        answered.expect("the service answers")
    }

    /// Sends a request from 127.0.0.`client` and reads nothing.
    async fn ask(&self, client: u8, path: &str) -> TcpStream {
        let mut stream = self.connect(client).await;
        let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        stream
    }

    /// Publishes a big file and returns the path of its signed URL.
    async fn big_file(&self) -> String {
        let id = self.harness.create_job().await;
        let lease = self.harness.claim().await;
        let content = vec![7; BIG];
        self.harness.succeed(&lease, "big.bin", &content).await;
        let path = format!("/v1/jobs/{id}/artifacts/big.bin/url");
        let url = self.harness.get(&path).await.json();
        let url = url["url"].as_str().unwrap();
        url.strip_prefix("https://optin.example")
            .unwrap()
            .to_owned()
    }
}

/// Sends a raw request and returns all that the server sends.
async fn send_raw(mut stream: TcpStream, request: &str) -> String {
    stream.write_all(request.as_bytes()).await.unwrap();
    received(stream).await
}

/// Returns all that the server sends.
async fn received(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    // If the connection breaks, the received bytes still count.
    let _ = stream.read_to_end(&mut bytes).await;
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Returns the body of a raw response.
fn json_body(response: &str) -> Value {
    let (_, body) = response.split_once("\r\n\r\n").unwrap();
    serde_json::from_str(body).unwrap_or_else(|_| panic!("{response}"))
}

#[tokio::test]
async fn a_connection_that_does_not_send_its_headers_in_time_is_closed() {
    let served = Served::start(
        Options::default(),
        Connections {
            head: Duration::from_millis(300),
            ..wide()
        },
    )
    .await;
    let slow = served.connect(1).await;
    let closed = tokio::time::timeout(TIMEOUT, send_raw(slow, "GET /livez HTTP/1.1\r\nhost: a"));
    let response = closed.await.expect("the server closes the connection");
    assert!(!response.contains("200 OK"), "{response}");
    assert!(served.get(1, "/livez").await.contains("200 OK"));
}

/// More readers than places read one signed URL slowly, or not at all.
#[tokio::test(flavor = "multi_thread")]
async fn clients_that_do_not_read_keep_no_other_client_waiting() {
    let connections = Connections {
        most: 24,
        most_per_address: 8,
        ..wide()
    };
    let served = Served::start(Options::default(), connections).await;
    let url = served.big_file().await;
    let mut readers = Vec::new();
    for client in 0..60 {
        readers.push(served.ask(2 + client % 5, &url).await);
    }
    // Until the buffers of the last connections are full, and the connections are idle.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    for client in [2, 100] {
        for path in ["/livez", "/readyz", "/metrics", "/v1/jobs"] {
            let response = served.get(client, path).await;
            assert!(response.contains("200 OK"), "{path}: {response}");
        }
    }
    // An address cannot take the places of another one, which has fewer.
    let (download, ()) = tokio::join!(served.get(101, &url), async {
        for _ in 0..30 {
            readers.push(served.ask(2, &url).await);
        }
    });
    assert!(download.len() > BIG);
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_do_not_complete_their_headers_keep_no_other_client_waiting() {
    let connections = Connections {
        most: 24,
        most_per_address: 8,
        ..wide()
    };
    let served = Served::start(Options::default(), connections).await;
    let mut unfinished = Vec::new();
    for client in 0..200 {
        let mut stream = served.connect(2 + client % 5).await;
        let head = b"GET /livez HTTP/1.1\r\nhost: a";
        stream.write_all(head).await.unwrap();
        unfinished.push(stream);
    }
    assert!(served.get(100, "/livez").await.contains("200 OK"));
    tokio::time::sleep(Duration::from_secs(1)).await;
    for client in [2, 100] {
        for path in ["/livez", "/v1/jobs"] {
            let response = served.get(client, path).await;
            assert!(response.contains("200 OK"), "{path}: {response}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn if_all_connections_are_in_use_only_probes_are_answered() {
    let connections = Connections {
        most: 3,
        most_per_address: 2,
        ..wide()
    };
    let served = Served::start(Options::default(), connections).await;
    let id = served.harness.create_job().await;
    let poll = format!("/v1/jobs/{id}?wait=60");
    let mut polls = vec![served.ask(2, &poll).await, served.ask(2, &poll).await];
    tokio::time::sleep(Duration::from_millis(300)).await;
    let refused = served.get(2, "/v1/jobs").await;
    assert!(refused.starts_with("HTTP/1.1 429 "), "{refused}");
    assert!(refused.contains("retry-after: 1\r\n"), "{refused}");
    assert_eq!(json_body(&refused)["code"], "rate_limited");
    assert!(served.get(3, "/v1/jobs").await.contains("200 OK"));
    // One connection of each of three addresses: none has to give one up.
    drop(polls.pop());
    polls.extend([served.ask(4, &poll).await, served.ask(5, &poll).await]);
    tokio::time::sleep(Duration::from_millis(300)).await;
    let refused = served.get(3, "/v1/jobs").await;
    assert!(refused.starts_with("HTTP/1.1 503 "), "{refused}");
    assert_eq!(json_body(&refused)["code"], "unavailable");
    // The reserved places cannot be held either.
    let mut unfinished = Vec::new();
    for _ in 0..400 {
        unfinished.push(served.connect(2).await);
    }
    for client in [2, 3] {
        for path in ["/livez", "/readyz", "/metrics"] {
            let response = served.get(client, path).await;
            assert!(response.contains("200 OK"), "{path}: {response}");
        }
    }
    drop(polls);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_with_many_connections_gives_one_up_for_another_address() {
    let connections = Connections { most: 3, ..wide() };
    let served = Served::start(Options::default(), connections).await;
    let id = served.harness.create_job().await;
    let poll = format!("/v1/jobs/{id}?wait=60");
    let mut polls = Vec::new();
    for _ in 0..3 {
        polls.push(served.ask(2, &poll).await);
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(served.get(3, "/v1/jobs").await.contains("200 OK"));
    let newest = polls.pop().unwrap();
    let ended = tokio::time::timeout(TIMEOUT, received(newest)).await;
    assert_eq!(ended.expect("the newest connection is closed"), "");
    for mut poll in polls {
        let read = tokio::time::timeout(Duration::from_millis(300), poll.read_u8()).await;
        assert!(read.is_err(), "the older connections stay open");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_ends_if_its_client_reads_too_slowly() {
    let connections = Connections {
        patience: impatient(),
        ..wide()
    };
    let served = Served::start(Options::default(), connections).await;
    let url = served.big_file().await;
    let stopped = served.ask(1, &url).await;
    // Longer than the window in total, but always faster than the limit.
    let mut slow = served.ask(1, &url).await;
    let mut piece = vec![0; BIG / 24];
    for _ in 0..24 {
        slow.read_exact(&mut piece).await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(received(stopped).await.len() < BIG);
}

/// Creates an upload of this size and returns its id and the head of the request for its content.
async fn upload(harness: &Harness, bytes: usize) -> (String, String) {
    let content = vec![b'x'; bytes];
    let path = harness.folder.path().join("upload");
    std::fs::write(&path, &content).unwrap();
    let body = json!({
        "name": "train.tsv",
        "bytes": bytes,
        "sha256": optin::prune::digest::sha256_of(&path).unwrap(),
    });
    let created = harness.post("/v1/uploads", &body).await.json();
    let url = created["put"]["url"].as_str().unwrap();
    let path = url.strip_prefix("https://optin.example").unwrap();
    let id = created["id"].as_str().unwrap().to_owned();
    let head = format!(
        "PUT {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: {bytes}\r\n\r\n"
    );
    (id, head)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_lasts_as_long_as_it_makes_progress() {
    let mut options = Options::default();
    options.limits.time = Duration::from_millis(300);
    let connections = Connections {
        patience: impatient(),
        ..wide()
    };
    let served = Served::start(options, connections).await;
    const PIECE: usize = 20 << 10;
    let (id, head) = upload(&served.harness, PIECE * 20).await;
    let mut stream = served.connect(1).await;
    stream.write_all(head.as_bytes()).await.unwrap();
    for _ in 0..20 {
        stream.write_all(&[b'x'; PIECE]).await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let response = received(stream).await;
    assert!(response.starts_with("HTTP/1.1 204 "), "{response}");
    let completed = format!("/v1/uploads/{id}/complete");
    let completed = served.harness.post(&completed, &json!({})).await;
    assert_eq!(completed.json()["state"], "ready");

    let (id, head) = upload(&served.harness, PIECE * 20).await;
    let mut stream = served.connect(1).await;
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&[b'x'; PIECE]).await.unwrap();
    let ended = tokio::time::timeout(TIMEOUT, received(stream)).await;
    let response = ended.expect("a stalled upload ends");
    assert!(response.starts_with("HTTP/1.1 408 "), "{response}");
    let problem = json_body(&response);
    assert_eq!(problem["code"], "body_stalled");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("fewer than 16384 bytes"), "{detail}");
    let completed = format!("/v1/uploads/{id}/complete");
    let completed = served.harness.post(&completed, &json!({})).await;
    completed.problem(409, "conflict");
}

#[tokio::test]
async fn a_body_that_stalls_gets_408() {
    let connections = Connections {
        patience: impatient(),
        ..wide()
    };
    let served = Served::start(Options::default(), connections).await;
    let stream = served.connect(1).await;
    let head = "POST /v1/jobs HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{";
    let ended = tokio::time::timeout(TIMEOUT, send_raw(stream, head)).await;
    let response = ended.expect("the request ends");
    assert!(response.starts_with("HTTP/1.1 408 "), "{response}");
    assert_eq!(json_body(&response)["code"], "body_stalled");
}

#[tokio::test]
async fn a_request_must_have_one_host() {
    let served = Served::start(Options::default(), wide()).await;
    let listener = bind(([127, 0, 0, 1], 0).into()).unwrap();
    let worker = listener.local_addr().unwrap();
    let routes = worker_routes(
        Arc::clone(&served.harness.jobs) as _,
        Health::new(served.harness.artifacts.clone()),
        served.harness.pulses.clone(),
        metric::start().unwrap(),
    );
    let stop = CancellationToken::new();
    tokio::spawn(serve(listener, routes, wide(), stop.clone()));
    for address in [served.address, worker] {
        for (version, hosts, status) in [
            ("1.1", "", 400),
            ("1.1", "host: a\r\nhost: b\r\n", 400),
            ("1.0", "host: a\r\nhost: a\r\n", 400),
            ("1.1", "host: a\r\n", 200),
            ("1.1", "host:\r\n", 200),
            ("1.0", "", 200),
        ] {
            let stream = TcpStream::connect(address).await.unwrap();
            let request = format!("GET /livez HTTP/{version}\r\n{hosts}connection: close\r\n\r\n");
            let response = send_raw(stream, &request).await;
            let start = format!("HTTP/{version} {status} ");
            assert!(response.starts_with(&start), "{request}: {response}");
            if status == 400 {
                assert_eq!(json_body(&response)["errors"][0]["pointer"], "Host");
            }
        }
    }
}

#[tokio::test]
async fn streams_and_long_polls_end_when_the_service_stops() {
    let options = Options::default();
    let stopping = options.stopping.clone();
    let served = Served::start(options, wide()).await;
    let id = served.harness.create_job().await;
    let mut readers = Vec::new();
    for (path, accept) in [
        (format!("/v1/jobs/{id}/events"), "text/event-stream"),
        (format!("/v1/jobs/{id}?wait=60"), "application/json"),
    ] {
        let stream = served.connect(1).await;
        let head = format!("GET {path} HTTP/1.1\r\nhost: a\r\naccept: {accept}\r\n\r\n");
        readers.push(tokio::spawn(async move { send_raw(stream, &head).await }));
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    stopping.cancel();
    tokio::time::timeout(TIMEOUT, served.server)
        .await
        .expect("the server stops")
        .unwrap();
    for reader in readers {
        let response = tokio::time::timeout(TIMEOUT, reader)
            .await
            .unwrap()
            .unwrap();
        assert!(
            response.contains("200 OK") && response.contains("queued"),
            "{response}"
        );
    }
}
