//! Lists the data files of a dataset repository as patterns; the shards of one split become one pattern.

use std::collections::BTreeMap;

/// Maximum number of patterns in a message.
const MAX_LISTED: usize = 8;

/// Returns the data files among these paths as a list for a message; `None` if there are none. If `near` is a folder
/// with data files, only those below it are listed.
pub(super) fn patterns<'a>(
    paths: impl Iterator<Item = &'a str>,
    near: Option<&str>,
) -> Option<String> {
    let data: Vec<&str> = paths.filter(|path| is_data(path)).collect();
    let below = |path: &&str| {
        near.is_some_and(|near| {
            path.strip_prefix(near)
                .is_some_and(|rest| rest.starts_with('/'))
        })
    };
    let near: Vec<&str> = data.iter().copied().filter(below).collect();
    let chosen = if near.is_empty() { data } else { near };
    let mut groups: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for path in chosen {
        groups.entry(pattern(path)).or_default().push(path);
    }
    let mut names: Vec<String> = groups
        .into_iter()
        .map(|(pattern, paths)| match paths.as_slice() {
            [path] => (*path).to_owned(),
            _ => pattern,
        })
        .collect();
    let more = names.len().saturating_sub(MAX_LISTED);
    names.truncate(MAX_LISTED);
    let more = match more {
        0 => String::new(),
        more => format!(" (and {more} more)"),
    };
    (!names.is_empty()).then(|| format!("{}{more}", names.join(", ")))
}

/// Returns whether the file holds data, and not metadata or loading code.
fn is_data(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let describes = [
        "dataset_infos.json",
        "dataset_info.json",
        "dataset_dict.json",
        "state.json",
    ];
    let loads = [".md", ".py", ".txt.license"];
    name.contains('.')
        && !path.split('/').any(|part| part.starts_with('.'))
        && !describes.contains(&name)
        && !loads.iter().any(|ending| name.ends_with(ending))
        && name != "LICENSE.txt"
}

/// Replaces the shard number of a path by `*`: `train-00000-of-00002.parquet` becomes `train-*.parquet`, and
/// `0000.parquet` becomes `*.parquet`.
fn pattern(path: &str) -> String {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let stem = name.split('.').next().unwrap_or(name);
    let digits = |part: &str| part.len() >= 4 && part.bytes().all(|byte| byte.is_ascii_digit());
    let end = &name[stem.len()..];
    let parts: Vec<&str> = stem.split('-').collect();
    let pattern = match parts.as_slice() {
        [number] if digits(number) => "*".to_owned(),
        [start @ .., number, "of", of] if digits(number) && digits(of) && !start.is_empty() => {
            format!("{}-*", start.join("-"))
        }
        [start @ .., number] if digits(number) => format!("{}-*", start.join("-")),
        _ => return path.to_owned(),
    };
    match folder {
        "" => format!("{pattern}{end}"),
        _ => format!("{folder}/{pattern}{end}"),
    }
}
