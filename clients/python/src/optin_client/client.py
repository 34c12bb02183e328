"""Calls of the HTTP API."""

from __future__ import annotations

import hashlib
import os
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from .errors import DropError, JobError, OptinError, ServiceError
from .progress import Bar

# Seconds for which the service holds a request until the job changes.
WAIT = 30
# Times that a request is sent again if the service did not answer it, and the longest time between two of them in seconds.
ATTEMPTS = 6
LONGEST_PAUSE = 10.0
TERMINAL = {"succeeded", "failed", "canceled", "expired"}

Job = dict[str, Any]


class Client:
    """A client of one service.

    `url` is the address of the service. `api_key` defaults to the environment variable OPTIN_API_KEY.
    """

    def __init__(self, url: str, api_key: str | None = None, timeout: float = 60.0) -> None:
        key = api_key or os.environ.get("OPTIN_API_KEY")
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._http = httpx.Client(base_url=url, headers=headers, timeout=timeout)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def submit(
        self,
        model: str | Mapping[str, Any],
        calibration: str | Mapping[str, Any],
        target: str | Mapping[str, Any],
        **properties: Any,
    ) -> Job:
        """Creates a job. `target` is the percentage of the FLOPs to keep, for example "60%"."""
        body = {
            "model": _source(model),
            "calibration": _source(calibration),
            "target": {"value": target} if isinstance(target, str) else dict(target),
            **properties,
        }
        if "evaluation" in body:
            body["evaluation"] = _source(body["evaluation"])
        # The same key makes a repeated request safe.
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        return _document(self._call("POST", "/v1/jobs", json=body, headers=headers))

    def job(self, job: Job | str) -> Job:
        """Returns the present state of a job."""
        return _document(self._call("GET", f"/v1/jobs/{_id(job)}"))

    def cancel(self, job: Job | str) -> Job:
        """Cancels a job."""
        return _document(self._call("POST", f"/v1/jobs/{_id(job)}/cancel"))

    def wait(self, job: Job | str, progress: bool | None = None, max_drop: float | None = None) -> Job:
        """Waits until a job has ended, and returns it.

        Raises JobError if it has no result. With `max_drop`, raises DropError if the main metric of the evaluation falls by more than
        so many hundredths. `progress` shows a bar; by default, if standard error is a terminal.
        """
        bar = Bar(progress)
        etag = None
        try:
            while True:
                headers: dict[str, str] = {"If-None-Match": etag} if etag else {}
                timeout = httpx.Timeout(self._http.timeout.read, read=WAIT + 30.0)
                path = f"/v1/jobs/{_id(job)}"
                answer = self._call("GET", path, params={"wait": WAIT}, headers=headers, timeout=timeout)
                if answer.status_code != 304:
                    found = _document(answer)
                    etag = answer.headers.get("ETag")
                    bar.show(found)
                    if found["state"] in TERMINAL:
                        break
        finally:
            bar.close()
        if found["state"] != "succeeded":
            raise JobError(found)
        if max_drop is not None:
            _check_drop(found, max_drop)
        return found

    def artifacts(self, job: Job | str) -> list[dict[str, Any]]:
        """Returns the files of a job's result, with sizes and SHA-256."""
        files: list[dict[str, Any]] = _document(self._call("GET", f"/v1/jobs/{_id(job)}/artifacts"))["data"]
        return files

    def download(self, job: Job | str, folder: str | Path) -> Path:
        """Downloads all files of a result into a folder, and compares their checksums.

        Files that are there already, with the right content, are kept.
        """
        folder = Path(folder)
        files = self.artifacts(job)
        if not files:
            raise OptinError(f"{_id(job)} has no result yet")
        for file in files:
            path = folder / file["name"]
            if not (path.is_file() and _digest(path) == file["sha256"]):
                path.parent.mkdir(parents=True, exist_ok=True)
                self._fetch(_id(job), file, path)
        return folder

    def _fetch(self, job: str, file: dict[str, Any], path: Path) -> None:
        """Downloads one file through a signed URL."""
        signed = _document(self._call("GET", f"/v1/jobs/{job}/artifacts/{quote(file['name'])}/url"))
        draft = path.with_name(path.name + ".part")
        digest = hashlib.sha256()
        # The URL is its own permission, so the key is not sent: the URL may be that of a bucket.
        with httpx.stream("GET", signed["url"], timeout=self._http.timeout, follow_redirects=True) as answer:
            if answer.status_code != 200:
                raise OptinError(f"{file['name']}: the download ended with status {answer.status_code}")
            with draft.open("wb") as out:
                for chunk in answer.iter_bytes():
                    digest.update(chunk)
                    out.write(chunk)
        if digest.hexdigest() != file["sha256"]:
            draft.unlink()
            raise OptinError(f"{file['name']} arrived with another SHA-256 than the service states; download it again")
        draft.replace(path)

    def _call(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        """Sends a request, again if the service could not answer it."""
        for attempt in range(ATTEMPTS):
            last = attempt + 1 == ATTEMPTS
            pause = min(0.5 * 2**attempt, LONGEST_PAUSE)
            try:
                answer = self._http.request(method, path, **arguments)
            except httpx.TransportError as error:
                if last:
                    raise OptinError(f"the service at {self._http.base_url} does not answer: {error}") from error
            else:
                if answer.is_success or answer.status_code == 304:
                    return answer
                if last or answer.status_code not in {429, 502, 503, 504}:
                    raise ServiceError(answer.status_code, _problem(answer))
                pause = min(float(answer.headers.get("Retry-After", pause)), LONGEST_PAUSE)
            time.sleep(pause)
        raise AssertionError("the last attempt returns or raises")


def _problem(answer: httpx.Response) -> dict[str, Any]:
    """Returns the problem document of a response, if it has one."""
    if "json" in answer.headers.get("Content-Type", ""):
        return _document(answer)
    return {}


def _document(answer: httpx.Response) -> dict[str, Any]:
    """Returns the JSON object of a response."""
    document: dict[str, Any] = answer.json()
    return document


def _source(source: str | Mapping[str, Any]) -> dict[str, Any]:
    return {"uri": source} if isinstance(source, str) else dict(source)


def _id(job: Job | str) -> str:
    return job if isinstance(job, str) else job["id"]


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() if hasattr(hashlib, "file_digest") else hashlib.sha256(file.read()).hexdigest()


def _check_drop(job: Job, max_drop: float) -> None:
    evaluation = job["report"].get("evaluation")
    if evaluation is None:
        raise DropError("the job has no evaluation, so its loss is unknown; submit it with evaluation=...")
    score = evaluation["score"]
    drop = 100 * (score["before"] - score["after"])
    if drop > max_drop:
        raise DropError(
            f"{evaluation['metric']} fell from {score['before']:.4f} to {score['after']:.4f}, by {drop:.2f} points; the limit is {max_drop}"
        )
