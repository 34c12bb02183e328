#!/usr/bin/env python3
"""Compares the speed of models in PyTorch + transformers, and in optin:  benches/results.py DIR DIR...

Needs `pip install torch transformers`, a release build of optin, and Linux (taskset binds threads to cores). The models run
alternately on the same rows in f32. A round takes the fastest of several passes, because disturbances only add time. A number
is the time of a model divided by that of the first model in the same round, the median of all rounds. Numbers above 1 are
slower. With `--cpu-time` it is the CPU time of one thread, for a machine that runs other programs. Models that read images get
images of their size, and no lengths: models of transformers, and ResNets and VGGs with the names of timm, torchvision or CIFAR.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

import torch
from transformers import AutoModelForImageClassification, AutoModelForSequenceClassification

# Passes of a round.
PASSES = 5


def config(folder):
    return json.loads((Path(folder) / "config.json").read_text())


def image_size(folder):
    """Returns the channels, the height and the width of the images that a model reads, or `None` if it reads texts."""
    settings = config(folder)
    if "pretrained_cfg" in settings:
        return settings["pretrained_cfg"]["input_size"]
    processor = Path(folder) / "preprocessor_config.json"
    if not processor.exists():
        return None
    processor = json.loads(processor.read_text())
    size = processor.get("crop_size") or processor["size"]
    return [settings.get("num_channels", 3), size["height"], size["width"]]


def opened(folder):
    """Returns a model as a function of its input."""
    settings = config(folder)
    if "pretrained_cfg" in settings or settings["model_type"] in ("torchvision", "cifar_resnet"):
        sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src/model/convnet"))
        from optin_convnet import load

        return load(folder)
    if image_size(folder) is not None:
        net = AutoModelForImageClassification.from_pretrained(folder, trust_remote_code=True).eval()
        return lambda pixels: net(pixel_values=pixels)
    net = AutoModelForSequenceClassification.from_pretrained(folder, trust_remote_code=True).eval()
    return lambda ids: net(input_ids=ids)


def in_torch(folders, rows, length, threads, rounds, clock):
    """Returns the times of each model, one list per model."""
    torch.set_num_threads(threads)
    os.sched_setaffinity(0, range(threads))
    nets = [opened(folder) for folder in folders]
    size = image_size(folders[0])
    batch = torch.arange(rows * length).view(rows, length) % 1000
    if size is not None:
        batch = torch.randn(rows, *size, generator=torch.Generator().manual_seed(0))
    times = [[] for _ in nets]
    with torch.inference_mode():
        for at in range(rounds + 2):
            for net, own in zip(nets, times):
                passes = []
                for _ in range(PASSES):
                    start = clock()
                    net(batch)
                    passes.append(clock() - start)
                if at >= 2:
                    own.append(min(passes))
    return times


def in_optin(binary, folders, rows, length, threads, rounds, cpu_time):
    """Returns the times of each model, one list per model. A round is a process with several passes."""
    times = [[] for _ in folders]
    for _ in range(rounds):
        for folder, own in zip(folders, times):
            command = [binary, "bench", "forward", "--json", "--model", folder]
            command += ["--rows", str(rows), *(["--length", str(length)] if length else [])]
            pinned = ["taskset", "-c", ",".join(map(str, range(threads))), *command]
            if cpu_time:
                few, many = (spent([*pinned, "--repeats", str(passes)]) for passes in (1, 1 + 4 * PASSES))
                own.append((many - few) / (4 * PASSES))
                continue
            answer = subprocess.run([*pinned, "--repeats", str(PASSES)], check=True, capture_output=True, text=True).stdout
            own.append(min(json.loads(answer)["ms"]))
    return times


def spent(command):
    """Returns the CPU time of a process in seconds."""

    def total():
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    before = total()
    subprocess.run(command, check=True, capture_output=True)
    return total() - before


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", metavar="DIR", help="folders of models; times are relative to the first one")
    parser.add_argument("--optin", default="target/release/optin", help="optin binary (default: %(default)s)")
    parser.add_argument("--rows", type=int, nargs="+", default=[1, 8], help="rows in the batch (default: 1 8)")
    parser.add_argument("--lengths", type=int, nargs="+", default=[32, 128], help="tokens per row (default: 32 128)")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="thread counts to measure (default: 1 2)")
    parser.add_argument("--rounds", type=int, default=15, help="timed rounds (default: %(default)s)")
    parser.add_argument("--cpu-time", action="store_true", help="measure the CPU time of one thread")
    arguments = parser.parse_args()
    folders, cpu_time = arguments.folders, arguments.cpu_time
    clock = time.process_time if cpu_time else time.perf_counter
    cores = sorted(os.sched_getaffinity(0))
    size = image_size(folders[0])
    for rows in arguments.rows:
        for length in arguments.lengths if size is None else [0]:
            for threads in [1] if cpu_time else arguments.threads:
                both = {"torch": in_torch(folders, rows, length, threads, arguments.rounds, clock)}
                os.sched_setaffinity(0, cores)
                both["optin"] = in_optin(arguments.optin, folders, rows, length, threads, arguments.rounds, cpu_time)
                for engine, times in both.items():
                    ratios = [statistics.median(a / b for a, b in zip(own, times[0])) for own in times]
                    ratios = ", ".join(f"{ratio:.2f}" for ratio in ratios)
                    shape = f"{length} tokens" if size is None else "x".join(map(str, size))
                    print(f"{engine}, {rows} x {shape}, {threads} threads: {ratios}", flush=True)


if __name__ == "__main__":
    main()
