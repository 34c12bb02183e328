"""Times a result in ONNX Runtime beside the original model:  python benches/onnx_runtime.py ORIGINAL RESULT [--length 128]

Needs `pip install torch transformers onnx onnxruntime`. ORIGINAL is a folder of transformers, which PyTorch's exporter writes as
ONNX, as most people do, or an ONNX file. RESULT is a folder that `optin` wrote with `model.onnx`, and perhaps with `model.int8.onnx`. In each round the
models run one after the other. The table has the medians of the times and of the ratios, for 1 and 2 threads and for 1 and 8 rows.
The ideal speed-up is that of the FLOPs.
"""

import argparse
import json
import statistics
import tempfile
import time
import warnings
from pathlib import Path

import numpy
import onnx
import onnxruntime
import torch
import transformers

OPSET = 17
# Rounds that are not counted.
WARM_UP = 5
# Rounds take about this long in seconds for each number of rows and threads.
DURATION = 5.0
TEXT = ["input_ids", "attention_mask", "token_type_ids"]


class Positional(torch.nn.Module):
    """A model of transformers whose inputs have no names and whose answers are tensors."""

    def __init__(self, model, names):
        super().__init__()
        self.model, self.names = model, names

    def forward(self, *inputs):
        answers = self.model(**dict(zip(self.names, inputs)))
        if "masks_queries_logits" in answers:
            return answers.class_queries_logits, answers.masks_queries_logits
        return answers.logits


def exported(folder, names, given, path):
    """Writes a model of transformers with PyTorch's exporter. Its batch is that of the given inputs."""
    architecture = json.loads((folder / "config.json").read_text())["architectures"][0]
    model = getattr(transformers, architecture).from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    inputs = tuple(torch.from_numpy(given[name]) for name in names)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(Positional(model, names), inputs, path, input_names=names, opset_version=OPSET, dynamo=False)
    graph = onnx.load(path)
    # Some models compute grids of f64, which ONNX Runtime does not sample.
    for index, node in reversed(list(enumerate(graph.graph.node))):
        if node.op_type == "GridSample":
            narrow = f"{node.name}.grid"
            graph.graph.node.insert(index, onnx.helper.make_node("Cast", [node.input[1]], [narrow], to=onnx.TensorProto.FLOAT))
            node.input[1] = narrow
    onnx.save(graph, path)


def session(path, threads):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    # Threads that wait actively for work would take time from the other models.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
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
    model.run(None, {own.name: given[own.name] for own in model.get_inputs()})
    return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("original", type=Path)
    parser.add_argument("result", type=Path)
    parser.add_argument("--length", type=int, default=128, help="tokens of a row (default: %(default)s)")
    parser.add_argument("--rows", type=int, nargs="+", default=[1, 8], help="rows of a call (default: 1 8)")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="numbers of threads (default: 1 2)")
    arguments = parser.parse_args()
    kept = json.loads((arguments.result / "report.json").read_text())["kept"]
    files = [path for path in (arguments.result / name for name in ("model.onnx", "model.int8.onnx")) if path.exists()]
    print(f"{kept:.1%} of the FLOPs; times in ms, and speed-ups as multiples and as shares of the ideal one")
    for rows in arguments.rows:
        with tempfile.TemporaryDirectory() as folder:
            original, given = arguments.original, inputs(session(files[0], 1), rows, arguments.length)
            if original.is_dir():
                original = Path(folder) / "original.onnx"
                exported(arguments.original, [name for name in [*TEXT, "pixel_values"] if name in given], given, original)
            for threads in arguments.threads:
                models = [session(path, threads) for path in [original, *files]]
                rounds = max(15, int(DURATION / seconds(models[0], given) / len(models)))
                times = [[seconds(model, given) for model in models] for _ in range(WARM_UP + rounds)][WARM_UP:]
                line = f"{threads} threads, {rows} rows: original {1000 * statistics.median(own[0] for own in times):.2f}"
                for index, path in enumerate(files, 1):
                    ratio = statistics.median(own[0] / own[index] for own in times)
                    line += f"; {path.name} {1000 * statistics.median(own[index] for own in times):.2f}, {ratio:.2f}x, {ratio * kept:.2f}"
                print(line, flush=True)


if __name__ == "__main__":
    main()
