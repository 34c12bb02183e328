"""A service of its own for the tests, and requests to its API."""

import contextlib
import json
import os
import pathlib
import re
import signal
import subprocess
import time
import urllib.request

ROOT = pathlib.Path(os.environ["OPTIN_DASHBOARD_ROOT"])
BINARY = os.environ["OPTIN_DASHBOARD_BINARY"]
EXAMPLE = ROOT / "examples" / "debian-sections"


class Service:
    """A running service with a data folder."""

    def __init__(self, data, *flags, tenants=()):
        self.data = pathlib.Path(data)
        self.log = self.data / "service.log"
        # A folder for data of the tests.
        self.sources = self.data / "sources"
        self.sources.mkdir()
        # Only one process can use the database, so the keys are created first.
        self.keys = {tenant: self._key(tenant) for tenant in tenants}
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [BINARY, "serve", "--listen", "127.0.0.1:0", "--data-dir", str(self.data / "data"),
                 "--source-root", str(ROOT / "examples"), "--source-root", str(self.sources), "--rate", "10000", "--burst", "10000", *flags],
                stdout=log, stderr=subprocess.STDOUT,
            )
        self.url = self._url()

    def _url(self):
        for _ in range(300):
            found = re.search(r"listening url=(http://\S+)", self.log.read_text())
            if found:
                return found.group(1)
            assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.1)
        raise AssertionError("the service did not log its address within 30 s")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(30)
        self.process.kill()
        self.process.wait()

    def _key(self, tenant):
        command = [BINARY, "keys", "--data-dir", str(self.data / "data"), "create",
                   "--tenant", tenant, "--name", "test", "--scope", "admin"]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def call(self, method, path, body=None, key=None):
        headers = {"Content-Type": "application/json"}
        if key:
            headers["Authorization"] = f"Bearer {key}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        with urllib.request.urlopen(request) as response:
            text = response.read()
        return json.loads(text) if text else None

    def create(self, key=None, **changes):
        return self.call("POST", "/v1/jobs", job(**changes), key)["id"]

    def wait(self, job_id, *states, key=None, seconds=300):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = self.call("GET", f"/v1/jobs/{job_id}", key=key)
            if found["state"] in states:
                return found
            time.sleep(0.2)
        raise AssertionError(f"the job is {found['state']} after {seconds} s: {found}")


def job(**changes):
    """A small job: few rows, no evaluation."""
    body = {
        "model": {"uri": (EXAMPLE / "model").as_uri()},
        "calibration": {"uri": (EXAMPLE / "calibration.tsv").as_uri(), "max_samples": 64},
        "method": {"scoring_samples": 16},
        "target": {"value": "60%"},
    }
    return {**body, **changes}
