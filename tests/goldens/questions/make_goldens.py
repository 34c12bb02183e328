"""What transformers makes of questions and long texts, and how the official script of SQuAD compares answers.

    pip install -r requirements.txt && python make_goldens.py windows [--check]
    pip install "transformers<5" && python make_goldens.py matches

Writes a part of `goldens.json` beside this file. `windows` holds some of the tokenizers of `../tokenizers`: their files, and for each question
and context the windows that the pipeline `question-answering` reads, each as `[input_ids, token_type_ids, places]`. A place is the
text of the context for which a token stands, or null. `matches` holds predicted answers, true answers, and whether they match
exactly and their F1 score, by the copy of the official script in transformers 4. `--check` writes nothing and compares.
"""

import argparse
import importlib.util
import json
import sys
import tempfile
from pathlib import Path

from transformers import AutoTokenizer

HERE = Path(__file__).resolve().parent
POSITIONS = 48
# With a prefix of the class of RoBERTa, the place of the first token of a window would begin with the space before it.
TOKENIZERS = [
    "plain", "generic_class_byte_level", "class_of_roberta", "generic_class_unigram", "template_of_roberta",
    "inputs_without_segments", "no_length",
]  # fmt: skip
QUESTIONS = [
    ["hello world?", "The cat is not good."],
    ["the cat", "the cat is not good . " * 12],
    ["Hello", "CAFÉ naïve, don't  jump! 你好世界 " * 6 + "🙂🙃 ﬁne ½ end"],
    ["unaffable running", "  hello\tworld\n\nThe cat  " * 8],
    ["is it not good", "supercalifragilistic " * 5 + "1999 3.14"],
    ["한글", "Привет 日本のかな " * 9],
]
MATCHES = [
    ["the Cat", ["cat"]], ["The cat.", ["a cat", "dog"]], ["", [""]], ["", []], ["cat", []], ["cat", ["the"]], ["the", ["the"]], ["an", ["a"]],
    ["big cat", ["cat", "big dog"]], ["cat cat", ["cat"]], ["cat", ["cat cat dog"]], ["U.S.", ["US"]], ["e-mail", ["email"]], ["€5", ["5"]],
    ["“the” cat", ["cat"]], ["theory", ["the ory"]], ["a-b", ["ab"]], ["İstanbul", ["istanbul"]], ["STRASSE ẞ", ["strasse ß"]], ["1,000", ["1000"]],
    ["  several \t spaces ", ["several spaces"]], ["a the an", ["nothing"]], ["a the an", ["the"]], ["café", ["cafe"]], ["the–cat", ["–cat"]],
    ["in the year 1999", ["1999"]], ["dog", ["cat"]], ["Denver Broncos", ["Denver Broncos", "Denver Broncos", "the Broncos"]],
]  # fmt: skip


def tokenizers():
    path = HERE.parent / "tokenizers/make_goldens.py"
    spec = importlib.util.spec_from_file_location("tokenizers_goldens", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    folders = {name: module.CASES[name]() for name in TOKENIZERS}
    for name, files in folders.items():
        if name not in ("plain", "no_length"):
            files["tokenizer_config.json"]["model_max_length"] = POSITIONS
    return folders


def windows(files):
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        for name, content in files.items():
            (folder / name).write_text(content if isinstance(content, str) else json.dumps(content))
        tokenizer = AutoTokenizer.from_pretrained(folder)
    length = min(tokenizer.model_max_length, POSITIONS)
    found = []
    for question, context in QUESTIONS:
        # As in the pipeline, with its sizes of windows.
        encoded = tokenizer(
            question, context, truncation="only_second", max_length=length, stride=min(length // 2, 128),
            return_overflowing_tokens=True, return_offsets_mapping=True,
        )  # fmt: skip
        of_question = []
        for at, ids in enumerate(encoded["input_ids"]):
            places = zip(encoded.sequence_ids(at), encoded["offset_mapping"][at])
            places = [context[start:end] if sequence == 1 else None for sequence, (start, end) in places]
            types = encoded["token_type_ids"][at] if "token_type_ids" in encoded else [0] * len(ids)
            of_question.append([ids, types, places])
        found.append(of_question)
    return {"files": files, "questions": found}


def matches():
    from transformers.data.metrics.squad_metrics import get_raw_scores
    from transformers.data.processors.squad import SquadExample

    found = []
    for predicted, truths in MATCHES:
        answers = [{"text": truth, "answer_start": 0} for truth in truths]
        example = SquadExample("id", "", "", None, None, "", answers=answers, is_impossible=not answers)
        exact, f1 = get_raw_scores([example], {"id": predicted})
        found.append([predicted, truths, exact["id"], f1["id"]])
    return found


def all_windows():
    return {name: windows(files) for name, files in tokenizers().items()}


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("part", choices=["windows", "matches"])
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    path = HERE / "goldens.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    part = {"windows": all_windows, "matches": matches}[arguments.part]()
    if arguments.check:
        sys.exit(json.loads(json.dumps(part)) != known[arguments.part])
    known |= {"questions": QUESTIONS, arguments.part: part}
    path.write_text(json.dumps(known, ensure_ascii=False, separators=(",", ":"), sort_keys=True) + "\n")
