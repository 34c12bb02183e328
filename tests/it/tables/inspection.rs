//! Tests of what is shown of a dataset before it is known which model reads it.

use optin::data::inspection::{Inspection, inspect};
use optin::data::limits::Limits;
use optin::data::mapping::Mapping;
use optin::prune::failure::{Code, Failure};
use parquet::basic::Compression;
use std::path::Path;

use super::DataFolder;
use super::parquet_files::parquet;
use crate::fixture::pictures::png;
use crate::fixture::refusal::assert_says;

fn inspected(path: &Path) -> Result<Inspection, Failure> {
    Ok(inspect(path, &Mapping::default(), &Limits::default())?)
}

fn shown(inspection: &Inspection) -> Vec<Vec<&str>> {
    let text = |value: &'_ Option<String>| value.clone().map_or("-", |text| &*text.leak());
    let rows = inspection.sample.iter();
    rows.map(|row| row.iter().map(text).collect()).collect()
}

#[test]
fn tables_show_their_columns_and_three_rows() {
    let folder = DataFolder::new();
    let lines = folder.file(
        "a.jsonl",
        "{\"tokens\": [\"EU\", \"rejects\"], \"id\": 7}\n{\"id\": 8, \"meta\": {\"a\": 1}}\n{\"id\": null, \"tokens\": []}\n{\"id\": 9}\n",
    );
    let found = inspected(&lines).unwrap();
    assert_eq!((found.rows, found.column_count), (4, 3));
    assert_eq!(found.columns, ["tokens", "id", "meta"]);
    assert_eq!(
        shown(&found),
        [
            ["[EU, rejects]", "7", "-"],
            ["-", "8", "<an object>"],
            ["[]", "-", "-"]
        ]
    );
    let path = folder.file("b.parquet", "");
    let rows: Vec<_> = (0..2_000).map(|row| (Some("good"), row)).collect();
    parquet(&path, &rows, Compression::SNAPPY, None);
    let found = inspected(&path).unwrap();
    assert_eq!(found.rows, 2_000);
    assert_eq!(shown(&found)[2], ["good", "2", "-"]);
    // The shards of a folder are one table.
    for shard in ["c/0.csv", "c/1.csv"] {
        folder.file(shard, "text,label\na,0\nb,1\n");
    }
    let found = inspected(&folder.file("c/notes.md", "").with_file_name("")).unwrap();
    assert_eq!(found.rows, 4);
    assert_eq!(shown(&found), [["a", "0"], ["b", "1"], ["a", "0"]]);
}

#[test]
fn images_show_their_names_and_labels() {
    let folder = DataFolder::new();
    for name in ["pets/cat/1.png", "pets/dog/2.png"] {
        folder.file(name, png(3));
    }
    let root = folder.file("pets/dog/3.png", png(4));
    let found = inspected(root.parent().unwrap().parent().unwrap()).unwrap();
    assert_eq!(found.columns, ["image", "label"]);
    assert_eq!(shown(&found)[0], ["cat/1.png", "cat"]);
    assert_eq!(found.rows, 3);
    let path = folder.file("city/images/a.png", png(1));
    folder.file("city/labels/a.png", png(1));
    let found = inspected(path.parent().unwrap().parent().unwrap()).unwrap();
    assert_eq!(shown(&found), [["images/a.png", "labels/a.png"]]);
    // A table beside the images names them.
    folder.file("listed/1.png", png(1));
    let table = folder.file("listed/metadata.csv", "file_name,label,who\n1.png,cat,me\n");
    for path in [table.parent().unwrap(), &table] {
        let found = inspected(path).unwrap();
        assert_eq!(found.columns, ["file_name", "label", "who"]);
        assert_eq!(shown(&found), [["1.png", "cat", "me"]]);
    }
}

#[test]
fn hostile_data_is_cut_or_refused() {
    let folder = DataFolder::new();
    let wide: Vec<String> = (0..5_000).map(|column| format!("c{column}")).collect();
    let wide = wide.join(",");
    let path = folder.file("wide.csv", format!("{wide}\n{wide}\n"));
    let found = inspected(&path).unwrap();
    assert_eq!((found.column_count, found.columns.len()), (5_000, 100));
    assert_eq!(found.sample[0].len(), 100);
    let long = "<b>\u{202e}".repeat(100_000);
    let path = folder.file("long.tsv", format!("{long}\tb\n{long}\t1\n"));
    let found = inspected(&path).unwrap();
    assert_eq!(found.columns[0].chars().count(), 201);
    assert_eq!(shown(&found)[0][0].chars().count(), 201);
    // Lists that nobody needs do not count.
    let limits = Limits {
        fields: 100,
        ..Limits::default()
    };
    let list = "1,".repeat(99) + "1";
    let rows = format!("{{\"text\": \"a\", \"embedding\": [{list}]}}\n").repeat(3);
    let path = folder.file("lists.jsonl", rows);
    let found = inspect(&path, &Mapping::default(), &limits).unwrap();
    assert_eq!(shown(&found)[2], ["a", "<a list>"]);
    let few = Limits { rows: 2, ..limits };
    let failure: Failure = inspect(&path, &Mapping::default(), &few)
        .unwrap_err()
        .into();
    assert_says(&failure, Code::LimitExceeded, &["more than 2 rows"]);
    let notes = folder.file("notes.txt", "text");
    assert_says(
        &inspected(&notes).unwrap_err(),
        Code::InvalidData,
        &["unknown format"],
    );
    let none = folder.file("empty/x", "").with_file_name("");
    assert_says(
        &inspected(&none).unwrap_err(),
        Code::InvalidData,
        &["contains no images"],
    );
}
