"""Debian's package list in, labelled one-line descriptions out.

Input: the text that `apt-cache dumpavail` prints (one stanza a package).
Output: three lists of `Row`, disjoint by package family, so that no two packages made from the
same source stand on different sides of a split.
"""

import hashlib
import math
import re
import subprocess
from collections import Counter, defaultdict
from pathlib import Path
from typing import NamedTuple

# Topical sections only. `libs`, `libdevel`, `doc`, `debug`, `oldlibs`, `localization` and the like
# name the role of a package rather than its subject, and `utils`, `admin`, `misc` overlap with all.
LABEL_OF_SECTION = {
    "fonts": "fonts",
    "games": "games",
    "gnome": "desktop", "kde": "desktop", "x11": "desktop", "xfce": "desktop",
    "gnu-r": "gnu-r",
    "golang": "golang",
    "haskell": "haskell",
    "java": "java",
    "javascript": "javascript",
    "sound": "multimedia", "video": "multimedia",
    "httpd": "network", "mail": "network", "net": "network", "web": "network",
    "perl": "perl",
    "php": "php",
    "python": "python",
    "ruby": "ruby",
    "rust": "rust",
    "electronics": "science", "math": "science", "science": "science",
}
LABELS = sorted(set(LABEL_OF_SECTION.values()))


class Row(NamedTuple):
    text: str
    label: str | tuple[str, ...]
    family: str


class Split(NamedTuple):
    training: list[Row]
    calibration: list[Row]
    evaluation: list[Row]


def read_dump(arguments):
    """The file that the first argument names; without arguments, the output of `apt-cache dumpavail`."""
    if arguments:
        return Path(arguments[0]).read_text(encoding="utf-8")
    return subprocess.run(["apt-cache", "dumpavail"], check=True, capture_output=True, text=True).stdout


def stanzas(dump):
    """Each package as a dict of its single-line fields and of its lists, such as `Tag`, on any number of lines."""
    for stanza in dump.replace(",\n ", ", ").split("\n\n"):
        lines = (line for line in stanza.split("\n") if not line.startswith((" ", "\t")))
        fields = dict(line.split(": ", 1) for line in lines if ": " in line)
        if {"Package", "Section", "Description"} <= fields.keys():
            yield fields


def clean(text):
    """One line without tabs and double quotes, so that a row is plain tab-separated text."""
    return " ".join(text.replace('"', "'").split())


def family(fields):
    """The source package without its version digits: `golang-1.19` and `golang-1.20` are one family."""
    source = fields.get("Source", fields["Package"]).split(" ")[0]
    return re.sub(r"[\d.~+-]+", "-", source).strip("-")


def subject(text):
    """What two texts share when they differ only in a packaging remark, a number or punctuation."""
    head = re.split(r"\s--?\s|;|\s\(|,\s", text, maxsplit=1)[0]
    return re.sub(r"[^a-z]+", " ", head.lower()).strip()


def wording(text):
    return re.sub(r"[^a-z]+", " ", text.lower()).strip()


def section_label(fields):
    return LABEL_OF_SECTION.get(fields["Section"])


def distinct_rows(dump, label_of):
    """One row a subject within a family, one row a wording in the whole archive.

    `label_of` returns the label of a package, or `None` if the package is not used.
    The shortest package name stands for its subject: `librust-serde-dev`, not `librust-serde+std-dev`.
    A wording that occurs under two labels says nothing about either and is dropped.
    """
    packages = [(fields, label) for fields in stanzas(dump) if (label := label_of(fields)) is not None]
    packages.sort(key=lambda package: (len(package[0]["Package"]), package[0]["Package"]))
    by_subject, by_wording = {}, defaultdict(list)
    for fields, label in packages:
        text = clean(fields["Description"])
        row = Row(text, label, family(fields))
        if len(wording(text).split()) >= 2:
            by_subject.setdefault((row.family, subject(text)), row)
    for row in by_subject.values():
        by_wording[wording(row.text)].append(row)
    return [rows[0] for rows in by_wording.values() if len({row.label for row in rows}) == 1]


def split(rows, calibration_rows, evaluation_rows):
    """Families in the order of their hash: evaluation first, then calibration, then training.

    A hash rather than a shuffle keeps a package on its side when the archive gains others.
    """
    families = defaultdict(list)
    for row in rows:
        families[row.family].append(row)
    order = sorted(families, key=lambda name: hashlib.sha256(name.encode()).digest())
    parts = Split([], [], [])
    for name in order:
        if len(parts.evaluation) < evaluation_rows:
            parts.evaluation.extend(families[name])
        elif len(parts.calibration) < calibration_rows:
            parts.calibration.extend(families[name])
        else:
            parts.training.extend(families[name])
    return Split(parts.training, parts.calibration[:calibration_rows], parts.evaluation[:evaluation_rows])


def without_twins(training, held_out, share=0.8):
    """The training rows except those that have at least this share of their words in common with a held-out row.

    The share is that of the common words in all words of the two rows. Different families have such rows if they
    describe similar things in similar words.
    """
    bags = [frozenset(wording(row.text).split()) for row in (*training, *held_out)]
    rows_with = Counter(word for bag in bags for word in bag)

    def rarest(bag):
        # Two rows above the share have a word in common among so many of the rarest words of each.
        ordered = sorted(bag, key=lambda word: (rows_with[word], word))
        return ordered[: len(bag) - math.ceil(share * len(bag)) + 1]

    by_word = defaultdict(list)
    for bag in bags[len(training) :]:
        for word in rarest(bag):
            by_word[word].append(bag)
    return [
        row
        for row, bag in zip(training, bags)
        if not any(
            len(bag & other) >= share * len(bag | other) for word in rarest(bag) for other in by_word.get(word, ())
        )
    ]


def write_tsv(path, rows):
    lines = ["text\tlabel", *(f"{row.text}\t{row.label}" for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
