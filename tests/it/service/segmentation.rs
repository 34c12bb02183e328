//! A segmentation over HTTP, from uploaded archives to the result and another target, with the model in
//! `examples/scenes`.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use super::process::{Client, Server};
use super::upload::{archive, upload_file};

#[test]
fn a_segmentation_is_pruned_over_http_from_uploaded_archives() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/scenes");
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"), folder.path());
    let client = Client::new();
    let url = &server.url;
    let model = upload_file(&client, url, &archive(&example, "model", folder.path()));
    let [calibration, evaluation] = ["calibration", "evaluation"].map(|name| {
        let archive = std::fs::read(example.join(name).with_extension("tar")).unwrap();
        let path = folder.path().join(name).with_extension("tar.gz");
        let mut file = GzEncoder::new(File::create(&path).unwrap(), Compression::fast());
        file.write_all(&archive).unwrap();
        file.finish().unwrap();
        upload_file(&client, url, &path)
    });

    let request = json!({
        "model": {"uri": model},
        "calibration": {"uri": calibration, "max_samples": 128},
        "evaluation": {"uri": evaluation, "max_samples": 80},
        "target": {"value": "50%"},
        "method": {"scoring_samples": 24},
    });
    let (status, plan) = client.post(&format!("{url}/v1/jobs/estimate"), &request);
    assert_eq!(status, 200, "{plan}");
    assert_eq!(plan["architecture"], "mask2former");
    assert!(plan["reachable_percent"].as_f64().unwrap() < 20.0, "{plan}");
    assert!(plan["peak_bytes"].as_u64().unwrap() > 1 << 20, "{plan}");

    let (status, job) = client.post(&format!("{url}/v1/jobs"), &request);
    assert_eq!(status, 202, "{job}");
    let id = job["id"].as_str().unwrap();
    let ended = client.wait_until_finished(&server, id);
    assert_eq!(ended["state"], "succeeded", "{ended}");
    let at = |id: &str, rest: &str| format!("{url}/v1/jobs/{id}{rest}");
    let report = client.get(&at(id, "/artifacts/report.json"));
    assert_eq!(report["task"], "semantic_segmentation");
    assert_eq!(report["size"]["before"]["macs"], plan["macs"]);
    let parts = report["parts"].as_array().unwrap();
    let named: Vec<&str> = parts
        .iter()
        .filter_map(|part| part["part"].as_str())
        .collect();
    assert_eq!(named, ["encoder", "pixel_decoder", "decoder", "other"]);
    let macs = parts
        .iter()
        .filter_map(|part| part["macs"]["before"].as_u64());
    let whole = plan["macs"].as_u64().unwrap();
    assert!(macs.sum::<u64>().abs_diff(whole) <= 64, "{parts:?}");
    let kept = report["kept"].as_f64().unwrap();
    assert!(kept > 0.45 && kept <= 0.5, "{kept}");
    let evaluated = &report["evaluation"];
    assert_eq!(evaluated["metric"], "mean_iou");
    let score = |which: &str| evaluated["score"][which].as_f64().unwrap();
    assert!(score("before") > 0.6, "{evaluated}");
    assert!(score("after") > 0.9 * score("before"), "{evaluated}");
    let bare = evaluated["without_compensation"].as_f64().unwrap();
    assert!(score("after") > bare, "{evaluated}");
    assert_eq!(evaluated["others"][0]["metric"], "pixel_accuracy");
    // One for each class, of which all occur.
    assert_eq!(evaluated["others"].as_array().unwrap().len(), 12);
    let files = client.get(&at(id, "/artifacts"));
    let pictures = files["data"].as_array().unwrap().iter();
    let mut pictures = pictures.filter(|file| file["name"] == "before_after.png");
    assert_eq!(pictures.next().unwrap()["media_type"], "image/png");
    let sheet = client.bytes(&at(id, "/artifacts/before_after.png"));
    let sheet = image::load_from_memory(&sheet).unwrap();
    assert_eq!([sheet.width(), sheet.height()], [788, 788]);
    let card = client.bytes(&at(id, "/artifacts/README.md"));
    assert!(
        String::from_utf8(card)
            .unwrap()
            .contains("(before_after.png)")
    );

    let frontier = client.get(&at(id, "/frontier"));
    assert!(frontier["points"].as_array().unwrap().len() > 50);
    let target = json!({"target": {"value": "80%"}});
    let (status, resolved) = client.post(&at(id, "/resolve"), &target);
    assert_eq!(status, 202, "{resolved}");
    let id = resolved["id"].as_str().unwrap();
    let ended: Value = client.wait_until_finished(&server, id);
    assert_eq!(ended["state"], "succeeded", "{ended}");
}
