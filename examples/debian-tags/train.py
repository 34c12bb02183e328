"""Train the multi-label model: Debian one-line package descriptions -> debtags.

    python train.py [FILE]      FILE: saved output of `apt-cache dumpavail`; the command itself without it

Writes `model/`, `calibration.jsonl` and `evaluation.jsonl` beside this file. One seed, one thread.
The evaluation rows are read once, at the end, through the float16 folder that was written.
"""

import json
import re
import sys
from collections import Counter
from pathlib import Path

import torch
from torch.nn.functional import binary_cross_entropy_with_logits
from transformers import AutoModelForSequenceClassification, BertConfig, BertForMaskedLM, BertForSequenceClassification

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "debian-sections"))

from descriptions import distinct_rows, read_dump, split, without_twins
from tiny_bert import MAX_TOKENS, SEED, inputs, masked_word_loss, own_loss, predict, save, train, train_tokenizer

MODEL = HERE / "model"

# The 20 most frequent tags that tell what a package is about. Tags that tell how a package is made are not used
# (`role`, `scope`, `suite`, `implemented-in`, `uitoolkit`, `x11`). `interface::graphical` is always there with
# `interface::x11`.
LABELS = [
    "devel::doc", "devel::lang:c", "devel::lang:perl", "devel::library",
    "interface::commandline", "interface::daemon", "interface::text-mode", "interface::x11",
    "made-of::html",
    "network::client", "network::server",
    "use::checking", "use::converting", "use::editing", "use::gameplaying", "use::monitor", "use::viewing",
    "works-with::audio", "works-with::image", "works-with::text",
]


def tag_labels(fields):
    """The labels of a package. A package with fewer than three tags has only those that programs assign."""
    tags = fields.get("Tag", "").split(", ")
    about_packaging = re.search(r"transitional|dummy package|metapackage", fields["Description"], re.IGNORECASE)
    return None if len(tags) < 3 or about_packaging else tuple(label for label in LABELS if label in tags)


def section(fields):
    return fields["Section"]


def examples(rows, tokenizer, target):
    """Token ids and the target of each row."""
    return [(tokenizer(row.text, truncation=True)["input_ids"], target(row.label)) for row in rows]


def indicator(labels):
    """1 for each label that a row has, 0 for the others."""
    return [float(label in labels) for label in LABELS]


def first_loss(model, rows, labels):
    return own_loss(model, rows, labels) + masked_word_loss(model.words, rows, labels)


def weighted_loss(model, rows, labels):
    """Binary cross-entropy with a larger weight for labels that are present: most labels of most rows are absent."""
    logits = model(**inputs(rows)).logits
    return binary_cross_entropy_with_logits(logits, torch.tensor(labels), pos_weight=torch.tensor(2.5))


def f1(true, predicted):
    """F1 over all decisions, the mean of the labels' F1, and F1 by label. Both inputs: booleans `[rows, labels]`."""
    right = (true & predicted).sum(0)
    claimed = true.sum(0) + predicted.sum(0)
    by_label = 2 * right / claimed.clamp(min=1)
    return (2 * right.sum() / claimed.sum()).item(), by_label.mean().item(), by_label.tolist()


def decisions(model, held_out):
    """The true and the predicted labels. A label is predicted if its probability is above 0.5."""
    true = torch.tensor([labels for _, labels in held_out]) > 0.5
    return true, torch.stack(predict(model, held_out)).sigmoid() > 0.5


def write_jsonl(path, rows):
    lines = [json.dumps({"text": row.text, "labels": row.label}, ensure_ascii=False) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def main():
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    dump = read_dump(sys.argv[1:])
    parts = split(distinct_rows(dump, tag_labels), calibration_rows=1024, evaluation_rows=1500)
    held_out = parts.calibration + parts.evaluation
    parts = parts._replace(training=without_twins(parts.training, held_out))
    write_jsonl(HERE / "calibration.jsonl", parts.calibration)
    write_jsonl(HERE / "evaluation.jsonl", parts.evaluation)
    print(f"rows: {len(parts.training)} training, {len(parts.calibration)} calibration, {len(parts.evaluation)} evaluation")
    print("training rows:", dict(Counter(label for row in parts.training for label in row.label).most_common()))

    families = {row.family for row in held_out}
    others = without_twins([row for row in distinct_rows(dump, section) if row.family not in families], held_out)
    sections = sorted({row.label for row in others})
    print(f"{len(others)} rows with one of {len(sections)} sections for the first training")

    tokenizer = train_tokenizer(MODEL, [row.text for row in others], vocabulary=4096)
    training, calibration, evaluation = (examples(rows, tokenizer, indicator) for rows in parts)
    shape = {
        "vocab_size": len(tokenizer), "hidden_size": 128, "num_hidden_layers": 3, "num_attention_heads": 4,
        "intermediate_size": 512, "max_position_embeddings": MAX_TOKENS,
        "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1,
    }
    # Most packages have too few tags, but each has a section and words: the encoder learns from these first.
    first = BertForSequenceClassification(BertConfig(**shape, num_labels=len(sections)))
    first.words = BertForMaskedLM(BertConfig(**shape))
    first.words.bert = first.bert
    first.words.tie_weights()
    train(
        first, examples(others, tokenizer, sections.index), lambda model: "sections and masked words",
        epochs=6, peak_learning_rate=1e-3, batch_rows=64, loss=first_loss,
    )

    model = BertForSequenceClassification(BertConfig(
        **shape, id2label=dict(enumerate(LABELS)), label2id={name: at for at, name in enumerate(LABELS)},
        problem_type="multi_label_classification",
    ))
    model.bert.load_state_dict(first.bert.state_dict())

    def measure(model):
        micro, macro, _ = f1(*decisions(model, calibration))
        return f"calibration micro F1 {micro:.4f}, macro F1 {macro:.4f}"

    train(model, training, measure, epochs=12, peak_learning_rate=5e-4, loss=weighted_loss)
    save(model, MODEL)

    reopened = AutoModelForSequenceClassification.from_pretrained(MODEL, dtype=torch.float32)
    true, predicted = decisions(reopened, evaluation)
    micro, macro, by_label = f1(true, predicted)
    print(f"evaluation: micro F1 {micro:.4f}, macro F1 {macro:.4f}, rows without a label {(~true.any(1)).sum().item()}")
    for label, value, count in zip(LABELS, by_label, true.sum(0).tolist()):
        print(f"    {label}: F1 {value:.3f}, {count} rows")
    shares = torch.tensor([labels for _, labels in training]).mean(0)
    order = shares.argsort(descending=True)
    for count in 1, 2, 3:
        constant = torch.zeros_like(true)
        constant[:, order[:count]] = True
        micro, macro, _ = f1(true, constant)
        print(f"evaluation, the {count} most frequent labels for all rows: micro F1 {micro:.4f}, macro F1 {macro:.4f}")


if __name__ == "__main__":
    main()
