//! Named pipes in place of files: nobody writes to them, so whoever waits for their content waits forever.

use optin::prune::estimate;
use optin::prune::failure::Code;
use optin::prune::watch::Unwatched;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::fixture::bert::Tiny;
use crate::fixture::folder::Folder;

/// Calls `check` while a named pipe is in the place of a file.
fn with_pipe(path: &Path, check: impl FnOnce()) {
    let aside = path.with_extension("aside");
    std::fs::rename(path, &aside).unwrap();
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
    check();
    std::fs::remove_file(path).unwrap();
    std::fs::rename(&aside, path).unwrap();
}

#[test]
fn a_named_pipe_in_place_of_a_file_is_an_error() {
    let folder = Folder::new(Tiny::default());
    let (places, recipe) = (folder.places("unused"), folder.recipe(0.5));
    let files = std::fs::read_dir(folder.model()).unwrap();
    let mut files: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    assert!(files.len() >= 4, "{files:?}");
    files.extend([folder.calibration(), folder.evaluation()]);
    for path in files {
        with_pipe(&path, || {
            let name = path.file_name().unwrap().to_string_lossy();
            let planned = estimate(&places, &recipe, &Unwatched);
            let failure = planned.expect_err(&name);
            assert!(failure.detail.contains(&*name), "{failure:?}");
            assert!(
                matches!(
                    failure.code,
                    Code::InvalidCheckpoint
                        | Code::InvalidTokenizer
                        | Code::InvalidData
                        | Code::SourceNotFound
                ),
                "{failure:?}"
            );
        });
    }
}
