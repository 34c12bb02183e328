//! Images with label maps: their formats, and the sources that hold them.

use std::path::Path;
use std::sync::Arc;

use optin::data::dataset::{Dataset, Sample};
use optin::data::limits::Limits;
use optin::data::mapping::Mapping;
use parquet::data_type::{ByteArray, ByteArrayType};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use png::{BitDepth, ColorType};
use serde_json::json;
use zip::CompressionMethod;

use super::label_map_setup::{
    SIZE, encode, evaluated, evaluation, gray_map, ids, palette_map, segmentation, setup,
};
use super::setup::{Setup, levels};
use crate::fixture::hostile::packed::{gzip, tar_of, zip_of};
use crate::fixture::pictures::{encoded, png};
use crate::fixture::task;

fn sampled(setup: &Setup, path: &Path) -> Dataset {
    let sample = Sample {
        max_rows: 512,
        max_positions: 1 << 20,
        seed: 0,
    };
    let (task, mapping, limits) = (segmentation(), Mapping::default(), Limits::default());
    let reader = &setup.reader;
    reader
        .calibration(path, &mapping, task.as_ref(), sample, &limits)
        .unwrap()
}

/// Returns the class of each pixel of a row.
fn classes(data: &Dataset, row: usize) -> Vec<Option<usize>> {
    data.truths()[row].map().unwrap().classes().collect()
}

fn all(ids: &[u16]) -> Vec<Option<usize>> {
    ids.iter().map(|&id| Some(usize::from(id))).collect()
}

#[test]
fn ids_are_the_indices_of_a_palette_or_gray_samples() {
    use BitDepth::{Eight, Four, One, Sixteen, Two};
    for (color, depth) in [
        (ColorType::Indexed, One),
        (ColorType::Indexed, Two),
        (ColorType::Indexed, Four),
        (ColorType::Indexed, Eight),
        (ColorType::Grayscale, Eight),
        (ColorType::Grayscale, Sixteen),
    ] {
        let setup = Setup::new();
        let ids = ids(if depth == One { 2 } else { 3 }, 0);
        setup.file("set/images/a.png", png(1));
        setup.file("set/labels/a.png", encode(SIZE, color, depth, &ids));
        let data = evaluation(&setup, &setup.path("set")).unwrap();
        assert_eq!(classes(&data, 0), all(&ids), "{color:?} {depth:?}");
        // The image processor resizes images to 4 x 4, and leaves label maps.
        assert_eq!(data.truths()[0].map().unwrap().size(), [5, 6]);
    }
    // Ids of 16 bits are not cut.
    let setup = Setup::new();
    let mut high = ids(3, 0);
    high[7] = 0x0102;
    setup.file("set/images/a.png", png(1));
    let map = encode(SIZE, ColorType::Grayscale, Sixteen, &high);
    setup.file("set/labels/a.png", map);
    let mapping = Mapping {
        ignored_label: Some(0x0102),
        ..Mapping::default()
    };
    let data = evaluated(&setup, &setup.path("set"), &mapping).unwrap();
    let mut expected = all(&high);
    expected[7] = None;
    assert_eq!(classes(&data, 0), expected);
    assert_eq!(data.mapping.ignored_label, Some(0x0102));
}

#[test]
fn an_interlaced_label_map_has_the_same_ids() {
    // A palette of 2 bits with the ids of `ids(3, 0)`, in the seven passes of Adam7. No encoder at hand writes them.
    let ids = ids(3, 0);
    let [width, height] = SIZE.map(|side| side as usize);
    let passes = [
        (0, 0, 8, 8),
        (4, 0, 8, 8),
        (0, 4, 4, 8),
        (2, 0, 4, 4),
        (0, 2, 2, 4),
        (1, 0, 2, 2),
        (0, 1, 1, 2),
    ];
    let mut lines: Vec<u8> = Vec::new();
    for (left, top, across, down) in passes {
        for y in (top..height).step_by(down) {
            let line: Vec<u16> = (left..width)
                .step_by(across)
                .map(|x| ids[y * width + x])
                .collect();
            if line.is_empty() {
                continue;
            }
            lines.push(0);
            lines.extend(line.chunks(4).map(|some| {
                let shifted = some.iter().enumerate();
                shifted.fold(0, |byte, (at, &id)| byte | (id as u8) << (6 - 2 * at))
            }));
        }
    }
    let plain = palette_map(&ids);
    let mut png = plain[..8].to_vec();
    let mut chunk = |kind: &[u8], content: &[u8]| {
        let mut crc = flate2::Crc::new();
        crc.update(kind);
        crc.update(content);
        png.extend((content.len() as u32).to_be_bytes());
        png.extend([kind, content].concat());
        png.extend(crc.sum().to_be_bytes());
    };
    let mut header = plain[16..29].to_vec();
    header[12] = 1;
    chunk(b"IHDR", &header);
    chunk(b"PLTE", &[0; 12]);
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut zlib, &lines).unwrap();
    chunk(b"IDAT", &zlib.finish().unwrap());
    chunk(b"IEND", &[]);
    let setup = Setup::new();
    setup.file("set/images/a.png", encoded(1, image::ImageFormat::Png));
    setup.file("set/labels/a.png", png);
    let data = evaluation(&setup, &setup.path("set")).unwrap();
    assert_eq!(classes(&data, 0), all(&ids));
}

fn city() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("city/annotations/b.png", gray_map(&ids(3, 1))),
        ("city/annotations/deep/a.png", palette_map(&ids(3, 0))),
        ("city/Images/deep/a.png", png(10)),
        ("city/Images/b.bmp", encoded(20, image::ImageFormat::Bmp)),
        ("city/previews/c.png", png(30)),
        ("city/notes.txt", b"text".to_vec()),
    ]
}

/// Writes the images and label maps of [`city`] as the hub stores them.
fn write_table(path: &Path, label: &str) {
    let group = |name: &str| {
        format!(
            "OPTIONAL GROUP {name} {{ OPTIONAL BYTE_ARRAY bytes; OPTIONAL BYTE_ARRAY path (UTF8); }}"
        )
    };
    let schema = format!("message m {{ {} {} }}", group("image"), group(label));
    let schema = Arc::new(parse_message_type(&schema).unwrap());
    let file = std::fs::File::create(path).unwrap();
    let properties = Arc::new(WriterProperties::builder().build());
    let mut writer = SerializedFileWriter::new(file, schema, properties).unwrap();
    let city = city();
    let of = |at: [usize; 2]| at.map(|at| city[at].1.clone());
    let columns = [
        of([3, 2]),
        [b"x".to_vec(), b"x".to_vec()],
        of([0, 1]),
        [b"x".to_vec(), b"x".to_vec()],
    ];
    let mut group = writer.next_row_group().unwrap();
    for values in columns {
        let mut column = group.next_column().unwrap().unwrap();
        let values = values.map(ByteArray::from);
        let typed = column.typed::<ByteArrayType>();
        typed.write_batch(&values, Some(&[2, 2]), None).unwrap();
        column.close().unwrap();
    }
    group.close().unwrap();
    writer.close().unwrap();
}

#[test]
fn folders_archives_and_tables_give_the_same_data() {
    let setup = Setup::new();
    for (path, bytes) in city() {
        setup.file(path, bytes);
    }
    let folder = evaluation(&setup, &setup.path("city")).unwrap();
    assert_eq!(levels(&folder), [20, 10]);
    assert_eq!(classes(&folder, 0), all(&ids(3, 1)));
    assert_eq!(classes(&folder, 1), all(&ids(3, 0)));
    let names: Vec<&str> = folder.files.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(names, ["city (2 images)", "city (2 label maps)"]);
    let tar = tar_of(&city());
    for (name, bytes) in [
        ("a.zip", zip_of(&city(), CompressionMethod::Deflated)),
        ("b.tar", tar.clone()),
        ("c.tar.gz", gzip(&tar)),
    ] {
        let data = evaluation(&setup, &setup.file(name, &bytes)).unwrap();
        assert_eq!(data.sha256, folder.sha256, "{name}");
        assert_eq!(data.answers, folder.answers, "{name}");
        assert_eq!((data.files.len(), data.unlabelled), (1, 0), "{name}");
    }
    for (name, label) in [("d.parquet", "annotation"), ("e.parquet", "own")] {
        let path = setup.path(name);
        write_table(&path, label);
        let mapping = Mapping {
            label: (label == "own").then(|| label.to_owned()),
            ..Mapping::default()
        };
        let data = evaluated(&setup, &path, &mapping).unwrap();
        assert_eq!(data.sha256, folder.sha256, "{name}");
        assert_eq!(data.answers, folder.answers, "{name}");
        assert_eq!(data.mapping.label.as_deref(), Some(label));
    }
    // Other ids give other data.
    setup.file("city/annotations/b.png", gray_map(&ids(3, 2)));
    let changed = evaluation(&setup, &setup.path("city")).unwrap();
    assert_ne!(changed.sha256, folder.sha256);
}

#[test]
fn the_settings_of_the_image_processor_say_which_pixels_have_no_class() {
    // The classes of the ids 0, 1, 2, 3 and 255. `None` is a pixel without a class.
    for (settings, own, ids, expected) in [
        (
            json!({}),
            None,
            vec![0, 1, 2],
            vec![Some(0), Some(1), Some(2)],
        ),
        (
            json!({"ignore_index": 255}),
            None,
            vec![0, 255],
            vec![Some(0), None],
        ),
        (
            json!({"ignore_index": 0}),
            None,
            vec![0, 1],
            vec![None, Some(1)],
        ),
        (
            json!({"ignore_index": 255, "do_reduce_labels": true}),
            None,
            vec![0, 1, 2, 3],
            vec![None, Some(0), Some(1), Some(2)],
        ),
        // The id in the file is ignored, not the class.
        (
            json!({"ignore_index": 255, "do_reduce_labels": true}),
            Some(255),
            vec![0, 1, 255],
            vec![None, Some(0), None],
        ),
        (
            json!({}),
            Some(2),
            vec![0, 1, 2],
            vec![Some(0), Some(1), None],
        ),
        // The old key has no effect.
        (
            json!({"reduce_labels": true}),
            None,
            vec![0, 1],
            vec![Some(0), Some(1)],
        ),
    ] {
        let setup = setup(settings.clone());
        let mut map = vec![1; 30];
        map[..ids.len()].copy_from_slice(&ids);
        setup.file("set/images/a.png", png(1));
        setup.file("set/labels/a.png", gray_map(&map));
        let mapping = Mapping {
            ignored_label: own,
            ..Mapping::default()
        };
        let data = evaluated(&setup, &setup.path("set"), &mapping).unwrap();
        assert_eq!(classes(&data, 0)[..ids.len()], expected, "{settings}");
    }
}

#[test]
fn calibration_reads_the_images_and_no_label_map() {
    let setup = Setup::new();
    for (path, bytes) in city() {
        setup.file(path, bytes);
    }
    let expected = sampled(&setup, &setup.path("city"));
    assert_eq!(expected.len(), 2);
    assert!(expected.answers.iter().all(Option::is_none));
    setup.file("city/annotations/b.png", "not an image");
    setup.file("city/annotations/z.png", "without an image");
    std::fs::remove_file(setup.path("city/annotations/deep/a.png")).unwrap();
    let broken = sampled(&setup, &setup.path("city"));
    assert_eq!((&broken.sha256, broken.len()), (&expected.sha256, 2));
    // Without label maps, all images are used.
    setup.file("only/a.png", png(1));
    setup.file("only/deep/b.png", png(2));
    assert_eq!(sampled(&setup, &setup.path("only")).len(), 2);
    write_table(&setup.path("a.parquet"), "other");
    assert_eq!(sampled(&setup, &setup.path("a.parquet")).len(), 2);
}

/// A folder with the name of label maps is a class for other tasks.
#[test]
fn other_tasks_read_the_folders_as_classes() {
    let setup = Setup::new();
    setup.file("set/images/a.png", png(1));
    setup.file("set/labels/a.png", png(2));
    let task = task::classes(&["images", "labels"]);
    let (mapping, limits) = (Mapping::default(), Limits::default());
    let read = setup
        .reader
        .evaluation(&setup.path("set"), &mapping, task.as_ref(), None, &limits);
    let data = read.unwrap();
    assert_eq!(
        (levels(&data), super::setup::truths(&data)),
        (vec![1, 2], vec![0, 1])
    );
}
