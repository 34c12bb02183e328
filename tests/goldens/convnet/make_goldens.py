"""Tiny convolutional networks of timm and torchvision and one for CIFAR, and what these libraries compute with them.

    pip install -r requirements.txt && python make_goldens.py

Writes one folder a case beside this file: `config.json` and `model.safetensors` as a user has them, and
`golden.safetensors` with `pixel_values` (float32 `[images, 3, height, width]`) and `logits` (float32 `[images, 3]`). The
networks are those of the libraries with a fraction of the channels. A folder `pruned_X` has fewer channels between some convolutions of
X. It runs in the loader of results, which must agree with the network X whose missing channels are zero. Seeded: the same
bytes each time.
"""

import json
import shutil
import sys
import tempfile
from pathlib import Path

import timm
import torch
import torchvision
from safetensors.torch import load_file, save_file
from torch import nn

HERE = Path(__file__).resolve().parent
LOADER = HERE.parents[2] / "src/model/convnet"
LABELS = {"0": "cat", "1": "dog", "2": "owl"}
sys.path.insert(0, str(LOADER))


def thin(model, share, images):
    """Divides the number of channels of each layer by `share`, but not that of the images and of the logits."""
    layers = [layer for layer in model.modules() if isinstance(layer, (nn.Conv2d, nn.Linear))]

    def width(count):
        return max(count // share, 1)

    for name, layer in list(model.named_modules()):
        parent, _, own = name.rpartition(".")
        if isinstance(layer, nn.Conv2d):
            inputs = images if layer is layers[0] else width(layer.in_channels)
            new = nn.Conv2d(
                inputs, width(layer.out_channels), layer.kernel_size, layer.stride, layer.padding,
                bias=layer.bias is not None,
            )  # fmt: skip
        elif isinstance(layer, nn.BatchNorm2d):
            new = nn.BatchNorm2d(width(layer.num_features))
        elif isinstance(layer, nn.Linear):
            outputs = layer.out_features if layer is layers[-1] else width(layer.out_features)
            pixels = 49 if layer.in_features % 49 == 0 else 1
            new = nn.Linear(width(layer.in_features // pixels) * pixels, outputs)
        else:
            continue
        setattr(model.get_submodule(parent), own, new)
    return model


def randomized(model):
    """Makes every weight and statistic random, of such a size that maps neither vanish nor explode."""
    generator = torch.Generator().manual_seed(3)
    norms = {name for name, layer in model.named_modules() if isinstance(layer, nn.BatchNorm2d)}
    for name, value in model.state_dict().items():
        if not value.is_floating_point():
            continue
        drawn = torch.rand(value.shape, generator=generator) - 0.5
        layer, _, part = name.rpartition(".")
        if layer in norms and part in ("weight", "running_var"):
            value.copy_(1 + 0.9 * drawn)
        elif value.dim() > 1:
            value.copy_(drawn * 5 / value[0].numel() ** 0.5)
        else:
            value.copy_(0.9 * drawn)
    return model.eval()


def write(case, model, config, shape, tensors=None):
    folder = HERE / case
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    images = 3 if shape[0] < 224 else 1
    pixels = torch.randn(images, 3, *shape, generator=torch.Generator().manual_seed(5))
    pixels += torch.linspace(-1, 1, images)[:, None, None, None]
    with torch.inference_mode():
        logits = model(pixels)
    if logits.abs().max() < 0.1 or (images > 1 and logits.std(0).max() < 0.01):
        sys.exit(f"{case}: the logits hardly depend on the images: {logits}")
    tensors = model.state_dict() if tensors is None else tensors
    tensors = {name: value.contiguous() for name, value in tensors.items()}
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    save_file({"pixel_values": pixels, "logits": logits.clone()}, folder / "golden.safetensors")
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    return folder, logits


def pruned(case, model, config, shape, places):
    """Writes a case with fewer channels in some places: a convolution or linear map, the norm after it or None, the map that
    reads its outputs, and the channels that are kept."""
    tensors = dict(model.state_dict())
    for before, norm, after, kept in places:
        own = torch.tensor(kept, dtype=torch.long)
        width = tensors[f"{before}.weight"].shape[0]
        gone = [channel for channel in range(width) if channel not in kept]
        names = [f"{before}.{part}" for part in ("weight", "bias")]
        names += [f"{norm}.{part}" for part in ("weight", "bias", "running_mean", "running_var")]
        for name in names:
            if name in tensors:
                tensors[name] = tensors[name][own]
        weight = model.get_parameter(f"{after}.weight").data
        pixels = weight.shape[1] // width
        name = f"{after}.weight"
        columns = tensors[name].reshape(weight.shape[0], width, pixels, *weight.shape[2:])
        tensors[name] = columns[:, own].flatten(1, 2)
        whole = weight.view(weight.shape[0], width, pixels, *weight.shape[2:])
        whole[:, gone] = 0
    folder, expected = write(case, model, config, shape, tensors)
    with tempfile.TemporaryDirectory() as opened:
        shutil.copytree(folder, opened, dirs_exist_ok=True)
        import optin_convnet

        # The loader builds whole networks, so it gets the thin one.
        whole = optin_convnet.whole
        if config.get("model_type") != "cifar_resnet":
            optin_convnet.whole = lambda *_: model
        narrow = optin_convnet.load(opened)
        optin_convnet.whole = whole
        with torch.inference_mode():
            found = narrow(load_file(folder / "golden.safetensors")["pixel_values"])
    difference = (found - expected).abs().max().item()
    print(f"{case}: the loader differs by {difference:.1e}")
    if difference > 1e-4:
        sys.exit(1)


class Cifar(nn.Module):
    """A residual network for CIFAR, written anew: the reference of the loader's class."""

    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8)
        widths = [(8, 8), (8, 16), (16, 32)]
        for stage, (inputs, outputs) in enumerate(widths, 1):
            blocks = nn.Sequential()
            for index in range(2):
                block = nn.Module()
                first = inputs if index == 0 else outputs
                stride = 2 if stage > 1 and index == 0 else 1
                block.conv1 = nn.Conv2d(first, outputs, 3, stride, 1, bias=False)
                block.bn1 = nn.BatchNorm2d(outputs)
                block.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
                block.bn2 = nn.BatchNorm2d(outputs)
                blocks.append(block)
            setattr(self, f"layer{stage}", blocks)
        self.linear = nn.Linear(32, 3)

    def forward(self, x):
        x = self.bn1(self.conv1(x)).relu()
        for stage in (self.layer1, self.layer2, self.layer3):
            for block in stage:
                y = block.bn2(block.conv2(block.bn1(block.conv1(x)).relu()))
                if x.shape != y.shape:
                    # He et al. 2016, option A: the data is in the middle of the channels.
                    small, side = torch.zeros_like(y), (y.shape[1] - x.shape[1]) // 2
                    small[:, side : side + x.shape[1]] = x[:, :, ::2, ::2]
                    x = small
                x = (x + y).relu()
        return self.linear(x.mean((2, 3)))


def torchvision_config(name, shape):
    return {"model_type": "torchvision", "architecture": name, "image_size": list(shape), "id2label": LABELS}


def timm_config(name, shape):
    return {"architecture": name, "num_classes": 3, "pretrained_cfg": {"input_size": [3, *shape]}}


def main():
    shape = (45, 61)
    resnet = torchvision.models.resnet
    cases = {
        "torchvision_resnet18": (thin(resnet.resnet18(num_classes=3), 8, 3), torchvision_config("resnet18", shape), shape),
        "torchvision_resnet50": (
            thin(resnet.ResNet(resnet.Bottleneck, [1, 2, 1, 1], num_classes=3), 16, 3), torchvision_config("resnet50", shape), shape,
        ),
        "timm_resnet26d": (
            thin(timm.create_model("resnet26d", num_classes=3, layers=(1, 2, 1, 1)), 16, 3), timm_config("resnet26d", shape), shape,
        ),
        "timm_resnet26t": (
            thin(timm.create_model("resnet26t", num_classes=3, layers=(1, 1, 1, 1)), 16, 3), timm_config("resnet26t", shape), shape,
        ),
        "cifar_resnet": (
            Cifar(), {"model_type": "cifar_resnet", "image_size": [33, 30], "id2label": LABELS}, (33, 30),
        ),
    }  # fmt: skip
    # The classifier reads a map of 7 x 7 pixels. The last map is smaller and larger.
    small, large = (70, 45), (256, 224)
    for name, library, side in (
        ("vgg11", "torchvision", small), ("vgg13_bn", "torchvision", large), ("vgg11", "timm", large), ("vgg13_bn", "timm", small),
    ):  # fmt: skip
        create, config = {
            "torchvision": (torchvision.models.get_model, torchvision_config), "timm": (timm.create_model, timm_config),
        }[library]  # fmt: skip
        cases[f"{library}_{name}"] = (thin(create(name, num_classes=3), 32, 3), config(name, side), side)
    for case, (model, config, own) in cases.items():
        write(case, randomized(model), config, own)
    blocks = [
        ("layer1.0.conv1", "layer1.0.bn1", "layer1.0.conv2", [0, 3]),
        ("layer2.0.conv1", "layer2.0.bn1", "layer2.0.conv2", []),
        ("layer3.0.conv1", "layer3.0.bn1", "layer3.0.conv2", [1]),
    ]
    for case in ("torchvision_resnet18", "timm_resnet26d", "cifar_resnet"):
        model, config, own = cases[case]
        pruned(f"pruned_{case}", model, config, own, blocks)
    model, config, own = cases["torchvision_vgg11"]
    places = [
        ("features.3", None, "features.6", [1]), ("features.18", None, "classifier.0", [1, 4, 7, 9]),
        ("classifier.0", None, "classifier.3", list(range(0, 128, 3))), ("classifier.3", None, "classifier.6", list(range(5, 100))),
    ]  # fmt: skip
    pruned("pruned_torchvision_vgg11", model, config, own, places)
    model, config, own = cases["timm_vgg13_bn"]
    places = [
        ("features.0", "features.1", "features.3", [0]), ("features.31", "features.32", "pre_logits.fc1", [1, 4, 7, 9]),
        ("pre_logits.fc1", None, "pre_logits.fc2", list(range(0, 128, 3))), ("pre_logits.fc2", None, "head.fc", list(range(5, 100))),
    ]  # fmt: skip
    pruned("pruned_timm_vgg13_bn", model, config, own, places)


if __name__ == "__main__":
    main()
