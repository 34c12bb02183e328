"""Tiny Mask2Formers on Swin backbones, and what transformers computes with them.

    pip install -r requirements.txt && python make_goldens.py

Writes one folder a case beside this file: `config.json` and `model.safetensors` as a user has them, and
`golden.safetensors` with `pixel_values` (float32 `[2, 3, 46, 61]`) and `logits` (float32 `[2, pixels, 3]`): the logarithm of
the score of each class at each pixel of the masks, which is the sum over the queries of the probability of the class times
that of the mask. The case `pruned` runs in the modeling file of results, which must agree with the built-in class of the
whole model, whose missing channels are zero. Seeded: the same bytes each time.
"""

import json
import shutil
import sys
import tempfile
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForUniversalSegmentation, Mask2FormerConfig, Mask2FormerForUniversalSegmentation
from transformers import SwinConfig

HERE = Path(__file__).resolve().parent
MODELS = HERE.parents[2] / "src/model"
MODELING = [MODELS / "mask2former/modeling_optin_mask2former.py", MODELS / "swin/modeling_optin_swin.py"]
STAGES = ["stage1", "stage2", "stage3", "stage4"]
# Maps of 12 x 16, 6 x 8, 3 x 4 and 2 x 2 positions. The image is not made of whole patches.
SIZE = (46, 61)
BACKBONE = {
    "embed_dim": 8, "depths": [2, 1, 1, 1], "num_heads": [2, 2, 2, 4], "mlp_ratio": 1.5, "patch_size": 4, "window_size": 3,
    "out_features": STAGES,
}
SIZES = {
    "feature_size": 32, "mask_feature_size": 16, "encoder_layers": 2, "decoder_layers": 5, "num_attention_heads": 4,
    "encoder_feedforward_dim": 12, "dim_feedforward": 10, "num_queries": 7,
    "id2label": {0: "ground", 1: "shoe", 2: "bag"}, "label2id": {"ground": 0, "shoe": 1, "bag": 2},
}
CASES = {
    "whole": {"hidden_dim": 32},
    # The maps are projected for the queries, and norms are before their layers.
    "projected": {"hidden_dim": 16, "pre_norm": True, "activation_function": "gelu"},
}


def model_of(arguments):
    """Returns a model whose weights are all random."""
    config = Mask2FormerConfig(backbone_config=SwinConfig(**BACKBONE), **SIZES, **arguments)
    model = Mask2FormerForUniversalSegmentation(config)
    generator = torch.Generator().manual_seed(3)
    for name, value in model.state_dict().items():
        if value.is_floating_point() and "empty_weight" not in name:
            # Group norms have numbers for names.
            is_norm = "norm" in name or (value.ndim == 1 and name.endswith(".1.weight"))
            drawn = torch.rand(value.shape, generator=generator) - 0.5
            value.copy_(drawn * 0.9 + (1.0 if is_norm and name.endswith("weight") else 0.0))
    return model.eval()


@torch.inference_mode()
def scores(model, pixels):
    """Returns the logarithm of the score of each class at each pixel."""
    output = model(pixels)
    classes = output.class_queries_logits.softmax(-1)[..., :-1]
    masks = output.masks_queries_logits.sigmoid().flatten(2)
    return (torch.einsum("rqc,rqp->rpc", classes, masks) + 1e-12).log()


def write(folder, model):
    pixels = torch.randn(2, 3, *SIZE, generator=torch.Generator().manual_seed(5))
    logits = scores(model, pixels)
    save_file({"pixel_values": pixels, "logits": logits.contiguous()}, folder / "golden.safetensors")
    config = json.loads((folder / "config.json").read_text())
    config["image_size"] = list(SIZE)
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    return logits


def fresh(case):
    folder = HERE / case
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


class Cut:
    """Removes rows and columns from the tensors of a file, and puts zeros in the whole model for them."""

    def __init__(self, model):
        self.model = model
        with tempfile.TemporaryDirectory() as saved:
            model.save_pretrained(saved)
            self.weights = load_file(Path(saved) / "model.safetensors")

    def rows(self, name, kept, parts=("weight", "bias"), dim=0):
        for part in parts:
            self.weights[f"{name}.{part}"] = self.weights[f"{name}.{part}"].index_select(dim, torch.tensor(kept, dtype=torch.long))

    def columns(self, name, kept):
        self.rows(name, kept, ("weight",), 1)

    @staticmethod
    def silence(parameter, kept, dim):
        gone = [at for at in range(parameter.shape[dim]) if at not in kept]
        parameter.data.index_fill_(dim, torch.tensor(gone, dtype=torch.long), 0)


def channels(heads, width):
    """Returns the kept values and the kept queries of all channels: `heads` has them for each kept head."""
    values = [head * width + one for head, (own, _) in heads.items() for one in own]
    return values, [head * width + one for head, (_, own) in heads.items() for one in own]


def widths(heads):
    own = next(iter(heads.values()), ([], []))
    return len(heads), len(own[1]), len(own[0])


def pruned():
    """Writes a case in which every part keeps some units."""
    model = model_of(CASES["whole"])
    cut, config = Cut(model), model.config.to_dict()
    pixels, queries = model.model.pixel_level_module, model.model.transformer_module
    two = {0: ([1, 3], [0]), 1: ([0, 2], [3])}
    lists = {part: [] for part in ("heads", "query_size", "value_size", "intermediate_size")}
    kept = [(two, [0, 4]), ({1: ([0, 1, 2, 3], [2, 3])}, [1]), ({}, []), (two, list(range(48))), ({2: ([5], [])}, [7])]
    blocks = [(stage, block) for stage, depth in enumerate(BACKBONE["depths"]) for block in range(depth)]
    for (stage, block), (heads, neurons) in zip(blocks, kept):
        width = BACKBONE["embed_dim"] * 2**stage // BACKBONE["num_heads"][stage]
        values, asked = channels(heads, width)
        name = f"model.pixel_level_module.encoder.encoder.layers.{stage}.blocks.{block}"
        layer = pixels.encoder.swin.encoder.layers[stage].blocks[block]
        for part in ("query", "key"):
            cut.rows(f"{name}.attention.self.{part}", asked)
        cut.rows(f"{name}.attention.self.value", values)
        cut.columns(f"{name}.attention.output.dense", values)
        table = f"{name}.attention.self.relative_position_bias_table"
        cut.weights[table] = cut.weights[table][:, list(heads)]
        cut.rows(f"{name}.intermediate.dense", neurons)
        cut.columns(f"{name}.output.dense", neurons)
        for parameter, own, dim in (
            (layer.attention.q_proj.weight, asked, 0), (layer.attention.q_proj.bias, asked, 0),
            (layer.attention.o_proj.weight, values, 1), (layer.mlp.fc2.weight, neurons, 1),
        ):
            cut.silence(parameter, own, dim)
        for part, size in zip(lists, (*widths(heads), len(neurons))):
            lists[part].append(size)
    config["backbone_config"] |= {f"{part}_per_layer": sizes for part, sizes in lists.items()}
    encoder = [({0: ([1, 2, 5], []), 3: ([0, 1, 7], [])}, [2, 3, 9]), ({}, [])]
    for index, (heads, neurons) in enumerate(encoder):
        layer, name = pixels.decoder.encoder.layers[index], f"model.pixel_level_module.decoder.encoder.layers.{index}"
        values, _ = channels(heads, 8)
        for part, width in (("sampling_offsets", 24), ("attention_weights", 12)):
            cut.rows(f"{name}.self_attn.{part}", [head * width + at for head in heads for at in range(width)])
        cut.rows(f"{name}.self_attn.value_proj", values)
        cut.columns(f"{name}.self_attn.output_proj", values)
        cut.silence(layer.self_attn.output_proj.weight, values, 1)
        cut.rows(f"{name}.fc1", neurons)
        cut.columns(f"{name}.fc2", neurons)
        cut.silence(layer.fc2.weight, neurons, 1)
    config |= {
        "encoder_heads_per_layer": [2, 0], "encoder_value_size_per_layer": [3, 0],
        "encoder_intermediate_size_per_layer": [3, 0],
    }
    # Each group of the norm is one channel of 32.
    groups = [0, 1, 5, 6, 20, 31]
    name = "model.pixel_level_module.decoder"
    cut.rows(f"{name}.layer_1.0", groups, ("weight",))
    cut.rows(f"{name}.layer_1.1", groups)
    cut.columns(f"{name}.mask_projection", groups)
    cut.silence(pixels.decoder.mask_projection.weight, groups, 1)
    config["mask_feature_groups"] = len(groups)
    four = {0: ([0, 1], [2]), 2: ([3, 7], [1]), 3: ([4, 5], [0])}
    decoder = [(four, two, [0, 9]), (two, {}, []), ({}, four, [3]), ({1: ([6], [])}, two, list(range(10)))]
    lists = {f"{kind}_{part}_per_layer": [] for kind in ("cross_attention", "self_attention")
             for part in ("heads", "query_size", "value_size")}
    lists["cross_attention_intermediate_size_per_layer"] = [len(neurons) for _, _, neurons in decoder]
    for index, (cross, own, neurons) in enumerate(decoder):
        layer, name = queries.decoder.layers[index], f"model.transformer_module.decoder.layers.{index}"
        values, asked = channels(cross, 8)
        rows = asked + [32 + row for row in asked] + [64 + row for row in values]
        cut.rows(f"{name}.cross_attn", rows, ("in_proj_weight", "in_proj_bias"))
        cut.columns(f"{name}.cross_attn.out_proj", values)
        cut.silence(layer.cross_attn.out_proj.weight, values, 1)
        for parameter in (layer.cross_attn.in_proj_weight, layer.cross_attn.in_proj_bias):
            cut.silence(parameter, asked + list(range(32, 96)), 0)
        values, asked = channels(own, 8)
        for part, rows in (("q_proj", asked), ("k_proj", asked), ("v_proj", values)):
            cut.rows(f"{name}.self_attn.{part}", rows)
        cut.columns(f"{name}.self_attn.out_proj", values)
        cut.silence(layer.self_attn.out_proj.weight, values, 1)
        for parameter in (layer.self_attn.q_proj.weight, layer.self_attn.q_proj.bias):
            cut.silence(parameter, asked, 0)
        cut.rows(f"{name}.fc1", neurons)
        cut.columns(f"{name}.fc2", neurons)
        cut.silence(layer.fc2.weight, neurons, 1)
        for kind, heads in (("cross_attention", cross), ("self_attention", own)):
            for part, size in zip(("heads", "query_size", "value_size"), widths(heads)):
                lists[f"{kind}_{part}_per_layer"].append(size)
    config |= lists
    folder = fresh("pruned")
    config["architectures"] = ["Mask2FormerForUniversalSegmentation"]
    name = "modeling_optin_mask2former.Mask2FormerForUniversalSegmentation"
    config["auto_map"] = {"AutoModelForUniversalSegmentation": name}
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    save_file({name: value.contiguous() for name, value in cut.weights.items()}, folder / "model.safetensors", {"format": "pt"})
    expected = write(folder, model)
    with tempfile.TemporaryDirectory() as opened:
        shutil.copytree(folder, opened, dirs_exist_ok=True)
        for file in MODELING:
            shutil.copy(file, opened)
        narrow, loading = AutoModelForUniversalSegmentation.from_pretrained(
            opened, trust_remote_code=True, output_loading_info=True
        )
        print("loading:", {kind: names for kind, names in loading.items() if names})
        found = scores(narrow.eval(), load_file(folder / "golden.safetensors")["pixel_values"])
    difference = (found - expected).abs().max().item()
    print(f"pruned: the modeling file differs by {difference:.1e}")
    if difference > 1e-4:
        sys.exit(1)


def main():
    for case, arguments in CASES.items():
        folder = fresh(case)
        model = model_of(arguments)
        model.save_pretrained(folder)
        write(folder, model)
    pruned()


if __name__ == "__main__":
    main()
