//! Invalid requests, and behaviors that all requests share.

use optin::prune::recipe::{Compensation, Estimator, Importance, Metric, TokenWeights, Trajectory};
use serde_json::{Value, json};
use std::time::Duration;
use strum::VariantArray;

use super::harness::{Harness, request};

const JSON: (&str, &str) = ("content-type", "application/json");

#[tokio::test]
async fn unknown_paths_methods_and_ids_are_rejected() {
    let harness = Harness::new().await;
    harness.get("/nothing").await.problem(404, "not_found");
    harness.get("/v1/nothing").await.problem(404, "not_found");
    let wrong = harness.send("PUT", "/v1/jobs", &[], "").await;
    wrong.problem(405, "method_not_allowed");
    assert!(
        wrong.header("allow").contains("POST"),
        "{:?}",
        wrong.headers
    );
    for id in [
        "job_1",
        "x",
        "job_0190c5a8-7c1e-7f3a-9d56-3f1d2b7a4c10",
        "JOB_0190c5a8-7c1e-7f3a-9d56-3f1d2b7a4c10",
        "%00",
        "%ff",
    ] {
        for (method, path) in [
            ("GET", ""),
            ("DELETE", ""),
            ("POST", "/cancel"),
            ("POST", "/retry"),
            ("GET", "/events"),
            ("GET", "/artifacts"),
            ("GET", "/artifacts/a"),
        ] {
            harness
                .send(method, &format!("/v1/jobs/{id}{path}"), &[], "")
                .await
                .problem(404, "not_found");
        }
    }
}

#[tokio::test]
async fn bodies_that_are_invalid_json_not_an_object_or_too_large_are_rejected() {
    let harness = Harness::new().await;
    for path in ["/v1/jobs", "/v1/jobs/estimate"] {
        harness
            .send("POST", path, &[], request().to_string())
            .await
            .problem(415, "unsupported_media_type");
        harness
            .send("POST", path, &[("content-type", "text/plain")], "x")
            .await
            .problem(415, "unsupported_media_type");
        for body in ["", "{", "{\"model\":}", "\u{1}"] {
            harness
                .send("POST", path, &[JSON], body)
                .await
                .problem(400, "invalid_json");
        }
        harness
            .send("POST", path, &[JSON], vec![0xff, 0xfe])
            .await
            .problem(400, "invalid_json");
        for body in ["[]", "null", "1", "\"x\""] {
            harness
                .send("POST", path, &[JSON], body)
                .await
                .problem(422, "validation_failed");
        }
        harness
            .send(
                "POST",
                path,
                &[JSON],
                format!("\"{}\"", "x".repeat(2 << 20)),
            )
            .await
            .problem(413, "payload_too_large");
        // Deep nesting must not overflow the stack.
        harness
            .send("POST", path, &[JSON], "[".repeat(100_000))
            .await
            .problem(400, "invalid_json");
    }
}

#[tokio::test]
async fn errors_point_to_the_invalid_field() {
    let harness = Harness::new().await;
    let cases: &[(&str, Value, &str, &str)] = &[
        ("/target/value", json!("60"), "invalid_target", "no % sign"),
        (
            "/target/value",
            json!("0%"),
            "invalid_target",
            "out of range",
        ),
        (
            "/target/value",
            json!("100%"),
            "invalid_target",
            "out of range",
        ),
        (
            "/target/value",
            json!("-5%"),
            "invalid_target",
            "not a number",
        ),
        (
            "/target/value",
            json!("NaN%"),
            "invalid_target",
            "not a number",
        ),
        (
            "/target/value",
            json!("sixty%"),
            "invalid_target",
            "not a number",
        ),
        ("/target/value", json!(60), "validation_failed", "string"),
        (
            "/target/tolerance",
            json!("1"),
            "invalid_target",
            "no % sign",
        ),
        (
            "/target/tolerance",
            json!("99%"),
            "invalid_recipe",
            "target.tolerance",
        ),
        (
            "/target/metric",
            json!("energy"),
            "validation_failed",
            "flops",
        ),
        (
            "/method/estimator",
            json!("guess"),
            "validation_failed",
            "exact",
        ),
        (
            "/method/temperature",
            json!(0),
            "invalid_recipe",
            "method.temperature",
        ),
        ("/method/ridge", json!(-1), "invalid_recipe", "method.ridge"),
        (
            "/method/scoring_samples",
            json!(0),
            "invalid_recipe",
            "between 1 and 4096",
        ),
        (
            "/method/gram_tokens",
            json!("many"),
            "validation_failed",
            "usize",
        ),
        (
            "/calibration/max_samples",
            json!(0),
            "invalid_recipe",
            "between 1 and 100000",
        ),
        (
            "/calibration/max_tokens",
            json!(100_000_001),
            "invalid_recipe",
            "between 1 and 100000000",
        ),
        ("/calibration/seed", json!(-1), "validation_failed", "u64"),
        (
            "/calibration/seed",
            json!(u64::MAX),
            "validation_failed",
            "between 0 and 9007199254740991",
        ),
        (
            "/evaluation/max_samples",
            json!(0),
            "validation_failed",
            "between 1 and 10000000",
        ),
        ("/deadline", json!("soon"), "validation_failed", "\"2h\""),
        ("/deadline", json!("0s"), "validation_failed", "\"2h\""),
        (
            "/deadline",
            json!("99999999999999999999d"),
            "validation_failed",
            "\"2h\"",
        ),
        (
            "/max_attempts",
            json!(0),
            "validation_failed",
            "between 1 and 10",
        ),
        (
            "/priority",
            json!(101),
            "validation_failed",
            "between -100 and 100",
        ),
        (
            "/device",
            json!("cuda"),
            "validation_failed",
            "no worker of this service has the device cuda",
        ),
        (
            "/labels",
            json!({"": "x"}),
            "validation_failed",
            "1 to 64 characters",
        ),
    ];
    for (pointer, value, code, word) in cases {
        let mut body = request();
        body["method"] = json!({});
        body["evaluation"] = json!({"uri": body["calibration"]["uri"]});
        body["labels"] = json!({});
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        body.pointer_mut(parent).unwrap()[key] = value.clone();
        let problem = harness.post("/v1/jobs", &body).await.problem(422, code);
        assert_eq!(problem["errors"][0]["pointer"], *pointer, "{problem}");
        assert!(
            problem["detail"].as_str().unwrap().contains(word),
            "{problem}"
        );
    }
    let (all, _) = optin::job::store::JobStore::list(
        harness.jobs.as_ref(),
        &optin::job::Scope::Service,
        &Default::default(),
        None,
        10,
    )
    .await
    .unwrap();
    assert!(all.is_empty(), "invalid requests queue no jobs");
}

/// JSON does not distinguish integers from floating-point numbers.
#[tokio::test]
async fn an_integer_may_have_a_decimal_point() {
    let harness = Harness::new().await;
    let mut body = request();
    body["max_attempts"] = json!(4.0);
    body["calibration"]["max_samples"] = json!(64.0);
    let job = harness.post("/v1/jobs", &body).await;
    assert_eq!(job.status, 202, "{}", job.json());
    assert_eq!(job.json()["request"]["calibration"]["max_samples"], 64);
    body["max_attempts"] = json!(4.5);
    harness
        .post("/v1/jobs", &body)
        .await
        .problem(422, "validation_failed");
}

/// Fields that this release does not support are rejected, not ignored.
#[tokio::test]
async fn unknown_and_missing_fields_are_rejected_by_name() {
    let harness = Harness::new().await;
    for key in ["outputs", "constraint", "webhook", "modle"] {
        let mut body = request();
        body[key] = json!({});
        let problem = harness
            .post("/v1/jobs", &body)
            .await
            .problem(422, "validation_failed");
        assert!(
            problem["detail"].as_str().unwrap().contains(key),
            "{problem}"
        );
    }
    for key in ["model", "calibration", "target"] {
        let mut body = request();
        body.as_object_mut().unwrap().remove(key);
        let problem = harness
            .post("/v1/jobs", &body)
            .await
            .problem(422, "validation_failed");
        assert!(
            problem["detail"].as_str().unwrap().contains(key),
            "{problem}"
        );
    }
    let mut body = request();
    body["evaluation"] = json!({"uri": "file:///x.tsv", "max_samples": 0});
    harness
        .post("/v1/jobs", &body)
        .await
        .problem(422, "validation_failed");
    body = request();
    body["labels"] = (0..17)
        .map(|label| (label.to_string(), json!("x")))
        .collect::<serde_json::Map<_, _>>()
        .into();
    harness
        .post("/v1/jobs", &body)
        .await
        .problem(422, "validation_failed");
}

#[tokio::test]
async fn invalid_query_parameters_are_rejected() {
    let harness = Harness::new().await;
    for query in [
        "limit=0",
        "limit=101",
        "limit=x",
        "limit=-1",
        "cursor=nowhere",
        "state=sleeping",
        "label=x",
        "label=:x",
    ] {
        let problem = harness
            .get(&format!("/v1/jobs?{query}"))
            .await
            .problem(400, "invalid_request");
        assert!(problem["errors"][0]["pointer"].is_string());
    }
    let id = harness.create_job().await;
    for path in [
        "?wait=61",
        "?wait=x",
        "/events?after=-1",
        "/events?limit=0",
        "/events?limit=1001",
    ] {
        harness
            .get(&format!("/v1/jobs/{id}{path}"))
            .await
            .problem(400, "invalid_request");
    }
}

#[tokio::test]
async fn a_valid_request_id_is_kept_and_an_invalid_one_is_replaced() {
    let harness = Harness::new().await;
    let with = async |id: &str| {
        harness
            .send("GET", "/livez", &[("x-request-id", id)], "")
            .await
            .header("x-request-id")
            .to_owned()
    };
    assert_eq!(with("abc-1.2_3").await, "abc-1.2_3");
    for invalid in ["a b", "\"x\"", &"x".repeat(65)] {
        assert_ne!(with(invalid).await, invalid);
    }
    assert_eq!(harness.get("/livez").await.header("x-request-id").len(), 36);
}

#[tokio::test]
async fn a_panic_gets_500_without_internal_details() {
    let harness = Harness::new().await;
    let mut body = request();
    body["model"]["uri"] = json!("file:///panic");
    let problem = harness
        .post("/v1/jobs", &body)
        .await
        .problem(500, "internal");
    assert!(!problem.to_string().contains("secret"), "{problem}");
    assert_eq!(harness.get("/livez").await.status, 200);
}

#[tokio::test]
async fn health_capabilities_documentation_and_metrics_are_served() {
    let harness = Harness::new().await;
    assert_eq!(harness.get("/livez").await.bytes, b"ok\n");
    assert_eq!(harness.get("/readyz").await.bytes, b"ok\n");
    let capabilities = harness.get("/v1/capabilities").await.json();
    assert_eq!(capabilities["model_types"], json!(["bert"]));
    assert_eq!(capabilities["uri_schemes"], json!(["file", "hf"]));
    for (list, words) in [
        ("metrics", json!(Metric::VARIANTS)),
        ("estimators", json!(Estimator::VARIANTS)),
        ("trajectories", json!(Trajectory::VARIANTS)),
        ("compensations", json!(Compensation::VARIANTS)),
        ("importances", json!(Importance::VARIANTS)),
        ("token_weights", json!(TokenWeights::VARIANTS)),
    ] {
        assert_eq!(capabilities[list], words, "{list}");
    }
    assert!(capabilities["metrics"].to_string().contains("latency_ms"));
    assert_eq!(
        harness.get("/openapi.json").await.json()["info"]["title"],
        "optin"
    );
    let yaml = harness.get("/openapi.yaml").await;
    assert_eq!(yaml.header("content-type"), "application/yaml");
    assert!(yaml.bytes.starts_with(b"openapi: 3."));
    assert!(
        String::from_utf8(harness.get("/docs/").await.bytes)
            .unwrap()
            .contains("swagger")
    );
    harness.create_job().await;
    let metrics = harness.get("/metrics").await;
    assert_eq!(metrics.header("content-type"), "text/plain; version=0.0.4");
    // With a broken artifact store, the service is not ready.
    let artifacts = harness.folder.path().join("artifacts");
    std::fs::remove_dir_all(&artifacts).unwrap();
    std::fs::write(&artifacts, "in the way").unwrap();
    let problem = harness.get("/readyz").await.problem(503, "unavailable");
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .contains("artifact store")
    );
    // A new job is accepted, and `waiting` gives the reason why it waits.
    let waiting = async || harness.post("/v1/jobs", &request()).await.json()["waiting"].clone();
    assert_eq!(waiting().await["code"], "storage_unavailable");
    std::fs::remove_file(&artifacts).unwrap();
    assert_eq!(harness.get("/readyz").await.status, 200);
    assert_eq!(waiting().await, json!(null));
}

#[tokio::test]
async fn unknown_query_parameters_are_rejected_by_name() {
    let harness = Harness::new().await;
    let id = harness.create_job().await;
    for path in [
        "/v1/jobs?stat=failed",
        &format!("/v1/jobs/{id}?wiat=3"),
        &format!("/v1/jobs/{id}/events?from=3"),
        "/v1/keys?stat=a",
        "/v1/audit?stat=a",
        "/v1/uploads?stat=a",
        "/v1/webhooks?stat=a",
        "/v1/capabilities?stat=a",
        "/v1/jobs?limit=2&stat=failed",
    ] {
        let problem = harness.get(path).await.problem(400, "invalid_request");
        let detail = problem["detail"].as_str().unwrap();
        assert!(
            detail.starts_with("unknown query parameter \""),
            "{path}: {detail}"
        );
    }
}

#[tokio::test]
async fn livez_names_a_background_task_that_hangs() {
    let harness = Harness::new().await;
    let healthy = harness.pulses.watch("worker one", Duration::from_secs(60));
    assert_eq!(harness.get("/livez").await.status, 200);
    let hanging = harness.pulses.watch("worker two", Duration::ZERO);
    tokio::time::sleep(Duration::from_millis(5)).await;
    healthy.beat();
    let problem = harness.get("/livez").await.problem(503, "unavailable");
    let detail = problem["detail"].as_str().unwrap();
    assert!(
        detail.contains("a background task hangs: worker two;") && !detail.contains("worker one"),
        "{detail}"
    );
    drop(hanging);
}

#[tokio::test]
async fn head_returns_no_body() {
    let harness = Harness::new().await;
    let response = harness.send("HEAD", "/v1/capabilities", &[], "").await;
    assert_eq!((response.status.as_u16(), response.bytes.len()), (200, 0));
}

#[tokio::test]
async fn strings_with_nul_bytes_are_rejected() {
    let harness = Harness::new().await;
    let mut body = request();
    body["labels"] = json!({"team": "a\u{0}b"});
    harness
        .post("/v1/jobs", &body)
        .await
        .problem(422, "validation_failed");
    harness
        .get("/v1/jobs?model=%00")
        .await
        .problem(400, "invalid_request");
}

#[tokio::test]
async fn if_match_protects_a_job_from_changes_that_the_client_has_not_seen() {
    let harness = Harness::new().await;
    let id = harness.create_job().await;
    let path = format!("/v1/jobs/{id}");
    let first = harness.get(&path).await.header("etag").to_owned();
    let send = async |method: &str, path: &str, etag: &str| {
        harness.send(method, path, &[("if-match", etag)], "").await
    };
    let lease = harness.claim().await;
    // The claim creates a new version of the job.
    for (method, path) in [
        ("GET", path.clone()),
        ("DELETE", path.clone()),
        ("POST", format!("{path}/cancel")),
    ] {
        send(method, &path, &first)
            .await
            .problem(412, "precondition_failed");
    }
    let current = harness.get(&path).await.header("etag").to_owned();
    assert_eq!(send("GET", &path, "*").await.status, 200);
    assert_eq!(
        send("GET", &path, &format!("{first}, {current}"))
            .await
            .status,
        200
    );
    // A weak ETag never matches: the comparison is strong.
    send("GET", &path, &format!("W/{current}"))
        .await
        .problem(412, "precondition_failed");
    let canceled = send("POST", &format!("{path}/cancel"), &current).await;
    assert_eq!(
        (canceled.status.as_u16(), &canceled.json()["state"]),
        (202, &json!("canceling"))
    );
    harness.succeed(&lease, "report.json", b"{}").await;
    send("DELETE", &path, &current)
        .await
        .problem(412, "precondition_failed");
    assert_eq!(send("DELETE", &path, "*").await.status, 204);
}

#[tokio::test]
async fn the_openapi_document_is_served_as_json_and_yaml_with_the_url_of_the_service() {
    let harness = Harness::new().await;
    let json = harness.get("/openapi.json").await.json();
    assert_eq!(json["servers"], json!([{"url": "https://optin.example"}]));
    let yaml = harness.get("/openapi.yaml").await;
    assert_eq!(yaml.header("content-type"), "application/yaml");
    let text = String::from_utf8(yaml.bytes).unwrap();
    assert!(text.contains("- url: https://optin.example") && text.starts_with("openapi: 3.1.0"));
    // Only the URL differs from the committed document.
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.yaml");
    let committed = std::fs::read_to_string(path).unwrap();
    assert_eq!(
        text,
        committed.replace("http://127.0.0.1:8080", "https://optin.example")
    );
}

#[tokio::test]
async fn a_key_with_the_metrics_scope_reads_metrics_but_not_jobs() {
    let harness = super::access::with_required_keys().await;
    let key = super::access::api_key(&harness, "a", optin::job::key::KeyScope::Metrics).await;
    let page = super::access::send_with_key(&harness, "GET", "/metrics", &key, &json!({})).await;
    assert_eq!(page.status, 200);
    let rejected =
        super::access::send_with_key(&harness, "GET", "/v1/jobs", &key, &json!({})).await;
    rejected.problem(403, "forbidden");
}
