//! Folders of images: class folders, and tables of paths.

use optin::prune::failure::Code;

use super::setup::{Setup, levels, truths};
use crate::fixture::pictures::png;
use crate::fixture::refusal::assert_says;

#[test]
fn images_of_class_folders_are_sorted_by_path() {
    let setup = Setup::new();
    setup.file("pets/dog/b.png", png(30));
    setup.file("pets/dog/a.png", png(20));
    setup.file("pets/cat/z.jpg.png", png(10));
    setup.file("pets/cat/deep/a.png", png(5));
    setup.file("pets/readme.txt", "not an image");
    setup.file("pets/.hidden/cat/a.png", "not an image");
    std::fs::create_dir(setup.path("pets/bird")).unwrap();
    let data = setup.evaluation(&setup.path("pets")).unwrap();
    assert_eq!(levels(&data), [5, 10, 20, 30]);
    assert_eq!(truths(&data), [0, 0, 1, 1]);
    assert_eq!(data.mapping.label.as_deref(), Some("label"));
    assert_eq!(data.files.len(), 1);
    assert_eq!(data.files[0].name, "pets (4 images)");
}

#[test]
fn common_folders_are_skipped_and_class_names_may_be_indices() {
    let setup = Setup::new();
    setup.file("all/data/train/2/a.png", png(40));
    setup.file("all/data/train/0/b.png", png(50));
    let data = setup.evaluation(&setup.path("all")).unwrap();
    assert_eq!((levels(&data), truths(&data)), (vec![50, 40], vec![0, 2]));
    setup.file("one/cat/a.png", png(60));
    let data = setup.evaluation(&setup.path("one")).unwrap();
    assert_eq!(truths(&data), [0]);
}

#[test]
fn unknown_classes_and_missing_labels_are_rejected() {
    let setup = Setup::new();
    setup.file("pets/cat/a.png", png(1));
    setup.file("pets/horse/b.png", png(1));
    let failure = setup.evaluation(&setup.path("pets")).unwrap_err();
    assert_says(
        &failure,
        Code::InvalidData,
        &[
            "horse/b.png",
            "\"horse\" is not a label",
            "\"cat\", \"dog\", \"bird\"",
        ],
    );
    // Calibration needs no labels.
    assert_eq!(setup.calibration(&setup.path("pets")).unwrap().len(), 2);
    setup.file("flat/a.png", png(1));
    let failure = setup.evaluation(&setup.path("flat")).unwrap_err();
    assert_says(
        &failure,
        Code::InvalidData,
        &[
            "flat has no labels",
            "one folder for each class",
            "metadata.csv",
        ],
    );
    assert_eq!(setup.calibration(&setup.path("flat")).unwrap().len(), 1);
}

#[test]
fn a_table_of_paths_gives_the_order_and_the_labels() {
    let setup = Setup::new();
    setup.file("set/images/a.png", png(10));
    setup.file("set/images/b.png", png(20));
    setup.file("set/images/c.png", png(30));
    let rows = "{\"file_name\": \"images/c.png\", \"label\": \"dog\"}\n{\"file_name\": \"./images/a.png\", \"label\": null}\n\
                {\"file_name\": \"images/b.png\", \"label\": \"cat\"}\n";
    setup.file("set/metadata.jsonl", rows);
    let data = setup.evaluation(&setup.path("set")).unwrap();
    assert_eq!((levels(&data), truths(&data)), (vec![30, 20], vec![1, 0]));
    assert_eq!(data.unlabelled, 1);
    assert_eq!(data.mapping.text.as_deref(), Some("file_name"));
    let names: Vec<&str> = data.files.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(names, ["metadata.jsonl", "set (2 images)"]);
    // The table itself can be named, too.
    let named = setup.evaluation(&setup.path("set/metadata.jsonl")).unwrap();
    assert_eq!(levels(&named), [30, 20]);
    assert_eq!(named.sha256, data.sha256);
}

#[test]
fn tables_that_name_other_files_are_rejected() {
    let setup = Setup::new();
    setup.file("set/a.png", png(10));
    for (path, words) in [
        (
            "b.png",
            &["labels.csv, line 2", "\"b.png\"", "does not contain"][..],
        ),
        (
            "../set/a.png",
            &["labels.csv, line 2", "leads out of it", "without \"..\""][..],
        ),
        ("/etc/passwd", &["labels.csv, line 2", "is absolute"][..]),
    ] {
        setup.file("set/labels.csv", format!("path,label\n{path},cat\n"));
        let failure = setup.evaluation(&setup.path("set")).unwrap_err();
        assert_says(&failure, Code::InvalidData, words);
    }
    setup.file("set/labels.csv", "path,label\na.png,cat\n");
    setup.file("set/more.tsv", "image\tlabel\na.png\tdog\n");
    let failure = setup.evaluation(&setup.path("set")).unwrap_err();
    assert_says(
        &failure,
        Code::InvalidData,
        &["two tables", "labels.csv", "more.tsv", "keep one"],
    );
    // Without an image column, a table is not one of images.
    setup.file("set/more.tsv", "name\tcolor\na\tred\n");
    assert_eq!(truths(&setup.evaluation(&setup.path("set")).unwrap()), [0]);
}

#[test]
fn folders_without_images_and_circles_of_links_are_rejected() {
    let setup = Setup::new();
    setup.file("texts/a.txt", "text");
    let failure = setup.calibration(&setup.path("texts")).unwrap_err();
    assert_says(
        &failure,
        Code::InvalidData,
        &["texts contains no images", ".zip", ".parquet"],
    );
    setup.file("circle/cat/a.png", png(1));
    std::os::unix::fs::symlink(setup.path("circle"), setup.path("circle/dog")).unwrap();
    let failure = setup.calibration(&setup.path("circle")).unwrap_err();
    assert_says(
        &failure,
        Code::InvalidData,
        &["too many nested folders", "link"],
    );
    let failure = setup.calibration(&setup.path("nothing")).unwrap_err();
    assert_says(&failure, Code::SourceNotFound, &["nothing", "not found"]);
    let failure = setup.calibration(&setup.file("a.xlsx", "PK")).unwrap_err();
    assert_says(
        &failure,
        Code::InvalidData,
        &["a.xlsx", "unknown format", ".npz"],
    );
}
