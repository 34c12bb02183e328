#!/usr/bin/env python3
"""Compares the speed of models in PyTorch + transformers, and in optin:  benches/results.py DIR DIR...

Needs `pip install torch transformers`, a release build of optin, and Linux (taskset binds threads to cores). The models run
alternately on the same rows in f32. A number is the time of a model divided by that of the first model in the same round,
the median of all rounds. Numbers above 1 are slower.
"""

import argparse
import json
import os
import statistics
import subprocess
import time

import torch
from transformers import AutoModelForSequenceClassification


def in_torch(folders, rows, length, threads, rounds):
    """Returns the times of each model, one list per model."""
    torch.set_num_threads(threads)
    os.sched_setaffinity(0, range(threads))
    nets = [AutoModelForSequenceClassification.from_pretrained(folder, trust_remote_code=True).eval() for folder in folders]
    ids = torch.arange(rows * length).view(rows, length) % 1000
    times = [[] for _ in nets]
    with torch.inference_mode():
        for at in range(rounds + 2):
            for net, own in zip(nets, times):
                start = time.perf_counter()
                net(input_ids=ids)
                if at >= 2:
                    own.append(time.perf_counter() - start)
    return times


def in_optin(binary, folders, rows, length, threads, rounds):
    """Returns the times of each model, one list per model. A round is a process with several passes."""
    times = [[] for _ in folders]
    for _ in range(rounds):
        for folder, own in zip(folders, times):
            command = [binary, "bench", "forward", "--json", "--model", folder, "--repeats", "5"]
            command += ["--rows", str(rows), "--length", str(length)]
            pinned = ["taskset", "-c", ",".join(map(str, range(threads))), *command]
            answer = subprocess.run(pinned, check=True, capture_output=True, text=True).stdout
            own.append(min(json.loads(answer)["ms"]))
    return times


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", metavar="DIR", help="folders of models; times are relative to the first one")
    parser.add_argument("--optin", default="target/release/optin", help="optin binary (default: %(default)s)")
    parser.add_argument("--rows", type=int, nargs="+", default=[1, 8], help="rows in the batch (default: 1 8)")
    parser.add_argument("--lengths", type=int, nargs="+", default=[32, 128], help="tokens per row (default: 32 128)")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="thread counts to measure (default: 1 2)")
    parser.add_argument("--rounds", type=int, default=15, help="timed rounds (default: %(default)s)")
    arguments = parser.parse_args()
    folders = arguments.folders
    cores = sorted(os.sched_getaffinity(0))
    for rows in arguments.rows:
        for length in arguments.lengths:
            for threads in arguments.threads:
                both = {"torch": in_torch(folders, rows, length, threads, arguments.rounds)}
                os.sched_setaffinity(0, cores)
                both["optin"] = in_optin(arguments.optin, folders, rows, length, threads, arguments.rounds)
                for engine, times in both.items():
                    ratios = [statistics.median(a / b for a, b in zip(own, times[0])) for own in times]
                    ratios = ", ".join(f"{ratio:.2f}" for ratio in ratios)
                    print(f"{engine}, {rows} x {length} tokens, {threads} threads: {ratios}", flush=True)


if __name__ == "__main__":
    main()
