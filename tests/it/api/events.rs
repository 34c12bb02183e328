//! A job's history over HTTP: pages and streams.

use optin::job::event::NewEvent;
use optin::job::store::JobStore;
use optin::prune::stage::Stage;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

use super::face::Face;

#[tokio::test]
async fn pages_follow_each_other() {
    let face = Face::new().await;
    let id = face.created().await;
    let lease = face.claim().await;
    for done in 0..5 {
        face.jobs
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
        let page = face
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
    let first = face
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

/// Ids and types of a stream's events.
fn told(text: &str) -> Vec<(String, String)> {
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
async fn a_stream_follows_a_job_to_its_end_and_goes_on_where_it_broke() {
    let face = Arc::new(Face::new().await);
    let id = face.created().await;
    let path = format!("/v1/jobs/{id}/events");
    let stream = async |face: Arc<Face>, path: String, last: &str| {
        let answer = face
            .send(
                "GET",
                &path,
                &[("accept", "text/event-stream"), ("last-event-id", last)],
                "",
            )
            .await;
        assert_eq!(answer.header("content-type"), "text/event-stream");
        told(&String::from_utf8(answer.bytes).unwrap())
    };
    let following = tokio::spawn(stream(Arc::clone(&face), path.clone(), "0"));
    tokio::time::sleep(Duration::from_millis(200)).await;
    let lease = face.claim().await;
    face.jobs
        .record(
            &lease,
            NewEvent::Stage {
                stage: Stage::Scoring,
            },
        )
        .await
        .unwrap();
    face.succeed(&lease, "report.json", b"{}").await;
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
    assert_eq!(stream(Arc::clone(&face), path.clone(), "2").await, all[2..]);
    // An EventSource that comes back after the end is told to stay away.
    let last = [("accept", "text/event-stream"), ("last-event-id", "4")];
    let over = face.send("GET", &path, &last, "").await;
    assert_eq!((over.status.as_u16(), over.bytes.len()), (204, 0));
    // The stream has a path of its own, for clients that do not choose by `Accept`.
    let own = format!("{path}/stream?after=2");
    let rest = face.send("GET", &own, &[], "").await;
    assert_eq!(rest.header("content-type"), "text/event-stream");
    assert_eq!(told(&String::from_utf8(rest.bytes).unwrap()), all[2..]);
    let over = face.send("GET", &own, &[("last-event-id", "4")], "").await;
    assert_eq!(over.status, 204);
    // A client that lists every media type of the contract gets a page.
    let any = [("accept", "application/json, text/event-stream")];
    let page = face.send("GET", &path, &any, "").await.json();
    assert_eq!(page["data"].as_array().unwrap().len(), 4);
}
