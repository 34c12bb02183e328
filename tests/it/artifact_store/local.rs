//! A local folder, and what it alone shows.

use optin::artifact::key::Key;
use optin::artifact::store::ArtifactStore;

fn place() -> (tempfile::TempDir, ArtifactStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = ArtifactStore::local(&folder.path().join("store")).unwrap();
    (folder, store)
}

super::shows!(place());

#[tokio::test]
async fn the_draft_of_a_killed_upload_goes_with_its_attempt() {
    let (folder, store) = place();
    let attempt = folder.path().join("store/jobs/job_a/1");
    std::fs::create_dir_all(&attempt).unwrap();
    std::fs::write(attempt.join("a#1"), "half").unwrap();
    store
        .delete_prefix(&Key::attempt("job_a", 1).unwrap())
        .await
        .unwrap();
    assert!(!attempt.exists());
}
