//! `file://` sources must be in the folders that the operator allows.

use optin::prune::failure::Code;
use optin::prune::recipe::Source;
use optin::worker::source::Sources;
use optin::worker::source::roots::Roots;
use std::path::PathBuf;

#[test]
fn files_outside_the_allowed_folders_are_rejected() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("allowed");
    let secret = folder.path().join("secret");
    for folder in [&root, &secret] {
        std::fs::create_dir(folder).unwrap();
        std::fs::write(folder.join("a file.tsv"), "x").unwrap();
    }
    std::os::unix::fs::symlink(&secret, root.join("link")).unwrap();
    std::os::unix::fs::symlink(root.join("a file.tsv"), root.join("good-link")).unwrap();
    let sources = Sources::new(Roots::new(std::slice::from_ref(&root)).unwrap());
    let resolve = |uri: String| sources.local(&Source::new(uri)).map(Option::unwrap);
    let file = |path: PathBuf| format!("file://{}", path.display());
    let real = root.join("a file.tsv").canonicalize().unwrap();
    for good in [
        file(root.join("a%20file.tsv")),
        file(root.join("good-link")),
        file(root.join("x/../a%20file.tsv")),
        format!("file://localhost{}", root.join("a%20file.tsv").display()),
    ] {
        assert_eq!(resolve(good.clone()).unwrap(), real, "{good}");
    }
    for bad in [
        file(secret.join("a%20file.tsv")),
        file(root.join("../secret/a%20file.tsv")),
        file(root.join("..%2Fsecret/a%20file.tsv")),
        file(root.join("link/a%20file.tsv")),
        file(root.join("missing.tsv")),
        file(root.join("a%00b")),
        "file:///etc/passwd".to_owned(),
    ] {
        let failure = resolve(bad.clone()).unwrap_err();
        assert_eq!(failure.code, Code::SourceNotFound, "{bad}");
        assert!(
            failure.detail.contains("--source-root"),
            "missing and forbidden files must have the same message: {}",
            failure.detail
        );
    }
    assert!(Roots::new(&[folder.path().join("none")]).is_err());
}
