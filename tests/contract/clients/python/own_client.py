"""The journey of README.md of the Python client: submit, wait, download, and ask the pruned model."""

import json
import sys
from pathlib import Path

import numpy
from journey import CALIBRATION_URI, EXAMPLE, MODEL_URI, URL, step
from optin_client import Client, DropError, JobError, Pruned, ServiceError


def fails(error, call):
    """Calls a function that must raise the error, and returns the error."""
    try:
        call()
    except error as raised:
        return raised
    raise AssertionError(f"{error.__name__} was not raised")


def main():
    folder = Path(sys.argv[1]) / "pruned"
    with Client(URL) as client:
        with step("submit and wait"):
            evaluation = {"uri": (EXAMPLE / "evaluation.tsv").as_uri(), "max_samples": 100}
            job = client.submit(MODEL_URI, CALIBRATION_URI, "60%", evaluation=evaluation)
            job = client.wait(job, progress=True, max_drop=100.0)
            assert job["state"] == "succeeded"
        with step("a limit of the loss"):
            fails(DropError, lambda: client.wait(job, max_drop=-100.0))
        with step("download"):
            client.download(job, folder)
            names = {path.name for path in folder.iterdir()}
            assert {"model.safetensors", "model.onnx", "report.html", "SHA256SUMS"} <= names, names
            changed = folder / "config.json"
            changed.write_text("{}")
            client.download(job, folder)
            assert changed.read_text() != "{}"
        with step("ask the pruned model"):
            model = Pruned(folder, threads=1)
            rows = json.loads((folder / "verify.json").read_text())["rows"]
            rows = [row for row in rows if row["text"] and not row["text_pair"]]
            expected = numpy.array([row["logits"] for row in rows], dtype=numpy.float32)
            found = model.logits([row["text"] for row in rows])
            assert numpy.abs(found - expected).max() < 1e-3, (found, expected)
            label = model(rows[0]["text"])
            assert label.name == model.labels[int(expected[0].argmax())] and 0 < label.score <= 1, label
        with step("errors"):
            refused = fails(ServiceError, lambda: client.submit("file:///nowhere", CALIBRATION_URI, "60%"))
            assert refused.code == "source_not_found" and refused.request_id, refused
            canceled = client.cancel(client.submit(MODEL_URI, CALIBRATION_URI, "55%", method={"scoring_samples": 256}))
            assert fails(JobError, lambda: client.wait(canceled)).code == "canceled"


if __name__ == "__main__":
    main()
