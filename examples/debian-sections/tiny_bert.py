"""What the training scripts of the examples share: the tokenizer, the batches, the training loop and the predictions.

An example is a pair: the token ids of a row, and its label in the form that the model expects.
"""

import json
import math
import random
import time

import torch
from tokenizers import BertWordPieceTokenizer
from transformers import AutoTokenizer

MAX_TOKENS = 64
SEED = 20240507
MASK = 4  # token ids up to this one are special tokens


def train_tokenizer(folder, texts, vocabulary, lower_case=True):
    """Train a WordPiece vocabulary from scratch and write it in every form that readers look for."""
    folder.mkdir(exist_ok=True)
    learner = BertWordPieceTokenizer(lowercase=lower_case)
    # The trainer meets inner characters in the order of a hash map, and ties follow that order: name them first.
    inner = sorted({"##" + letter for text in texts for letter in learner.normalize(text) if not letter.isspace()})
    first = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *inner]
    learner.train_from_iterator(
        texts, vocab_size=vocabulary, min_frequency=2, special_tokens=first, show_progress=False
    )
    learner.save_model(str(folder))
    # Only a tokenizer opened on a vocabulary knows where [CLS] and [SEP] go; one that was just trained does not.
    tokenizer = BertWordPieceTokenizer(str(folder / "vocab.txt"), lowercase=lower_case)
    tokenizer.enable_truncation(MAX_TOKENS)
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {
        "tokenizer_class": "BertTokenizer", "do_lower_case": lower_case, "model_max_length": MAX_TOKENS,
        "cls_token": "[CLS]", "mask_token": "[MASK]", "pad_token": "[PAD]", "sep_token": "[SEP]", "unk_token": "[UNK]",
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=2) + "\n")
    return AutoTokenizer.from_pretrained(folder)


def inputs(rows):
    """Token ids padded with 0, and the mask of the real tokens: both `[rows, longest row]`."""
    longest = max(map(len, rows))
    input_ids = torch.tensor([ids + [0] * (longest - len(ids)) for ids in rows])
    return {"input_ids": input_ids, "attention_mask": (input_ids != 0).long()}


def masked_inputs(rows, share):
    """Inputs with a random share of the tokens replaced by `[MASK]`, and which ones: booleans `[rows, longest row]`."""
    given = inputs(rows)
    hidden = (torch.rand(given["input_ids"].shape) < share) & (given["input_ids"] > MASK)
    given["input_ids"] = given["input_ids"].masked_fill(hidden, MASK)
    return given, hidden


def batches(examples, generator, batch_rows):
    """Random batches of rows of like length: most of a shuffled batch would be padding."""
    shuffled = generator.sample(examples, len(examples))
    pool_rows = 50 * batch_rows
    made = []
    for start in range(0, len(shuffled), pool_rows):
        pool = sorted(shuffled[start : start + pool_rows], key=lambda example: len(example[0]))
        made += [pool[at : at + batch_rows] for at in range(0, len(pool), batch_rows)]
    generator.shuffle(made)
    return made


@torch.inference_mode()
def predict(model, examples):
    """The logits of each example, in the order of the examples."""
    model.eval()
    order = sorted(range(len(examples)), key=lambda at: len(examples[at][0]))
    logits = [None] * len(examples)
    for start in range(0, len(order), 64):
        places = order[start : start + 64]
        outputs = model(**inputs([examples[at][0] for at in places])).logits
        for at, output in zip(places, outputs):
            logits[at] = output
    return logits


def own_loss(model, rows, labels):
    return model(**inputs(rows), labels=torch.tensor(labels)).loss


def masked_word_loss(model, rows, labels):
    """Loss of a `BertForMaskedLM` at the masked tokens. The labels are not used."""
    given, hidden = masked_inputs(rows, 0.2)
    logits = model.cls(model.bert(**given).last_hidden_state[hidden])
    return torch.nn.functional.cross_entropy(logits, inputs(rows)["input_ids"][hidden])


def train(model, examples, measure, epochs, peak_learning_rate, batch_rows=32, loss=own_loss):
    """AdamW with linear warm-up and decay. `measure(model)` returns the text to print after an epoch.

    `loss` computes the loss of a batch from the model, the token ids of the rows and their labels.
    """
    generator = random.Random(SEED)
    steps = epochs * math.ceil(len(examples) / batch_rows)
    warmup = int(0.06 * steps)
    decayed = [weight for weight in model.parameters() if weight.dim() > 1]
    others = [weight for weight in model.parameters() if weight.dim() == 1]
    groups = [{"params": decayed, "weight_decay": 0.05}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=peak_learning_rate)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / warmup, (steps - step) / (steps - warmup))
    )
    began = time.monotonic()
    for epoch in range(1, epochs + 1):
        model.train()
        for batch in batches(examples, generator, batch_rows):
            rows, labels = zip(*batch)
            loss(model, rows, labels).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
        print(f"epoch {epoch}: {measure(model)}, {time.monotonic() - began:.0f} s", flush=True)


def save(model, folder):
    """Write the weights in float16."""
    model.half().save_pretrained(folder)
    (folder / "model.safetensors").chmod(0o644)
