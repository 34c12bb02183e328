"""Checks that pruned models behave like the built-in classes of transformers.

    python behavior [--major N] [--modeling FILE] [--only TEXT] [RESULT...]

Compares each class of the modeling file with the built-in class (pairs.py), for random models and for the results of
optin that are given. Prints one line for each check, and exits with 1 if one fails. FILE replaces the modeling file, to
show that a wrong one fails. TEXT selects checks and models by a part of `model: check`.
"""

import argparse
import logging
import sys
import tempfile
import time
import warnings
from pathlib import Path

# These modules add their checks to the registry.
import first  # noqa: F401
import forward  # noqa: F401
import saving  # noqa: F401
import tools  # noqa: F401
import torch
import training  # noqa: F401
import transformers
from pairs import CLASSES, MODELING, WHOLE_HEADS, Fault, auto_class, random_pair, widened_pair
from registry import CLASSIFIERS, checks_of


def run(pair, name, function):
    """Runs a check and prints its result. Returns whether it holds."""
    start, word = time.monotonic(), "ok  "
    try:
        remark = function(pair)
    except Exception as error:
        word, remark = "FAIL", error if isinstance(error, Fault) else f"{type(error).__name__}: {error}"
    remark = f": {' '.join(str(remark).split())[:300]}" if remark else ""
    print(f"{word} {pair.name}: {name}{remark} ({time.monotonic() - start:.1f} s)", flush=True)
    return word != "FAIL"


def pairs(folder, arguments):
    modeling = arguments.modeling or MODELING
    for auto in CLASSES:
        for labels in {"AutoModelForSequenceClassification": (3, 1), "AutoModelForQuestionAnswering": (2,)}.get(auto, (3,)):
            yield random_pair(folder / f"{auto}-{labels}", auto, modeling, labels)
    # The configuration of these has no widths of heads.
    for auto in CLASSIFIERS:
        yield random_pair(folder / f"{auto}-whole", auto, modeling, kept=WHOLE_HEADS)
    for at, result in enumerate(arguments.results):
        if auto_class(result) is None:
            print(f"skip {result}: only results of {MODELING.name} have these checks")
            continue
        yield widened_pair(folder / f"result-{at}", result, arguments.modeling)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--major", help="required major version of transformers")
    parser.add_argument("--modeling", type=Path, help="modeling file to check instead of the one that optin writes")
    parser.add_argument("--only", default="", help="part of the names of the checks to run")
    parser.add_argument("results", nargs="*", type=Path, metavar="RESULT")
    arguments = parser.parse_args()
    # Warnings that the checks are about are recorded by those checks.
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    torch.set_num_threads(1)
    version = transformers.__version__
    print(f"transformers {version}, torch {torch.__version__}")
    if arguments.major not in (None, version.split(".")[0]):
        sys.exit(f"transformers {arguments.major} is required, but {version} is running")
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for pair in pairs(Path(folder), arguments):
            for name, function in checks_of(pair):
                if arguments.only in f"{pair.name}: {name}":
                    results.append(run(pair, name, function))
    print(f"{sum(results)} of {len(results)} checks passed")
    sys.exit(not results or not all(results))


if __name__ == "__main__":
    main()
