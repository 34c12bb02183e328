//! What one caller, one request and one connection may take.

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

use super::access::{ask, key};
use super::face::{Face, Options, request};

const SOON: Duration = Duration::from_secs(5);

fn slow_rate(burst: u32) -> Options {
    let mut options = Options::default();
    options.limits.rate = NonZeroU32::MIN;
    options.limits.burst = NonZeroU32::new(burst).unwrap();
    options
}

#[tokio::test]
async fn who_asks_too_often_waits_and_nobody_else_does() {
    let face = Face::with(Options {
        keys_required: true,
        ..slow_rate(3)
    })
    .await;
    let eager = key(&face, "a", KeyScope::Read).await;
    let other = key(&face, "a", KeyScope::Read).await;
    for _ in 0..3 {
        assert_eq!(
            ask(&face, "GET", "/v1/jobs", &eager, &json!({}))
                .await
                .status,
            200
        );
    }
    let answer = ask(&face, "GET", "/v1/jobs", &eager, &json!({})).await;
    answer.problem(429, "rate_limited");
    let wait: u64 = answer.header("retry-after").parse().unwrap();
    assert!((1..=2).contains(&wait), "{wait}");
    assert_eq!(
        ask(&face, "GET", "/v1/jobs", &other, &json!({}))
            .await
            .status,
        200
    );
    assert_eq!(face.get("/livez").await.status, 200, "no key, no count");
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    assert_eq!(
        ask(&face, "GET", "/v1/jobs", &eager, &json!({}))
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn who_tries_keys_or_shows_none_is_counted_by_address() {
    let guessing = Face::with(Options {
        keys_required: true,
        ..slow_rate(2)
    })
    .await;
    for _ in 0..2 {
        guessing
            .get("/v1/jobs")
            .await
            .problem(401, "unauthenticated");
    }
    guessing.get("/v1/jobs").await.problem(429, "rate_limited");
    let known = key(&guessing, "a", KeyScope::Read).await;
    let (front, _) = known.rsplit_once('_').unwrap();
    let wrong = format!("{front}_{}", "0".repeat(64));
    ask(&guessing, "GET", "/v1/jobs", &wrong, &json!({}))
        .await
        .problem(429, "rate_limited");
    tokio::time::sleep(Duration::from_millis(100)).await;
    let deeds = guessing.jobs.deeds(&Scope::Service, None, 10).await;
    assert!(
        deeds.unwrap().0.is_empty(),
        "a flood of guesses does not fill the log"
    );
    // A scrape is exempt: it must not fail because its key is busy.
    let scraper = key(&guessing, "a", KeyScope::Admin).await;
    for _ in 0..5 {
        let page = ask(&guessing, "GET", "/metrics", &scraper, &json!({})).await;
        assert_eq!(page.status, 200);
    }
    let open = Face::with(slow_rate(2)).await;
    for _ in 0..2 {
        assert_eq!(open.get("/v1/jobs").await.status, 200);
    }
    open.get("/v1/jobs").await.problem(429, "rate_limited");
}

#[tokio::test]
async fn callers_behind_a_proxy_are_counted_by_the_address_that_it_forwards() {
    for (source, header) in [
        (AddressSource::XForwardedFor, "x-forwarded-for"),
        (AddressSource::XRealIp, "x-real-ip"),
        (AddressSource::TrueClientIp, "true-client-ip"),
        (AddressSource::CfConnectingIp, "cf-connecting-ip"),
    ] {
        let mut options = slow_rate(1);
        options.limits.addresses = source;
        options.limits.readers = 1;
        let face = Face::with(options).await;
        let from =
            async |address: &str| face.send("GET", "/v1/jobs", &[(header, address)], "").await;
        for address in ["203.0.113.1", "203.0.113.2", "2001:db8::1"] {
            assert_eq!(from(address).await.status, 200, "{header}: {address}");
            from(address).await.problem(429, "rate_limited");
        }
        // Without the header, the address of the connection counts.
        assert_eq!(face.get("/v1/jobs").await.status, 200);
        face.get("/v1/jobs").await.problem(429, "rate_limited");
        from("no address").await.problem(429, "rate_limited");
        if source == AddressSource::XForwardedFor {
            // A client can write any addresses before the one that the proxy adds.
            from("198.51.100.9, 203.0.113.1")
                .await
                .problem(429, "rate_limited");
            assert_eq!(from("203.0.113.1, 198.51.100.9").await.status, 200);
        }
    }
    // Unless a proxy is configured, a header means nothing.
    let open = Face::with(slow_rate(1)).await;
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
async fn readers_who_wait_are_few_and_give_their_places_back() {
    let mut options = Options::default();
    options.limits.readers = 1;
    let face = Face::with(options).await;
    let id = face.created().await;
    let poll = format!("/v1/jobs/{id}?wait=1");
    let stream = format!("/v1/jobs/{id}/events");
    let (first, second) = tokio::join!(face.get(&poll), async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        face.send("GET", &stream, &[("accept", "text/event-stream")], "")
            .await
    });
    assert_eq!(first.status, 200);
    second.problem(429, "rate_limited");
    assert_eq!(second.header("retry-after"), "1");
    assert_eq!(face.get(&poll).await.status, 200, "the place is free again");
    assert_eq!(face.get(&format!("/v1/jobs/{id}")).await.status, 200);
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_a_problem() {
    let mut options = Options::default();
    options.limits.time = Duration::from_millis(100);
    let face = Face::with(options).await;
    let mut slow = request();
    slow["model"]["uri"] = json!("file:///models/slow");
    face.post("/v1/jobs", &slow).await.problem(503, "timed_out");
    // A long poll may take the time that it asks for.
    let id = face.created().await;
    let start = Instant::now();
    assert_eq!(face.get(&format!("/v1/jobs/{id}?wait=1")).await.status, 200);
    assert!(start.elapsed() >= Duration::from_secs(1));
}

async fn served(options: Options, most: usize) -> (Face, SocketAddr, JoinHandle<()>) {
    let stopping = options.stopping.clone();
    let face = Face::with(options).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let connections = Connections {
        most,
        head: Duration::from_millis(300),
    };
    let server = tokio::spawn(serve(listener, face.router(), connections, stopping));
    (face, address, server)
}

async fn answered(mut stream: TcpStream, request: &str) -> String {
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    // A connection that is cut off has said what it had to say.
    let _ = stream.read_to_string(&mut text).await;
    text
}

#[tokio::test]
async fn a_connection_that_sends_no_head_is_closed() {
    let (_face, address, _server) = served(Options::default(), 8).await;
    let slow = TcpStream::connect(address).await.unwrap();
    let closed = tokio::time::timeout(SOON, answered(slow, "GET /livez HTTP/1.1\r\nhost: a"));
    let said = closed.await.expect("it is closed");
    assert!(!said.contains("200 OK"), "{said}");
    let quick = TcpStream::connect(address).await.unwrap();
    let said = answered(
        quick,
        "GET /livez HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
    )
    .await;
    assert!(said.contains("200 OK"), "{said}");
}

#[tokio::test]
async fn connections_beyond_the_most_wait_for_a_place() {
    let (_face, address, _server) = served(Options::default(), 1).await;
    let idle = TcpStream::connect(address).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    let start = Instant::now();
    let next = TcpStream::connect(address).await.unwrap();
    let said = answered(
        next,
        "GET /livez HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
    )
    .await;
    assert!(said.contains("200 OK"), "{said}");
    assert!(
        start.elapsed() >= Duration::from_millis(100),
        "the idle one had the place"
    );
    drop(idle);
}

#[tokio::test]
async fn streams_and_long_polls_end_when_the_service_stops() {
    let options = Options::default();
    let stopping = options.stopping.clone();
    let (face, address, server) = served(options, 8).await;
    let id = face.created().await;
    let mut readers = Vec::new();
    for (path, accept) in [
        (format!("/v1/jobs/{id}/events"), "text/event-stream"),
        (format!("/v1/jobs/{id}?wait=60"), "application/json"),
    ] {
        let stream = TcpStream::connect(address).await.unwrap();
        let head = format!("GET {path} HTTP/1.1\r\nhost: a\r\naccept: {accept}\r\n\r\n");
        readers.push(tokio::spawn(async move { answered(stream, &head).await }));
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    stopping.cancel();
    tokio::time::timeout(SOON, server)
        .await
        .expect("nothing keeps it")
        .unwrap();
    for reader in readers {
        let said = tokio::time::timeout(SOON, reader).await.unwrap().unwrap();
        assert!(said.contains("200 OK") && said.contains("queued"), "{said}");
    }
}
