#!/usr/bin/env python3
"""Dense forward of optin against PyTorch + transformers, in turns:  benches/pytorch.py --model DIR

Needs `pip install torch transformers`, a release build of optin, and Linux (threads are bound to cores by
taskset). Both engines compute the logits of the same rows in f32; how far apart they are is printed, too. A turn's
time is that of its fastest forward: what disturbs a machine only ever adds to it.
"""

import argparse
import json
import statistics
import subprocess
import sys


def torch_side(model, rows, length, repeats):
    """What the child process does: one JSON object on its standard output."""
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
    bound = ["taskset", "-c", ",".join(map(str, range(threads))), *command]
    return json.loads(subprocess.run(bound, check=True, capture_output=True, text=True).stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--optin", default="target/release/optin")
    parser.add_argument("--rows", type=int, default=32)
    parser.add_argument("--length", type=int, default=128)
    parser.add_argument("--repeats", type=int, default=5, help="forwards a turn")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
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
            f"{statistics.median(ratios):.2f} times as long (from {min(ratios):.2f} to {max(ratios):.2f}; "
            f"{min(ours['ms']):.0f} against {min(theirs['ms']):.0f} ms in the last turn); "
            f"logits differ by at most {apart:.1e}"
        )


if __name__ == "__main__":
    main()
