//! Keys of stored files, and signatures of the URLs for downloads and uploads.

use optin::artifact::key::Key;
use optin::artifact::sign::{Refused, SigningKey};
use std::os::unix::fs::PermissionsExt;

const JOB: &str = "job_0190c5a8-7c1e-7f3a-9d56-3f1d2b7a4c10";

fn key(attempt: i64, name: &str) -> Key {
    Key::attempt_file(JOB, attempt, &name.parse().unwrap()).unwrap()
}

#[test]
fn keys_cannot_escape_their_prefix() {
    for part in [
        "",
        "..",
        ".",
        "a/b",
        "a\\b",
        "a b",
        "ä",
        "-a",
        ".a",
        "a\0",
        &"a".repeat(200),
    ] {
        assert!(Key::job(part).is_err(), "{part:?}");
        assert!(Key::upload("tenant", part).is_err(), "{part:?}");
        assert!(
            Key::attempt_file(part, 1, &"a".parse().unwrap()).is_err(),
            "{part:?}"
        );
    }
    for whole in [
        key(3, "model.safetensors"),
        key(3, "onnx/model.onnx"),
        Key::upload("tenant", "u1").unwrap(),
        Key::upload_part("tenant", "u1", "2").unwrap(),
        Key::journal("tenant", "plan-00ff.json").unwrap(),
    ] {
        assert_eq!(Key::parse(whole.as_str()).unwrap(), whole);
    }
    for text in [
        "",
        "jobs",
        "jobs/a/1",
        "jobs/a/01/b",
        "jobs/a/+1/b",
        "jobs/a/x/b",
        "jobs/a/1/../b",
        "jobs/a/1/b/",
        "jobs/a/1/b//c",
        "jobs/a/1//b",
        "/jobs/a/1/b",
        "other/a/1/b",
        "uploads/a",
        "uploads/../b",
        "uploads/a/b/c",
        "upload-parts/a/b",
        "upload-parts/a/b/../1",
        "journal/a/../b",
        "journal/a/b/c",
    ] {
        assert!(Key::parse(text).is_err(), "{text:?}");
    }
}

#[test]
fn a_signature_is_valid_for_one_file_and_a_limited_time() {
    let signing = SigningKey::from_bytes([7; 32]);
    let signature = signing.sign(&key(1, "a"), "sha", 1_000);
    let verify = |key: &Key, sha256: &str, expires: i64, signature: &str, now: i64| {
        signing.verify(key, sha256, expires, signature, now)
    };
    assert_eq!(verify(&key(1, "a"), "sha", 1_000, &signature, 999), Ok(()));
    assert_eq!(
        verify(&key(1, "a"), "sha", 1_000, &signature, 1_000),
        Err(Refused::Expired)
    );
    for (key, sha256, expires) in [
        (key(1, "b"), "sha", 1_000),
        (key(2, "a"), "sha", 1_000),
        (key(1, "a"), "shb", 1_000),
        (key(1, "a"), "sha", 1_001),
    ] {
        assert_eq!(
            verify(&key, sha256, expires, &signature, 0),
            Err(Refused::Forged)
        );
    }
    for signature in [
        "",
        "zz",
        &signature[2..],
        &format!("{signature}00"),
        &"00".repeat(32),
    ] {
        assert_eq!(
            verify(&key(1, "a"), "sha", 1_000, signature, 0),
            Err(Refused::Forged)
        );
    }
    assert_eq!(
        SigningKey::from_bytes([8; 32]).verify(&key(1, "a"), "sha", 1_000, &signature, 0),
        Err(Refused::Forged)
    );
    // Moving characters between the parts of the signed text changes the signature.
    assert_ne!(
        signing.sign(&key(1, "a"), "sha1", 1),
        signing.sign(&key(1, "a"), "sha", 11)
    );
}

#[test]
fn a_signature_for_downloads_is_invalid_for_uploads_and_the_reverse() {
    let signing = SigningKey::from_bytes([7; 32]);
    let at = key(1, "a");
    let signature = signing.sign_upload(&at, "sha", 5, 1_000);
    let verify = |sha256, bytes, signature: &str, now| {
        signing.verify_upload(&at, (sha256, bytes), 1_000, signature, now)
    };
    assert_eq!(verify("sha", 5, &signature, 999), Ok(()));
    assert_eq!(verify("sha", 5, &signature, 1_000), Err(Refused::Expired));
    assert_eq!(verify("sha", 6, &signature, 0), Err(Refused::Forged));
    assert_eq!(verify("shb", 5, &signature, 0), Err(Refused::Forged));
    let download = signing.sign(&at, "sha", 1_000);
    assert_eq!(verify("sha", 5, &download, 0), Err(Refused::Forged));
    assert_eq!(
        signing.verify(&at, "sha", 1_000, &signature, 0),
        Err(Refused::Forged)
    );
}

#[test]
fn a_signing_key_is_created_once_and_readable_only_by_its_owner() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("signing.key");
    let first = SigningKey::load_or_create(&path).unwrap();
    let second = SigningKey::load_or_create(&path).unwrap();
    assert_eq!(
        first.sign(&key(1, "a"), "s", 1),
        second.sign(&key(1, "a"), "s", 1)
    );
    assert_eq!(
        std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let other = SigningKey::load_or_create(&folder.path().join("other.key")).unwrap();
    assert_ne!(
        first.sign(&key(1, "a"), "s", 1),
        other.sign(&key(1, "a"), "s", 1)
    );
    std::fs::write(&path, "short").unwrap();
    let error = SigningKey::load_or_create(&path)
        .err()
        .expect("an invalid key file must be rejected");
    assert!(error.to_string().contains("remove it"), "{error}");
}
