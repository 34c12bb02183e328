//! Which files of a data set's repository hold data, as patterns: shards of one split are one.

use std::collections::BTreeMap;

/// Patterns that one sentence names.
const MOST_NAMED: usize = 8;

/// The data files among these paths, in one sentence; `None` where there are none. Where `near` is a folder of the
/// repository, only those below it.
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
    let more = names.len().saturating_sub(MOST_NAMED);
    names.truncate(MOST_NAMED);
    let more = match more {
        0 => String::new(),
        more => format!(" (and {more} more)"),
    };
    (!names.is_empty()).then(|| format!("{}{more}", names.join(", ")))
}

/// Whether it is data, and not what describes it or loads it.
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

/// The path with a shard's number as `*`: `train-00000-of-00002.parquet`, `0000.parquet`.
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
