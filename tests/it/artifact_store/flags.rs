//! Parsing of the flags that select a bucket.

use optin::config::s3::S3Flags;

fn flags() -> S3Flags {
    S3Flags {
        s3_access_key_id: Some("id".into()),
        s3_secret_access_key: Some("hidden-text".into()),
        ..S3Flags::default()
    }
}

#[test]
fn a_bucket_with_an_optional_prefix_is_parsed() {
    for (text, bucket, prefix) in [
        ("b", "b", ""),
        ("b/", "b", ""),
        ("my-b.x/some/prefix/", "my-b.x", "some/prefix"),
    ] {
        let options = flags().bucket(text).unwrap();
        assert_eq!(
            (options.bucket.as_str(), options.prefix.as_str()),
            (bucket, prefix)
        );
        assert_eq!(options.region, "us-east-1");
    }
    for text in ["", "/p", "b/../c", "b//c", "b/ä", "user:pass@b/c"] {
        assert!(flags().bucket(text).is_err(), "{text}");
    }
}

#[test]
fn an_incomplete_key_pair_is_rejected_and_a_secret_is_never_printed() {
    let mut half = flags();
    half.s3_access_key_id = None;
    assert!(half.bucket("b").unwrap_err().contains("AWS_ACCESS_KEY_ID"));
    let text = format!("{:?} {:?}", flags(), flags().bucket("b").unwrap());
    assert!(!text.contains("hidden-text"), "{text}");
}
