"""Train classifiers and taggers with other bodies than BERT: RoBERTa, DistilBERT and ModernBERT.

    python bodies.py sections FOLDER [FILE]      FILE: saved output of `apt-cache dumpavail`; the command itself without it
    python bodies.py markup FOLDER [HTML]        HTML: folder of the PostgreSQL manual; that of the installed package without it

`sections` has the rows of `../debian-sections`, and `markup` those of `../postgresql-markup`. Writes `FOLDER/roberta`,
`FOLDER/distilbert` and `FOLDER/modernbert` with the calibration and evaluation rows beside them, and prints the quality of each
model. One seed, one thread. No choice depends on the evaluation rows.
"""

import json
import sys
from pathlib import Path

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import AutoTokenizer, DistilBertConfig, ModernBertConfig, RobertaConfig

EXAMPLES = Path(__file__).resolve().parents[1]
sys.path[1:1] = [str(EXAMPLES / "postgresql-markup"), str(EXAMPLES / "debian-sections")]

import descriptions
import markup
import train as tagger
from tiny_bert import MAX_TOKENS, SEED, own_loss, predict, save, train, train_tokenizer

VOCABULARY = 8192
HIDDEN, HEADS = 128, 4

SIZES = {"vocab_size": VOCABULARY, "pad_token_id": 0}
LIKE_BERT = {"hidden_size": HIDDEN, "num_hidden_layers": 3, "num_attention_heads": HEADS, "intermediate_size": 4 * HIDDEN}

# The prefix of the classes of a body, and its configuration.
CONFIGS = {
    # Positions are counted from the one after that of the padding.
    "roberta": ("Roberta", RobertaConfig(**SIZES, **LIKE_BERT, max_position_embeddings=MAX_TOKENS + 1, bos_token_id=1, eos_token_id=2)),
    "distilbert": ("DistilBert", DistilBertConfig(**SIZES, dim=HIDDEN, n_layers=3, n_heads=HEADS, hidden_dim=4 * HIDDEN, max_position_embeddings=MAX_TOKENS)),
    # Every second layer sees 8 tokens to each side.
    "modernbert": ("ModernBert", ModernBertConfig(
        **SIZES, **(LIKE_BERT | {"num_hidden_layers": 4, "intermediate_size": 2 * HIDDEN}), max_position_embeddings=MAX_TOKENS,
        local_attention=16, global_attn_every_n_layers=2, cls_token_id=1, bos_token_id=1, sep_token_id=2, eos_token_id=2,
        classifier_pooling="mean", attn_implementation="eager",
    )),
}


def train_bytes(folder, texts, special):
    """Train a byte-level BPE from scratch. `special` are the names of padding, start, end, unknown word and mask."""
    pad, start, end, unknown, mask = special
    learner = Tokenizer(models.BPE(unk_token=None))
    learner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    learner.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=list(special), initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    learner.train_from_iterator(texts, trainer)
    learner.post_processor = processors.TemplateProcessing(
        single=f"{start} $A {end}", pair=f"{start} $A {end} {end} $B {end}", special_tokens=[(start, 1), (end, 2)]
    )
    learner.enable_truncation(MAX_TOKENS)
    folder.mkdir(parents=True, exist_ok=True)
    learner.save(str(folder / "tokenizer.json"))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": MAX_TOKENS,
        "cls_token": start, "mask_token": mask, "pad_token": pad, "sep_token": end, "unk_token": unknown,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=2) + "\n")
    return AutoTokenizer.from_pretrained(folder)


TOKENIZERS = {
    "roberta": lambda folder, texts, _: train_bytes(folder, texts, ("<pad>", "<s>", "</s>", "<unk>", "<mask>")),
    "distilbert": lambda folder, texts, lower: train_tokenizer(folder, texts, VOCABULARY, lower_case=lower),
    "modernbert": lambda folder, texts, _: train_bytes(folder, texts, ("[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]")),
}


class Sections:
    """The section of a package from its one-line description."""

    head, measure, epochs, rate, lower_case = "ForSequenceClassification", "accuracy", 6, 1e-3, True
    labels = descriptions.LABELS

    def __init__(self, to, arguments):
        rows = descriptions.distinct_rows(descriptions.read_dump(arguments), descriptions.section_label)
        self.parts = descriptions.split(rows, calibration_rows=1024, evaluation_rows=2000)
        descriptions.write_tsv(to / "calibration.tsv", self.parts.calibration)
        descriptions.write_tsv(to / "evaluation.tsv", self.parts.evaluation)

    def examples(self, rows, tokenizer):
        return [(tokenizer(row.text, truncation=True)["input_ids"], self.labels.index(row.label)) for row in rows]

    def quality(self, model, rows, tokenizer):
        held_out = self.examples(rows, tokenizer)
        logits = predict(model, held_out)
        return sum(output.argmax().item() == label for output, (_, label) in zip(logits, held_out)) / len(rows)

    loss = staticmethod(own_loss)


class Markup:
    """The markup of the words of the PostgreSQL manual."""

    head, measure, epochs, rate, lower_case = "ForTokenClassification", "entity F1", 10, 1e-3, False
    labels = markup.TAGS

    def __init__(self, to, arguments):
        rows = markup.distinct_rows(Path(arguments[0] if arguments else tagger.MANUAL))
        marked = [row for row in rows if any(tag != "O" for tag in row.ner_tags)]
        parts = descriptions.split(marked, calibration_rows=1024, evaluation_rows=2000)
        held_out = parts.calibration + parts.evaluation
        self.parts = parts._replace(training=descriptions.without_twins(parts.training, held_out))
        markup.write_jsonl(to / "calibration.jsonl", parts.calibration)
        markup.write_jsonl(to / "evaluation.jsonl", parts.evaluation)

    def examples(self, rows, tokenizer):
        return tagger.examples(rows, tokenizer)

    def quality(self, model, rows, tokenizer):
        return tagger.scores(rows, tagger.predicted_tags(model, rows, tokenizer))["entity F1"]

    loss = staticmethod(tagger.loss)


def main():
    torch.set_num_threads(1)
    to = Path(sys.argv[2])
    to.mkdir(parents=True, exist_ok=True)
    task = {"sections": Sections, "markup": Markup}[sys.argv[1]](to, sys.argv[3:])
    named = {"id2label": dict(enumerate(task.labels)), "label2id": {name: at for at, name in enumerate(task.labels)}}
    for name, (prefix, config) in CONFIGS.items():
        torch.manual_seed(SEED)
        tokenizer = TOKENIZERS[name](to / name, [row.text for row in task.parts.training], task.lower_case)
        config.update(named)
        model = getattr(transformers, prefix + task.head)(config)

        def measured(model):
            return f"{name}, calibration {task.measure} {task.quality(model, task.parts.calibration, tokenizer):.4f}"

        train(model, task.examples(task.parts.training, tokenizer), measured, epochs=task.epochs, peak_learning_rate=task.rate, loss=task.loss)
        save(model, to / name)
        auto = getattr(transformers, "AutoModel" + task.head)
        reopened = auto.from_pretrained(to / name, dtype=torch.float32)
        print(f"{name}: evaluation {task.measure} {task.quality(reopened, task.parts.evaluation, tokenizer):.4f}", flush=True)


if __name__ == "__main__":
    main()
