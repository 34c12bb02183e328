"""Checks that the accuracy in a report equals the accuracy of a transformers `pipeline` on the same texts.

    python accuracy.py [--major N] [--text COLUMN] [--text-pair COLUMN] [--label COLUMN] EVALUATION.tsv ORIGINAL RESULT

Opens both folders in a text-classification pipeline and classifies every row of the table. Compares the accuracy with
`evaluation.score.before` and `.after` in `report.json` of RESULT. Labels are names of `id2label`, or indices if not all of
them are names. Exits with 1 if the number of correct rows differs.
"""

import argparse
import csv
import json
import sys
from pathlib import Path

import torch
import transformers
from transformers import pipeline


def rows(arguments):
    with open(arguments.evaluation, encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            text = {"text": row[arguments.text]}
            if arguments.text_pair:
                text["text_pair"] = row[arguments.text_pair]
            yield text, row[arguments.label]


def correct(folder, arguments):
    classify = pipeline("text-classification", model=str(folder), dtype=torch.float32, trust_remote_code=True)
    names = classify.model.config.id2label
    table = list(rows(arguments))
    by_name = all(label in names.values() for _, label in table)
    hits = 0
    for text, label in table:
        answer = classify(text, truncation=True)
        found = (answer[0] if isinstance(answer, list) else answer)["label"]
        hits += found == (label if by_name else names[int(float(label))])
    return hits, len(table)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--major", help="required major version of transformers")
    parser.add_argument("--text", default="text")
    parser.add_argument("--text-pair")
    parser.add_argument("--label", default="label")
    parser.add_argument("evaluation", type=Path)
    parser.add_argument("original", type=Path)
    parser.add_argument("result", type=Path)
    arguments = parser.parse_args()
    transformers.logging.set_verbosity_error()
    version = transformers.__version__
    if arguments.major not in (None, version.split(".")[0]):
        sys.exit(f"transformers {arguments.major} is required, but {version} is running")
    reported = json.loads((arguments.result / "report.json").read_text())["evaluation"]["score"]
    failed = False
    for folder, score in ((arguments.original, reported["before"]), (arguments.result, reported["after"])):
        hits, total = correct(folder, arguments)
        agrees = hits == round(score * total)
        failed |= not agrees
        print(f"{'ok  ' if agrees else 'FAIL'} transformers {version} {folder}: {hits} of {total} correct, reported {score * total:.0f}")
    sys.exit(failed)


if __name__ == "__main__":
    main()
