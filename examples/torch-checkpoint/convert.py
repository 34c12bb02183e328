"""Turns a checkpoint of torch (.pth, .pt, .th) into a folder that optin reads.

    pip install torch safetensors
    python convert.py CHECKPOINT FOLDER --architecture NAME --image-size 224 [--labels FILE]

NAME is a ResNet or VGG of torchvision, such as `resnet50` or `vgg16_bn`, or `cifar_resnet` for a ResNet for images of 32 x 32
pixels (He et al. 2016, section 4.2), whose shortcuts have no weights. FILE has one label per line, in the order of the
logits. The pixels are divided by 255 and normalized with `--mean` and `--std`, by default those of ImageNet.

The checkpoint is opened here and not by optin, because a file of torch can contain code. `weights_only` refuses such files.
"""

import argparse
import json
from pathlib import Path

import torch
from safetensors.torch import save_file

# Names under which training scripts store the weights.
STORED_AS = ("state_dict", "model_state_dict", "model", "net")
# Added to all names by wrappers for several devices and by the compiler.
WRAPPERS = ("module.", "_orig_mod.")


def tensors_of(path):
    """Returns the weights of a checkpoint by their names in the model."""
    content = torch.load(path, map_location="cpu", weights_only=True)
    for name in STORED_AS:
        if isinstance(content, dict) and isinstance(content.get(name), dict):
            content = content[name]
            break
    tensors = {}
    for name, value in content.items():
        if not isinstance(value, torch.Tensor):
            raise SystemExit(f"{path}: {name} is no tensor, so the file is no checkpoint of weights")
        for wrapper in WRAPPERS:
            name = name.removeprefix(wrapper)
        tensors[name] = value.contiguous().clone()
    return tensors


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--architecture", required=True)
    parser.add_argument("--image-size", type=int, required=True, help="height and width of the images that the model reads")
    parser.add_argument("--resize", type=int, help="size of the image before its center is cut out (default: no cut)")
    parser.add_argument("--labels", type=Path)
    parser.add_argument("--mean", type=float, nargs="+", default=[0.485, 0.456, 0.406])
    parser.add_argument("--std", type=float, nargs="+", default=[0.229, 0.224, 0.225])
    arguments = parser.parse_args()
    tensors = tensors_of(arguments.checkpoint)
    classifiers = [name for name in ("linear.weight", "fc.weight", "classifier.6.weight") if name in tensors]
    if not classifiers:
        raise SystemExit("there is no tensor linear.weight, fc.weight or classifier.6.weight: this is no ResNet or VGG")
    count = len(tensors[classifiers[0]])
    labels = arguments.labels.read_text().splitlines() if arguments.labels else [f"LABEL_{index}" for index in range(count)]
    if len(labels) != count:
        raise SystemExit(f"{arguments.labels} has {len(labels)} labels, but the model has {count} classes")
    own = arguments.architecture == "cifar_resnet"
    config = {
        **({"model_type": "cifar_resnet"} if own else {"model_type": "torchvision", "architecture": arguments.architecture}),
        "image_size": [arguments.image_size] * 2,
        "id2label": {str(index): label for index, label in enumerate(labels)},
    }
    square = {"height": arguments.image_size, "width": arguments.image_size}
    processor = {
        "image_processor_type": "ViTImageProcessor", "do_rescale": True, "do_normalize": True,
        "image_mean": arguments.mean, "image_std": arguments.std, "do_resize": True, "size": square, "resample": 2,
    }  # fmt: skip
    if arguments.resize:
        processor |= {"size": {"shortest_edge": arguments.resize}, "do_center_crop": True, "crop_size": square}
    arguments.folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors, arguments.folder / "model.safetensors", {"format": "pt"})
    for name, value in {"config.json": config, "preprocessor_config.json": processor}.items():
        (arguments.folder / name).write_text(json.dumps(value, indent=2) + "\n")


if __name__ == "__main__":
    main()
