"""Measures the time to the first byte of the pages of the dashboard beside many queued jobs.

    python3 benches/pages.py BINARY [--database-url postgres://user@host/database] [--jobs 5000] [--requests 40]

Starts a service on SQLite, and one on PostgreSQL if it gets the URL of an empty database. In each, it first runs a small job, so that
there is a page with a result. Prints the median and the maximum for each page, and its size when compressed with gzip. The requests go
over one connection, to each page in turn. Fails if a page has a median above 50 ms or more than 100 kB.

Needs only the standard library. Build the binary with --release.
"""

import argparse
import contextlib
import gzip
import http.client
import json
import pathlib
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from urllib.parse import quote, urlsplit

EXAMPLE = pathlib.Path(__file__).resolve().parent.parent / "examples" / "debian-sections"
MODEL = quote((EXAMPLE / "model").as_uri(), safe="")
MAX_MS = 50
MAX_BYTES = 100_000
WARM_UP = 2


def body(**changes):
    request = {
        "model": {"uri": (EXAMPLE / "model").as_uri()},
        "calibration": {"uri": (EXAMPLE / "calibration.tsv").as_uri(), "max_samples": 64},
        "method": {"scoring_samples": 16},
        "target": {"value": "60%"},
        **changes,
    }
    return json.dumps(request)


@contextlib.contextmanager
def serving(binary, data, workers, database_url):
    """Runs a service, and yields a connection to it."""
    flags = ["--database-url", database_url] if database_url else []
    with (data / "log").open("w+") as log:
        process = subprocess.Popen(
            [binary, "serve", "--listen", "127.0.0.1:0", "--data-dir", data / "data", "--source-root", EXAMPLE, "--workers", str(workers),
             "--rate", "100000", "--burst", "100000", *flags],
            stdout=log, stderr=subprocess.STDOUT,
        )
        try:
            yield http.client.HTTPConnection(address(process, data / "log"))
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def address(process, log):
    for _ in range(600):
        found = re.search(r"listening url=(http://\S+)", log.read_text())
        if found:
            return urlsplit(found.group(1)).netloc
        if process.poll() is not None:
            break
        time.sleep(0.1)
    sys.exit(f"the service does not listen:\n{log.read_text()}")


def call(connection, method, path, content=None):
    connection.request(method, path, content, {"Content-Type": "application/json"} if content else {})
    response = connection.getresponse()
    text = response.read()
    if response.status >= 300:
        sys.exit(f"{method} {path}: {response.status} {text.decode()}")
    return json.loads(text)


def finished(connection):
    """Runs a job. Returns its id."""
    created = call(connection, "POST", "/v1/jobs", body())["id"]
    while True:
        job = call(connection, "GET", f"/v1/jobs/{created}?wait=30")
        if job["state"] == "succeeded":
            return created
        if job["finished_at"]:
            sys.exit(f"the job has not succeeded: {job['error']}")


def first_byte(connection, path):
    """Returns the milliseconds until the response begins, and the size of the page when compressed."""
    start = time.perf_counter()
    connection.request("GET", path)
    response = connection.getresponse()
    took = (time.perf_counter() - start) * 1e3
    page = response.read()
    if response.status != 200:
        sys.exit(f"{path}: {response.status}")
    return took, len(gzip.compress(page))


def measure(binary, name, database_url, arguments):
    """Prints a row for each page. Returns whether all are fast and small."""
    fine = True
    with tempfile.TemporaryDirectory() as folder:
        data = pathlib.Path(folder)
        with serving(binary, data, 1, database_url) as connection:
            result = finished(connection)
        with serving(binary, data, 0, database_url) as connection:
            for number in range(arguments.jobs):
                labels = {"team": f"team-{number % 7}"}
                queued = call(connection, "POST", "/v1/jobs", body(labels=labels))["id"]
            pages = [
                "/", "/?state=queued", "/?state=succeeded", "/?label=team%3Ateam-3", f"/?model={MODEL}", "/new", f"/new?from={queued}",
                "/operations", f"/jobs/{queued}", f"/jobs/{result}", f"/compare?job={result}&job={queued}",
            ]
            times = {page: [] for page in pages}
            sizes = {}
            for turn in range(WARM_UP + arguments.requests):
                for page in pages:
                    took, sizes[page] = first_byte(connection, page)
                    if turn >= WARM_UP:
                        times[page].append(took)
    for page in pages:
        median, most = statistics.median(times[page]), max(times[page])
        shown = page.replace(queued, "QUEUED").replace(result, "RESULT").replace(MODEL, "MODEL")
        over = median > MAX_MS or sizes[page] > MAX_BYTES
        fine = fine and not over
        print(f"{name:<12}{shown:<36}{median:>8.1f} ms{most:>10.1f} ms{sizes[page] / 1e3:>10.1f} kB{'  over the limit' if over else ''}")
    return fine


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("--database-url")
    parser.add_argument("--jobs", type=int, default=5_000)
    parser.add_argument("--requests", type=int, default=40)
    arguments = parser.parse_args()
    print(f"{'database':<12}{'page':<36}{'median':>11}{'maximum':>13}{'gzip':>13}")
    fine = measure(arguments.binary, "SQLite", None, arguments)
    if arguments.database_url:
        fine = measure(arguments.binary, "PostgreSQL", arguments.database_url, arguments) and fine
    sys.exit(0 if fine else 1)


if __name__ == "__main__":
    main()
