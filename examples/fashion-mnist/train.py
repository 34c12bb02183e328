"""Train image classifiers on Fashion-MNIST.

    python train.py cnn|coarse|fine [--data FOLDER] [--threads N]

FOLDER has the files of Debian's package dataset-fashion-mnist.

`cnn` is a residual network that reads the images at 56 x 56 pixels. The others are vision transformers, which also learn
from the answers of `cnn` (distillation): `coarse` reads 7 x 7 patches of 4 x 4 pixels; `fine` resizes the images to
32 x 32 pixels and reads 16 x 16 patches of 2 x 2 pixels, so that it has five times as many tokens. Train `cnn` first.

Writes a folder with the name of the model, and the images for calibration and evaluation, beside this file. One seed. The test
images are read once, at the end, through the folder that was written.
"""

import argparse
import math
import time
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import cross_entropy, softmax
from transformers import (
    AutoModelForImageClassification,
    ResNetConfig,
    ResNetForImageClassification,
    ViTConfig,
    ViTForImageClassification,
    ViTImageProcessor,
)

from idx import read

HERE = Path(__file__).resolve().parent
SEED = 0
BATCH = 200
CALIBRATION, EVALUATION = 1024, 2000
LABELS = ["T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"]
CNN = {
    "embedding_size": 32, "hidden_sizes": [32, 64, 128], "depths": [2, 2, 2], "layer_type": "basic",
    "downsample_in_first_stage": False,
}
SHAPES = {
    "coarse": {
        "image_size": 28, "patch_size": 4, "hidden_size": 128, "num_hidden_layers": 6, "num_attention_heads": 4,
        "intermediate_size": 256,
    },
    "fine": {
        "image_size": 32, "patch_size": 2, "hidden_size": 64, "num_hidden_layers": 5, "num_attention_heads": 4,
        "intermediate_size": 128,
    },
}
SIDE = {"cnn": 56, "coarse": 28, "fine": 32}
EPOCHS = {"cnn": 10, "coarse": 14, "fine": 5}
# Distillation (Hinton, Vinyals and Dean 2015): weight and temperature of the teacher's answers.
TEACHER, TEMPERATURE = 0.7, 2.0
# Share of the patches that a training pass leaves out, for all but the last epochs (Liu et al. 2023, PatchDropout).
DROPPED = {"cnn": 0.0, "coarse": 0.0, "fine": 0.5}


def pixels(processor, images):
    """Preprocessed images, `[images, 1, height, width]`."""
    parts = [processor(list(images[at : at + 1000, :, :, None]), return_tensors="pt") for at in range(0, len(images), 1000)]
    return torch.cat([part["pixel_values"] for part in parts])


def moved(batch, generator):
    """Mirrors half of the images, and moves each by at most one pixel of the original in each direction."""
    rows, side = len(batch), batch.shape[-1]
    far = side // 28
    mirror = torch.rand(rows, generator=generator) < 0.5
    batch = torch.where(mirror[:, None, None, None], batch.flip(-1), batch)
    by = torch.randint(0, 2 * far + 1, (2, rows, 1), generator=generator)
    down, right = by + torch.arange(side)
    padded = torch.nn.functional.pad(batch, (far, far, far, far), value=-1.0)
    return padded[torch.arange(rows)[:, None, None], :, down[:, :, None], right[:, None, :]].permute(0, 3, 1, 2)


def logits(model, batch, dropped, generator):
    """The logits of a batch in which each image lacks a random share of its patches."""
    if dropped == 0.0:
        return model(pixel_values=batch).logits
    hidden = model.vit.embeddings(batch)
    rows, patches = len(hidden), hidden.shape[1] - 1
    kept = torch.rand(rows, patches, generator=generator).argsort(1)[:, : round((1 - dropped) * patches)]
    kept = torch.cat([torch.zeros(rows, 1, dtype=torch.long), kept + 1], 1)
    hidden = hidden.gather(1, kept[:, :, None].expand(-1, -1, hidden.shape[2]))
    for layer in model.vit.layers:
        hidden = layer(hidden)
        hidden = hidden[0] if isinstance(hidden, tuple) else hidden
    return model.classifier(model.vit.layernorm(hidden)[:, 0])


@torch.inference_mode()
def answers(model, images):
    """The logits of all images."""
    model.eval()
    return torch.cat([model(pixel_values=part).logits for part in images.split(500)])


def accuracy(model, images, labels):
    return (answers(model, images).argmax(1) == labels).double().mean().item()


def optimizers_of(model):
    """SGD for a convolutional network. Muon for the matrices of a transformer's layers, and AdamW for its other weights."""
    if isinstance(model, ResNetForImageClassification):
        return [torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=5e-4)]
    matrices = [weight for weight in model.vit.layers.parameters() if weight.dim() == 2]
    known = set(matrices)
    others = [weight for weight in model.parameters() if weight not in known]
    return [
        torch.optim.Muon(matrices, lr=0.02, weight_decay=0.01, momentum=0.95),
        torch.optim.AdamW(others, lr=2e-3, betas=(0.9, 0.98), weight_decay=0.01),
    ]


def loss_of(logits, labels, taught):
    """Cross-entropy to the labels and, if there is a teacher, to its answers."""
    loss = cross_entropy(logits, labels, label_smoothing=0.05)
    if taught is None:
        return loss
    distance = cross_entropy(logits / TEMPERATURE, softmax(taught / TEMPERATURE, 1)) * TEMPERATURE**2
    return (1 - TEACHER) * loss + TEACHER * distance


def train(model, images, labels, taught, name):
    """A linear warm-up of the learning rate, and a linear decay."""
    generator = torch.Generator().manual_seed(SEED)
    epochs = EPOCHS[name]
    steps = epochs * math.ceil(len(images) / BATCH)
    warmup = steps // 50
    optimizers = optimizers_of(model)
    schedules = [
        torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: min((step + 1) / warmup, (steps - step) / (steps - warmup))
        )
        for optimizer in optimizers
    ]
    began = time.monotonic()
    for epoch in range(1, epochs + 1):
        model.train()
        dropped = DROPPED[name] if epoch <= epochs - 2 else 0.0
        total = 0.0
        for rows in torch.randperm(len(images), generator=generator).split(BATCH):
            batch = moved(images[rows], generator)
            teacher = None if taught is None else taught[rows]
            loss = loss_of(logits(model, batch, dropped, generator), labels[rows], teacher)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            for optimizer, schedule in zip(optimizers, schedules):
                optimizer.step()
                schedule.step()
                optimizer.zero_grad()
            total += loss.item() * len(rows)
        print(f"epoch {epoch}: loss {total / len(images):.4f}, {time.monotonic() - began:.0f} s", flush=True)


def processor_of(name):
    side = SIDE[name]
    return ViTImageProcessor(
        do_resize=side != 28, size={"height": side, "width": side}, image_mean=[0.5], image_std=[0.5],
        do_convert_rgb=False,
    )


def create(name):
    common = dict(num_channels=1, id2label=dict(enumerate(LABELS)), label2id={label: index for index, label in enumerate(LABELS)})
    if name == "cnn":
        return ResNetForImageClassification(ResNetConfig(**CNN, **common)).to(memory_format=torch.channels_last)
    return ViTForImageClassification(
        ViTConfig(**SHAPES[name], **common, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    )


def teach(images):
    """The teacher's mean logits for the images and their mirror images."""
    model = AutoModelForImageClassification.from_pretrained(HERE / "cnn")
    seen = pixels(processor_of("cnn"), images)
    return (answers(model, seen) + answers(model, seen.flip(-1))) / 2


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=SIDE)
    parser.add_argument("--data", type=Path, default=Path("/usr/share/datasets/fashion-mnist"))
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(SEED)
    name = arguments.name
    processor = processor_of(name)
    images, labels = read(arguments.data, "train")
    # A random part of the training images stays out of the training, for calibration.
    order = np.random.default_rng(SEED).permutation(len(images))
    calibration, rest = order[:CALIBRATION], order[CALIBRATION:]
    taught = None if name == "cnn" else teach(images[rest])
    model = create(name)
    count = sum(weight.numel() for weight in model.parameters())
    print(f"{count} weights, {len(rest)} training images", flush=True)
    train(model, pixels(processor, images[rest]), torch.from_numpy(labels[rest]).long(), taught, name)
    model.save_pretrained(HERE / name)
    processor.save_pretrained(HERE / name)
    (HERE / name / "model.safetensors").chmod(0o644)

    x, y = read(arguments.data, "t10k")
    parts = {"calibration": (images[calibration], labels[calibration]), "evaluation": (x[:EVALUATION], y[:EVALUATION])}
    for part, (part_images, part_labels) in parts.items():
        np.savez_compressed(HERE / f"{part}.npz", x=part_images, y=part_labels)
    written = AutoModelForImageClassification.from_pretrained(HERE / name)
    held_out, truth = pixels(processor, x), torch.from_numpy(y.copy()).long()
    print(f"accuracy on all {len(x)} test images: {accuracy(written, held_out, truth):.4f}")
    print(f"on the first {EVALUATION}: {accuracy(written, held_out[:EVALUATION], truth[:EVALUATION]):.4f}")


if __name__ == "__main__":
    main()
