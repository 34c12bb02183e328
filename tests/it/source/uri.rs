//! Parsing of source URIs, and matching of patterns in them.

use optin::prune::failure::Code;
use optin::worker::source::uri::{SourceUri, matches};

#[test]
fn valid_uris_are_parsed_and_invalid_ones_are_rejected() {
    for good in [
        "file:///a/b%20c",
        "hf://org/name@main",
        "hf://org/name@refs/pr/1",
        "hf://a.b/c_d-e@v1.0",
        "hf://datasets/org/name@main/path/file.tsv",
        "hf://datasets/org/name@refs%2Fpr%2F1/file.tsv",
        "hf://datasets/org/name@main/data/train-*-of-?.parquet",
        "hf://datasets/org/name@refs%2Fconvert%2Fparquet/*/train/*.parquet",
        "hf://datasets/org/name@main",
    ] {
        let parsed = SourceUri::parse(good).unwrap();
        if let SourceUri::Hub(uri) = parsed {
            assert_eq!(uri.to_string(), good);
        }
    }
    let SourceUri::Hub(uri) = SourceUri::parse("hf://org/name").unwrap() else {
        panic!("not a hub URI")
    };
    assert_eq!(uri.revision, "main");
    for bad in [
        "",
        "name",
        "hf://",
        "hf://name",
        "hf://org/name/more",
        "hf://org/../x",
        "hf://../name",
        "hf://org/name@",
        "hf://org/name@a b",
        "hf://org/name@../x",
        "hf://org/na?me",
        "hf://user:password@host/name",
        "hf://datasets/org",
        "hf://datasets/org/name@main/../x",
        "hf://datasets/org/name@main/*..*/..",
        "hf://datasets/org/name/a*b?/c d",
        "https://example.org/x",
        "s3://bucket",
        "s3://bucket/../x",
        "s3:///key",
        "upload://1",
        "file://host/share",
        "file:///a?b=c",
    ] {
        let failure = SourceUri::parse(bad).unwrap_err();
        assert!(
            failure.code == Code::SourceNotFound && failure.detail.contains("hf://org/name"),
            "{bad}: {failure:?}"
        );
    }
}

#[test]
fn a_revision_of_several_segments_is_separated_from_the_path() {
    let parquet = "hf://datasets/org/name@refs%2Fconvert%2Fparquet/default/train/*.parquet";
    for (text, same) in [
        (
            "hf://datasets/org/name@refs/convert/parquet/default/train/*.parquet",
            parquet,
        ),
        (
            "hf://datasets/org/name@refs%2fconvert%2fparquet/default/train/*.parquet",
            parquet,
        ),
        (
            "hf://datasets/org/name@~parquet/default/train/*.parquet",
            parquet,
        ),
        (
            "hf://datasets/org/name@refs/pr/7/a.csv",
            "hf://datasets/org/name@refs%2Fpr%2F7/a.csv",
        ),
        (
            "hf://datasets/org/name@refs/pr/7",
            "hf://datasets/org/name@refs%2Fpr%2F7",
        ),
        (
            "hf://datasets/org/name/refs/pr/7.csv",
            "hf://datasets/org/name@main/refs/pr/7.csv",
        ),
        ("hf://datasets/org/name/", "hf://datasets/org/name@main"),
        ("hf://org/name@refs%2Fpr%2F7", "hf://org/name@refs/pr/7"),
    ] {
        let SourceUri::Hub(uri) = SourceUri::parse(text).unwrap() else {
            panic!("{text} is not a hub URI")
        };
        assert_eq!(uri.to_string(), same);
    }
}

#[test]
fn a_wildcard_matches_within_one_path_segment() {
    for (pattern, path, matched) in [
        ("a.csv", "a.csv", true),
        (
            "data/train-*.parquet",
            "data/train-00000-of-00002.parquet",
            true,
        ),
        (
            "data/train-*.parquet",
            "data/test-00000-of-00002.parquet",
            false,
        ),
        ("*.parquet", "data/x.parquet", false),
        ("*/x.parquet", "data/x.parquet", true),
        ("000?.parquet", "0001.parquet", true),
        ("000?.parquet", "000.parquet", false),
        ("*a*b*", "xxabyyb", true),
        ("*a*b", "xxabyybz", false),
        ("**", "", true),
        ("data", "data/x", false),
    ] {
        assert_eq!(matches(pattern, path), matched, "{pattern} on {path}");
    }
    // Matching is fast for every pattern.
    assert!(!matches(
        &"*a".repeat(60),
        &format!("{}b", "a".repeat(10_000))
    ));
}
