"""Tiny ModernBERTs, and what Hugging Face transformers computes with them.

    pip install -r requirements.txt && python make_goldens.py [--check]

Writes one folder a case beside this file: `config.json` and `model.safetensors` as a user has them, and
`golden.safetensors` with three rows, each run alone and unpadded: `row.N.input_ids` (int64 `[1, length]`),
`row.N.hidden.K` before (K = 0) and after each layer (float32 `[1, length, hidden]`), `row.N.logits`. One row is shorter and
two are longer than the window of local layers. Transformers must give the same logits for a padded batch of these rows. A
case whose name begins with `pruned` has uneven layers, one of them without heads, another without neurons. It is run as the
whole model whose missing units are zero, by transformers' own class, and the modeling file that every pruned folder carries
must agree with it, alone and in a padded batch. `--check` writes nothing and checks only that, for example in an environment
with transformers 4. Seeded: the same bytes each time.
"""

import argparse
import json
import shutil
import tempfile
from pathlib import Path

import torch
import transformers
from safetensors.torch import save_file

HERE = Path(__file__).resolve().parent
MODELS = HERE.parents[2] / "src/model"
TRANSFORMERS_4 = transformers.__version__.startswith("4.")
MODELING = "modeling_optin_modernbert"
HEADS, HEAD_SIZE, LAYERS, NEURONS = 4, 6, 4, 20
HIDDEN = HEADS * HEAD_SIZE
LENGTHS = (5, 40, 23)
SEQUENCES, TOKENS = "ModernBertForSequenceClassification", "ModernBertForTokenClassification"

# Sizes of the layers of a pruned model: heads of the original, neurons, and the width of the values of a head.
KEPT = (([0, 2, 3], 17, 5), ([], 20, 6), ([3], 0, 2), ([1, 2], 9, 4))

SIZES = {
    "model_type": "modernbert", "vocab_size": 60, "hidden_size": HIDDEN, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS,
    "intermediate_size": NEURONS, "max_position_embeddings": max(LENGTHS), "pad_token_id": 3, "bos_token_id": 1, "cls_token_id": 1,
    "eos_token_id": 2, "sep_token_id": 2, "dtype": "float32", "id2label": {"0": "one", "1": "two", "2": "three"},
    "label2id": {"one": 0, "two": 1, "three": 2},
}  # fmt: skip
# The keys of transformers 5 and those of transformers 4.
FULL, LOCAL = "full_attention", "sliding_attention"
NEW = {
    "layer_types": [FULL, LOCAL, LOCAL, FULL],
    "rope_parameters": {FULL: {"rope_type": "default", "rope_theta": 1000.0}, LOCAL: {"rope_type": "default", "rope_theta": 50.0}},
    "local_attention": 12,
}
OLD = {"global_attn_every_n_layers": 2, "global_rope_theta": 800.0, "local_rope_theta": 40.0, "local_attention": 7}
BOTH = NEW | {"global_attn_every_n_layers": 3, "global_rope_theta": 1000.0, "local_rope_theta": 50.0}
# Transformers 4 knows no such order of layers.
OTHER_ORDER = NEW | {"layer_types": [LOCAL, FULL, LOCAL, LOCAL], "local_attention": 13}
BIASES = {"attention_bias": True, "mlp_bias": True, "norm_bias": True, "classifier_bias": True}
ACTIVATIONS = {"hidden_activation": "silu", "classifier_activation": "relu"}
MEAN = {"classifier_pooling": "mean"}
CASES = {
    "first": (SEQUENCES, NEW),
    "mean": (SEQUENCES, OTHER_ORDER | BIASES | ACTIVATIONS | MEAN),
    "tokens": (TOKENS, OLD),
    "defaults": (SEQUENCES, {}),
    "pruned_first": (SEQUENCES, BOTH),
    "pruned_first_biases": (SEQUENCES, BOTH | BIASES | ACTIVATIONS),
    "pruned_mean": (SEQUENCES, BOTH | MEAN),
    "pruned_tokens": (TOKENS, BOTH | {"attention_bias": True}),
}


def random_weights(model, generator):
    """Every tensor differs from its default: a reader that drops a bias or a norm must show."""
    weights = {}
    for name, tensor in model.state_dict().items():
        noise = torch.randn(tensor.shape, generator=generator)
        center, spread = (1.0, 0.2) if "norm.weight" in name else (0.0, 0.3)
        weights[name] = center + spread * noise
    return weights


def kept(name):
    """Returns the dimension that pruning changes in a tensor, and the kept indices, or None."""
    for layer, (heads, neurons, value_size) in enumerate(KEPT):
        start = f"model.layers.{layer}."
        if not name.startswith(start):
            continue
        whole = [head * HEAD_SIZE + one for head in heads for one in range(HEAD_SIZE)]
        values = [head * HEAD_SIZE + one for head in heads for one in range(value_size)]
        indices = {
            "attn.Wqkv.weight": (0, whole + [HIDDEN + one for one in whole] + [2 * HIDDEN + one for one in values]),
            "attn.Wo.weight": (1, values),
            "mlp.Wi.weight": (0, [*range(neurons), *range(NEURONS, NEURONS + neurons)]),
            "mlp.Wo.weight": (1, list(range(neurons))),
        }
        part = name.removeprefix(start)
        part = part.replace(".bias", ".weight") if part in ("attn.Wqkv.bias", "mlp.Wi.bias") else part
        if part in indices:
            return indices[part][0], torch.tensor(indices[part][1], dtype=torch.long)
    return None


@torch.no_grad()
def golden(model, rows):
    tensors, states = {}, []
    layers = model.base_model.layers
    hooks = [layer.register_forward_hook(lambda _, __, output: states.append(output)) for layer in layers]
    for at, ids in enumerate(rows):
        states.clear()
        output = model(input_ids=ids, output_hidden_states=True)
        of_layers = [state[0] if isinstance(state, tuple) else state for state in states]
        of_layers.insert(0, output.hidden_states[0])
        tensors[f"row.{at}.input_ids"] = ids
        tensors |= {f"row.{at}.hidden.{depth}": state.contiguous() for depth, state in enumerate(of_layers)}
        tensors[f"row.{at}.logits"] = output.logits
    for hook in hooks:
        hook.remove()
    return tensors


@torch.no_grad()
def check_padded(model, rows, promised):
    pad, longest = model.config.pad_token_id, max(LENGTHS)
    ids = torch.stack([torch.cat([one[0], torch.full((longest - one.shape[1],), pad)]) for one in rows])
    mask = torch.stack([(torch.arange(longest) < one.shape[1]).long() for one in rows])
    for at, logits in enumerate(model(input_ids=ids, attention_mask=mask).logits):
        expected = promised[f"row.{at}.logits"][0]
        logits = logits[: len(expected)] if logits.dim() == 2 else logits
        torch.testing.assert_close(logits, expected, rtol=2e-5, atol=2e-5)


@torch.no_grad()
def check_body(folder, stock, rows):
    """Requires that the body of a pruned model opens alone."""
    body = transformers.AutoModel.from_pretrained(folder, trust_remote_code=True).eval()
    assert type(body).__module__.endswith(MODELING), type(body)
    for ids in rows:
        states, expected = (model(input_ids=ids).last_hidden_state for model in (body, stock.base_model))
        torch.testing.assert_close(states, expected, rtol=2e-5, atol=2e-5)


def check_modeling(config, weights, rows, promised, stock):
    """Requires that the folder of a pruned model opens, and gives the same logits in both ways of computing the last layer, in
    a padded batch, and with each implementation of attention."""
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        (folder / "config.json").write_text(json.dumps(config))
        save_file(weights, folder / "model.safetensors", {"format": "pt"})
        for file in (MODELS / f"modernbert/{MODELING}.py", MODELS / "bert/modeling_optin_bert.py"):
            shutil.copy(file, folder)
        check_body(folder, stock, rows)
        auto = getattr(transformers, "AutoModel" + config["architectures"][0].removeprefix("ModernBert"))
        for attention in ("eager", "sdpa"):
            options = {"attn_implementation": attention, "trust_remote_code": True, "output_loading_info": True}
            model, loading = auto.from_pretrained(folder, **options)
            faults = {kind: names for kind, names in loading.items() if names}
            assert not faults, f"the weights do not fit the model: {faults}"
            model.eval()
            assert type(model).__module__.endswith(MODELING), type(model)
            for key, tensor in golden(model, rows).items():
                torch.testing.assert_close(tensor, promised[key], rtol=2e-5, atol=2e-5, msg=lambda text: f"{key}: {text}")
            # Without hidden states, a head that reads the first position gets only that one from the last layer.
            seen = []
            model.base_model.layers[-1].mlp.register_forward_hook(lambda _, args, __: seen.append(args[0].shape[1]))
            check_padded(model, rows, promised)
            reads_first = config["architectures"] == [SEQUENCES] and config.get("classifier_pooling") != "mean"
            assert seen == [1 if reads_first else max(LENGTHS)], seen
            check_saving(model, auto, rows, promised)


@torch.no_grad()
def check_saving(model, auto, rows, promised):
    """Requires that transformers saves an opened model as a folder that opens again."""
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        again = auto.from_pretrained(folder, trust_remote_code=True).eval()
        torch.testing.assert_close(again(input_ids=rows[1]).logits, promised["row.1.logits"], rtol=2e-5, atol=2e-5)


def make(name, seed, writes):
    class_name, others = CASES[name]
    generator = torch.Generator().manual_seed(seed)
    config = {"architectures": [class_name]} | SIZES | others
    built_in = getattr(transformers, class_name)
    stock = built_in(transformers.ModernBertConfig.from_dict(config)).eval()
    weights = random_weights(stock, generator)
    rows = [torch.randint(4, SIZES["vocab_size"], (1, length), generator=generator) for length in LENGTHS]
    pruned = name.startswith("pruned")
    if pruned:
        config |= {
            "heads_per_layer": [len(heads) for heads, *_ in KEPT],
            "intermediate_size_per_layer": [neurons for _, neurons, _ in KEPT],
            "query_size_per_layer": [HEAD_SIZE] * LAYERS,
            "value_size_per_layer": [value_size for *_, value_size in KEPT],
            "auto_map": {
                "AutoModel": f"{MODELING}.ModernBertModel",
                "AutoModel" + class_name.removeprefix("ModernBert"): f"{MODELING}.{class_name}",
            },
        }
        for key, tensor in weights.items():
            if kept(key) is not None:
                dimension, indices = kept(key)
                removed = torch.ones(tensor.shape[dimension], dtype=torch.bool)
                removed[indices] = False
                tensor[(slice(None),) * dimension + (removed,)] = 0
    stock.load_state_dict(weights)
    promised = golden(stock, rows)
    check_padded(stock, rows, promised)
    if pruned:
        weights = {key: tensor if kept(key) is None else tensor.index_select(*kept(key)) for key, tensor in weights.items()}
    weights = {key: tensor.contiguous() for key, tensor in weights.items()}
    if writes:
        folder = HERE / name
        folder.mkdir(exist_ok=True)
        (folder / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
        save_file(weights, folder / "model.safetensors", {"format": "pt"})
        save_file(promised, folder / "golden.safetensors")
    if pruned:
        check_modeling(config, weights, rows, promised, stock)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    for seed, name in enumerate(CASES):
        if TRANSFORMERS_4 and CASES[name][1].get("layer_types", BOTH["layer_types"]) != BOTH["layer_types"]:
            continue
        make(name, seed, not arguments.check)
        print("ok", name)
