//! A request's trace goes with its job.

use optin::job::Scope;
use optin::job::store::JobStore;

use super::face::{Face, request};

#[tokio::test]
async fn a_job_keeps_the_trace_of_its_request() {
    let face = Face::new().await;
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let given = format!("00-{trace}-b7ad6b7169203331-01");
    let queued = async |traceparent: &str| {
        let headers = [
            ("content-type", "application/json"),
            ("traceparent", traceparent),
        ];
        let body = request().to_string();
        let answer = face.send("POST", "/v1/jobs", &headers, body).await;
        let id = answer.json()["id"].as_str().unwrap().parse().unwrap();
        face.jobs
            .get(&Scope::Service, id)
            .await
            .unwrap()
            .trace
            .unwrap()
    };
    let kept = queued(&given).await;
    assert_eq!(kept.trace_id(), trace);
    assert_ne!(kept.to_string(), given, "the job is a step of its own");
    for bad in [
        "",
        "00-x-y-01",
        &given.replace(trace, &"0".repeat(32)),
        &given.to_uppercase(),
    ] {
        assert_ne!(queued(bad).await.trace_id(), trace, "{bad}");
    }
}
