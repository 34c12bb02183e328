//! Parity with an independent implementation in the same process: `candle-transformers`.
//!
//! Unlike the goldens, this reference takes any configuration, so random ones are compared.

use optin::model::mask::Masks;

use crate::fixture::bert::Tiny;
use crate::fixture::difference::relative_difference;
use crate::fixture::folder::open;
use crate::fixture::reference;

#[test]
fn the_features_of_bert_equal_those_of_candle_transformers() {
    for (activation, layers, hidden, heads, neurons) in [
        ("gelu", 3, 24, 4, 40),
        ("gelu_new", 2, 16, 2, 64),
        ("relu", 1, 12, 3, 7),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let tiny = Tiny {
            activation,
            layers,
            hidden,
            heads,
            neurons,
            ..Tiny::default()
        };
        tiny.write(folder.path());
        let (_, model) = open(folder.path());
        let reference = reference::open(&tiny, folder.path());
        let batch = tiny.batch(5, 9, 11);
        let (ids, types) = batch.input.tokens().unwrap();
        let expected = reference.forward(ids, types, None).unwrap();
        // The head reads only the first position, so the last layer computes no other.
        let expected = expected.narrow(1, 0, 1).unwrap();
        let full = Masks::full(&model.groups);
        let feature = model.features(&batch, &full).unwrap().stream;
        let difference = relative_difference(&expected, &feature);
        assert!(difference < 1e-5, "{activation}: {difference:e}");
    }
}
