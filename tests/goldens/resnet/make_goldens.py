"""Tiny residual networks, and what transformers computes with them.

    pip install -r requirements.txt && python make_goldens.py

Writes one folder a case beside this file: `config.json` and `model.safetensors` as a user has them, and
`golden.safetensors` with `pixel_values` (float32 `[3, 3, 45, 61]`) and `logits` (float32 `[3, 3]`). The case `pruned` runs
in the modeling file of results, which must agree with the built-in class of the whole model, whose missing channels are
zero. Seeded: the same bytes each time.
"""

import json
import shutil
import sys
import tempfile
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForImageClassification, ResNetConfig, ResNetForImageClassification

HERE = Path(__file__).resolve().parent
MODELING = HERE.parents[2] / "src/model/resnet/modeling_optin_resnet.py"
SIZES = {
    "embedding_size": 8, "hidden_sizes": [8, 16], "depths": [2, 2], "id2label": {0: "cat", 1: "dog", 2: "owl"},
    "label2id": {"cat": 0, "dog": 1, "owl": 2},
}
CASES = {
    "basic": {"layer_type": "basic"},
    "bottleneck": {"layer_type": "bottleneck"},
    "strides": {"layer_type": "bottleneck", "downsample_in_bottleneck": True, "downsample_in_first_stage": True},
    "gelu": {"layer_type": "basic", "hidden_act": "gelu"},
}


def randomized(model):
    """Makes every weight and statistic random."""
    generator = torch.Generator().manual_seed(3)
    for name, value in model.state_dict().items():
        if value.is_floating_point():
            around_one = name.endswith(("normalization.weight", "running_var"))
            drawn = torch.rand(value.shape, generator=generator) - 0.5
            value.copy_(drawn * 0.9 + (1.0 if around_one else 0.0))
    return model.eval()


def write(folder, model):
    pixels = torch.randn(3, 3, 45, 61, generator=torch.Generator().manual_seed(5))
    with torch.inference_mode():
        logits = model(pixels).logits
    save_file({"pixel_values": pixels, "logits": logits.clone()}, folder / "golden.safetensors")
    config = json.loads((folder / "config.json").read_text())
    config["image_size"] = [45, 61]
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    return logits


def fresh(case):
    folder = HERE / case
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


def pruned(case, arguments, kept):
    """Writes a case whose residual blocks keep only some channels between their convolutions: `kept` block by block."""
    model = randomized(ResNetForImageClassification(ResNetConfig(**SIZES, **arguments)))
    weights, indices = model.state_dict(), iter(kept)
    zeros = {}
    for stage, depth in enumerate(SIZES["depths"]):
        for index in range(depth):
            layers = model.resnet.encoder.stages[stage].layers[index].layer
            for at in range(len(layers) - 1):
                own = torch.tensor(next(indices), dtype=torch.long)
                name = f"resnet.encoder.stages.{stage}.layers.{index}.layer"
                gone = [channel for channel in range(layers[at].convolution.out_channels) if channel not in own]
                zeros[f"{name}.{at + 1}.convolution.weight"] = gone
                for part in ("convolution.weight", *(f"normalization.{one}" for one in NORM)):
                    weights[f"{name}.{at}.{part}"] = weights[f"{name}.{at}.{part}"][own]
                after = f"{name}.{at + 1}.convolution.weight"
                weights[after] = weights[after][:, own]
    # The built-in class with zeros in place of the missing channels.
    for name, gone in zeros.items():
        model.get_parameter(name).data[:, gone] = 0
    folder = fresh(case)
    config = model.config.to_dict() | {"inner_channels": [len(own) for own in kept]}
    config["architectures"] = ["ResNetForImageClassification"]
    config["auto_map"] = {"AutoModelForImageClassification": "modeling_optin_resnet.ResNetForImageClassification"}
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
    print(f"{case}: the modeling file differs by {difference:.1e}")
    if difference > 1e-4:
        sys.exit(1)


NORM = ("weight", "bias", "running_mean", "running_var")


def main():
    for case, arguments in CASES.items():
        folder = fresh(case)
        model = randomized(ResNetForImageClassification(ResNetConfig(**SIZES, **arguments)))
        model.save_pretrained(folder)
        write(folder, model)
    pruned("pruned_basic", CASES["basic"], [[0, 3, 5], list(range(8)), [], [2, 15]])
    two = [[0], [1], [0, 1], [], [], [0, 3], [1, 2, 3], [0, 1, 2, 3]]
    pruned("pruned_bottleneck", CASES["bottleneck"], two)


if __name__ == "__main__":
    main()
