"""Train the token classification model: words of the PostgreSQL manual -> their markup.

    python train.py [FOLDER]      FOLDER: HTML of the manual; without it, the folder of the installed package

Writes `model/`, `calibration.jsonl` and `evaluation.jsonl` beside this file. One seed, one thread.
The evaluation rows are read once, at the end, through the float16 folder that was written.
"""

import sys
from collections import Counter, defaultdict
from pathlib import Path

import torch
from transformers import AutoModelForTokenClassification, BertConfig, BertForMaskedLM, BertForTokenClassification

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "debian-sections"))

from descriptions import split, without_twins
from markup import TAGS, distinct_rows, write_jsonl
from tiny_bert import MAX_TOKENS, SEED, masked_inputs, masked_word_loss, predict, save, train, train_tokenizer

MANUAL = "/usr/share/doc/postgresql-doc-15/html"
MODEL = HERE / "model"
IGNORED = -100  # label of the tokens that the loss leaves out


def piece_tags(tokenizer, row):
    """Token ids of a row, the tag of each token, and the place of the first token of each word.

    The other tokens of a marked word continue its entity. Special tokens have no tag. The limit on tokens cuts long
    rows.
    """
    encoded = tokenizer(row.tokens, is_split_into_words=True, truncation=True)
    words = encoded.word_ids()
    first = {word: at for at, word in reversed(list(enumerate(words))) if word is not None}
    tags = [None if word is None else row.ner_tags[word].replace("B-", "B-" if first[word] == at else "I-")
            for at, word in enumerate(words)]
    return encoded["input_ids"], tags, [first[word] for word in sorted(first)]


def examples(rows, tokenizer):
    """Token ids of each row, and the tag's number of each token."""
    pieces = [piece_tags(tokenizer, row) for row in rows]
    return [(ids, [IGNORED if tag is None else TAGS.index(tag) for tag in tags]) for ids, tags, _ in pieces]


def loss(model, rows, labels):
    """The loss of the model with some tokens masked: it has to learn from the context of a word, not only the word."""
    longest = max(map(len, labels))
    padded = torch.tensor([row + [IGNORED] * (longest - len(row)) for row in labels])
    given, _ = masked_inputs(rows, 0.15)
    return model(**given, labels=padded).loss


def predicted_tags(model, rows, tokenizer):
    """The tags of the words of each row: those of their first tokens. A word that is cut off has the tag `O`."""
    pieces = [piece_tags(tokenizer, row) for row in rows]
    predicted = []
    for output, (_, _, firsts), row in zip(predict(model, pieces), pieces, rows):
        found = [TAGS[at] for at in output.argmax(-1)[firsts].tolist()]
        predicted.append(found + ["O"] * (len(row.tokens) - len(found)))
    return predicted


def entities(row):
    """Start, end and label of each entity by the rules of conlleval: an `I` that follows another label starts one."""
    found, start = [], 0
    for at, tag in enumerate([*row, "O"]):
        before = row[at - 1] if at else "O"
        ended = tag[0] != "I" or tag[2:] != before[2:]
        if before != "O" and ended:
            found.append((start, at, before[2:]))
        if tag != "O" and ended:
            start = at
    return found


def scores(rows, predicted):
    """Entity F1, its precision and recall, F1 by label, and the share of words with the right tag."""
    right, claimed, actual = Counter(), Counter(), Counter()
    for row, guess in zip(rows, predicted):
        true, guessed = set(entities(row.ner_tags)), set(entities(guess))
        for count, spans in (right, true & guessed), (claimed, guessed), (actual, true):
            count.update(label for _, _, label in spans)
    words = [(tag, guess) for row, guesses in zip(rows, predicted) for tag, guess in zip(row.ner_tags, guesses)]
    return {
        "entity F1": 2 * right.total() / (claimed.total() + actual.total()),
        "precision": right.total() / max(claimed.total(), 1),
        "recall": right.total() / actual.total(),
        "token accuracy": sum(tag == guess for tag, guess in words) / len(words),
        "by label": {label: 2 * right[label] / (claimed[label] + actual[label]) for label in sorted(actual)},
    }


def word_list(training):
    """A rival without context: every word gets the tag that it has most often in the training rows."""
    counts = defaultdict(Counter)
    for row in training:
        for token, tag in zip(row.tokens, row.ner_tags):
            counts[token][tag] += 1
    return {token: tags.most_common(1)[0][0] for token, tags in counts.items()}


def report(name, found):
    by_label = found.pop("by label")
    print(f"{name}:", ", ".join(f"{measure} {value:.4f}" for measure, value in found.items()), flush=True)
    return by_label


def main():
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    rows = distinct_rows(Path(sys.argv[1] if sys.argv[1:] else MANUAL))
    # In many sentences without marks, the authors left names unmarked.
    marked = [row for row in rows if any(tag != "O" for tag in row.ner_tags)]
    parts = split(marked, calibration_rows=1024, evaluation_rows=2000)
    held_out = parts.calibration + parts.evaluation
    families = {row.family for row in held_out}
    others = without_twins([row for row in rows if row.family not in families], held_out)
    parts = parts._replace(training=without_twins(parts.training, held_out))
    write_jsonl(HERE / "calibration.jsonl", parts.calibration)
    write_jsonl(HERE / "evaluation.jsonl", parts.evaluation)
    print(f"rows: {len(parts.training)} training, {len(parts.calibration)} calibration, {len(parts.evaluation)} evaluation")
    print(f"{len(others)} rows with and without marks for the first training")

    tokenizer = train_tokenizer(MODEL, [row.text for row in others], vocabulary=4096, lower_case=False)

    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=128, num_hidden_layers=3, num_attention_heads=4, intermediate_size=512,
        max_position_embeddings=MAX_TOKENS, hidden_dropout_prob=0.1, attention_probs_dropout_prob=0.1,
        id2label=dict(enumerate(TAGS)), label2id={name: at for at, name in enumerate(TAGS)},
    )
    # All sentences of the other pages, marked or not, teach the words.
    first = BertForMaskedLM(config)
    train(
        first, examples(others, tokenizer), lambda model: "masked words",
        epochs=8, peak_learning_rate=1e-3, batch_rows=64, loss=masked_word_loss,
    )
    model = BertForTokenClassification(config)
    model.bert.load_state_dict(first.bert.state_dict())

    def measure(model):
        found = scores(parts.calibration, predicted_tags(model, parts.calibration, tokenizer))
        return f"calibration entity F1 {found['entity F1']:.4f}, token accuracy {found['token accuracy']:.4f}"

    train(model, examples(parts.training, tokenizer), measure, epochs=12, peak_learning_rate=5e-4, loss=loss)
    save(model, MODEL)

    reopened = AutoModelForTokenClassification.from_pretrained(MODEL, dtype=torch.float32)
    lookup = word_list(parts.training)
    guesses = [[lookup.get(token, "O") for token in row.tokens] for row in parts.evaluation]
    report("evaluation, tag O for all words", scores(parts.evaluation, [["O"] * len(row.tokens) for row in parts.evaluation]))
    report("evaluation, word list", scores(parts.evaluation, guesses))
    by_label = report("evaluation", scores(parts.evaluation, predicted_tags(reopened, parts.evaluation, tokenizer)))
    counts = Counter(label for row in parts.evaluation for _, _, label in entities(row.ner_tags))
    for label, value in by_label.items():
        print(f"    {label}: F1 {value:.3f}, {counts[label]} entities")


if __name__ == "__main__":
    main()
