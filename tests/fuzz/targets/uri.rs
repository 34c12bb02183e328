//! Fuzzes the parsers of request values: source URIs and trace parents.
#![no_main]

use libfuzzer_sys::fuzz_target;
use optin::job::trace::TraceParent;
use optin::worker::source::uri::SourceUri;

fuzz_target!(|text: &str| {
    match SourceUri::parse(text) {
        Ok(SourceUri::Hub(uri)) => {
            assert_eq!(SourceUri::parse(&uri.to_string()), Ok(SourceUri::Hub(uri)));
        }
        Ok(SourceUri::Bucket(uri)) => {
            assert!(!uri.path.split('/').any(|part| part == ".."));
            assert_eq!(
                SourceUri::parse(&uri.to_string()),
                Ok(SourceUri::Bucket(uri))
            );
        }
        _ => {}
    }
    if let Some(trace) = TraceParent::parse(text) {
        assert_eq!(trace.to_string(), text);
    }
});
