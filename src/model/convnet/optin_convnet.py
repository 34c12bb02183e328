"""Opens a pruned convolutional network from its folder.

    import sys
    sys.path.insert(0, FOLDER)
    from optin_convnet import load
    model = load(FOLDER)

The network is built by timm or torchvision, as `config.json` tells, or by `CifarResNet`. Then each layer gets the widths of
its tensors in `model.safetensors`. A convolution without inputs adds nothing but its bias.
"""

import json
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn.functional import pad, relu


class Nothing(nn.Module):
    """A convolution or linear map without inputs or without outputs, which torch's classes do not support."""

    def __init__(self, old, weight, bias):
        super().__init__()
        self.old = [old] if isinstance(old, nn.Conv2d) else []
        self.weight = nn.Parameter(torch.empty_like(weight))
        self.register_parameter("bias", None if bias is None else nn.Parameter(torch.empty_like(bias)))

    def forward(self, x):
        outputs = self.weight.shape[0]
        bias = x.new_zeros(outputs) if self.bias is None else self.bias
        if not self.old:
            return bias.expand(x.shape[0], outputs)
        old = self.old[0]
        sizes = zip(x.shape[2:], old.kernel_size, old.stride, old.padding)
        sizes = [(size + 2 * padding - side) // stride + 1 for size, side, stride, padding in sizes]
        return bias[:, None, None].expand(x.shape[0], outputs, *sizes)


class NothingNorm(nn.BatchNorm2d):
    """A batch norm without channels, which torch computes in no mode."""

    def forward(self, x):
        return x


class CifarBlock(nn.Module):
    """Two convolutions. The shortcut between stages takes every second pixel and adds channels of zeros (option A)."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.stride, self.added = stride, outputs - inputs

    def forward(self, x):
        y = self.bn2(self.conv2(relu(self.bn1(self.conv1(x)))))
        x = x[:, :, :: self.stride, :: self.stride]
        return relu(y + pad(x, (0, 0, 0, 0, self.added // 2, self.added - self.added // 2)))


class CifarResNet(nn.Module):
    """A residual network for CIFAR (He et al. 2016, section 4.2)."""

    def __init__(self, widths, depths, channels, classes):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, widths[0], 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(widths[0])
        self.stages = len(depths)
        for stage, depth in enumerate(depths):
            inputs, outputs = widths[stage], widths[stage + 1]
            blocks = [
                CifarBlock(outputs if index else inputs, outputs, 2 if stage and not index else 1)
                for index in range(depth)
            ]
            setattr(self, f"layer{stage + 1}", nn.Sequential(*blocks))
        self.linear = nn.Linear(widths[-1], classes)

    def forward(self, x):
        x = relu(self.bn1(self.conv1(x)))
        for stage in range(self.stages):
            x = getattr(self, f"layer{stage + 1}")(x)
        return self.linear(x.mean((2, 3)))


def cifar_resnet(tensors):
    """Returns a network with the depths and stage widths of these tensors."""
    widths, depths = [tensors["conv1.weight"].shape[0]], []
    while f"layer{len(depths) + 1}.0.conv1.weight" in tensors:
        stage, depth = f"layer{len(depths) + 1}", 0
        while f"{stage}.{depth}.conv1.weight" in tensors:
            depth += 1
        depths.append(depth)
        widths.append(tensors[f"{stage}.0.conv2.weight"].shape[0])
    return CifarResNet(widths, depths, tensors["conv1.weight"].shape[1], tensors["linear.weight"].shape[0])


def narrowed(layer, weight, bias):
    """Returns a layer of the same kind with the widths of its tensors."""
    if isinstance(layer, nn.BatchNorm2d):
        return (nn.BatchNorm2d if len(weight) else NothingNorm)(len(weight), layer.eps, layer.momentum)
    outputs, inputs = weight.shape[:2]
    if not outputs or not inputs:
        return Nothing(layer, weight, bias)
    if isinstance(layer, nn.Linear):
        return nn.Linear(inputs, outputs, bias is not None)
    return nn.Conv2d(inputs, outputs, layer.kernel_size, layer.stride, layer.padding, bias=bias is not None)


def narrow(model, tensors):
    """Gives each layer of the model the widths of its tensors."""
    for name, layer in list(model.named_modules()):
        if not isinstance(layer, (nn.Conv2d, nn.Linear, nn.BatchNorm2d)):
            continue
        weight, bias = tensors[f"{name}.weight"], tensors.get(f"{name}.bias")
        if weight.shape == layer.weight.shape:
            continue
        parent, _, own = name.rpartition(".")
        setattr(model.get_submodule(parent), own, narrowed(layer, weight, bias))


def whole(config, tensors):
    """Returns the network before pruning, with random weights."""
    if config.get("model_type") == "cifar_resnet":
        return cifar_resnet(tensors)
    name, classes = config["architecture"], len(config.get("id2label", ())) or config.get("num_classes", 1000)
    if config.get("model_type") == "torchvision":
        import torchvision

        return torchvision.models.get_model(name, weights=None, num_classes=classes)
    import timm

    # The number of classes is an argument of `create_model` of its own.
    arguments = {name: value for name, value in (config.get("model_args") or {}).items() if name != "num_classes"}
    classes = config.get("num_classes", config.get("pretrained_cfg", {}).get("num_classes", 1000))
    return timm.create_model(name, num_classes=classes, **arguments)


def load(folder):
    """Returns the model in evaluation mode."""
    config = json.loads((Path(folder) / "config.json").read_text())
    tensors = load_file(Path(folder) / "model.safetensors")
    model = whole(config, tensors)
    narrow(model, tensors)
    # Some files have no counters of training steps.
    missing, unexpected = model.load_state_dict(tensors, strict=False)
    missing = [name for name in missing if not name.endswith("num_batches_tracked")]
    if missing or unexpected:
        raise ValueError(f"the tensors do not match the network: {missing} are missing, {unexpected} are not known")
    return model.eval()
