//! Fuzzes the parser of `config.json`: a file is rejected with an error, or it can be read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use optin::checkpoint::config::Config;
use optin::checkpoint::limits::Limits;

fuzz_target!(|bytes: &[u8]| {
    let folder = tempfile::tempdir_in("/dev/shm").expect("write to /dev/shm");
    std::fs::write(folder.path().join("config.json"), bytes).expect("write to /dev/shm");
    let Ok(config) = Config::open(folder.path(), &Limits::default()) else {
        return;
    };
    let _ = (
        config.model_type(),
        optin::answer::of(&config).is_ok(),
        config.labels(),
        config.usize("hidden_size"),
    );
    let _ = (
        config.f64_or("layer_norm_eps", 1e-12),
        config.usize_list("pruned_heads"),
    );
});
