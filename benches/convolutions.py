#!/usr/bin/env python3
"""Compares convolutions of optin with those of PyTorch:  benches/convolutions.py

Needs `pip install torch`, cargo, and Linux (taskset binds threads to cores). The shapes are those of ResNet-50 and of
ResNet-56 for CIFAR. Both sides run alternately, each with its own memory format (PyTorch: channels_last, which is its
faster one here), add the bias and apply ReLU. The time of a round is that of the fastest pass.
"""

import argparse
import json
import statistics
import subprocess
import sys

# Name, rows, size, inputs, outputs, side, stride.
SHAPES = [
    ("ResNet-50, stem", 1, 224, 3, 64, 7, 2),
    ("ResNet-50, stage 1, 1 x 1", 1, 56, 256, 64, 1, 1),
    ("ResNet-50, stage 1, 3 x 3", 1, 56, 64, 64, 3, 1),
    ("ResNet-50, stage 2, 3 x 3", 1, 28, 128, 128, 3, 1),
    ("ResNet-50, stage 3, first 3 x 3", 1, 28, 256, 256, 3, 2),
    ("ResNet-50, stage 3, 3 x 3", 1, 14, 256, 256, 3, 1),
    ("ResNet-50, stage 4, 3 x 3", 8, 7, 512, 512, 3, 1),
    ("ResNet-50, stage 4, 1 x 1", 8, 7, 512, 2048, 1, 1),
    ("ResNet-56, stem", 8, 32, 3, 16, 3, 1),
    ("ResNet-56, stage 1", 8, 32, 16, 16, 3, 1),
    ("ResNet-56, stage 2", 8, 16, 32, 32, 3, 1),
    ("ResNet-56, stage 3", 8, 8, 64, 64, 3, 1),
]


def torch_side(numbers):
    """The child process: measures PyTorch and prints one JSON object for each six numbers."""
    import os
    import time

    import torch

    torch.set_num_threads(len(os.sched_getaffinity(0)))

    def values(*shape):
        count = torch.Size(shape).numel()
        return ((torch.arange(count) * 7 % 13).float() / 13 - 0.4).reshape(shape)

    for at in range(0, len(numbers), 6):
        rows, size, inputs, outputs, side, stride = numbers[at : at + 6]
        layer = torch.nn.Conv2d(inputs, outputs, side, stride, side // 2)
        layer.weight.data = values(outputs, inputs, side, side)
        layer.bias.data = values(outputs)
        layer = layer.to(memory_format=torch.channels_last)
        maps = values(rows, size, size, inputs).permute(0, 3, 1, 2)
        times = []
        with torch.inference_mode():
            for _ in range(12):
                start = time.perf_counter()
                output = layer(maps).relu_()
                times.append((time.perf_counter() - start) * 1e3)
        print(json.dumps({"ms": min(times[1:]), "sum": output.double().sum().item()}))


def child(threads, command):
    pinned = ["taskset", "-c", ",".join(map(str, range(threads))), *command]
    lines = subprocess.run(pinned, check=True, capture_output=True, text=True).stdout.splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="rounds; the median ratio is printed (default: %(default)s)")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="thread counts to measure (default: 1 2)")
    parser.add_argument("--torch-side", type=int, nargs="+", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.torch_side:
        torch_side(arguments.torch_side)
        return
    build = ["cargo", "bench", "--locked", "--bench", "convolution", "--no-run", "--message-format", "json"]
    built = subprocess.run(build, check=True, capture_output=True, text=True).stdout.splitlines()
    built = map(json.loads, built)
    ours = next(one["executable"] for one in built if one.get("target", {}).get("name") == "convolution")
    numbers = [str(number) for shape in SHAPES for number in shape[1:]]
    for threads in arguments.threads:
        ratios, totals = [[] for _ in SHAPES], []
        for _ in range(arguments.rounds):
            own = child(threads, [ours, *numbers])
            theirs = child(threads, [sys.executable, __file__, "--torch-side", *numbers])
            for place, (left, right) in enumerate(zip(own, theirs, strict=True)):
                apart = abs(left["sum"] - right["sum"]) / max(abs(right["sum"]), 1)
                if apart > 1e-3:
                    sys.exit(f"{SHAPES[place][0]}: the sums are {left['sum']} and {right['sum']}")
                ratios[place].append(left["ms"] / right["ms"])
            totals.append(sum(one["ms"] for one in own) / sum(one["ms"] for one in theirs))
        print(f"{threads} threads: optin takes {statistics.median(totals):.2f} times as long as PyTorch over all shapes")
        for (name, *_), own in zip(SHAPES, ratios):
            print(f"  {name}: {statistics.median(own):.2f} ({min(own):.2f} to {max(own):.2f})")


if __name__ == "__main__":
    main()
