"""Tiny folders of sentence-transformers, and the vectors that the library computes with them.

    pip install -r requirements.txt && python make_goldens.py

Writes one folder a case beside this file, as `SentenceTransformer.save_pretrained` writes it, without the tokenizer, and
`golden.safetensors` with three rows: `row.N.input_ids` (int64 `[1, length]`) and `row.N.vector` (float32 `[channels]`). A
case whose name begins with `older` has the names of classes and keys of version 2. Seeded: the same bytes each time.
"""

import json
import shutil
import tempfile
from pathlib import Path

import torch
import transformers
from safetensors.torch import save_file
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Dense, Normalize, Transformer
from sentence_transformers.sentence_transformer.modules import Pooling
from tokenizers import Tokenizer, models

HERE = Path(__file__).resolve().parent
HIDDEN, LONGEST = 24, 20
SIZES = {"vocab_size": 60, "hidden_size": HIDDEN, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 30}
AFTER_PADDING = {"max_position_embeddings": 26, "pad_token_id": 1}

OF_MODERNBERT = {"max_position_embeddings": 24, "pad_token_id": 1, "bos_token_id": 2, "cls_token_id": 2, "eos_token_id": 3}
OF_MODERNBERT |= {"sep_token_id": 3, "local_attention": 8}


def dense(outputs, bias, activation):
    return Dense(HIDDEN, outputs, bias=bias, activation_function=activation)


CASES = {
    "bert_mean": ("Bert", {"max_position_embeddings": 24}, "mean", lambda: [Normalize()]),
    "mpnet_cls": ("MPNet", AFTER_PADDING, "cls", lambda: [dense(9, True, torch.nn.Tanh()), Normalize()]),
    "distilbert_max": ("DistilBert", {"max_position_embeddings": 24, "hidden_dim": 30}, "max", lambda: []),
    "roberta_mean": ("Roberta", AFTER_PADDING, "mean", lambda: [dense(12, False, torch.nn.Identity())]),
    "older_bert_mean": ("Bert", {"max_position_embeddings": 24}, "mean", lambda: [dense(8, True, torch.nn.GELU()), Normalize()]),
    "modernbert_mean": ("ModernBert", OF_MODERNBERT, "mean", lambda: [dense(8, True, torch.nn.Tanh()), Normalize()]),
}


def randomize(module, generator):
    for name, tensor in module.state_dict().items():
        if tensor.is_floating_point():
            center = 1.0 if "norm.weight" in name.lower() else 0.0
            tensor.copy_(center + 0.25 * torch.randn(tensor.shape, generator=generator))


def make_older(folder):
    """Replaces names by those of version 2."""
    listed = json.loads((folder / "modules.json").read_text())
    for module in listed:
        module["type"] = "sentence_transformers.models." + module["type"].rsplit(".", 1)[1]
    (folder / "modules.json").write_text(json.dumps(listed, indent=2))
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": LONGEST, "do_lower_case": False}))
    flags = {f"pooling_mode_{mode}_tokens": mode == "mean" for mode in ("mean", "max", "mean_sqrt_len")}
    older = {"word_embedding_dimension": HIDDEN, "pooling_mode_cls_token": False} | flags
    (folder / "1_Pooling/config.json").write_text(json.dumps(older))


@torch.no_grad()
def make(name, seed):
    family, sizes, mode, after = CASES[name]
    generator = torch.Generator().manual_seed(seed)
    config = getattr(transformers, f"{family}Config")(**(SIZES | sizes))
    model = getattr(transformers, f"{family}Model")(config)
    randomize(model, generator)
    with tempfile.TemporaryDirectory() as body:
        model.save_pretrained(body)
        words = Tokenizer(models.WordLevel({f"w{at}": at for at in range(60)}, unk_token="w3"))
        transformers.PreTrainedTokenizerFast(tokenizer_object=words, pad_token="w1", unk_token="w3").save_pretrained(body)
        modules = [Transformer(body, max_seq_length=LONGEST), Pooling(HIDDEN, pooling_mode=mode), *after()]
        for module in modules[2:]:
            randomize(module, generator)
        vectors = SentenceTransformer(modules=modules, device="cpu").eval()
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    vectors.save_pretrained(str(folder), create_model_card=False)
    for file in folder.glob("*token*"):
        file.unlink()
    (folder / "README.md").unlink(missing_ok=True)
    if name.startswith("older"):
        make_older(folder)
    golden = {}
    for at, length in enumerate((5, LONGEST, 11)):
        ids = torch.randint(4, 60, (1, length), generator=generator)
        output = vectors({"input_ids": ids, "attention_mask": torch.ones_like(ids)})
        golden |= {f"row.{at}.input_ids": ids, f"row.{at}.vector": output["sentence_embedding"][0].contiguous()}
    save_file(golden, folder / "golden.safetensors")


if __name__ == "__main__":
    torch.set_num_threads(1)
    transformers.logging.disable_progress_bar()
    for seed, name in enumerate(CASES):
        make(name, seed)
        print("ok", name)
