"""Tiny Swin transformers, and what transformers computes with them.

    pip install -r requirements.txt && python make_goldens.py

Writes one folder a case beside this file: `config.json` and `model.safetensors` as a user has them, and
`golden.safetensors` with `pixel_values` (float32 `[3, 3, height, width]`) and `logits` (float32 `[3, 3]`). The case `pruned`
runs in the modeling file of results, which must agree with the built-in class of the whole model, whose missing channels
are zero. Seeded: the same bytes each time.
"""

import json
import shutil
import sys
import tempfile
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForImageClassification, SwinConfig, SwinForImageClassification

HERE = Path(__file__).resolve().parent
MODELING = HERE.parents[2] / "src/model/swin/modeling_optin_swin.py"
SIZES = {
    "embed_dim": 8, "depths": [2, 3, 2], "num_heads": [2, 2, 4], "mlp_ratio": 1.5, "patch_size": 4,
    "id2label": {0: "cat", 1: "dog", 2: "owl"}, "label2id": {"cat": 0, "dog": 1, "owl": 2},
}
CASES = {
    # Maps of 11 x 15, 6 x 8 and 3 x 4 positions. The windows of the last stage cover its map.
    "whole": {"image_size": [44, 60], "window_size": 3},
    # The image is not made of whole patches. Even windows, of which the last stage has one and a half.
    "padded": {"image_size": [30, 45], "window_size": 2, "qkv_bias": False, "layer_norm_eps": 1e-3},
    "in_memory_names": {"image_size": [44, 60], "window_size": 3, "hidden_act": "relu"},
}
# For each block: the kept neurons, and for each kept head its kept values and queries.
KEPT = [
    ([0, 3, 11], {0: ([0, 1, 3], [0, 2]), 1: ([0, 2, 3], [1, 3])}),
    (list(range(12)), {1: ([0, 1, 2, 3], [0, 1, 2, 3])}),
    ([], {0: ([7], []), 1: ([2], [])}),
    ([1, 2], {}),
    ([5], {0: ([0, 1], [3]), 1: ([4, 6], [0])}),
    (list(range(48)), {0: ([1, 2], [0, 7]), 2: ([3, 4], [1, 2]), 3: ([0, 5], [5, 6])}),
    ([40, 41], {1: ([0], [1])}),
]


def randomized(model):
    """Makes every weight random."""
    generator = torch.Generator().manual_seed(3)
    for name, value in model.state_dict().items():
        if value.is_floating_point():
            around_one = "norm" in name and name.endswith("weight")
            drawn = torch.rand(value.shape, generator=generator) - 0.5
            value.copy_(drawn * 0.9 + (1.0 if around_one else 0.0))
    return model.eval()


def write(folder, model):
    height, width = model.config.image_size
    pixels = torch.randn(3, 3, height, width, generator=torch.Generator().manual_seed(5))
    with torch.inference_mode():
        logits = model(pixels).logits
    save_file({"pixel_values": pixels, "logits": logits.clone()}, folder / "golden.safetensors")
    return logits


def fresh(case):
    folder = HERE / case
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


def pruned():
    """Writes a case whose blocks keep some neurons, heads, values and queries."""
    model = randomized(SwinForImageClassification(SwinConfig(**SIZES, **CASES["whole"])))
    with tempfile.TemporaryDirectory() as saved:
        model.save_pretrained(saved)
        weights = load_file(Path(saved) / "model.safetensors")
    lists = {name: [] for name in ("heads", "query_size", "value_size", "intermediate_size")}
    kept = iter(KEPT)
    for stage, depth in enumerate(SIZES["depths"]):
        for block in range(depth):
            neurons, heads = next(kept)
            width = SIZES["embed_dim"] * 2**stage // SIZES["num_heads"][stage]
            values = [head * width + one for head, (own, _) in heads.items() for one in own]
            queries = [head * width + one for head, (_, own) in heads.items() for one in own]
            prefix = f"swin.encoder.layers.{stage}.blocks.{block}"
            built_in = model.swin.encoder.layers[stage].blocks[block]
            attention = f"{prefix}.attention.self"
            rows = {f"{attention}.query": queries, f"{attention}.key": queries, f"{attention}.value": values,
                    f"{prefix}.intermediate.dense": neurons}
            columns = {f"{prefix}.attention.output.dense": values, f"{prefix}.output.dense": neurons}
            for name, own in rows.items():
                for part in ("weight", "bias"):
                    weights[f"{name}.{part}"] = weights[f"{name}.{part}"][own]
            for name, own in columns.items():
                weights[f"{name}.weight"] = weights[f"{name}.weight"][:, own]
            table = f"{attention}.relative_position_bias_table"
            weights[table] = weights[table][:, list(heads)]
            # The built-in class with zeros in place of the missing channels.
            for linear, own, dim in (
                (built_in.attention.q_proj, queries, 0), (built_in.attention.o_proj, values, 1),
                (built_in.mlp.fc2, neurons, 1),
            ):
                gone = [at for at in range(linear.weight.shape[dim]) if at not in own]
                linear.weight.data.index_fill_(dim, torch.tensor(gone, dtype=torch.long), 0)
                if dim == 0:
                    linear.bias.data[gone] = 0
            sizes = next(iter(heads.values()), ([], []))
            for name, size in zip(lists, (len(heads), len(sizes[1]), len(sizes[0]), len(neurons))):
                lists[name].append(size)
    folder = fresh("pruned")
    config = model.config.to_dict() | {f"{name}_per_layer": values for name, values in lists.items()}
    config["architectures"] = ["SwinForImageClassification"]
    config["auto_map"] = {"AutoModelForImageClassification": "modeling_optin_swin.SwinForImageClassification"}
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    save_file({name: value.contiguous() for name, value in weights.items()}, folder / "model.safetensors", {"format": "pt"})
    expected = write(folder, model)
    with tempfile.TemporaryDirectory() as opened:
        shutil.copytree(folder, opened, dirs_exist_ok=True)
        shutil.copy(MODELING, opened)
        narrow = AutoModelForImageClassification.from_pretrained(opened, trust_remote_code=True).eval()
        with torch.inference_mode():
            found = narrow(load_file(folder / "golden.safetensors")["pixel_values"]).logits
    difference = (found - expected).abs().max().item()
    print(f"pruned: the modeling file differs by {difference:.1e}")
    if difference > 1e-4:
        sys.exit(1)


def main():
    for case, arguments in CASES.items():
        folder = fresh(case)
        model = randomized(SwinForImageClassification(SwinConfig(**SIZES, **arguments)))
        model.save_pretrained(folder, save_original_format=case != "in_memory_names")
        write(folder, model)
    pruned()


if __name__ == "__main__":
    main()
