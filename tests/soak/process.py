"""The processes of the soak test: services and workers behind proxies, with little memory."""

import json
import os
import pathlib
import resource
import signal
import subprocess
import time
import urllib.parse

from hostile import MEMORY_BYTES
from proxy import Proxy

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "debian-sections"
LEASE_SECONDS = 5


def in_front_of(url):
    address = urllib.parse.urlsplit(url)
    return Proxy(address.hostname, address.port)


def behind(proxy, url):
    """Returns the URL with the address of the proxy instead of the server."""
    address = urllib.parse.urlsplit(url)
    before, at, _ = address.netloc.rpartition("@")
    return address._replace(netloc=f"{before}{at}127.0.0.1:{proxy.port}").geturl()


PROXIES = {
    "database": in_front_of(os.environ["OPTIN_TEST_DATABASE_URL"]),
    "bucket": in_front_of(os.environ["OPTIN_TEST_S3_ENDPOINT"]),
}


class Process:
    """A service or worker process, which is restarted after each kill."""

    def __init__(self, verb, name, place, extra):
        self.command = [
            str(place / "optin"), verb, "--listen", "127.0.0.1:0", "--log-format", "json",
            "--data-dir", str(place / name), "--source-root", str(EXAMPLE), "--source-root", str(place / "hostile"),
            "--lease", f"{LEASE_SECONDS}s", *extra,
        ]
        self.environment = {
            **os.environ,
            "DATABASE_URL": behind(PROXIES["database"], os.environ["OPTIN_TEST_DATABASE_URL"]),
            "OPTIN_STORAGE_URL": f"s3://{os.environ['OPTIN_TEST_S3_BUCKET']}/soak",
            "AWS_ENDPOINT_URL": behind(PROXIES["bucket"], os.environ["OPTIN_TEST_S3_ENDPOINT"]),
            "AWS_ACCESS_KEY_ID": os.environ["OPTIN_TEST_S3_ACCESS_KEY"],
            "AWS_SECRET_ACCESS_KEY": os.environ["OPTIN_TEST_S3_SECRET_KEY"],
        }
        self.log = place / f"{name}.log"
        self.start()

    def start(self):
        """Starts the process and retries until it listens, because its stores may be unavailable at first."""
        while True:
            with self.log.open("ab") as log:
                self.child = subprocess.Popen(
                    self.command, env=self.environment, stderr=log, stdout=log, preexec_fn=limit_memory)
            begun = self.log.stat().st_size
            for _ in range(300):
                if self.child.poll() is not None:
                    break
                with self.log.open() as log:
                    log.seek(begun)
                    for line in log:
                        fields = line.startswith("{") and line.endswith("}\n") and json.loads(line).get("fields", {})
                        if fields and fields.get("message") == "listening":
                            self.url = fields["url"]
                            return
                time.sleep(0.05)
            self.child.kill()
            self.child.wait()
            time.sleep(0.5)

    def kill(self, how=signal.SIGKILL):
        self.child.send_signal(how)
        self.child.wait()

    def signal(self, what):
        self.child.send_signal(what)

    def peak_bytes(self):
        """Returns the largest memory that the process has had, or 0 if it has ended."""
        try:
            status = pathlib.Path(f"/proc/{self.child.pid}/status").read_text()
        except OSError:
            return 0
        return next((int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("VmHWM:")), 0)

    def children(self):
        """Returns the processes of jobs."""
        children = pathlib.Path(f"/proc/{self.child.pid}/task").glob("*/children")
        return [int(child) for file in children for child in file.read_text().split()]


def limit_memory():
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
