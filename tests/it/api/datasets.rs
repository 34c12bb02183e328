//! Datasets over HTTP: what they hold.

use serde_json::json;

use super::harness::Harness;

#[tokio::test]
async fn a_dataset_is_inspected_without_a_job() {
    let harness = Harness::new().await;
    let inspect = async |body: &serde_json::Value| harness.post("/v1/datasets/inspect", body).await;
    let found = inspect(&json!({"uri": "file:///data/train.tsv"})).await;
    assert_eq!(found.status, 200);
    let found = found.json();
    assert_eq!(
        (&found["rows"], &found["column_count"]),
        (&json!(68_221), &json!(2))
    );
    assert_eq!(
        found["sample"][0],
        json!(["<script>alert(1)</script>", null])
    );
    let missing = inspect(&json!({"uri": "file:///missing"})).await;
    missing.problem(422, "source_not_found");
    for (body, pointer) in [
        (json!({}), ""),
        (json!({"uri": "a", "model": "b"}), "/model"),
        (
            json!({"uri": "a", "mapping": {"texts": "b"}}),
            "/mapping/texts",
        ),
    ] {
        let problem = inspect(&body).await.problem(422, "validation_failed");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    }
    assert_eq!(harness.get("/v1/jobs").await.json()["data"], json!([]));
}
