//! Convolutional networks over HTTP, from uploaded archives of the model and of the images to the result, with the names of
//! transformers, timm and torchvision.

use std::fs::File;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use image::{ImageFormat, RgbImage};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use safetensors::Dtype;
use serde_json::{Value, json};

use super::process::{Client, Server};
use super::upload::{archive, upload_file};
use crate::fixture::convnet::{Form, IMAGE};

/// Uploads of a model, of images for calibration and of images with labels.
struct Uploads([String; 3]);

/// Asks for the plan of a job, runs it, and returns the plan, the report and the URL of the artifacts.
fn pruned(client: &Client, server: &Server, uploads: Uploads, method: Value) -> [Value; 3] {
    let Uploads([model, calibration, evaluation]) = uploads;
    let request = json!({
        "model": {"uri": model},
        "calibration": {"uri": calibration, "max_samples": 96},
        "evaluation": {"uri": evaluation, "max_samples": 200},
        "target": {"value": "60%", "tolerance": "10%"},
        "method": method,
    });
    let jobs = format!("{}/v1/jobs", server.url);
    let (status, plan) = client.post(&format!("{jobs}/estimate"), &request);
    assert_eq!(status, 200, "{plan}");
    let (status, job) = client.post(&jobs, &request);
    assert_eq!(status, 202, "{job}");
    let id = job["id"].as_str().unwrap();
    let ended = client.wait_until_finished(server, id);
    assert_eq!(ended["state"], "succeeded", "{ended}");
    let files = format!("{jobs}/{id}/artifacts");
    let report = client.get(&format!("{files}/report.json"));
    assert_eq!(report["architecture"], plan["architecture"]);
    assert_eq!(report["size"]["before"]["macs"], plan["macs"]);
    let kept = report["kept"].as_f64().unwrap();
    assert!(kept > 0.5 && kept <= 0.6, "{kept}");
    [plan, report, files.into()]
}

#[test]
fn a_resnet_is_pruned_over_http_from_uploaded_arrays() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/fashion-mnist");
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"), folder.path());
    let client = Client::new();
    let model = archive(&example, "cnn", folder.path());
    let paths = [
        model,
        example.join("calibration.npz"),
        example.join("evaluation.npz"),
    ];
    let uploads = Uploads(paths.map(|path| upload_file(&client, &server.url, &path)));
    let method = json!({"scoring_samples": 16});
    let [plan, report, files] = pruned(&client, &server, uploads, method);
    assert_eq!(plan["architecture"], "resnet");
    // The repair fits both maps of each block, and the counts follow its errors.
    assert_eq!(report["recipe"]["method"]["compensation"], "auto");
    let score = |which: &str| report["evaluation"]["score"][which].as_f64().unwrap();
    assert!(score("before") > 0.9, "{}", report["evaluation"]);
    assert!(score("after") > 0.88, "{}", report["evaluation"]);
    let bare = report["evaluation"]["without_compensation"].as_f64();
    assert!(score("after") > bare.unwrap() + 0.1, "{bare:?}");
    assert!(report["fidelity"]["agreement"].as_f64().unwrap() > 0.9);
    let files = files.as_str().unwrap();
    let config = client.get(&format!("{files}/config.json"));
    assert_eq!(
        config["architectures"],
        json!(["ResNetForImageClassification"])
    );
    let code = client.bytes(&format!("{files}/modeling_optin_resnet.py"));
    assert!(!code.is_empty());
}

/// Writes `count` random images into a folder for each index of a class, for models of timm have no names, and returns their
/// archive.
fn images(folder: &Path, name: &str, count: usize, seed: u64) -> PathBuf {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let (width, height) = (IMAGE.width as u32, IMAGE.height as u32);
    for class in ["0", "1", "2"] {
        let own = folder.join(name).join(class);
        std::fs::create_dir_all(&own).unwrap();
        for index in 0..count {
            let mut bytes = Cursor::new(Vec::new());
            let image = RgbImage::from_fn(width, height, |_, _| image::Rgb(random.random()));
            image.write_to(&mut bytes, ImageFormat::Png).unwrap();
            std::fs::write(own.join(format!("{index}.png")), bytes.into_inner()).unwrap();
        }
    }
    let tar = std::fs::read(archive(folder, name, folder)).unwrap();
    let path = folder.join(name).with_extension("tar.gz");
    let mut file = GzEncoder::new(File::create(&path).unwrap(), Compression::fast());
    file.write_all(&tar).unwrap();
    file.finish().unwrap();
    path
}

#[test]
fn networks_of_timm_and_torchvision_are_pruned_over_http_from_uploaded_images() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"), folder.path());
    let client = Client::new();
    let data = [("calibration", 16), ("evaluation", 8)];
    let data = data.map(|(name, count)| images(folder.path(), name, count, count as u64));
    let [calibration, evaluation] = data.map(|path| upload_file(&client, &server.url, &path));
    for (form, architecture) in [
        (Form::Cifar, "cifar-resnet"),
        (Form::Torchvision, "torchvision-resnet"),
        (Form::TimmD, "timm-resnet"),
        (Form::Vgg, "torchvision-vgg"),
        (Form::TimmVgg, "timm-vgg"),
    ] {
        let model = folder.path().join(architecture);
        form.write(&model, Dtype::F32);
        // A folder of timm has these settings in its config.json.
        if !architecture.starts_with("timm") {
            let processor = json!({
                "image_processor_type": "ViTImageProcessor",
                "size": {"height": IMAGE.height, "width": IMAGE.width},
            });
            let path = model.join("preprocessor_config.json");
            std::fs::write(path, processor.to_string()).unwrap();
        }
        let model = archive(folder.path(), architecture, folder.path());
        let model = upload_file(&client, &server.url, &model);
        let uploads = Uploads([model, calibration.clone(), evaluation.clone()]);
        let method = json!({"scoring_samples": 8});
        let [plan, report, files] = pruned(&client, &server, uploads, method);
        assert_eq!(plan["architecture"], architecture);
        assert_eq!(report["calibration"]["rows"], 48);
        // The loader, and answers to compare its own with.
        let files = files.as_str().unwrap();
        let loader = client.bytes(&format!("{files}/optin_convnet.py"));
        assert!(String::from_utf8(loader).unwrap().contains("def load("));
        let verify = client.get(&format!("{files}/verify.json"));
        let logits = verify["rows"][0]["logits"].as_array().unwrap();
        assert_eq!(logits.len(), 3, "{architecture}");
        let config = client.get(&format!("{files}/config.json"));
        let before = form.config();
        assert_eq!(config["model_type"], before["model_type"]);
        assert_eq!(config["architecture"], before["architecture"]);
    }
}
