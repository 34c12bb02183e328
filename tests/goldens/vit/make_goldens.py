"""Tiny vision transformers, and what transformers and timm compute with them.

    pip install -r requirements.txt && python make_goldens.py

Writes one folder a case beside this file: `config.json` and `model.safetensors` as a user has them, and
`golden.safetensors` with `pixel_values` (float32 `[3, channels, height, width]`) and `logits` (float32 `[3, labels]`).
The case `in_memory_names` has the names of the modules of transformers 5. The cases `pruned` and `pruned_with_teacher`
have layers of different sizes. They run in the modeling files of results, which must agree with the built-in class of
the whole model, whose missing heads and neurons are zero. The cases `merging` and `merging_with_teacher` merge patches,
which only the modeling files do. Seeded: the same bytes each time.
"""

import json
import shutil
import tempfile
from pathlib import Path

import timm
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    AutoModelForImageClassification,
    DeiTConfig,
    DeiTForImageClassification,
    DeiTForImageClassificationWithTeacher,
    ViTConfig,
    ViTForImageClassification,
)

HERE = Path(__file__).resolve().parent
MODELING = [
    HERE.parents[2] / "src/model/vit/modeling_optin_vit.py",
    HERE.parents[2] / "src/model/deit/modeling_optin_deit.py",
]
SIZES = {
    "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 24,
    "id2label": {0: "cat", 1: "dog", 2: "owl"}, "label2id": {"cat": 0, "dog": 1, "owl": 2},
}
IMAGE = {"image_size": [14, 9], "patch_size": 4, "num_channels": 3}
SMALL = {"img_size": (16, 16), "patch_size": 8, "embed_dim": 12, "depth": 2, "num_heads": 3, "num_classes": 4}


def randomized(model, seed):
    """Makes every weight random, also biases, norms and special tokens."""
    generator = torch.Generator().manual_seed(seed)
    for name, weight in model.named_parameters():
        offset = 1.0 if weight.dim() == 1 and "norm" in name and name.endswith("weight") else 0.0
        weight.data = offset + 0.4 * torch.randn(weight.shape, generator=generator)
    return model.eval()


def write(case, model, shape, save):
    """Writes the folder of a case with a model that takes images of this shape, and returns images and logits."""
    folder = HERE / case
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    save(folder)
    pixels = torch.randn(3, *shape, generator=torch.Generator().manual_seed(5))
    with torch.inference_mode():
        logits = getattr(model(pixels), "logits", None)
        logits = model(pixels) if logits is None else logits
    save_file({"pixel_values": pixels, "logits": logits.clone()}, folder / "golden.safetensors")
    return pixels, logits


def transformers_case(case, model, **how):
    write(case, model, (3, 14, 9), lambda folder: model.save_pretrained(folder, **how))


def timm_case(case, architecture, **arguments):
    model = randomized(timm.create_model(architecture, **SMALL, **arguments), 3)

    def save(folder):
        config = {
            "architecture": architecture, "num_classes": 4, "global_pool": "token",
            "pretrained_cfg": {"input_size": [3, 16, 16], "mean": [0.5] * 3, "std": [0.5] * 3, "crop_pct": 0.9},
            "model_args": {name: value for name, value in SMALL.items() if name != "num_classes"},
        }
        (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
        save_file(model.state_dict(), folder / "model.safetensors")

    write(case, model, (3, 16, 16), save)


# What the layers of the pruned cases keep: heads, channels of each head, and neurons.
HEADS, WIDTH = ([1, 3], []), 4
QUERIES, VALUES = [0, 1, 3], [0, 2]
NEURONS = ([], [0, 2, 3, 11, 12, 20, 23])
KEPT = {
    "heads_per_layer": [2, 0], "query_size_per_layer": [3, 4], "value_size_per_layer": [2, 4],
    "intermediate_size_per_layer": [0, 7],
}  # fmt: skip


def channels(layer, of_head):
    """The rows of the kept heads of a layer."""
    return [head * WIDTH + channel for head in HEADS[layer] for channel in of_head]


def save_pruned(model, auto_map, folder):
    """Writes a model without the weights of what is missing."""
    config = model.config.to_diff_dict() | {"architectures": [type(model).__name__], "auto_map": auto_map} | KEPT
    model.save_pretrained(folder)
    tensors = load_file(folder / "model.safetensors")
    for layer, neurons in enumerate(NEURONS):
        name = f"{model.config.model_type}.encoder.layer.{layer}"
        queries, values = channels(layer, QUERIES), channels(layer, VALUES)
        rows = {"query": queries, "key": queries, "value": values}
        rows = {f"attention.attention.{part}": own for part, own in rows.items()} | {"intermediate.dense": neurons}
        for part, own in rows.items():
            for kind in ("weight", "bias"):
                tensors[f"{name}.{part}.{kind}"] = tensors[f"{name}.{part}.{kind}"][own].contiguous()
        for part, own in {"attention.output.dense": values, "output.dense": neurons}.items():
            tensors[f"{name}.{part}.weight"] = tensors[f"{name}.{part}.weight"][:, own].contiguous()
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def with_zeros(model):
    """Sets the weights of what is missing to zero."""
    for layer, block in enumerate(model.base_model.layers):
        queries, values = channels(layer, QUERIES), channels(layer, VALUES)
        for projection in (block.attention.q_proj, block.attention.k_proj):
            for weight in (projection.weight, projection.bias):
                weight.data[[row for row in range(16) if row not in queries]] = 0
        block.attention.o_proj.weight.data[:, [column for column in range(16) if column not in values]] = 0
        block.mlp.fc2.weight.data[:, [column for column in range(24) if column not in NEURONS[layer]]] = 0
    return model


def opened(folder, implementation="sdpa"):
    """Opens a folder with the modeling files."""
    with tempfile.TemporaryDirectory() as copy:
        shutil.copytree(folder, copy, dirs_exist_ok=True)
        for file in MODELING:
            shutil.copy(file, copy)
        model, loading = AutoModelForImageClassification.from_pretrained(
            copy, trust_remote_code=True, attn_implementation=implementation, output_loading_info=True
        )
    assert not any(loading.values()), loading
    return model.eval()


def merging_case(case, model, auto_class, merged):
    """A model that merges positions. Only the modeling file does that."""
    config = model.config.to_diff_dict() | {
        "architectures": [type(model).__name__], "auto_map": {"AutoModelForImageClassification": auto_class},
        "heads_per_layer": [4] * len(merged), "query_size_per_layer": [4] * len(merged),
        "value_size_per_layer": [4] * len(merged), "intermediate_size_per_layer": [24] * len(merged),
        "merged_tokens_per_layer": merged,
    }  # fmt: skip
    folder = HERE / case
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder)
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    pixels = torch.randn(3, 3, *config["image_size"], generator=torch.Generator().manual_seed(5))
    with torch.inference_mode():
        logits = opened(folder)(pixels).logits
        for arguments in ({}, {"output_hidden_states": True}):
            error = (opened(folder, "eager")(pixels, **arguments).logits - logits).abs().max().item()
            print(f"{case}, {arguments}: {error:.1e}")
            assert error < 1e-5
    save_file({"pixel_values": pixels, "logits": logits.clone()}, folder / "golden.safetensors")


def pruned_case(case, make, auto_class):
    auto_map = {"AutoModelForImageClassification": auto_class}
    save = lambda folder: save_pruned(make(), auto_map, folder)
    pixels, expected = write(case, with_zeros(make()), (3, 14, 9), save)
    for implementation in ("eager", "sdpa"):
        model = opened(HERE / case, implementation)
        with torch.inference_mode():
            for arguments in ({}, {"output_hidden_states": True}):
                found = model(pixels, **arguments).logits
                error = (found - expected).abs().max().item()
                print(f"{case}, {implementation}, {arguments}: {error:.1e}")
                assert error < 1e-4


def main():
    torch.set_num_threads(1)
    transformers_case("vit", randomized(ViTForImageClassification(ViTConfig(**SIZES, **IMAGE)), 1))
    no_bias = ViTConfig(**SIZES, **IMAGE, qkv_bias=False, layer_norm_eps=1e-6, hidden_act="gelu_new")
    transformers_case("in_memory_names", randomized(ViTForImageClassification(no_bias), 2), save_original_format=False)
    transformers_case("deit", randomized(DeiTForImageClassification(DeiTConfig(**SIZES, **IMAGE)), 3))
    teacher = lambda: randomized(DeiTForImageClassificationWithTeacher(DeiTConfig(**SIZES, **IMAGE)), 4)
    transformers_case("with_teacher", teacher())
    timm_case("timm", "vit_tiny_patch16_224")
    timm_case("timm_distilled", "deit_tiny_distilled_patch16_224")
    vit = lambda: randomized(ViTForImageClassification(ViTConfig(**SIZES, **IMAGE)), 6)
    pruned_case("pruned", vit, "modeling_optin_vit.ViTForImageClassification")
    many = SIZES | {"num_hidden_layers": 4, "image_size": [20, 16], "patch_size": 4}
    merging = randomized(ViTForImageClassification(ViTConfig(**many)), 7)
    merging_case("merging", merging, "modeling_optin_vit.ViTForImageClassification", [5, 0, 4, 0])
    merging = randomized(DeiTForImageClassificationWithTeacher(DeiTConfig(**many)), 8)
    auto_class = "modeling_optin_deit.DeiTForImageClassificationWithTeacher"
    merging_case("merging_with_teacher", merging, auto_class, [3, 8, 9, 0])
    pruned_case("pruned_with_teacher", teacher, "modeling_optin_deit.DeiTForImageClassificationWithTeacher")


if __name__ == "__main__":
    main()
