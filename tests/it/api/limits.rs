//! Limits of callers, requests and connections.

use optin::api::{AddressSource, Connections, serve};
use optin::job::Scope;
use optin::job::key::KeyScope;
use optin::job::store::audit::AuditLog;
use serde_json::json;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::access::{api_key, send_with_key};
use super::harness::{Harness, Options, request};

const TIMEOUT: Duration = Duration::from_secs(5);

/// Options with a rate limit of one request per second and this burst.
fn one_per_second(burst: u32) -> Options {
    let mut options = Options::default();
    options.limits.rate = NonZeroU32::MIN;
    options.limits.burst = NonZeroU32::new(burst).unwrap();
    options
}

#[tokio::test]
async fn a_caller_over_its_rate_limit_gets_429_and_others_do_not() {
    let harness = Harness::with(Options {
        keys_required: true,
        ..one_per_second(3)
    })
    .await;
    let limited = api_key(&harness, "a", KeyScope::Read).await;
    let other = api_key(&harness, "a", KeyScope::Read).await;
    for _ in 0..3 {
        assert_eq!(
            send_with_key(&harness, "GET", "/v1/jobs", &limited, &json!({}))
                .await
                .status,
            200
        );
    }
    let response = send_with_key(&harness, "GET", "/v1/jobs", &limited, &json!({})).await;
    response.problem(429, "rate_limited");
    let wait: u64 = response.header("retry-after").parse().unwrap();
    assert!((1..=2).contains(&wait), "{wait}");
    assert_eq!(
        send_with_key(&harness, "GET", "/v1/jobs", &other, &json!({}))
            .await
            .status,
        200
    );
    assert_eq!(
        harness.get("/livez").await.status,
        200,
        "`/livez` requires no key and is not rate limited"
    );
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    assert_eq!(
        send_with_key(&harness, "GET", "/v1/jobs", &limited, &json!({}))
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn requests_without_a_valid_key_are_counted_by_address() {
    let guessing = Harness::with(Options {
        keys_required: true,
        ..one_per_second(2)
    })
    .await;
    for _ in 0..2 {
        guessing
            .get("/v1/jobs")
            .await
            .problem(401, "unauthenticated");
    }
    guessing.get("/v1/jobs").await.problem(429, "rate_limited");
    let known = api_key(&guessing, "a", KeyScope::Read).await;
    let (front, _) = known.rsplit_once('_').unwrap();
    let wrong = format!("{front}_{}", "0".repeat(64));
    send_with_key(&guessing, "GET", "/v1/jobs", &wrong, &json!({}))
        .await
        .problem(429, "rate_limited");
    tokio::time::sleep(Duration::from_millis(100)).await;
    let deeds = guessing.jobs.deeds(&Scope::Service, None, 10).await;
    assert!(
        deeds.unwrap().0.is_empty(),
        "rate-limited guesses of a key must not be recorded in the audit log"
    );
    // Scrapes are exempt: they must not fail because the key is rate limited.
    let scraper = api_key(&guessing, "a", KeyScope::Admin).await;
    for _ in 0..5 {
        let page = send_with_key(&guessing, "GET", "/metrics", &scraper, &json!({})).await;
        assert_eq!(page.status, 200);
    }
    let open = Harness::with(one_per_second(2)).await;
    for _ in 0..2 {
        assert_eq!(open.get("/v1/jobs").await.status, 200);
    }
    open.get("/v1/jobs").await.problem(429, "rate_limited");
}

#[tokio::test]
async fn callers_behind_a_proxy_are_counted_by_their_forwarded_address() {
    for (source, header) in [
        (AddressSource::XForwardedFor, "x-forwarded-for"),
        (AddressSource::XRealIp, "x-real-ip"),
        (AddressSource::TrueClientIp, "true-client-ip"),
        (AddressSource::CfConnectingIp, "cf-connecting-ip"),
    ] {
        let mut options = one_per_second(1);
        options.limits.addresses = source;
        options.limits.readers = 1;
        let harness = Harness::with(options).await;
        let from = async |address: &str| {
            harness
                .send("GET", "/v1/jobs", &[(header, address)], "")
                .await
        };
        for address in ["203.0.113.1", "203.0.113.2", "2001:db8::1"] {
            assert_eq!(from(address).await.status, 200, "{header}: {address}");
            from(address).await.problem(429, "rate_limited");
        }
        // Without a valid header, requests are counted by the address of the connection.
        assert_eq!(harness.get("/v1/jobs").await.status, 200);
        harness.get("/v1/jobs").await.problem(429, "rate_limited");
        from("no address").await.problem(429, "rate_limited");
        if source == AddressSource::XForwardedFor {
            // A client can write any addresses before the one that the proxy adds.
            from("198.51.100.9, 203.0.113.1")
                .await
                .problem(429, "rate_limited");
            assert_eq!(from("203.0.113.1, 198.51.100.9").await.status, 200);
        }
    }
    // The header is ignored unless a proxy is configured.
    let open = Harness::with(one_per_second(1)).await;
    let headers = |address: &'static str| [("x-forwarded-for", address)];
    let first = open
        .send("GET", "/v1/jobs", &headers("203.0.113.1"), "")
        .await;
    assert_eq!(first.status, 200);
    let second = open
        .send("GET", "/v1/jobs", &headers("203.0.113.2"), "")
        .await;
    second.problem(429, "rate_limited");
}

#[tokio::test]
async fn concurrent_long_polls_and_streams_are_limited_until_they_end() {
    let mut options = Options::default();
    options.limits.readers = 1;
    let harness = Harness::with(options).await;
    let id = harness.create_job().await;
    let poll = format!("/v1/jobs/{id}?wait=1");
    let stream = format!("/v1/jobs/{id}/events");
    let (first, second) = tokio::join!(harness.get(&poll), async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        harness
            .send("GET", &stream, &[("accept", "text/event-stream")], "")
            .await
    });
    assert_eq!(first.status, 200);
    second.problem(429, "rate_limited");
    assert_eq!(second.header("retry-after"), "1");
    assert_eq!(
        harness.get(&poll).await.status,
        200,
        "a finished long poll no longer counts"
    );
    assert_eq!(harness.get(&format!("/v1/jobs/{id}")).await.status, 200);
}

#[tokio::test]
async fn a_request_that_exceeds_its_timeout_gets_503() {
    let mut options = Options::default();
    options.limits.time = Duration::from_millis(100);
    let harness = Harness::with(options).await;
    let mut slow = request();
    slow["model"]["uri"] = json!("file:///models/slow");
    harness
        .post("/v1/jobs", &slow)
        .await
        .problem(503, "timed_out");
    // A long poll may take as long as its `wait`, beyond the timeout.
    let id = harness.create_job().await;
    let start = Instant::now();
    assert_eq!(
        harness.get(&format!("/v1/jobs/{id}?wait=1")).await.status,
        200
    );
    assert!(start.elapsed() >= Duration::from_secs(1));
}

/// Serves the router on a local address, with a maximum number of connections.
async fn serve_on_localhost(
    options: Options,
    max_connections: usize,
) -> (Harness, SocketAddr, JoinHandle<()>) {
    let stopping = options.stopping.clone();
    let harness = Harness::with(options).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let connections = Connections {
        most: max_connections,
        head: Duration::from_millis(300),
    };
    let server = tokio::spawn(serve(listener, harness.router(), connections, stopping));
    (harness, address, server)
}

/// Sends a raw request and returns all that the server sends.
async fn send_raw(mut stream: TcpStream, request: &str) -> String {
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    // If the connection breaks, the received text still counts.
    let _ = stream.read_to_string(&mut text).await;
    text
}

#[tokio::test]
async fn a_connection_that_does_not_send_its_headers_in_time_is_closed() {
    let (_face, address, _server) = serve_on_localhost(Options::default(), 8).await;
    let slow = TcpStream::connect(address).await.unwrap();
    let closed = tokio::time::timeout(TIMEOUT, send_raw(slow, "GET /livez HTTP/1.1\r\nhost: a"));
    let response = closed.await.expect("the server closes the connection");
    assert!(!response.contains("200 OK"), "{response}");
    let quick = TcpStream::connect(address).await.unwrap();
    let response = send_raw(
        quick,
        "GET /livez HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
    )
    .await;
    assert!(response.contains("200 OK"), "{response}");
}

#[tokio::test]
async fn connections_beyond_the_maximum_wait_until_another_ends() {
    let (_face, address, _server) = serve_on_localhost(Options::default(), 1).await;
    let idle = TcpStream::connect(address).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    let start = Instant::now();
    let next = TcpStream::connect(address).await.unwrap();
    let response = send_raw(
        next,
        "GET /livez HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
    )
    .await;
    assert!(response.contains("200 OK"), "{response}");
    assert!(
        start.elapsed() >= Duration::from_millis(100),
        "the connection must wait until the idle one ends"
    );
    drop(idle);
}

#[tokio::test]
async fn streams_and_long_polls_end_when_the_service_stops() {
    let options = Options::default();
    let stopping = options.stopping.clone();
    let (harness, address, server) = serve_on_localhost(options, 8).await;
    let id = harness.create_job().await;
    let mut readers = Vec::new();
    for (path, accept) in [
        (format!("/v1/jobs/{id}/events"), "text/event-stream"),
        (format!("/v1/jobs/{id}?wait=60"), "application/json"),
    ] {
        let stream = TcpStream::connect(address).await.unwrap();
        let head = format!("GET {path} HTTP/1.1\r\nhost: a\r\naccept: {accept}\r\n\r\n");
        readers.push(tokio::spawn(async move { send_raw(stream, &head).await }));
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    stopping.cancel();
    tokio::time::timeout(TIMEOUT, server)
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
