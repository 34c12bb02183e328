"""Times two ONNX files in ONNX Runtime side by side, the original model first and then the pruned one.

    python onnx_runtime.py ORIGINAL.onnx PRUNED.onnx --share 0.5 [--length 128] [--rounds 40]

Each round runs both models one after the other, and the medians of the ratios are printed for 1 and 2 threads and for 1 and 8 rows.
`share` is the share of the FLOPs that the pruned model has: with it, each ratio is also printed as a part of the ideal one.
"""

import argparse
import statistics
import time

import numpy
import onnxruntime

WARM_UP = 5


def session(path, threads):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def inputs(model, rows, length):
    """Returns random inputs without padding."""
    random = numpy.random.default_rng(0)
    made = {}
    for own in model.get_inputs():
        if own.name == "pixel_values":
            made[own.name] = random.standard_normal([rows, *own.shape[1:]], dtype=numpy.float32)
        elif own.name == "input_ids":
            made[own.name] = random.integers(1000, 2000, [rows, length])
        else:
            made[own.name] = numpy.full([rows, length], int(own.name == "attention_mask"), dtype=numpy.int64)
    return made


def seconds(model, given):
    start = time.perf_counter()
    model.run(None, given)
    return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("original")
    parser.add_argument("pruned")
    parser.add_argument("--share", type=float, required=True)
    parser.add_argument("--length", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=40)
    arguments = parser.parse_args()
    print("threads rows  original ms  pruned ms  speed-up  of the ideal")
    for threads in (1, 2):
        models = [session(path, threads) for path in (arguments.original, arguments.pruned)]
        for rows in (1, 8):
            given = inputs(models[0], rows, arguments.length)
            pairs = [[seconds(model, given) for model in models] for _ in range(WARM_UP + arguments.rounds)][WARM_UP:]
            before, after = (1000 * statistics.median(pair[index] for pair in pairs) for index in (0, 1))
            ratio = statistics.median(pair[0] / pair[1] for pair in pairs)
            print(f"{threads:7} {rows:4} {before:12.2f} {after:10.2f} {ratio:8.2f}x {ratio * arguments.share:13.2f}")


if __name__ == "__main__":
    main()
