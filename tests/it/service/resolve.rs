//! `POST /v1/jobs/{id}/resolve`: another target with the scores of a finished job.

use optin::prune::digest::sha256_of;
use optin::prune::journal::NoJournal;
use optin::prune::recipe::Method;
use optin::prune::run;
use optin::prune::watch::Unwatched;
use serde_json::{Value, json};

use super::process::{Client, Server};
use crate::fixture::bert::Tiny;
use crate::fixture::folder::Folder;

#[test]
fn a_new_target_reuses_the_scores_and_gives_the_same_model_as_a_new_run() {
    let folder = Folder::new(Tiny::default());
    let data = folder.root.path().join("data");
    let server = Server::start(&data, folder.root.path());
    let client = Client::new();
    let first = client.create(&server, &folder);
    let at = |id: &str, rest: &str| format!("{}/v1/jobs/{id}{rest}", server.url);
    let target = json!({"target": {"value": "62%", "tolerance": "3%"}});
    assert_eq!(
        client.wait_until_finished(&server, &first)["state"],
        "succeeded"
    );

    let frontier = client.get(&at(&first, "/frontier"));
    let points = frontier["points"].as_array().unwrap();
    // The graph does not compute the positions of the last layer that the head does not read.
    let whole = points.last().unwrap();
    assert_eq!(whole["parameters"], frontier["parameters"]);
    let [of_graph, of_model] = [whole, &frontier].map(|size| size["macs"].as_u64().unwrap());
    assert!(of_graph < of_model && 10 * of_graph > 7 * of_model);
    assert!(points.len() > 50);

    let (status, resolved) = client.post(&at(&first, "/resolve"), &target);
    assert_eq!((status, &resolved["retry_of"]), (202, &json!(first)));
    let id = resolved["id"].as_str().unwrap();
    let ended = client.wait_until_finished(&server, id);
    assert_eq!(ended["state"], "succeeded", "{ended}");
    assert_eq!(ended["request"]["target"]["value"], "62%");

    // The scores were reused: the scoring stage ran the original model once, and no units and no probes.
    let report = |id: &str| -> Value {
        let bytes = client.bytes(&at(id, "/artifacts/report.json"));
        serde_json::from_slice(&bytes).unwrap()
    };
    let scoring = |id: &str| {
        let report = report(id);
        let stages = report["stages"].as_array().unwrap();
        let scoring = stages.iter().find(|stage| stage["stage"] == "scoring");
        scoring.unwrap()["macs"].as_u64().unwrap()
    };
    assert!(scoring(id) * 5 < scoring(&first));

    let mut recipe = folder.recipe(0.62);
    recipe.calibration.seed = 0;
    recipe.target.tolerance = 0.03;
    recipe.method = Method::default();
    run(&folder.places("fresh"), &recipe, &NoJournal, &Unwatched).unwrap();
    let fresh = folder.root.path().join("fresh");
    let files = client.get(&at(id, "/artifacts"));
    let mut same = 0;
    for file in files["data"].as_array().unwrap() {
        let name = file["name"].as_str().unwrap();
        // These files contain times, or digests of files that do.
        if ["report.json", "report.html", "README.md", "SHA256SUMS"].contains(&name) {
            continue;
        }
        assert_eq!(
            file["sha256"],
            sha256_of(&fresh.join(name)).unwrap(),
            "{name}"
        );
        same += 1;
    }
    assert!(same >= 7, "{files}");

    // An invalid target is rejected.
    let (status, _) = client.post(&at(&first, "/resolve"), &json!({"target": {"value": "0%"}}));
    assert_eq!(status, 422);
}
