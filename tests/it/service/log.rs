//! The log and the metrics of a service behind a proxy.

use std::process::Stdio;

use super::process::{Running, optin, wait_until};

#[test]
fn rejected_requests_are_logged_without_colors_and_addresses_are_forwarded() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let _service = Running(
        optin()
            .args(["serve", "--listen", "127.0.0.1:0", "--keys", "proxied"])
            .args(["--rate", "1", "--burst", "1", "--data-dir"])
            .arg(folder.path().join("data"))
            .stderr(Stdio::from(std::fs::File::create(&log).unwrap()))
            .spawn()
            .unwrap(),
    );
    let logged = || std::fs::read_to_string(&log).unwrap();
    let mut url = String::new();
    wait_until("the service listens", || {
        let text = logged();
        let address = text.split("http://127.0.0.1:").nth(1);
        let port = address.and_then(|rest| rest.split(|sign: char| !sign.is_ascii_digit()).next());
        url = port.map_or_else(String::new, |port| format!("http://127.0.0.1:{port}"));
        !url.is_empty()
    });
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let http = reqwest::Client::new();
    let get = |path: &str, client: &str, id: &str| {
        let request = http
            .get(format!("{url}{path}"))
            .header("x-forwarded-for", format!("198.51.100.7, {client}"))
            .header("x-request-id", id);
        runtime.block_on(async {
            let response = request.send().await.unwrap();
            (response.status().as_u16(), response.text().await.unwrap())
        })
    };
    assert_eq!(get("/v1/jobs?stat=failed", "203.0.113.1", "first").0, 400);
    assert_eq!(get("/v1/jobs", "203.0.113.1", "second").0, 429);
    // The rate limit of another client of the same proxy is separate.
    assert_eq!(get("/v1/jobs", "203.0.113.2", "third").0, 200);
    let (status, metrics) = get("/metrics", "203.0.113.1", "scrape");
    let version = env!("CARGO_PKG_VERSION");
    let build = format!("optin_build_info{{version=\"{version}\",cuda=\"false\"}} 1");
    assert!(status == 200 && metrics.contains(&build), "{metrics}");

    let text = logged();
    assert!(
        !text.contains('\u{1b}'),
        "a log file must not contain color codes: {text:?}"
    );
    let line = |id: &str| {
        let of = format!("request_id=\"{id}\"");
        text.lines().find(|line| line.contains(&of))
    };
    let first = line("first").unwrap_or_else(|| panic!("{text}"));
    for part in [
        "INFO",
        "status=400",
        "problem=\"invalid_request\"",
        "stat",
        "/v1/jobs",
    ] {
        assert!(first.contains(part), "{part}: {first}");
    }
    assert!(line("second").is_some_and(|line| line.contains("status=429")));
    assert_eq!(line("third"), None, "successful requests are not logged");
}
