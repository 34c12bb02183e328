//! Archives, the folders on disk, and the recipe of a run.

use std::fs;
use std::io::{Cursor, Write};
use std::path::Path;

use optin::model::device::Device;
use optin::prune::places::Places;
use optin::prune::recipe::{
    Calibration, Constraints, Evaluation, Mapping, Method, Metric, Output, Recipe, Reporting, Source, Target,
};
use tempfile::TempDir;

use crate::edit::File;

/// Creates a folder in memory.
pub fn folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").expect("write to /dev/shm")
}

/// Writes files into a folder. Files whose name is no path on this machine are left out.
pub fn write(folder: &Path, files: &[File]) {
    for file in files {
        let path = folder.join(&file.name);
        if file.name.split('/').any(|part| part == "..") || path.strip_prefix(folder).is_err() {
            continue;
        }
        if path
            .parent()
            .is_some_and(|parent| fs::create_dir_all(parent).is_ok())
        {
            let _ = fs::write(path, &file.content);
        }
    }
}

/// Returns a tar archive of files. Names are cut to what fits into a header.
pub fn tar(files: &[File]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for file in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(file.content.len() as u64);
        header.set_mode(0o644);
        // Unlike `append_data`, this allows every path.
        let name = &file.name.as_bytes()[..file.name.len().min(100)];
        header.as_old_mut().name[..name.len()].copy_from_slice(name);
        header.set_cksum();
        tar.append(&header, file.content.as_slice())
            .expect("write to memory");
    }
    tar.into_inner().expect("write to memory")
}

/// Returns a zip archive of files. The second of two files with one name is left out.
pub fn zip(files: &[File], is_compressed: bool) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let method = match is_compressed {
        true => zip::CompressionMethod::Deflated,
        false => zip::CompressionMethod::Stored,
    };
    let options = zip::write::SimpleFileOptions::default().compression_method(method);
    for file in files {
        if zip.start_file(file.name.as_str(), options).is_ok() {
            zip.write_all(&file.content).expect("write to memory");
        }
    }
    zip.finish().expect("write to memory").into_inner()
}

/// Compresses content with gzip.
pub fn gzip(content: &[u8]) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(content).expect("write to memory");
    gzip.finish().expect("write to memory")
}

/// Compresses content with Zstandard.
pub fn zstd(content: &[u8]) -> Vec<u8> {
    zstd::encode_all(content, 1).expect("write to memory")
}

/// Returns the paths and the recipe of a run. Without `evaluation`, all rows are for calibration.
pub fn run(model: &Path, calibration: &Path, evaluation: Option<&Path>) -> (Places, Recipe) {
    let source = || Source::new("file:///fuzz");
    let places = Places {
        model: model.to_owned(),
        calibration: calibration.to_owned(),
        evaluation: evaluation.map(Path::to_owned),
        out: model.join("out"),
        device: Device::Cpu,
    };
    let recipe = Recipe {
        model: source(),
        calibration: Calibration {
            source: source(),
            mapping: Mapping::default(),
            max_samples: 64,
            max_positions: 4_096,
            seed: 0,
        },
        evaluation: evaluation.map(|_| Evaluation {
            source: source(),
            mapping: Mapping::default(),
            max_samples: None,
        }),
        target: Target {
            metric: Metric::Flops,
            keep: 0.5,
            tolerance: 0.1,
        },
        constraints: Constraints::default(),
        method: Method::default(),
        outputs: Output::usual(),
        report: Reporting::default(),
    };
    (places, recipe)
}
