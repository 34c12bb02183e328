//! Trace context: a job continues the trace of its request.

use optin::job::Scope;
use optin::job::store::JobStore;

use super::harness::{Harness, request};

#[tokio::test]
async fn a_job_continues_the_trace_of_its_request() {
    let harness = Harness::new().await;
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let given = format!("00-{trace}-b7ad6b7169203331-01");
    let trace_of_job = async |traceparent: &str| {
        let headers = [
            ("content-type", "application/json"),
            ("traceparent", traceparent),
        ];
        let body = request().to_string();
        let response = harness.send("POST", "/v1/jobs", &headers, body).await;
        let id = response.json()["id"].as_str().unwrap().parse().unwrap();
        harness
            .jobs
            .get(&Scope::Service, id)
            .await
            .unwrap()
            .trace
            .unwrap()
    };
    let kept = trace_of_job(&given).await;
    assert_eq!(kept.trace_id(), trace);
    assert_ne!(kept.to_string(), given, "the job has a new span");
    for bad in [
        "",
        "00-x-y-01",
        &given.replace(trace, &"0".repeat(32)),
        &given.to_uppercase(),
    ] {
        assert_ne!(trace_of_job(bad).await.trace_id(), trace, "{bad}");
    }
}
