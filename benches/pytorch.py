#!/usr/bin/env python3
"""Compares the dense forward pass of optin with PyTorch + transformers:  benches/pytorch.py --model DIR

Needs `pip install torch transformers`, a release build of optin, and Linux (taskset binds threads to cores). Both
engines run alternately and compute the logits of the same rows in f32. The largest difference of the logits is
printed too. The time of a round is that of its fastest forward pass, because disturbances only add time.
"""

import argparse
import json
import statistics
import subprocess
import sys


def torch_side(model, rows, length, repeats):
    """The child process: measures PyTorch and prints one JSON object."""
    import os
    import time

    import torch
    from transformers import AutoModelForSequenceClassification

    torch.set_num_threads(len(os.sched_getaffinity(0)))
    net = AutoModelForSequenceClassification.from_pretrained(model).float().eval()
    vocabulary = net.config.vocab_size
    ids = torch.tensor(
        [[(31 * row + 17 * position) % vocabulary for position in range(length)] for row in range(rows)]
    )
    times = []
    with torch.inference_mode():
        for _ in range(repeats + 1):
            start = time.perf_counter()
            logits = net(input_ids=ids).logits
            times.append((time.perf_counter() - start) * 1e3)
    print(json.dumps({"ms": times[1:], "logits": logits[0].tolist()}))


def child(threads, command):
    pinned = ["taskset", "-c", ",".join(map(str, range(threads))), *command]
    return json.loads(subprocess.run(pinned, check=True, capture_output=True, text=True).stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True, help="Hugging Face folder of the model")
    parser.add_argument("--optin", default="target/release/optin", help="optin binary (default: %(default)s)")
    parser.add_argument("--rows", type=int, default=32, help="rows in the batch (default: %(default)s)")
    parser.add_argument("--length", type=int, default=128, help="tokens per row (default: %(default)s)")
    parser.add_argument("--repeats", type=int, default=5, help="timed forward passes per round and engine (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds; the median ratio is printed (default: %(default)s)")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="thread counts to measure (default: 1 2)")
    parser.add_argument("--torch-side", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.torch_side:
        torch_side(arguments.model, arguments.rows, arguments.length, arguments.repeats)
        return
    shape = ["--model", arguments.model]
    for name in ("rows", "length", "repeats"):
        shape += [f"--{name}", str(getattr(arguments, name))]
    for threads in arguments.threads:
        ratios = []
        for _ in range(arguments.rounds):
            ours = child(threads, [arguments.optin, "bench", "forward", "--json", *shape])
            theirs = child(threads, [sys.executable, __file__, "--torch-side", *shape])
            ratios.append(min(theirs["ms"]) / min(ours["ms"]))
        apart = max(abs(a - b) for a, b in zip(ours["logits"], theirs["logits"]))
        print(
            f"{arguments.rows} x {arguments.length} tokens, {threads} threads: PyTorch takes "
            f"{statistics.median(ratios):.2f} times as long ({min(ratios):.2f} to {max(ratios):.2f}; "
            f"optin {min(ours['ms']):.0f} ms, PyTorch {min(theirs['ms']):.0f} ms in the last round); "
            f"logits differ by at most {apart:.1e}"
        )


if __name__ == "__main__":
    main()
