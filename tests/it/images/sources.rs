//! The service accepts sources of images before it is known which model reads them.

use optin::data;
use optin::data::limits::Limits;
use optin::prune::failure::{Code, Failure};
use optin::worker::source::model_files;
use zip::CompressionMethod;

use super::setup::Setup;
use crate::fixture::hostile::packed::zip_of;
use crate::fixture::pictures::png;
use crate::fixture::refusal::assert_says;

#[test]
fn sources_are_checked_without_a_model() {
    let setup = Setup::new();
    let limits = Limits::default();
    let images = zip_of(&[("cat/a.png", png(1))], CompressionMethod::Stored);
    data::check(&setup.file("a.zip", images), &limits).unwrap();
    data::check(&setup.file("a.tsv", "text\tlabel\nw1\t0\n"), &limits).unwrap();
    let texts = zip_of(&[("a.txt", b"text".to_vec())], CompressionMethod::Stored);
    for (name, bytes, words) in [
        ("b.zip", texts, "contains no images"),
        ("c.zip", b"text".to_vec(), "not a readable zip archive"),
        ("d.npz", b"text".to_vec(), "not a readable zip archive"),
        ("e.npy", b"text".to_vec(), "not an array"),
        ("f.idx3-ubyte", b"text".to_vec(), "format of MNIST"),
        ("g.tgz", b"text".to_vec(), "not a readable tar archive"),
    ] {
        let failure = data::check(&setup.file(name, bytes), &limits).unwrap_err();
        assert_says(&Failure::from(failure), Code::InvalidData, &[name, words]);
    }
}

#[test]
fn the_image_processor_is_a_file_of_the_model() {
    assert!(model_files::belongs("preprocessor_config.json"));
    assert!(!model_files::belongs("preprocessor.py"));
}
