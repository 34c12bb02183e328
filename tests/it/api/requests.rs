//! Invalid requests, and behaviors that all requests share.

use serde_json::{Value, json};

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
            "/method/gram_positions",
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
            "/calibration/max_positions",
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
    for (object, key, known) in [
        ("", "webhook", "model, calibration"),
        ("", "a/b", "model, calibration"),
        ("/model", "url", "uri"),
        ("/calibration", "version", "uri, mapping"),
        ("/calibration/mapping", "texts", "text, text_pair"),
        ("/evaluation", "seed", "uri, mapping, max_samples"),
        ("/evaluation/mapping", "column", "text, text_pair"),
        ("/target", "keep", "metric, value"),
        (
            "/constraints",
            "minimum",
            "round_to, round_widths_to, min_kept",
        ),
        ("/method", "temprature", "importance, estimator"),
    ] {
        let mut body = request();
        body["evaluation"] = json!({"uri": "file:///data/dev.tsv", "mapping": {}});
        for optional in ["constraints", "method"] {
            body[optional] = json!({});
        }
        body["calibration"]["mapping"] = json!({});
        body.pointer_mut(object).unwrap()[key] = json!({});
        let problem = harness
            .post("/v1/jobs", &body)
            .await
            .problem(422, "validation_failed");
        let pointer = format!("{object}/{}", key.replace('/', "~1"));
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
        let detail = problem["detail"].as_str().unwrap();
        let start = format!("unknown property \"{key}\"; the properties are {known}");
        assert!(detail.starts_with(&start), "{detail}");
    }
    // A misspelled property is named, and not that the other one is missing.
    let mut body = request();
    body["modle"] = body.as_object_mut().unwrap().remove("model").unwrap();
    let problem = harness.post("/v1/jobs", &body).await;
    let problem = problem.problem(422, "validation_failed");
    assert_eq!(problem["errors"][0]["pointer"], "/modle");
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
async fn a_repeated_property_is_rejected_by_name_everywhere() {
    let harness = Harness::new().await;
    let id = harness.create_job().await;
    let upload = json!({"name": "train.tsv", "bytes": 3, "sha256": "0".repeat(64)});
    let upload = harness.post("/v1/uploads", &upload).await.json();
    let parts = format!("/v1/uploads/{}/parts", upload["id"].as_str().unwrap());
    let mut paths = vec![parts, format!("/v1/jobs/{id}/resolve")];
    let simple = [
        "jobs",
        "jobs/estimate",
        "datasets/inspect",
        "uploads",
        "webhooks",
        "keys",
    ];
    paths.extend(simple.map(|path| format!("/v1/{path}")));
    for path in &paths {
        for (body, pointer) in [
            (r#"{"name": "a", "name": "a"}"#, "/name"),
            (r#"{"model": {"uri": "a", "uri": "b"}}"#, "/model/uri"),
            (
                r#"{"labels": {"a/b": "1", "a\u002fb": "1"}}"#,
                "/labels/a~1b",
            ),
        ] {
            let response = harness.send("POST", path, &[JSON], body).await;
            let problem = response.problem(422, "validation_failed");
            assert_eq!(problem["errors"][0]["pointer"], pointer, "{path}");
            assert!(
                problem["detail"]
                    .as_str()
                    .unwrap()
                    .contains("more than once"),
                "{problem}"
            );
        }
    }
    // Every operation with a JSON body is in the list, except for changes of a webhook, which needs one.
    let document = optin::api::openapi();
    let items = document["paths"].as_object().unwrap();
    let operations = items.values().flat_map(|item| item.as_object().unwrap());
    let with_json = operations.filter(|(_, operation)| {
        !operation["requestBody"]["content"]["application/json"].is_null()
    });
    assert_eq!(with_json.count(), paths.len() + 1);
}
