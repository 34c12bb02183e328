"""Checks ONNX files with the checker of ONNX, and their answers with ONNX Runtime.

    python check.py MODEL.onnx CASES.json [MODEL.onnx CASES.json]...

CASES.json is a list of {"inputs": {name: tensor}, "outputs": {name: tensor}, "tolerance": number or null}. A tensor is {"type", "shape", "numbers"}. A number
of an output that is null is not compared. Prints the largest difference of each file, relative to max(1, |number|), and exits with 1
if one is above the tolerance (default: 1e-4).
"""

import json
import sys

import numpy
import onnx
import onnxruntime

TOLERANCE = 1e-4


def tensor(described):
    numbers = [numpy.nan if number is None else number for number in described["numbers"]]
    return numpy.array(numbers, dtype=described["type"]).reshape(described["shape"])


def difference(found, expected):
    """Returns the largest difference of the numbers that are compared."""
    if found.shape != expected.shape:
        sys.exit(f"the output has shape {found.shape}, expected {expected.shape}")
    compared = ~numpy.isnan(expected)
    assert compared.any(), "no number is compared"
    differences = numpy.abs(found - expected) / numpy.maximum(1, numpy.abs(expected))
    differences = differences[compared]
    return numpy.inf if numpy.isnan(differences).any() else differences.max()


def check(path, cases):
    """Returns the largest difference of the answers of a file, and the largest share of a tolerance."""
    onnx.checker.check_model(path, full_check=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    with open(cases) as file:
        cases = json.load(file)
    assert cases, "there are no cases"
    worst, share = 0.0, 0.0
    for case in cases:
        inputs = {name: tensor(described) for name, described in case["inputs"].items()}
        names = list(case["outputs"])
        outputs = session.run(names, inputs)
        for name, output in zip(names, outputs):
            found = difference(output, tensor(case["outputs"][name]))
            worst, share = max(worst, found), max(share, found / (case["tolerance"] or TOLERANCE))
    return worst, share


def main():
    paths = iter(sys.argv[1:])
    differences = [(path, check(path, cases)) for path, cases in zip(paths, paths, strict=True)]
    assert differences, "there are no files"
    for path, (worst, _) in differences:
        print(f"{path}: {worst:.1e}")
    sys.exit(not all(share <= 1 for _, (_, share) in differences))


if __name__ == "__main__":
    main()
