//! A model in a tar archive, unpacked: plain files of known names, and nothing outside the folder.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Component, Path};

use super::model_files;
use crate::prune::failure::{Code, Failure};

/// Entries that are looked at; a model has a few dozen.
const MOST_ENTRIES: usize = 10_000;

/// Unpacks the model's files, which lie at the archive's root or in one folder of it. What else is in there is
/// passed over.
///
/// # Errors
/// When it is no tar archive, holds no whole model or a file twice, or more than `cap_bytes`.
pub fn unpack(archive: impl Read, folder: &Path, cap_bytes: u64) -> Result<(), Failure> {
    let broken = |error: io::Error| {
        invalid(format!(
            "it is no tar archive that can be read: {error}; make it with tar -cf, without compression"
        ))
    };
    let mut archive = tar::Archive::new(archive);
    let (mut left, mut names) = (cap_bytes, HashSet::new());
    let mut parent = None;
    for (index, entry) in archive.entries().map_err(broken)?.enumerate() {
        if index >= MOST_ENTRIES {
            return Err(invalid(format!("it has more than {MOST_ENTRIES} entries")));
        }
        let mut entry = entry.map_err(broken)?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let path = entry.path().map_err(broken)?.into_owned();
        let Some((within, name)) = place(&path).filter(|(_, name)| model_files::belongs(name))
        else {
            continue;
        };
        if *parent.get_or_insert_with(|| within.clone()) != within {
            return Err(invalid(format!(
                "it holds files of a model in more than one folder (\"{}\" is in another)",
                path.display()
            )));
        }
        if !names.insert(name.clone()) {
            return Err(invalid(format!("it holds {name} twice")));
        }
        let mut file = File::create(folder.join(&name))?;
        let copied = io::copy(&mut entry.by_ref().take(left + 1), &mut file).map_err(broken)?;
        if copied > left {
            return Err(Failure::new(
                Code::LimitExceeded,
                format!("its model has more than the {cap_bytes} bytes that are taken"),
            ));
        }
        left -= copied;
        file.sync_all()?;
    }
    model_files::check(&"the archive", names.iter().map(String::as_str))
}

fn invalid(detail: String) -> Failure {
    Failure::new(Code::InvalidCheckpoint, detail)
}

/// Folder and name of a file at the root or in one folder; `./` in front means nothing.
fn place(path: &Path) -> Option<(String, String)> {
    let parts = path
        .components()
        .filter(|part| *part != Component::CurDir)
        .map(|part| match part {
            Component::Normal(name) => name.to_str(),
            _ => None,
        });
    let parts: Vec<&str> = parts.collect::<Option<_>>()?;
    match parts.as_slice() {
        [name] => Some((String::new(), (*name).to_owned())),
        [folder, name] => Some(((*folder).to_owned(), (*name).to_owned())),
        _ => None,
    }
}
