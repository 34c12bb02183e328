"""Every activation that `config.json` may name, as Hugging Face transformers and torch compute it.

    pip install -r ../../transformers/requirements-5.txt && python make_goldens.py
    pip install -r ../../transformers/requirements-4.txt && python make_goldens.py

Under transformers 5 it writes `golden.safetensors` beside this file: the points `x` and, for each name of
`ACT2CLS` without weights, the value `NAME.y` and torch's derivative `NAME.dy`, all float64 `[points]`.
The points are exact in float32. The metadata entry `learned` lists the names that have weights.
Under transformers 4, whose table is smaller, it checks that the file holds the same numbers.
"""

from pathlib import Path

import torch
import transformers
from safetensors import safe_open
from safetensors.torch import save_file
from transformers.activations import ACT2CLS, ACT2FN

GOLDEN = Path(__file__).resolve().parent / "golden.safetensors"
HALVES = [step / 2 for step in range(-14, 15)]
# Where a formula cancels or overflows, and the kinks of the piecewise ones: -3, 0, 3 and 6 are above.
SIZES = [1e-20, 1e-6, 1e-3, 9.0, 10.0, 10.25, 20.0, 40.0, 85.0, 100.0, 1e3, 1e4]


def points():
    values = torch.tensor(HALVES + SIZES + [-size for size in SIZES], dtype=torch.float32)
    return values.double().sort().values


def curve(function, x):
    x = x.clone().requires_grad_()
    y = function(x)
    (slope,) = torch.autograd.grad(y.sum(), x)
    return y.detach().clone(), slope.clone()


def table():
    """The tensors of the file, and the names that have weights."""
    x = points()
    tensors, learned = {"x": x}, []
    for name in ACT2CLS:
        function = ACT2FN[name]
        if list(function.parameters()):
            learned.append(name)
        else:
            tensors[f"{name}.y"], tensors[f"{name}.dy"] = curve(function, x)
    return tensors, " ".join(sorted(learned))


def check(tensors, learned):
    with safe_open(GOLDEN, "pt") as golden:
        assert golden.metadata()["learned"] == learned
        for name, tensor in tensors.items():
            torch.testing.assert_close(tensor, golden.get_tensor(name), rtol=0, atol=0, equal_nan=True)


def main():
    tensors, learned = table()
    if int(transformers.__version__.split(".")[0]) >= 5:
        save_file(tensors, GOLDEN, metadata={"learned": learned})
    check(tensors, learned)
    print(f"transformers {transformers.__version__}: {len(tensors) // 2} activations, {len(tensors['x'])} points")


if __name__ == "__main__":
    main()
