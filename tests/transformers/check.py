"""Does a pruned folder open in Hugging Face transformers and give the logits it promises?

    python check.py [--major N] DIR...

Each folder holds `config.json`, `model.safetensors`, the tokenizer, `SHA256SUMS` and `verify.json`:
{"dtype": "float32", "tolerance": 1e-4, "rows": [{"text", "text_pair", "input_ids", "token_type_ids", "logits"}]}.
`tolerance` is relative to max(1, |logit|); `text` may be null. Exit 1 and one line a fault otherwise.
"""

import argparse
import hashlib
import json
import sys
from pathlib import Path

import torch
import transformers
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer, pipeline

TRUSTED = {"trust_remote_code": True}


class Fault(Exception):
    """Something that a user of the folder would meet; the text says what."""


def require(holds, fault):
    if not holds:
        raise Fault(fault)


def check_sums(folder):
    """Every file is listed, every listed file is there and unchanged."""
    lines = (folder / "SHA256SUMS").read_text().splitlines()
    listed = {path: digest for digest, path in (line.split("  ", 1) for line in lines)}
    present = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} - {"SHA256SUMS"}
    require(listed.keys() == present, f"SHA256SUMS and the folder differ in {sorted(listed.keys() ^ present)}")
    for path, digest in listed.items():
        found = hashlib.sha256((folder / path).read_bytes()).hexdigest()
        require(found == digest, f"{path} has the digest {found}, but SHA256SUMS says {digest}")


def open_model(folder, dtype):
    """The model, when each of its tensors came from the file and each tensor of the file was used."""
    model, loading = AutoModelForSequenceClassification.from_pretrained(
        folder, dtype=getattr(torch, dtype), output_loading_info=True, **TRUSTED
    )
    faults = {kind: sorted(map(str, names)) for kind, names in loading.items() if names}
    require(not faults, f"the weights do not fit the model: {faults}")
    return model.eval()


def check_config(folder, model):
    config = AutoConfig.from_pretrained(folder, **TRUSTED)
    require(type(config) is type(model.config), f"AutoConfig gives {type(config)}, the model has {type(model.config)}")
    name = type(model).__name__
    require(config.architectures == [name], f"config.json says {config.architectures}, but {name} was opened")


def check_logits(found, row, at, tolerance, how):
    promised = torch.tensor(row["logits"])
    require(found.shape == promised.shape, f"row {at} {how}: {len(found)} logits, promised {len(promised)}")
    error = ((found.float() - promised).abs() / promised.abs().clamp(min=1)).max().item()
    # Written so that a NaN is a fault too.
    require(error <= tolerance, f"row {at} {how}: logits {found.tolist()}, promised {promised.tolist()}, error {error:.2e}")
    return error


@torch.inference_mode()
def check_rows_alone(model, rows, tolerance):
    errors = []
    for at, row in enumerate(rows):
        inputs = {key: torch.tensor([row[key]]) for key in ("input_ids", "token_type_ids")}
        errors.append(check_logits(model(**inputs).logits[0], row, at, tolerance, "alone"))
    return max(errors)


@torch.inference_mode()
def check_rows_padded(model, rows, tolerance):
    longest = max(len(row["input_ids"]) for row in rows)
    pad = model.config.pad_token_id or 0

    def padded(sequences, filler):
        return torch.tensor([list(ids) + [filler] * (longest - len(ids)) for ids in sequences])

    logits = model(
        input_ids=padded([row["input_ids"] for row in rows], pad),
        token_type_ids=padded([row["token_type_ids"] for row in rows], 0),
        attention_mask=padded([[1] * len(row["input_ids"]) for row in rows], 0),
    ).logits
    return max(check_logits(logits[at], row, at, tolerance, "in a padded batch") for at, row in enumerate(rows))


def check_texts(folder, model, rows):
    """The tokenizer gives the promised ids, and the ready-made pipeline the promised label."""
    texts = [(at, row) for at, row in enumerate(rows) if row["text"] is not None]
    if not texts:
        return 0
    tokenizer = AutoTokenizer.from_pretrained(folder, **TRUSTED)
    classify = pipeline("text-classification", model=str(folder), **TRUSTED)
    for at, row in texts:
        encoded = tokenizer(row["text"], row["text_pair"], truncation=True, max_length=model.config.max_position_embeddings)
        for key in ("input_ids", "token_type_ids"):
            require(encoded[key] == row[key], f"row {at}: the tokenizer gives {key} {encoded[key]}, promised {row[key]}")
        if len(row["logits"]) > 1:
            best = model.config.id2label[max(range(len(row["logits"])), key=row["logits"].__getitem__)]
            text = {"text": row["text"]} if row["text_pair"] is None else {"text": row["text"], "text_pair": row["text_pair"]}
            answer = classify(text, truncation=True)
            label = (answer[0] if isinstance(answer, list) else answer)["label"]
            require(label == best, f"row {at}: the pipeline says {label}, promised {best}")
    return len(texts)


def check(folder):
    check_sums(folder)
    verify = json.loads((folder / "verify.json").read_text())
    rows, tolerance = verify["rows"], verify["tolerance"]
    require(rows, "verify.json has no rows")
    model = open_model(folder, verify["dtype"])
    check_config(folder, model)
    alone = check_rows_alone(model, rows, tolerance)
    padded = check_rows_padded(model, rows, tolerance)
    texts = check_texts(folder, model, rows)
    return f"{len(rows)} rows, {texts} with text; worst error {alone:.1e} alone, {padded:.1e} padded"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--major", help="the major version of transformers that must be running")
    parser.add_argument("folders", nargs="+", type=Path, metavar="DIR")
    arguments = parser.parse_args()
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    version = transformers.__version__
    print(f"transformers {version}")
    if arguments.major not in (None, version.split(".")[0]):
        sys.exit(f"expected transformers {arguments.major}, but {version} is running")
    failed = False
    for folder in arguments.folders:
        try:
            print(f"ok   {folder}: {check(folder)}")
        except Exception as fault:
            failed = True
            kind = "" if isinstance(fault, Fault) else f"{type(fault).__name__}: "
            print(f"FAIL {folder}: {kind}{fault}")
    sys.exit(failed)


if __name__ == "__main__":
    main()
