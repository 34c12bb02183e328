//! The store in a local folder: the common tests, and a test of its draft files.

use optin::artifact::key::Key;
use optin::artifact::store::ArtifactStore;

fn setup() -> (tempfile::TempDir, ArtifactStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = ArtifactStore::local(&folder.path().join("store")).unwrap();
    (folder, store)
}

super::store_tests!(setup());

#[tokio::test]
async fn deleting_an_attempt_deletes_the_draft_of_a_killed_upload() {
    let (folder, store) = setup();
    let attempt = folder.path().join("store/jobs/job_a/1");
    std::fs::create_dir_all(&attempt).unwrap();
    std::fs::write(attempt.join("a#1"), "half").unwrap();
    store
        .delete_prefix(&Key::attempt("job_a", 1).unwrap())
        .await
        .unwrap();
    assert!(!attempt.exists());
}
