"""Checks with the usual tools: ONNX export, compilation, quantization and pipelines."""

import tempfile

import onnxruntime
import torch
import transformers
from forward import outputs
from inputs import inputs
from pairs import agree, require
from registry import CLASSIFIERS, check
from torch import nn
from torch.ao.quantization import quantize_dynamic

# Transformers 5 cannot trace `BertModel` itself for ONNX.
TRACED = (*CLASSIFIERS, "AutoModelForQuestionAnswering", "AutoModelForMaskedLM")
PIPELINES = {
    "AutoModel": ("feature-extraction", {}),
    "AutoModelForMaskedLM": ("fill-mask", {}),
    "AutoModelForSequenceClassification": ("text-classification", {"top_k": None}),
    "AutoModelForTokenClassification": ("token-classification", {"aggregation_strategy": "simple"}),
}


def run_onnx(file, batch):
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    names = [one.name for one in session.get_inputs()]
    return [torch.from_numpy(one) for one in session.run(None, {name: batch[name].numpy() for name in names})]


def check_export(pair, attention, dynamo):
    """Exports for batches of any size. Requires the outputs of the built-in model for two sizes."""
    pruned, stock = pair.both(attn_implementation=attention)
    batch = inputs(pair)
    names, keys = list(batch), list(outputs(stock, **batch))
    if dynamo:
        axes = {0: torch.export.Dim("rows"), 1: torch.export.Dim("length", max=24)}
        dynamic = {"dynamic_shapes": {name: axes for name in names}}
    else:
        dynamic = {"dynamic_axes": {name: {0: "rows", 1: "length"} for name in names}, "input_names": names}
    with tempfile.TemporaryDirectory() as folder:
        file = folder + "/model.onnx"
        torch.onnx.export(pruned, (), file, kwargs=batch, output_names=keys, dynamo=dynamo, verbose=False, **dynamic)
        smaller = {name: rows[:2, :5].contiguous() for name, rows in inputs(pair, seed=3).items()}
        for one in (batch, smaller):
            found = dict(zip(keys, run_onnx(file, one)))
            pair.agree(found, dict(outputs(stock, **one)), f"ONNX for {tuple(one['input_ids'].shape)}")


@check("ONNX export by torch.export, sdpa", autos=("AutoModel", *TRACED))
def onnx(pair):
    check_export(pair, "sdpa", dynamo=True)


@check("ONNX export by torch.export, eager", autos=("AutoModelForSequenceClassification",))
def onnx_eager(pair):
    check_export(pair, "eager", dynamo=True)


@check("ONNX export by tracing, sdpa and eager", autos=TRACED)
def onnx_traced(pair):
    for attention in ("sdpa", "eager"):
        check_export(pair, attention, dynamo=False)


@check("ONNX export by optimum", autos=CLASSIFIERS)
def onnx_optimum(pair):
    if transformers.__version__.startswith("5"):
        return "optimum does not support transformers 5"
    from optimum.exporters.onnx import main_export

    with tempfile.TemporaryDirectory() as folder:
        main_export(str(pair.pruned), folder, task=PIPELINES[pair.auto][0], trust_remote_code=True, dtype="fp32")
        agree(run_onnx(folder + "/model.onnx", inputs(pair))[0], outputs(pair.open("stock"), **inputs(pair))[0], "exported")


@check("torch.jit.trace", autos=("AutoModel", *TRACED))
def traced(pair):
    pruned, stock = pair.both(return_dict=False)
    pruned = torch.jit.trace(pruned, example_kwarg_inputs=inputs(pair), strict=False)
    pair.agree(outputs(pruned, **inputs(pair, seed=3)), outputs(stock, **inputs(pair, seed=3)), "traced")


@check("torch.compile", autos=CLASSIFIERS)
def compiled(pair):
    torch._dynamo.reset()
    pruned, stock = pair.both()
    pruned = torch.compile(pruned, backend="aot_eager", fullgraph=True)
    pair.agree(outputs(pruned, **inputs(pair)), outputs(stock, **inputs(pair)), "compiled")


@check("dynamic quantization of linear layers", autos=CLASSIFIERS)
def quantized(pair):
    model = quantize_dynamic(pair.open("pruned"), {nn.Linear}, dtype=torch.qint8)
    left = [name for name, module in model.named_modules() if isinstance(module, nn.Linear) and module.weight.numel()]
    require(not left, f"does not quantize {left}")
    pair.agree(outputs(model, **inputs(pair)), outputs(pair.open("pruned"), **inputs(pair)), "quantized", 0.2)


def agree_answers(found, expected):
    """Requires the same structure and strings, and equal numbers."""
    if isinstance(expected, dict):
        require(found.keys() == expected.keys(), f"returns {list(found)}, expected {list(expected)}")
        found, expected = list(found.values()), list(expected.values())
    if isinstance(expected, (list, tuple)):
        require(len(found) == len(expected), f"returns {len(found)} entries, expected {len(expected)}")
        for one, other in zip(found, expected):
            agree_answers(one, other)
    elif isinstance(expected, str):
        require(found == expected, f"returns {found}, expected {expected}")
    else:
        require(abs(found - expected) <= 1e-4, f"returns {found}, expected {expected}")


@check("pipeline", autos=tuple(PIPELINES))
def pipelines(pair):
    task, options = PIPELINES[pair.auto]
    texts = ["the cat sat on the mat.", "a dog ran badly"]
    if task == "fill-mask":
        texts = ["the cat [MASK] on the mat.", "a dog ran [MASK]"]
    answers = []
    for folder, trusted in ((pair.pruned, {"trust_remote_code": True}), (pair.stock, {})):
        answer = transformers.pipeline(task, model=str(folder), dtype=torch.float32, device="cpu", **trusted)
        answers.append([answer(texts, **options), answer(texts[0], **options), answer(texts, batch_size=2, **options)])
    agree_answers(*answers)
    return task
