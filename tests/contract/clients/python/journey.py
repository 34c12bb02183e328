"""What the Python journeys share: the service's address, the example's files, and the name of the current step."""

from __future__ import annotations

import contextlib
import hashlib
import os
import pathlib
import sys
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

URL = os.environ["OPTIN_CONTRACT_URL"]
API_KEY = os.environ["OPTIN_API_KEY"]
EXAMPLE = pathlib.Path(os.environ["OPTIN_CONTRACT_EXAMPLE"])
MODEL_URI = (EXAMPLE / "model").as_uri()
CALIBRATION_URI = (EXAMPLE / "calibration.tsv").as_uri()


@contextlib.contextmanager
def step(name: str) -> Iterator[None]:
    """Names the step that fails."""
    try:
        yield
    except BaseException:
        print(f"FAILED: {name}", file=sys.stderr)
        raise
    print(f"ok: {name}")


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def signed(url: str) -> tuple[list[str], dict[str, str]]:
    """Segments of the path and parameters of the query of a signed URL."""
    parts = urlsplit(url)
    return parts.path.strip("/").split("/"), {name: values[0] for name, values in parse_qs(parts.query).items()}
