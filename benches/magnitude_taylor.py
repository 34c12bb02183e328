"""Accuracy of a residual network pruned by Torch-Pruning (Fang et al. 2023), without fine-tuning.

    pip install torch transformers torch-pruning numpy pillow
    python benches/magnitude_taylor.py MODEL CALIBRATION.npz EVALUATION.npz        arrays: images `x` (uint8) and labels `y`

MODEL is a folder of `ResNetForImageClassification`, or of a ResNet for CIFAR (`cifar_resnet`). Only the channels inside the
residual blocks are removed, as by `optin`. The criteria are the magnitude of the weights and the Taylor term of the loss on
labeled calibration images, both compared across all layers. The share of removed channels is the smallest one that meets
the target. The MACs are counted as `optin` counts them: all convolutions and the classifier. Results are given without a
repair, and after the statistics of the batch norms were estimated again on the calibration images. With `--results`, folders
that `optin` wrote are measured in the same way instead.
"""

import argparse
import copy
import json
import statistics
import sys
from pathlib import Path

import numpy as np
import torch
import torch_pruning
from torch import nn
from transformers import AutoModelForImageClassification, ViTImageProcessor

BATCH = 250
# Images in the gradient of the Taylor term.
LABELED = 1000


class Logits(nn.Module):
    """Returns the logits of a model of transformers as a tensor."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, pixels):
        return self.model(pixel_values=pixels).logits


def opened(folder):
    if json.loads((folder / "config.json").read_text())["model_type"] == "cifar_resnet":
        sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src/model/convnet"))
        from optin_convnet import load

        return load(folder)
    return Logits(AutoModelForImageClassification.from_pretrained(folder, trust_remote_code=True)).eval()


def read(folder, path):
    data, processor = np.load(path), ViTImageProcessor.from_pretrained(folder)
    images = data["x"] if data["x"].ndim == 4 else data["x"][..., None]
    parts = [processor(list(images[at : at + BATCH]), return_tensors="pt", input_data_format="channels_last") for at in range(0, len(images), BATCH)]
    return torch.cat([part["pixel_values"] for part in parts]), torch.from_numpy(data["y"].astype(np.int64))


@torch.inference_mode()
def answers(model, pixels):
    return torch.cat([model(part) for part in pixels.split(BATCH)])


@torch.inference_mode()
def macs(model, example):
    """Returns the multiply-accumulates of one image."""
    total = 0

    def count(layer, _, output):
        nonlocal total
        total += output[0].numel() * layer.weight[0].numel()

    layers = [layer for layer in model.modules() if isinstance(layer, (nn.Conv2d, nn.Linear))]
    hooks = [layer.register_forward_hook(count) for layer in layers]
    model(example)
    for hook in hooks:
        hook.remove()
    return total


def outside(model):
    """Returns the layers whose outputs are not channels inside a residual block: all but those that are read by the next
    convolution of their own block alone."""
    inner = []
    for block in model.modules():
        convolutions = [getattr(block, f"conv{index}", None) for index in (1, 2, 3)]
        if type(block).__name__ == "CifarBlock":
            inner += [one for one in convolutions if one is not None][:-1]
        elif type(block).__name__ in ("ResNetBasicLayer", "ResNetBottleNeckLayer"):
            inner += [layer.convolution for layer in block.layer][:-1]
    known = set(inner)
    layers = [layer for layer in model.modules() if isinstance(layer, (nn.Conv2d, nn.Linear))]
    return [layer for layer in layers if layer not in known]


def gradients(model, pixels, labels):
    """Returns the gradient of the loss for each parameter."""
    model = copy.deepcopy(model)
    for some, truth in zip(pixels.split(BATCH), labels.split(BATCH)):
        nn.functional.cross_entropy(model(some), truth).backward()
    return [parameter.grad for parameter in model.parameters()]


def pruned(model, criterion, share, example, slopes):
    """Returns a copy without this share of the inner channels of all blocks together. `slopes` are the gradients."""
    model = copy.deepcopy(model)
    if criterion == "Taylor":
        importance = torch_pruning.pruner.importance.GroupTaylorImportance()
        for parameter, slope in zip(model.parameters(), slopes):
            parameter.grad = slope.clone()
    else:
        importance = torch_pruning.pruner.importance.GroupMagnitudeImportance(p=2)
    pruner = torch_pruning.pruner.BasePruner(
        model, example, importance, global_pruning=True, pruning_ratio=share, max_pruning_ratio=1.0, ignored_layers=outside(model)
    )
    pruner.step()
    return model.eval()


@torch.inference_mode()
def with_new_statistics(model, pixels):
    """Estimates the statistics of the batch norms again."""
    model = copy.deepcopy(model)
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.reset_running_stats()
            layer.momentum = None
    model.train()
    for part in pixels.split(BATCH):
        model(part)
    return model.eval()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=Path)
    parser.add_argument("calibration", type=Path)
    parser.add_argument("evaluation", type=Path)
    parser.add_argument("--targets", type=int, nargs="+", default=[80, 70, 60, 50, 40], help="percent of the MACs to keep")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--results", type=Path, nargs="+", default=[], help="folders of pruned models")
    arguments = parser.parse_args()
    model = opened(arguments.model)
    pixels, labels = read(arguments.model, arguments.calibration)
    held_out, truth = read(arguments.model, arguments.evaluation)
    original, example = answers(model, held_out), pixels[:1]
    whole = macs(model, example)

    def measured(model):
        found = answers(model, held_out).argmax(1)
        return [(found == other).double().mean().item() for other in (truth, original.argmax(1))]

    print(f"original: accuracy {(original.argmax(1) == truth).double().mean().item():.4f}, {whole} MACs")
    for folder in arguments.results:
        smaller = opened(folder)
        anew = with_new_statistics(smaller, pixels)
        (accuracy, agreement), (accuracy_anew, agreement_anew) = measured(smaller), measured(anew)
        print(
            f"{folder}: {100 * macs(smaller, example) / whole:.1f} % of the MACs; accuracy {accuracy:.4f}, agreement {agreement:.4f}; "
            f"with new statistics {accuracy_anew:.4f}, agreement {agreement_anew:.4f}"
        )
    if arguments.results:
        return
    orders = [torch.randperm(len(pixels), generator=torch.Generator().manual_seed(seed)) for seed in arguments.seeds]
    slopes = [gradients(model, pixels[order[:LABELED]], labels[order[:LABELED]]) for order in orders]
    for criterion in ("magnitude", "Taylor"):
        for target in arguments.targets:
            rows = []
            for order, slope in zip(orders, slopes):
                low, high = 0.0, 1.0
                for _ in range(10):
                    middle = (low + high) / 2
                    kept = macs(pruned(model, criterion, middle, example, slope), example) / whole
                    low, high = (middle, high) if kept > target / 100 else (low, middle)
                smaller = pruned(model, criterion, high, example, slope)
                anew = with_new_statistics(smaller, pixels[order])
                rows.append([macs(smaller, example) / whole, *measured(smaller), *measured(anew)])
            means = [statistics.mean(column) for column in zip(*rows)]
            spread = [statistics.stdev(column) if len(rows) > 1 else 0 for column in zip(*rows)]
            print(
                f"{criterion}, {target} %: {100 * means[0]:.1f} % of the MACs; accuracy {means[1]:.4f} ± {spread[1]:.4f}, agreement "
                f"{means[2]:.4f}; with new statistics {means[3]:.4f} ± {spread[3]:.4f}, agreement {means[4]:.4f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
