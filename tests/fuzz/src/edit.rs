//! Edits of the files of a folder.

use arbitrary::Arbitrary;

use crate::json;

/// A file of a folder.
pub struct File {
    pub name: String,
    pub content: Vec<u8>,
}

/// A change of one file.
#[derive(Arbitrary, Debug)]
pub struct Edit {
    /// The file, counted modulo the number of files.
    file: u8,
    change: Change,
}

#[derive(Arbitrary, Debug)]
enum Change {
    /// A change of the JSON document. It has no effect on other files.
    Json(json::Change),
    /// Bytes in place of others.
    Splice { at: u16, over: u8, bytes: Vec<u8> },
    /// Other bytes in front of the end.
    Append(Vec<u8>),
    /// Only the first bytes.
    Cut(u16),
    /// Nothing but these bytes.
    Whole(Vec<u8>),
    /// The content of another file.
    Copy(u8),
    /// No file.
    Remove,
}

/// Changes some files.
pub fn apply(files: &mut Vec<File>, edits: &[Edit]) {
    for edit in edits.iter().take(16) {
        if files.is_empty() {
            return;
        }
        let index = usize::from(edit.file) % files.len();
        let file = &mut files[index];
        match &edit.change {
            Change::Json(change) if file.name.ends_with(".safetensors") => {
                json::edit_header(&mut file.content, change);
            }
            Change::Json(change) => json::edit(&mut file.content, change),
            Change::Splice { at, over, bytes } => splice(&mut file.content, *at, *over, bytes),
            Change::Append(bytes) => file.content.extend(bytes),
            Change::Cut(at) => file.content.truncate(usize::from(*at)),
            Change::Whole(bytes) => file.content.clone_from(bytes),
            Change::Copy(from) => {
                let from = usize::from(*from) % files.len();
                files[index].content = files[from].content.clone();
            }
            Change::Remove => drop(files.remove(index)),
        }
    }
}

/// Replaces some bytes. Places are counted modulo the length.
pub fn splice(content: &mut Vec<u8>, at: u16, over: u8, bytes: &[u8]) {
    let start = usize::from(at) % (content.len() + 1);
    let end = (start + usize::from(over)).min(content.len());
    content.splice(start..end, bytes.iter().copied());
}
