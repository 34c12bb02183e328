//! Tests of the proxy that other tests use to break connections.

use axum::Router;
use axum::extract::State;
use axum::http::Method;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::fixture::injection_points::{Protocol, Reader};
use crate::fixture::proxy::{Fault, Mode, Proxy};

/// Starts a server that counts PUT requests.
async fn counter() -> (std::net::SocketAddr, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let keep = |State(count): State<Arc<AtomicUsize>>, method: Method, _: String| async move {
        count.fetch_add(usize::from(method == Method::PUT), Ordering::SeqCst);
        "kept"
    };
    let router = Router::new().fallback(keep).with_state(Arc::clone(&count));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    (address, count)
}

fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().timeout(Duration::from_millis(500));
    client.build().unwrap()
}

#[tokio::test]
async fn a_fault_happens_once_before_or_after_the_server_processes_the_request() {
    let (server, count) = counter().await;
    let proxy = Proxy::start(server, Protocol::Http);
    let url = format!("http://{server}/bucket/key?partNumber=1&uploadId=x");
    let url = proxy.url(&url);
    let put = async || client().put(&url).body("content").send().await;
    let cases = [
        (Fault::CutBefore, 0),
        (Fault::CutAfter, 1),
        (Fault::StallBefore, 0),
        (Fault::StallAfter, 1),
        (Fault::Status(503), 0),
    ];
    for (fault, kept) in cases {
        let before = count.load(Ordering::SeqCst);
        proxy.arm(1, fault);
        assert_eq!(put().await.unwrap().text().await.unwrap(), "kept");
        let response = put().await;
        match fault {
            Fault::Status(status) => assert_eq!(response.unwrap().status(), status),
            Fault::StallBefore | Fault::StallAfter => {
                assert!(response.unwrap_err().is_timeout(), "{fault:?}");
            }
            Fault::CutBefore | Fault::CutAfter => {
                assert!(!response.unwrap_err().is_timeout(), "{fault:?}");
            }
        }
        assert!(proxy.has_injected());
        assert_eq!(put().await.unwrap().text().await.unwrap(), "kept");
        let added = count.load(Ordering::SeqCst) - before;
        assert_eq!(added, 2 + kept, "{fault:?}");
    }
    let points = proxy.points();
    assert_eq!(points.len(), 3 * cases.len());
    assert!(
        points
            .iter()
            .all(|point| point == "PUT /bucket/key?partNumber&uploadId")
    );
}

#[tokio::test]
async fn connections_are_refused_or_stalled_according_to_the_mode() {
    let (server, count) = counter().await;
    let proxy = Proxy::start(server, Protocol::Http);
    let url = format!("http://{}/key", proxy.address);
    let client = client();
    let put = async || client.put(&url).body("content").send().await;
    put().await.unwrap();
    proxy.set(Mode::Refuse);
    assert!(!put().await.unwrap_err().is_timeout());
    proxy.set(Mode::Stall);
    assert!(put().await.unwrap_err().is_timeout());
    assert_eq!(count.load(Ordering::SeqCst), 1);
    proxy.set(Mode::Pass);
    put().await.unwrap();
}

/// The injection points do not depend on the size of the received pieces, and no byte is lost.
#[test]
fn injection_points_do_not_depend_on_the_size_of_the_pieces() {
    let http = "PUT /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nGET\r\n10\r\n0123456789abcdef\r\n0\r\nDigest: x\r\n\r\nGET /b?c=d HTTP/1.1\r\n\r\nPOST /e HTTP/1.1\r\ncontent-length: 5\r\n\r\nGET /DELETE /f HTTP/1.1\r\n\r\n";
    let message = |kind: &str, body: &str| {
        let length = (body.len() as u32 + 4).to_be_bytes();
        [kind.as_bytes(), &length, body.as_bytes()].concat()
    };
    let postgres = [
        [8_u32.to_be_bytes(), 80_877_103_u32.to_be_bytes()].concat(),
        message("", "\0\x03\0\0user\0optin\0\0"),
        message("Q", "BEGIN\0"),
        message("P", "s1\0UPDATE jobs SET x = 1\0\0\0"),
        message("B", "\0s1\0\0\0\0\0\0\0"),
        message("E", "\0\0\0\0\0"),
        message("S", ""),
        message("Q", "COMMIT\0"),
        message("B", "\0s1\0\0\0\0\0\0\0"),
        message("E", "\0\0\0\0\0"),
        message("S", ""),
        message("S", ""),
    ]
    .concat();
    let requests = ["PUT /a", "GET /b?c", "POST /e", "DELETE /f"].as_slice();
    let cases = [
        (Protocol::Http, http.as_bytes(), requests),
        (
            Protocol::Postgres,
            postgres.as_slice(),
            &["COMMIT", "UPDATE jobs SET"],
        ),
    ];
    for (protocol, stream, expected) in cases {
        for size in [1, 7, stream.len()] {
            let mut reader = Reader::new(protocol);
            let pieces: Vec<_> = stream
                .chunks(size)
                .flat_map(|part| reader.take(part))
                .collect();
            let points: Vec<_> = pieces
                .iter()
                .filter_map(|piece| piece.point.as_deref())
                .collect();
            assert_eq!(points, expected, "{protocol:?} in pieces of {size}");
            let passed: Vec<u8> = pieces.into_iter().flat_map(|piece| piece.bytes).collect();
            assert_eq!(passed, stream, "{protocol:?} in pieces of {size}");
        }
    }
}
