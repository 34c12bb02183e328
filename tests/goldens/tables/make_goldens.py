"""Tables with lists, as the `datasets` library and pyarrow write them.

    pip install -r requirements.txt && python make_goldens.py

Writes Parquet files beside this file, and for each a file of JSON lines with the same rows. `datasets.parquet` is
written by `Dataset.to_parquet`, so its metadata holds the class names of `ner_tags`. The files `arrow_*.parquet` hold
one table, written in different ways: with small pages, where an empty page precedes each long list, with pages of
version 2, without dictionaries, with the old name of the elements, in one row group and in several. The same bytes
each time.
"""

import json
import math
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from datasets import ClassLabel, Dataset, Features, LargeList, List, Value

HERE = Path(__file__).resolve().parent
NAMES = ["O", "B-PER", "I-PER", "B-LOC"]


def written(name, rows):
    """The rows as JSON lines. NaN becomes null, as in the table that is read."""

    def plain(value):
        if isinstance(value, list):
            return [plain(item) for item in value]
        return None if isinstance(value, float) and math.isnan(value) else value

    lines = [json.dumps({key: plain(value) for key, value in row.items()}, ensure_ascii=False) for row in rows]
    (HERE / f"{name}.jsonl").write_text("\n".join(lines) + "\n")


def tagged():
    """Sentences with a class per word, in three row groups."""
    features = Features({
        "id": Value("string"), "tokens": List(Value("string")), "ner_tags": List(ClassLabel(names=NAMES)), "large": LargeList(Value("string")),
        "three": List(Value("int8"), length=3), "label": ClassLabel(names=["neg", "pos"]), "nested": List(List(Value("string"))), "objects": List({"a": Value("int32")}),
    })  # fmt: skip
    rows = [
        {"id": "0", "tokens": ["EU", "rejects", "", "日本 \"a\""], "ner_tags": [3, 0, 0, 3], "large": ["x"], "three": [1, 2, 3]},
        {"id": "1", "tokens": [], "ner_tags": [], "large": [], "three": [-1, 0, 1]},
        {"id": "2", "tokens": ["é"], "ner_tags": [1], "large": [None, "y"], "three": [7, 8, 9]},
        {"id": "3", "tokens": None, "ner_tags": None, "large": None, "three": [0, 0, 0]},
        {"id": None, "tokens": ["a", None, "b"], "ner_tags": [0, -1, 2], "large": ["z", "z"], "three": [1, 1, 1]},
    ]  # fmt: skip
    rows = [row | {"label": at % 2, "nested": [["a"]], "objects": [{"a": 1}]} for at, row in enumerate(rows)]
    Dataset.from_list(rows, features=features).to_parquet(HERE / "datasets.parquet", batch_size=2)
    written("datasets", rows)


TYPES = {
    "words": pa.list_(pa.string()), "categories": pa.list_(pa.dictionary(pa.int32(), pa.string())), "bytes": pa.list_(pa.binary()),
    "flags": pa.list_(pa.bool_()), "large": pa.list_(pa.int64()), "small": pa.list_(pa.uint8()), "single": pa.list_(pa.float32()),
    "double": pa.list_(pa.float64()), "required": pa.list_(pa.field("element", pa.int32(), nullable=False)), "always": pa.list_(pa.int16()), "text": pa.string(),
}  # fmt: skip
REQUIRED = {"always"}


def mixed():
    """Lists of each type, some of them longer than a small page, with missing lists and items."""
    words = ["the", "cat", "", "naïve", "a longer word than the others", None]
    rows = []
    for at in range(24):
        length = [0, 1, 2, 40, 3][at % 5]
        pick = lambda values: [values[(at + item * 7) % len(values)] for item in range(length)]  # noqa: E731
        rows.append({
            "words": None if at % 11 == 3 else pick(words), "categories": pick(["pos", "neg", None]), "bytes": None if at % 2 else [b"ab"] * length,
            "flags": pick([True, False, None]), "large": pick([0, -1, 2**62, None]), "small": pick([0, 255]), "single": pick([0.0, 1.0, 0.5, -2.25, None]),
            "double": pick([0.1, 250.125, -1e-7, math.nan, 3.0]), "required": None if at % 7 == 5 else pick([1, 2, 3]), "always": pick([5, None]),
            "text": None if at % 3 == 2 else f"row {at}",
        })  # fmt: skip
    schema = pa.schema([pa.field(name, kind, nullable=name not in REQUIRED) for name, kind in TYPES.items()])
    table = pa.Table.from_pylist(rows, schema=schema)
    small = {"data_page_size": 64, "write_batch_size": 8}
    for name, options in {
        "plain": {},
        "pages": {**small, "row_group_size": 10},
        "pages_2": {**small, "data_page_version": "2.0", "compression": "zstd"},
        "values": {**small, "use_dictionary": False, "compression": "none"},
        "items": {"use_compliant_nested_type": False, "row_group_size": 9},
    }.items():
        pq.write_table(table, HERE / f"arrow_{name}.parquet", **options)
    written("arrow", [row | {"bytes": row["bytes"] and ["ab"] * len(row["bytes"])} for row in rows])


if __name__ == "__main__":
    tagged()
    mixed()
