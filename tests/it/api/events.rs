//! Job events over HTTP: pages and event streams.

use optin::job::event::NewEvent;
use optin::job::store::JobStore;
use optin::prune::stage::Stage;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

use super::harness::Harness;

#[tokio::test]
async fn pages_contain_all_events_in_order() {
    let harness = Harness::new().await;
    let id = harness.create_job().await;
    let lease = harness.claim().await;
    for done in 0..5 {
        harness
            .jobs
            .record(
                &lease,
                NewEvent::Progress {
                    stage: Stage::Scoring,
                    done,
                    total: 5,
                },
            )
            .await
            .unwrap();
    }
    let (mut sequences, mut after, mut pages) = (Vec::new(), 0, 0);
    loop {
        let page = harness
            .get(&format!("/v1/jobs/{id}/events?limit=3&after={after}"))
            .await
            .json();
        sequences.extend(
            page["data"]
                .as_array()
                .unwrap()
                .iter()
                .map(|event| event["sequence"].as_i64().unwrap()),
        );
        after = page["next_after"].as_i64().unwrap();
        pages += 1;
        if page["has_more"] == false {
            break;
        }
    }
    assert_eq!((sequences, pages), ((1..=7).collect(), 3));
    let first = harness
        .get(&format!("/v1/jobs/{id}/events?limit=3"))
        .await
        .json();
    assert_eq!(
        (&first["data"][0]["type"], &first["data"][1]["attempt"]),
        (&json!("queued"), &json!(1))
    );
    assert_eq!(
        (&first["data"][2]["stage"], &first["data"][2]["total"]),
        (&json!("scoring"), &json!(5))
    );
}

/// Returns the ids and types of the events in a stream.
fn ids_and_types(text: &str) -> Vec<(String, String)> {
    let value = |block: &str, name: &str| {
        block
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .map(|value| value.trim().to_owned())
    };
    let blocks = text
        .split("\n\n")
        .filter_map(|block| Some((value(block, "id:")?, value(block, "event:")?)));
    blocks.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_with_the_job_and_resumes_after_last_event_id() {
    let harness = Arc::new(Harness::new().await);
    let id = harness.create_job().await;
    let path = format!("/v1/jobs/{id}/events");
    let stream = async |harness: Arc<Harness>, path: String, last: &str| {
        let response = harness
            .send(
                "GET",
                &path,
                &[("accept", "text/event-stream"), ("last-event-id", last)],
                "",
            )
            .await;
        assert_eq!(response.header("content-type"), "text/event-stream");
        ids_and_types(&String::from_utf8(response.bytes).unwrap())
    };
    let following = tokio::spawn(stream(Arc::clone(&harness), path.clone(), "0"));
    tokio::time::sleep(Duration::from_millis(200)).await;
    let lease = harness.claim().await;
    harness
        .jobs
        .record(
            &lease,
            NewEvent::Stage {
                stage: Stage::Scoring,
            },
        )
        .await
        .unwrap();
    harness.succeed(&lease, "report.json", b"{}").await;
    let all = tokio::time::timeout(Duration::from_secs(10), following)
        .await
        .expect("the stream ends with the job")
        .unwrap();
    let types: Vec<&str> = all.iter().map(|(_, kind)| kind.as_str()).collect();
    assert_eq!(types, ["queued", "started", "stage", "succeeded"]);
    assert_eq!(
        all.iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>(),
        ["1", "2", "3", "4"]
    );
    assert_eq!(
        stream(Arc::clone(&harness), path.clone(), "2").await,
        all[2..]
    );
    // 204 tells an EventSource that reconnects after the last event to stop.
    let last = [("accept", "text/event-stream"), ("last-event-id", "4")];
    let over = harness.send("GET", &path, &last, "").await;
    assert_eq!((over.status.as_u16(), over.bytes.len()), (204, 0));
    // The stream also has a separate path, for clients that do not set `Accept`.
    let stream_path = format!("{path}/stream?after=2");
    let rest = harness.send("GET", &stream_path, &[], "").await;
    assert_eq!(rest.header("content-type"), "text/event-stream");
    assert_eq!(
        ids_and_types(&String::from_utf8(rest.bytes).unwrap()),
        all[2..]
    );
    let over = harness
        .send("GET", &stream_path, &[("last-event-id", "4")], "")
        .await;
    assert_eq!(over.status, 204);
    // A client that accepts both media types gets a page.
    let any = [("accept", "application/json, text/event-stream")];
    let page = harness.send("GET", &path, &any, "").await.json();
    assert_eq!(page["data"].as_array().unwrap().len(), 4);
}
