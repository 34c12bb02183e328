"""Train classifiers of the same rows with other bodies than BERT: RoBERTa, DistilBERT and ModernBERT.

    python bodies.py FOLDER [FILE]      FILE: saved output of `apt-cache dumpavail`; the command itself without it

Writes `FOLDER/roberta`, `FOLDER/distilbert` and `FOLDER/modernbert`, with `calibration.tsv` and `evaluation.tsv` beside them,
and prints the accuracy of each model. One seed, one thread. No choice depends on the evaluation rows.
"""

import json
import sys
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DistilBertConfig,
    DistilBertForSequenceClassification,
    ModernBertConfig,
    ModernBertForSequenceClassification,
    RobertaConfig,
    RobertaForSequenceClassification,
)

from descriptions import LABELS, distinct_rows, read_dump, section_label, split, write_tsv
from tiny_bert import MAX_TOKENS, SEED, save, train, train_tokenizer
from train import accuracy, examples

VOCABULARY = 8192
HIDDEN, HEADS = 128, 4

SIZES = {"vocab_size": VOCABULARY, "pad_token_id": 0, "id2label": dict(enumerate(LABELS)), "label2id": {name: at for at, name in enumerate(LABELS)}}
LIKE_BERT = {"hidden_size": HIDDEN, "num_hidden_layers": 3, "num_attention_heads": HEADS, "intermediate_size": 4 * HIDDEN}


def roberta():
    # Positions are counted from the one after that of the padding.
    return RobertaForSequenceClassification(RobertaConfig(**SIZES, **LIKE_BERT, max_position_embeddings=MAX_TOKENS + 1, bos_token_id=1, eos_token_id=2))


def distilbert():
    return DistilBertForSequenceClassification(
        DistilBertConfig(**SIZES, dim=HIDDEN, n_layers=3, n_heads=HEADS, hidden_dim=4 * HIDDEN, max_position_embeddings=MAX_TOKENS)
    )


def modernbert():
    # Every second layer sees 8 tokens to each side.
    return ModernBertForSequenceClassification(
        ModernBertConfig(
            **SIZES, **(LIKE_BERT | {"num_hidden_layers": 4, "intermediate_size": 2 * HIDDEN}), max_position_embeddings=MAX_TOKENS,
            local_attention=16, global_attn_every_n_layers=2, cls_token_id=1, bos_token_id=1, sep_token_id=2, eos_token_id=2,
            classifier_pooling="mean", reference_compile=False, attn_implementation="eager",
        )
    )


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


BODIES = {
    "roberta": (roberta, lambda folder, texts: train_bytes(folder, texts, ("<pad>", "<s>", "</s>", "<unk>", "<mask>"))),
    "distilbert": (distilbert, lambda folder, texts: train_tokenizer(folder, texts, VOCABULARY)),
    "modernbert": (modernbert, lambda folder, texts: train_bytes(folder, texts, ("[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"))),
}


def main():
    torch.set_num_threads(1)
    to = Path(sys.argv[1])
    to.mkdir(parents=True, exist_ok=True)
    rows = distinct_rows(read_dump(sys.argv[2:]), section_label)
    parts = split(rows, calibration_rows=1024, evaluation_rows=2000)
    write_tsv(to / "calibration.tsv", parts.calibration)
    write_tsv(to / "evaluation.tsv", parts.evaluation)
    for name, (build, learn) in BODIES.items():
        torch.manual_seed(SEED)
        tokenizer = learn(to / name, [row.text for row in parts.training])
        training, calibration, evaluation = (examples(rows, tokenizer) for rows in parts)
        model = build()
        train(
            model, training, lambda model: f"{name}, calibration accuracy {accuracy(model, calibration):.4f}",
            epochs=6, peak_learning_rate=1e-3,
        )
        save(model, to / name)
        reopened = AutoModelForSequenceClassification.from_pretrained(to / name, dtype=torch.float32)
        print(f"{name}: evaluation accuracy {accuracy(reopened, evaluation):.4f}", flush=True)


if __name__ == "__main__":
    main()
