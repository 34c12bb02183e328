#!/usr/bin/env python3
"""Compares narrow heads with whole heads at equal FLOPs in PyTorch + transformers:  benches/attention_widths.py

Needs `pip install torch transformers`. Opens models with random weights by the modeling file that optin writes. All layers
of a model are alike. A model with whole heads and the models with narrow heads have the same neurons and the same FLOPs,
in the projections as well as in the attention: the widths of queries and values of all narrow heads have the same sum. The
models run alternately in one process. A number is the time of a model divided by that of the model with whole heads in the
same round, the median of all rounds. Numbers above 1 are slower.
"""

import argparse
import importlib.util
import statistics
import time
from pathlib import Path

import torch
import transformers

MODELING = Path(__file__).resolve().parents[1] / "src/model/bert/modeling_optin_bert.py"

# Hidden size, heads, neurons and layers. Two layers of BERT-base are enough for a ratio.
SHAPES = {"minilm": (384, 12, 1536, 6), "bert-base": (768, 12, 3072, 2)}
# Whole heads, and differences of the widths of values and queries, by the percentage of the FLOPs of the dense model.
BUDGETS = {50: (6, (0, 2, 4, 8, 16)), 30: (3, (0, 2, 4, 8))}


def model(modeling, shape, attention, heads, neurons, query_size, value_size):
    hidden, all_heads, _, layers = SHAPES[shape]
    config = transformers.BertConfig(
        vocab_size=1000, hidden_size=hidden, num_attention_heads=all_heads, num_hidden_layers=layers, intermediate_size=neurons,
    )  # fmt: skip
    config.heads_per_layer, config.intermediate_size_per_layer = [heads] * layers, [neurons] * layers
    config.query_size_per_layer, config.value_size_per_layer = [query_size] * layers, [value_size] * layers
    config._attn_implementation = attention
    return modeling.BertModel(config).eval()


def models(modeling, shape, attention, percent, length):
    """Returns the dense model, the model with whole heads, and those with narrow heads, by their names."""
    hidden, heads, neurons, _ = SHAPES[shape]
    size = hidden // heads
    kept, differences = BUDGETS[percent]
    # The FLOPs of a head and of a neuron for each token, but for a factor.
    of_head, of_neuron = size * (4 * hidden + 2 * length), 2 * hidden
    budget = percent / 100 * (heads * of_head + neurons * of_neuron)
    # Neurons in multiples of 8, as optin keeps them.
    neurons_left = round((budget - kept * of_head) / of_neuron / 8) * 8
    narrow = size * kept // heads
    result = {"dense": model(modeling, shape, attention, heads, neurons, size, size)}
    result[f"{kept} x {size}"] = model(modeling, shape, attention, kept, neurons_left, size, size)
    for difference in differences:
        for sign in (1, -1) if difference else (1,):
            query_size, value_size = narrow - sign * difference // 2, narrow + sign * difference // 2
            if min(query_size, value_size) > 0:
                name = f"{heads} x {query_size}/{value_size}"
                result[name] = model(modeling, shape, attention, heads, neurons_left, query_size, value_size)
    return result


def measure(nets, ids, rounds):
    """Returns the time of each model relative to the second one, and the milliseconds of that."""
    times = {name: [] for name in nets}
    with torch.inference_mode():
        for at in range(rounds + 2):
            for name, net in nets.items():
                start = time.perf_counter()
                net(input_ids=ids)
                if at >= 2:
                    times[name].append((time.perf_counter() - start) * 1e3)
    whole = list(times.values())[1]
    ratios = {name: statistics.median(a / b for a, b in zip(one, whole)) for name, one in times.items()}
    return ratios, statistics.median(whole)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shapes", nargs="+", default=list(SHAPES), choices=list(SHAPES), help="shapes of the model")
    parser.add_argument("--attention", nargs="+", default=["sdpa", "eager"], help="attention implementations")
    parser.add_argument("--percent", type=int, nargs="+", default=list(BUDGETS), choices=list(BUDGETS), help="FLOPs of the dense model")
    parser.add_argument("--rows", type=int, nargs="+", default=[1, 8], help="rows in the batch (default: 1 8)")
    parser.add_argument("--lengths", type=int, nargs="+", default=[32, 128], help="tokens per row (default: 32 128)")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="thread counts to measure (default: 1 2)")
    parser.add_argument("--rounds", type=int, default=15, help="timed rounds (default: %(default)s)")
    arguments = parser.parse_args()
    spec = importlib.util.spec_from_file_location("modeling_optin_bert", MODELING)
    modeling = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(modeling)
    for shape in arguments.shapes:
        for percent in arguments.percent:
            for attention in arguments.attention:
                for length in arguments.lengths:
                    nets = models(modeling, shape, attention, percent, length)
                    for rows in arguments.rows:
                        ids = torch.arange(rows * length).view(rows, length) % 1000
                        for threads in arguments.threads:
                            torch.set_num_threads(threads)
                            ratios, whole = measure(nets, ids, arguments.rounds)
                            ratios = ", ".join(f"{name}: {ratio:.2f}" for name, ratio in ratios.items())
                            place = f"{shape} {percent} % {attention}, {rows} x {length} tokens, {threads} threads"
                            print(f"{place} ({whole:.1f} ms): {ratios}", flush=True)


if __name__ == "__main__":
    main()
