"""Train a Mask2Former with a Swin backbone on scenes composed of Fashion-MNIST items.

    python train.py [--data FOLDER] [--teacher FOLDER] [--checkpoints FOLDER] [--threads N] [--compile]

FOLDER of `--data` has the files of Debian's package dataset-fashion-mnist. The teacher is the classifier of single items in
`../fashion-mnist/cnn`: the classes of an item are its answers (distillation).

1. The backbone learns the classes of each cell of 4 x 4 pixels through a linear map that is thrown away.
2. The whole model learns masks and classes, with the loss of transformers, and the classes of each cell.

Writes `model/`, `calibration.tar` and `evaluation.tar` beside this file. One seed. The evaluation scenes are read once, at the
end, through the folder that was written.
"""

import argparse
import io
import sys
import tarfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.nn.functional import avg_pool2d, interpolate, log_softmax
from transformers import (
    AutoModelForImageClassification,
    AutoImageProcessor,
    Mask2FormerConfig,
    Mask2FormerForUniversalSegmentation,
    Mask2FormerImageProcessor,
    SwinConfig,
)

import compose

HERE = Path(__file__).resolve().parent
# `idx.py` reads the images for both examples.
sys.path.append(str(HERE.parent / "fashion-mnist"))
from idx import read  # noqa: E402

SEED = 0
LABELS = [
    "ground", "T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot",
]
TRAINING = 40_000
# Items of the training set that only the calibration scenes show.
HELD_OUT = 2_000
CALIBRATION, EVALUATION = 256, 400
# Side of a cell, in pixels: the stride of the predicted masks.
CELL = 4
BATCH = 32
# Steps and learning rate of each stage.
STAGES = {"backbone": (3_000, 2e-3), "model": (9_000, 1e-3)}
SAVE_EVERY = 500
MEAN = STD = 0.5
SWIN = {
    "image_size": 64, "patch_size": 4, "embed_dim": 32, "depths": [2, 2, 2, 2], "num_heads": [2, 4, 8, 16],
    "window_size": 4, "mlp_ratio": 4.0, "drop_path_rate": 0.1,
}
MASK2FORMER = {
    "feature_size": 64, "mask_feature_size": 64, "hidden_dim": 64, "encoder_layers": 2, "encoder_feedforward_dim": 256,
    "decoder_layers": 4, "dim_feedforward": 512, "num_attention_heads": 4, "num_queries": 12, "dropout": 0.0,
    "train_num_points": 128, "common_stride": 4,
}
# Share of the targets that comes from the teacher, and its temperature (Hinton, Vinyals and Dean 2015).
TEACHER, TEMPERATURE = 0.7, 1.5


def scenes(count, images, seed):
    """Pictures, uint8 `[count, 64, 64, 3]`, and the item at each pixel, `[count, 64, 64]`, -1 on the ground."""
    generator = np.random.default_rng(seed)
    masks = compose.silhouettes(images)
    made = [compose.scene(generator, images, masks) for _ in range(count)]
    return np.stack([picture for picture, _ in made]), np.stack([owner for _, owner in made])


@torch.inference_mode()
def distributions(folder, images, labels):
    """The classes of each item, `[items + 1, 11]`: its label and the teacher's answer. The last row is the ground."""
    teacher = AutoModelForImageClassification.from_pretrained(folder).eval()
    processor = AutoImageProcessor.from_pretrained(folder)
    answers = []
    for at in range(0, len(images), 1000):
        pixels = processor(list(images[at : at + 1000, :, :, None]), return_tensors="pt")["pixel_values"]
        logits = (teacher(pixels).logits + teacher(pixels.flip(-1)).logits) / 2
        answers.append(torch.softmax(logits / TEMPERATURE, 1))
    classes = torch.zeros(len(images) + 1, len(LABELS))
    classes[:-1, 1:] = TEACHER * torch.cat(answers)
    classes[torch.arange(len(images)), torch.from_numpy(labels).long() + 1] += 1 - TEACHER
    classes[-1, 0] = 1
    return classes


def batches(pictures, owners, generator):
    """Endless batches of pixels `[batch, 3, 64, 64]` and items `[batch, 64, 64]`: half mirrored, with the colours in any order."""
    while True:
        for rows in torch.randperm(len(pictures), generator=generator).split(BATCH):
            pixels, items = pictures[rows].permute(0, 3, 1, 2), owners[rows]
            mirrored = torch.rand(len(rows), generator=generator) < 0.5
            pixels = torch.where(mirrored[:, None, None, None], pixels.flip(-1), pixels)
            items = torch.where(mirrored[:, None, None], items.flip(-1), items)
            colours = torch.rand(len(rows), 3, generator=generator).argsort(1)
            pixels = pixels[torch.arange(len(rows))[:, None], colours]
            yield (pixels / 255 - MEAN) / STD, items.long()


def cells(items, classes):
    """The mean distribution of the classes in each cell, `[batch, 11, 16, 16]`."""
    return avg_pool2d(classes[items].permute(0, 3, 1, 2), CELL)


class Dense(torch.nn.Module):
    """A backbone and a linear map from all its maps to the classes of each cell."""

    def __init__(self, backbone):
        super().__init__()
        self.backbone = backbone
        widths = [SWIN["embed_dim"] * 2**stage for stage in range(4)]
        self.classifier = torch.nn.Linear(sum(widths), len(LABELS))

    def forward(self, pixels):
        maps = self.backbone(pixels).feature_maps
        sized = [interpolate(part, maps[0].shape[2:], mode="bilinear") for part in maps]
        return self.classifier(torch.cat(sized, 1).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def backbone_loss(model, pixels, items, classes):
    return -(cells(items, classes) * log_softmax(model(pixels), 1)).sum(1).mean()


def model_loss(model, pixels, items, classes):
    """The loss of masks and classes by transformers, and the cross-entropy of each cell."""
    labels = classes.argmax(1)[items]
    present = [torch.unique(part) for part in labels]
    outputs = model(
        pixel_values=pixels,
        mask_labels=[(part == known[:, None, None]).float() for part, known in zip(labels, present)],
        class_labels=present,
    )
    scores = semantic(outputs)
    logs = torch.log(scores + 1e-6) - torch.log(scores.sum(1, keepdim=True) + 1e-6)
    return outputs.loss + 5 * -(cells(items, classes) * logs).sum(1).mean()


def semantic(outputs):
    """The score of each class at each cell: `[batch, 11, 16, 16]`."""
    classes = outputs.class_queries_logits.softmax(-1)[..., :-1]
    return torch.einsum("bqc,bqhw->bchw", classes, outputs.masks_queries_logits.sigmoid())


def optimizers_of(model, rate):
    """Muon for the matrices, and AdamW for tables, biases, norms and convolutions."""
    tables = ("embed", "queries_features", "relative_position_bias_table")
    named = [(name, weight) for name, weight in model.named_parameters() if weight.requires_grad]
    matrices = [weight for name, weight in named if weight.dim() == 2 and not any(table in name for table in tables)]
    known = {id(weight) for weight in matrices}
    return [
        torch.optim.Muon(matrices, lr=10 * rate, weight_decay=0.05, momentum=0.95),
        torch.optim.AdamW([weight for _, weight in named if id(weight) not in known], lr=rate, weight_decay=0.05),
    ]


def train(name, model, loss_of, data, classes, checkpoints):
    """A linear warm-up of the learning rate, and a linear decay. Continues from a checkpoint of the same stage."""
    (steps, rate), path = STAGES[name], checkpoints / f"{name}.pt"
    optimizers = optimizers_of(model, rate)
    warmup = steps // 50
    schedules = [
        torch.optim.lr_scheduler.LambdaLR(each, lambda step: min((step + 1) / warmup, (steps - step) / (steps - warmup)))
        for each in optimizers
    ]
    parts, start = [model, *optimizers, *schedules], 0
    if path.exists():
        saved = torch.load(path)
        start = saved["step"]
        for part, state in zip(parts, saved["parts"]):
            part.load_state_dict(state)
    if start == steps:
        return
    generator = torch.Generator().manual_seed(SEED + start)
    source, began, total = batches(*data, generator), time.monotonic(), 0.0
    model.train()
    for step in range(start + 1, steps + 1):
        loss = loss_of(model, *next(source), classes)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        for optimizer, schedule in zip(optimizers, schedules):
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
        total += loss.item()
        if step % 100 == 0:
            print(f"{name}, step {step}: loss {total / 100:.4f}, {time.monotonic() - began:.0f} s", flush=True)
            total = 0.0
        if step % SAVE_EVERY == 0 or step == steps:
            torch.save({"step": step, "parts": [part.state_dict() for part in parts]}, path)


def confusion(model, pictures, maps):
    """The pixels of each pair of true and predicted class, `[11, 11]`."""
    model.eval()
    counted = torch.zeros(len(LABELS) ** 2, dtype=torch.long)
    with torch.inference_mode():
        for at in range(0, len(pictures), 50):
            pixels = (pictures[at : at + 50].permute(0, 3, 1, 2) / 255 - MEAN) / STD
            outputs = model(pixel_values=pixels)
            outputs.masks_queries_logits = interpolate(outputs.masks_queries_logits, pixels.shape[2:], mode="bilinear")
            predicted = semantic(outputs).argmax(1)
            pairs = maps[at : at + 50].long() * len(LABELS) + predicted
            counted += torch.bincount(pairs.flatten(), minlength=len(counted))
    return counted.reshape(len(LABELS), len(LABELS)).double()


def report(model, pictures, maps):
    counted = confusion(model, pictures, maps)
    hit = counted.diag()
    each = hit / (counted.sum(0) + counted.sum(1) - hit)
    for label, iou in zip(LABELS, each):
        print(f"  {label}: {iou:.4f}")
    print(f"mIoU {each.mean():.4f}, pixel accuracy {hit.sum() / counted.sum():.4f}", flush=True)


def write(path, pictures, maps):
    """Writes pairs of `images/NUMBER.jpg` and `labels/NUMBER.png`."""
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as archive:
        for number, (picture, labels) in enumerate(zip(pictures, maps)):
            kinds = [("images", "jpg", picture, {"quality": 95}), ("labels", "png", labels, {})]
            for folder, ending, pixels, options in kinds:
                content = io.BytesIO()
                Image.fromarray(pixels).save(content, "jpeg" if ending == "jpg" else ending, **options)
                entry = tarfile.TarInfo(f"{folder}/{number:03}.{ending}")
                entry.size, entry.mode = content.tell(), 0o644
                content.seek(0)
                archive.addfile(entry, content)


def read_back(path):
    """Pictures and label maps of an archive."""
    with tarfile.open(path) as archive:
        read = {entry.name: np.asarray(Image.open(archive.extractfile(entry))) for entry in archive}
    kinds = [[read[name] for name in sorted(read) if name.startswith(folder)] for folder in ("images", "labels")]
    return [torch.from_numpy(np.stack(kind)) for kind in kinds]


def create():
    names = {"id2label": dict(enumerate(LABELS)), "label2id": {label: index for index, label in enumerate(LABELS)}}
    swin = SwinConfig(**SWIN, out_features=["stage1", "stage2", "stage3", "stage4"])
    return Mask2FormerForUniversalSegmentation(Mask2FormerConfig(backbone_config=swin, **MASK2FORMER, **names))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=Path("/usr/share/datasets/fashion-mnist"))
    parser.add_argument("--teacher", type=Path, default=HERE.parent / "fashion-mnist" / "cnn")
    parser.add_argument("--checkpoints", type=Path, default=HERE / "checkpoints")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--compile", action="store_true", help="compile parts of the model: minutes once, then faster steps")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(SEED)
    arguments.checkpoints.mkdir(exist_ok=True, parents=True)

    images, labels = read(arguments.data, "train")
    held_out, known = (images[:HELD_OUT], labels[:HELD_OUT]), (images[HELD_OUT:], labels[HELD_OUT:])
    for name, count, (items, truth) in [
        ("calibration", CALIBRATION, held_out), ("evaluation", EVALUATION, read(arguments.data, "t10k")),
    ]:
        pictures, owners = scenes(count, items, SEED + count)
        write(HERE / f"{name}.tar", pictures, np.where(owners < 0, 0, truth[owners] + 1).astype(np.uint8))

    classes = distributions(arguments.teacher, *known)
    model = create()
    pixels = model.model.pixel_level_module
    if arguments.compile:
        pixels.encoder.compile()
        pixels.decoder.compile()
    print(f"{sum(weight.numel() for weight in model.parameters())} weights", flush=True)
    pictures, owners = scenes(TRAINING, known[0], SEED)
    items = np.where(owners < 0, len(known[0]), owners).astype(np.int32)
    data = torch.from_numpy(pictures), torch.from_numpy(items)
    train("backbone", Dense(pixels.encoder), backbone_loss, data, classes, arguments.checkpoints)
    train("model", model, model_loss, data, classes, arguments.checkpoints)

    # In half precision, for a file of half the size. `config.json` keeps float32, in which the model computes.
    half = {name: weight.half() for name, weight in model.state_dict().items()}
    model.save_pretrained(HERE / "model", state_dict=half)
    processor = Mask2FormerImageProcessor(
        size={"height": 64, "width": 64}, image_mean=[MEAN] * 3, image_std=[STD] * 3, ignore_index=None, num_labels=len(LABELS),
    )
    processor.save_pretrained(HERE / "model")
    (HERE / "model" / "model.safetensors").chmod(0o644)
    written = Mask2FormerForUniversalSegmentation.from_pretrained(HERE / "model")
    report(written, *read_back(HERE / "evaluation.tar"))


if __name__ == "__main__":
    main()
