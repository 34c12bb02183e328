"""Train the demo model: Debian one-line package descriptions -> section.

    python train.py [FILE]      FILE: saved output of `apt-cache dumpavail`; the command itself without it

Writes `model/`, `calibration.tsv` and `evaluation.tsv` beside this file. One seed, one thread.
The evaluation rows are read once, at the end, through the float16 folder that was written.
"""

import json
import math
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import torch
from tokenizers import BertWordPieceTokenizer
from transformers import AutoModelForSequenceClassification, AutoTokenizer, BertConfig, BertForSequenceClassification

from descriptions import LABELS, split, write_tsv

SEED = 20240507
EPOCHS = 8
BATCH_ROWS = 32
PEAK_LEARNING_RATE = 5e-4
WARMUP_SHARE = 0.06
MAX_TOKENS = 64
HERE = Path(__file__).resolve().parent
MODEL = HERE / "model"


def train_tokenizer(texts):
    """A lower-cased WordPiece vocabulary of our own, written in every form that readers look for."""
    MODEL.mkdir(exist_ok=True)
    learner = BertWordPieceTokenizer(lowercase=True)
    # The trainer meets inner characters in the order of a hash map, and ties follow that order: name them first.
    inner = sorted({"##" + letter for text in texts for letter in learner.normalize(text) if not letter.isspace()})
    first = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *inner]
    learner.train_from_iterator(texts, vocab_size=8192, min_frequency=2, special_tokens=first, show_progress=False)
    learner.save_model(str(MODEL))
    # Only a tokenizer opened on a vocabulary knows where [CLS] and [SEP] go; one that was just trained does not.
    tokenizer = BertWordPieceTokenizer(str(MODEL / "vocab.txt"), lowercase=True)
    tokenizer.enable_truncation(MAX_TOKENS)
    tokenizer.save(str(MODEL / "tokenizer.json"))
    settings = {
        "tokenizer_class": "BertTokenizer", "do_lower_case": True, "model_max_length": MAX_TOKENS,
        "cls_token": "[CLS]", "mask_token": "[MASK]", "pad_token": "[PAD]", "sep_token": "[SEP]", "unk_token": "[UNK]",
    }
    (MODEL / "tokenizer_config.json").write_text(json.dumps(settings, indent=2) + "\n")
    return AutoTokenizer.from_pretrained(MODEL)


def examples(rows, tokenizer):
    """Token ids and the label's number of each row."""
    return [(tokenizer(row.text, truncation=True)["input_ids"], LABELS.index(row.label)) for row in rows]


def batches(training, generator):
    """Random batches of rows of like length: most of a shuffled batch would be padding."""
    shuffled = generator.sample(training, len(training))
    pool_rows = 50 * BATCH_ROWS
    made = []
    for start in range(0, len(shuffled), pool_rows):
        pool = sorted(shuffled[start : start + pool_rows], key=lambda example: len(example[0]))
        made += [pool[at : at + BATCH_ROWS] for at in range(0, len(pool), BATCH_ROWS)]
    generator.shuffle(made)
    return made


def tensors(batch):
    longest = max(len(ids) for ids, _ in batch)
    input_ids = torch.tensor([ids + [0] * (longest - len(ids)) for ids, _ in batch])
    return {
        "input_ids": input_ids,
        "attention_mask": (input_ids != 0).long(),
        "labels": torch.tensor([label for _, label in batch]),
    }


@torch.inference_mode()
def accuracy(model, held_out):
    model.eval()
    ordered = sorted(held_out, key=lambda example: len(example[0]))
    right = 0
    for at in range(0, len(ordered), 64):
        inputs = tensors(ordered[at : at + 64])
        labels = inputs.pop("labels")
        right += (model(**inputs).logits.argmax(-1) == labels).sum().item()
    return right / len(held_out)


def train(model, training, held_out):
    generator = random.Random(SEED)
    steps = EPOCHS * math.ceil(len(training) / BATCH_ROWS)
    warmup = int(WARMUP_SHARE * steps)
    decayed = [weight for weight in model.parameters() if weight.dim() > 1]
    others = [weight for weight in model.parameters() if weight.dim() == 1]
    groups = [{"params": decayed, "weight_decay": 0.05}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=PEAK_LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / warmup, (steps - step) / (steps - warmup))
    )
    began = time.monotonic()
    for epoch in range(1, EPOCHS + 1):
        model.train()
        for batch in batches(training, generator):
            model(**tensors(batch)).loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
        share, seconds = accuracy(model, held_out), time.monotonic() - began
        print(f"epoch {epoch}: calibration accuracy {share:.4f}, {seconds:.0f} s", flush=True)


def read_dump(arguments):
    if arguments:
        return Path(arguments[0]).read_text(encoding="utf-8")
    return subprocess.run(["apt-cache", "dumpavail"], check=True, capture_output=True, text=True).stdout


def main():
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    parts = split(read_dump(sys.argv[1:]), calibration_rows=1024, evaluation_rows=2000)
    write_tsv(HERE / "calibration.tsv", parts.calibration)
    write_tsv(HERE / "evaluation.tsv", parts.evaluation)
    print(f"rows: {len(parts.training)} training, {len(parts.calibration)} calibration, {len(parts.evaluation)} evaluation")
    print("training rows:", dict(Counter(row.label for row in parts.training).most_common()))

    tokenizer = train_tokenizer([row.text for row in parts.training])
    training, calibration, evaluation = (examples(rows, tokenizer) for rows in parts)

    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=192, num_hidden_layers=4, num_attention_heads=6, intermediate_size=768,
        max_position_embeddings=MAX_TOKENS, hidden_dropout_prob=0.1, attention_probs_dropout_prob=0.1,
        id2label=dict(enumerate(LABELS)), label2id={name: at for at, name in enumerate(LABELS)},
        problem_type="single_label_classification",
    )
    model = BertForSequenceClassification(config)
    train(model, training, calibration)
    model.half().save_pretrained(MODEL)

    (MODEL / "model.safetensors").chmod(0o644)

    reopened = AutoModelForSequenceClassification.from_pretrained(MODEL, dtype=torch.float32)
    share = accuracy(reopened, evaluation)
    half_width = 1.96 * math.sqrt(share * (1 - share) / len(evaluation))
    label, count = Counter(row.label for row in parts.evaluation).most_common(1)[0]
    print(f"evaluation: accuracy {share:.4f} +- {half_width:.4f} (95 %), majority {label} {count / len(evaluation):.4f}")


if __name__ == "__main__":
    main()
