"""Tiny BERT classifiers and what Hugging Face transformers computes with them.

    pip install -r requirements.txt && python make_goldens.py

Writes one folder a case beside this file: `config.json` and `model.safetensors` as a user has them, and
`golden.safetensors` with three rows, each run alone and unpadded, in float32 after the weights were
rounded to the dtype of their file: `row.N.input_ids`, `row.N.token_type_ids` (int64 `[1, length]`),
`row.N.hidden.K` before (K = 0) and after each layer (float32 `[1, length, hidden]`), `row.N.logits`.
The case `pruned` is run as the whole BERT whose missing heads and neurons are zero, by transformers' own
class, and the modeling file that every pruned folder carries must agree with it. Seeded: the same bytes
each time.
"""

import importlib.util
import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from transformers import BertConfig, BertForSequenceClassification

HERE = Path(__file__).resolve().parent
MODELING = HERE.parents[2] / "src/model/bert/modeling_optin_bert.py"
ROW_LENGTHS = (5, 24, 11)
COMMON = {"vocab_size": 60, "max_position_embeddings": 24, "type_vocab_size": 2, "pad_token_id": 0, "layer_norm_eps": 1e-12}


def labels(count):
    names = [f"class_{at}" for at in range(count)]
    return {"id2label": dict(enumerate(names)), "label2id": {name: at for at, name in enumerate(names)}}


def whole(**sizes):
    config = BertConfig(num_attention_heads=4, **COMMON, **sizes)
    return config.to_diff_dict() | {"architectures": ["BertForSequenceClassification"]}


def pruned():
    """Uneven layers, one of them without heads, another without neurons."""
    return {
        "model_type": "bert",
        "architectures": ["BertForSequenceClassification"],
        "auto_map": {"AutoModelForSequenceClassification": "modeling_optin_bert.BertForSequenceClassification"},
        "hidden_size": 24, "num_attention_heads": 4, "intermediate_size": 40,
        "heads_per_layer": [3, 0, 1], "intermediate_size_per_layer": [17, 40, 0],
        "num_hidden_layers": 3, "hidden_act": "gelu_pytorch_tanh", "problem_type": "single_label_classification",
        **labels(3), **COMMON,
    }  # fmt: skip


CASES = {
    "gelu": (torch.float32, whole(hidden_size=20, num_hidden_layers=2, intermediate_size=36, hidden_act="gelu", **labels(3))),
    "gelu_new": (torch.float16, whole(hidden_size=24, num_hidden_layers=3, intermediate_size=40, hidden_act="gelu_new", **labels(4))),
    "relu_regression": (
        torch.bfloat16,
        whole(hidden_size=16, num_hidden_layers=3, intermediate_size=24, hidden_act="relu", problem_type="regression", **labels(1)),
    ),
    "pruned": (torch.float32, pruned()),
}


def from_modeling_file(config):
    spec = importlib.util.spec_from_file_location("modeling_optin_bert", MODELING)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.BertForSequenceClassification(BertConfig.from_dict(config))


def from_transformers(config):
    """The model of a case as transformers knows it: with all heads and neurons."""
    return BertForSequenceClassification(BertConfig.from_dict(config))


def fill(model, weights):
    """Loads weights into tensors of their shape or larger; what is left is zero and adds nothing."""
    for name, tensor in model.state_dict().items():
        tensor.zero_()
        tensor[tuple(slice(size) for size in weights[name].shape)] = weights[name]
    return model.eval()


def random_weights(model, generator):
    """Every tensor differs from its default: a reader that drops a bias or a norm must show."""
    weights = {}
    for name, tensor in model.state_dict().items():
        noise = torch.randn(tensor.shape, generator=generator)
        centre, spread = (1.0, 0.2) if name.endswith("LayerNorm.weight") else (0.0, 0.25)
        weights[name] = centre + spread * noise
    return weights


def row(length, vocabulary, generator):
    """Ids without padding, and a first and a second segment."""
    input_ids = torch.randint(1, vocabulary, (1, length), generator=generator)
    token_type_ids = (torch.arange(length) >= length // 2 + 1).long().unsqueeze(0)
    return input_ids, token_type_ids


@torch.no_grad()
def golden(model, rows):
    tensors = {}
    for at, (input_ids, token_type_ids) in enumerate(rows):
        output = model(input_ids=input_ids, token_type_ids=token_type_ids, output_hidden_states=True)
        tensors |= {f"row.{at}.input_ids": input_ids, f"row.{at}.token_type_ids": token_type_ids}
        tensors |= {f"row.{at}.hidden.{depth}": state.contiguous() for depth, state in enumerate(output.hidden_states)}
        tensors[f"row.{at}.logits"] = output.logits
    return tensors


def write(name, dtype, config, seed):
    generator = torch.Generator().manual_seed(seed)
    config["dtype"] = str(dtype).removeprefix("torch.")
    folder = HERE / name
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    pruned = "heads_per_layer" in config
    own = (from_modeling_file if pruned else from_transformers)(config)
    stored = {key: tensor.to(dtype) for key, tensor in random_weights(own, generator).items()}
    save_file(stored, folder / "model.safetensors", metadata={"format": "pt"})
    weights = load_file(folder / "model.safetensors")
    rows = [row(length, config["vocab_size"], generator) for length in ROW_LENGTHS]
    promised = golden(fill(from_transformers(config).float(), weights), rows)
    save_file(promised, folder / "golden.safetensors")
    for key, tensor in golden(fill(own.float(), weights), rows).items():
        torch.testing.assert_close(tensor, promised[key], rtol=1e-5, atol=1e-5, msg=lambda text: f"{name} {key}: {text}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    for seed, (name, (dtype, config)) in enumerate(CASES.items()):
        write(name, dtype, config, seed)
