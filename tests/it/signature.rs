//! Signatures in the format of minisign, against keys and a signature that the tool made.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use optin::signature::{Signer, Verifier, signature_of};

fn golden(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens/signature");
    folder.join(name)
}

fn verifier() -> Verifier {
    Verifier::open(golden("plain.pub").to_str().unwrap()).unwrap()
}

/// Copies the signed file and its signature into a new folder.
fn signed() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    for name in ["SHA256SUMS", "SHA256SUMS.minisig"] {
        fs::copy(golden(name), folder.path().join(name)).unwrap();
    }
    let path = folder.path().join("SHA256SUMS");
    (folder, path)
}

#[test]
fn a_signature_of_the_tool_is_verified() {
    let (_folder, path) = signed();
    assert_eq!(verifier().verify_file(&path).unwrap(), "a comment");
    // The key can be given as text.
    let file = fs::read_to_string(golden("plain.pub")).unwrap();
    let key = Verifier::open(file.lines().nth(1).unwrap()).unwrap();
    assert_eq!(key.verify_file(&path).unwrap(), "a comment");
}

/// Returns the message about a file and its signature after this change.
fn refused(change: impl FnOnce(&Path)) -> String {
    let (_folder, path) = signed();
    change(&path);
    verifier().verify_file(&path).unwrap_err().to_string()
}

#[test]
fn a_changed_file_or_signature_is_refused() {
    let wrong = "is not a signature of the file; one of both was changed";
    let message = refused(|path| fs::write(path, "0124  model.safetensors\n").unwrap());
    assert!(message.ends_with(wrong), "{message}");
    let message = refused(|path| {
        let signature = fs::read_to_string(signature_of(path)).unwrap();
        fs::write(
            signature_of(path),
            signature.replace("a comment", "a Comment"),
        )
        .unwrap();
    });
    assert!(message.ends_with(wrong), "{message}");
    let message = refused(|path| fs::write(signature_of(path), "nothing").unwrap());
    assert!(
        message.ends_with("is not a signature of minisign"),
        "{message}"
    );
    let message = refused(|path| fs::remove_file(signature_of(path)).unwrap());
    assert!(message.contains("has no signature"), "{message}");
}

#[test]
fn a_signature_with_another_key_is_refused() {
    let (_folder, path) = signed();
    let key = Signer::open(&golden("encrypted.key"), Some("secret words")).unwrap();
    key.sign_file(&path, None).unwrap();
    let message = verifier().verify_file(&path).unwrap_err().to_string();
    assert!(message.ends_with("was made with another key"), "{message}");
}

/// The tool is optional on the machines that run the tests. The other tests hold the format.
#[test]
fn the_tool_verifies_our_signatures() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("SHA256SUMS");
    fs::write(&path, "0123  model.onnx\n").unwrap();
    let signer = Signer::open(&golden("plain.key"), None).unwrap();
    let signature = signer.sign_file(&path, Some("job:job_1")).unwrap();
    assert_eq!(signature, folder.path().join("SHA256SUMS.minisig"));
    let comment = verifier().verify_file(&path).unwrap();
    assert!(
        comment.starts_with("timestamp:") && comment.ends_with("\tfile:SHA256SUMS\tjob:job_1"),
        "{comment}"
    );
    let mut tool = Command::new("minisign");
    tool.arg("-V")
        .arg("-p")
        .arg(golden("plain.pub"))
        .arg("-m")
        .arg(&path);
    let ended = tool.output().expect("minisign is installed");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{said}");
}

#[test]
fn a_wrong_key_is_explained() {
    let message = |name: &str, password: Option<&str>| {
        Signer::open(&golden(name), password)
            .unwrap_err()
            .to_string()
    };
    let encrypted = message("encrypted.key", None);
    assert!(
        encrypted.contains("minisign -G -W") && encrypted.contains("OPTIN_SIGNING_KEY_PASSWORD"),
        "{encrypted}"
    );
    let public = message("plain.pub", None);
    assert!(
        public.contains("is not a secret key of minisign"),
        "{public}"
    );
    let missing = message("missing.key", None);
    assert!(missing.starts_with("could not access"), "{missing}");
    let Err(error) = Verifier::open("RWnonsense") else {
        panic!("the key was accepted");
    };
    assert!(
        error
            .to_string()
            .contains("neither a public key of minisign nor a file")
    );
}
