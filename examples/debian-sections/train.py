"""Train the demo model: Debian one-line package descriptions -> section.

    python train.py [FILE]      FILE: saved output of `apt-cache dumpavail`; the command itself without it

Writes `model/`, `calibration.tsv` and `evaluation.tsv` beside this file. One seed, one thread.
The evaluation rows are read once, at the end, through the float16 folder that was written.
"""

import math
import sys
from collections import Counter
from pathlib import Path

import torch
from transformers import AutoModelForSequenceClassification, BertConfig, BertForSequenceClassification

from descriptions import LABELS, distinct_rows, read_dump, section_label, split, write_tsv
from tiny_bert import MAX_TOKENS, SEED, predict, save, train, train_tokenizer

HERE = Path(__file__).resolve().parent
MODEL = HERE / "model"


def examples(rows, tokenizer):
    """Token ids and the label's number of each row."""
    return [(tokenizer(row.text, truncation=True)["input_ids"], LABELS.index(row.label)) for row in rows]


def accuracy(model, held_out):
    logits = predict(model, held_out)
    return sum(output.argmax().item() == label for output, (_, label) in zip(logits, held_out)) / len(held_out)


def main():
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    rows = distinct_rows(read_dump(sys.argv[1:]), section_label)
    parts = split(rows, calibration_rows=1024, evaluation_rows=2000)
    write_tsv(HERE / "calibration.tsv", parts.calibration)
    write_tsv(HERE / "evaluation.tsv", parts.evaluation)
    print(f"rows: {len(parts.training)} training, {len(parts.calibration)} calibration, {len(parts.evaluation)} evaluation")
    print("training rows:", dict(Counter(row.label for row in parts.training).most_common()))

    tokenizer = train_tokenizer(MODEL, [row.text for row in parts.training], vocabulary=8192)
    training, calibration, evaluation = (examples(rows, tokenizer) for rows in parts)

    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=192, num_hidden_layers=4, num_attention_heads=6, intermediate_size=768,
        max_position_embeddings=MAX_TOKENS, hidden_dropout_prob=0.1, attention_probs_dropout_prob=0.1,
        id2label=dict(enumerate(LABELS)), label2id={name: at for at, name in enumerate(LABELS)},
        problem_type="single_label_classification",
    )
    model = BertForSequenceClassification(config)
    train(
        model, training, lambda model: f"calibration accuracy {accuracy(model, calibration):.4f}",
        epochs=8, peak_learning_rate=5e-4,
    )
    save(model, MODEL)

    reopened = AutoModelForSequenceClassification.from_pretrained(MODEL, dtype=torch.float32)
    share = accuracy(reopened, evaluation)
    half_width = 1.96 * math.sqrt(share * (1 - share) / len(evaluation))
    label, count = Counter(row.label for row in parts.evaluation).most_common(1)[0]
    print(f"evaluation: accuracy {share:.4f} +- {half_width:.4f} (95 %), majority {label} {count / len(evaluation):.4f}")


if __name__ == "__main__":
    main()
