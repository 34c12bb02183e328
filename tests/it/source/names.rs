//! Errors name sources as their user does, and never by a path of the server that the user did not write.

use optin::prune::failure::{Code, Failure};
use optin::prune::recipe::{Evaluation, Source};
use optin::prune::watch::Unwatched;
use optin::worker::source::roots::Roots;
use optin::worker::source::{Fetched, Sources};
use std::path::Path;

use crate::fixture::job::recipe;

/// Fetches a model and two data files from a root that is known to the user as a link.
async fn fetched(link: &Path, out: &Path) -> Fetched {
    let roots = Roots::new(&[link.to_owned()]).unwrap();
    let mut recipe = recipe(&format!("file://{}/model/", link.display()));
    recipe.calibration.source = Source::new(format!("file://{}/model", link.display()));
    recipe.evaluation = Some(Evaluation {
        source: Source::new(format!("file://{}/model-2/a%20b.tsv", link.display())),
        mapping: recipe.calibration.mapping.clone(),
        max_samples: None,
    });
    let sources = Sources::new(roots);
    let fetched = sources.fetch(&recipe, out.to_owned(), &Unwatched).await;
    fetched.unwrap()
}

#[tokio::test]
async fn errors_name_files_by_the_uri_of_their_source() {
    let folder = tempfile::tempdir().unwrap();
    let (real, link) = (folder.path().join("real"), folder.path().join("link"));
    let out = folder.path().join("work/attempt-1");
    for name in ["model", "model-2"] {
        std::fs::create_dir_all(real.join(name)).unwrap();
    }
    std::fs::write(real.join("model-2/a b.tsv"), "x").unwrap();
    std::os::unix::fs::symlink(&real, &link).unwrap();
    let fetched = fetched(&link, &out).await;
    let named = |detail: &str| {
        let real = real.canonicalize().unwrap().display().to_string();
        let out = out.display().to_string();
        let detail = detail.replace("REAL", &real).replace("OUT", &out);
        let failure = fetched.name_sources(Failure::new(Code::InvalidData, detail));
        failure.detail.replace(&link.display().to_string(), "LINK")
    };
    for (detail, expected) in [
        ("REAL/model is empty", "file://LINK/model is empty"),
        (
            "in REAL/model/config.json, x is missing",
            "in file://LINK/model/config.json, x is missing",
        ),
        (
            "REAL/model-2/a b.tsv, row 3: REAL/model.",
            "file://LINK/model-2/a%20b.tsv, row 3: file://LINK/model.",
        ),
        (
            "could not write OUT/config.json",
            "could not write result/config.json",
        ),
        // Not a source, but the start of its name.
        (
            "REAL/model-22 and REAL/model.bak",
            "REAL/model-22 and REAL/model.bak",
        ),
        // The user wrote this.
        ("file://LINK/model", "file://LINK/model"),
    ] {
        let real = real.canonicalize().unwrap().display().to_string();
        assert_eq!(named(detail), expected.replace("REAL", &real));
    }
}
