"""Measures a service under hostile load on loopback: the time of the probes and of the reads of another tenant.

The load, all of it at the same time:
- 2,000 connections, 10 of each of 200 addresses, which request a big file by one signed URL and read nothing. A
  connection that the service closes is opened again.
- 300 event streams.
- A full queue.

Prints one JSON object. For each request, `quiet` is the time without the load and `loaded` the time with it. Each
request has a connection of its own. `closed` counts the connections of the load that the service closed, and `peak_kib`
is the peak memory of the service.
"""

import argparse
import hashlib
import hmac
import http.client
import json
import multiprocessing
import pathlib
import select
import socket
import struct
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "debian-sections"
READERS = 2_000
READERS_PER_ADDRESS = 10
STREAMS = 300
STREAMS_PER_KEY = 30
QUEUE = 100
BIG_BYTES = 32 << 20
JOB = "job_0190c5a8-7c1e-7f3a-9d56-3f1d2b7a4c10"


def create_key(binary, data, tenant, scope):
    command = [binary, "keys", "create", "--data-dir", data, "--tenant", tenant, "--name", "load", "--scope", scope, "--json"]
    created = json.loads(subprocess.check_output(command))
    return created["key"]


def start(binary, data):
    command = [binary, "serve", "--listen", "127.0.0.1:0", "--log-format", "json", "--data-dir", data]
    command += ["--keys", "required", "--workers", "0", "--max-queued", str(QUEUE), "--source-root", EXAMPLE]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    for line in process.stderr:
        url = json.loads(line).get("fields", {}).get("url")
        if url:
            # The service would block on a full pipe.
            threading.Thread(target=process.stderr.read, daemon=True).start()
            return process, int(url.rsplit(":", 1)[1])
    raise SystemExit("the service did not start")


def call(port, method, path, key, body=None):
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", method=method)
    request.add_header("Authorization", f"Bearer {key}")
    data = None
    if body is not None:
        request.add_header("Content-Type", "application/json")
        data = json.dumps(body).encode()
    try:
        with urllib.request.urlopen(request, data) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def signed_url(data):
    """Stores a big file as a worker would, and signs its URL as the service does."""
    path = data / "artifacts" / "jobs" / JOB / "1" / "big.bin"
    path.parent.mkdir(parents=True)
    path.write_bytes(bytes(BIG_BYTES))
    sha256, expires = hashlib.sha256(bytes(BIG_BYTES)).hexdigest(), str(int(time.time()) + 3_600)
    mac = hmac.new((data / "signing.key").read_bytes(), digestmod="sha256")
    for part in ["optin signed url 1", f"jobs/{JOB}/1/big.bin", sha256, expires]:
        mac.update(struct.pack("<Q", len(part)) + part.encode())
    return f"/v1/blobs/jobs/{JOB}/1/big.bin?sha256={sha256}&expires={expires}&signature={mac.hexdigest()}"


def fill_queue(port, key):
    source = lambda name: {"uri": f"file://{EXAMPLE / name}"}
    body = {"model": source("model"), "calibration": source("calibration.tsv"), "target": {"value": "60%"}}
    jobs = []
    while True:
        status, answer = call(port, "POST", "/v1/jobs", key, body)
        if status == 429 and answer["code"] == "quota_exceeded":
            return jobs
        if status == 429:
            time.sleep(1)
            continue
        assert status == 202, answer
        jobs.append(answer["id"])


class Load:
    """Hostile clients, in a process of their own."""

    def __init__(self, port, url, streams, reconnects):
        self.port, self.reconnects = port, reconnects
        self.closed, self.requests = {"reader": 0, "stream": 0}, []
        for index in range(READERS):
            address = f"127.1.{index // READERS_PER_ADDRESS}.1"
            self.requests.append(("reader", address, f"GET {url} HTTP/1.1\r\nhost: a\r\n\r\n"))
        for index, (job, key) in enumerate(streams):
            head = f"GET /v1/jobs/{job}/events/stream HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {key}\r\n\r\n"
            self.requests.append(("stream", f"127.2.{index // 10}.1", head))

    def open(self, request):
        kind, address, head = request
        stream = socket.socket()
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        stream.bind((address, 0))
        stream.connect(("127.0.0.1", self.port))
        stream.sendall(head.encode())
        stream.setblocking(False)
        # A reader reads nothing, so only the end of its connection is of interest.
        self.poll.register(stream, select.POLLRDHUP | (select.POLLIN if kind == "stream" else 0))
        self.streams[stream.fileno()] = (stream, request)

    def run(self, ready, stop, result):
        self.poll, self.streams = select.poll(), {}
        for request in self.requests:
            self.open(request)
        ready.set()
        budget, last = 0.0, time.monotonic()
        while not stop.is_set():
            now = time.monotonic()
            budget = min(budget + (now - last) * self.reconnects, self.reconnects / 10)
            last = now
            again = []
            for descriptor, event in self.poll.poll(20):
                stream, request = self.streams[descriptor]
                if not event & (select.POLLHUP | select.POLLERR | select.POLLRDHUP) and is_open(stream):
                    continue
                if len(again) >= budget:
                    break
                self.poll.unregister(descriptor)
                del self.streams[descriptor]
                stream.close()
                self.closed[request[0]] += 1
                again.append(request)
            budget -= len(again)
            for request in again:
                self.open(request)
        result.put(self.closed)


def is_open(stream):
    """Discards what has arrived."""
    try:
        return len(stream.recv(65_536)) > 0
    except BlockingIOError:
        return True
    except OSError:
        return False


def timed(port, path, key, source):
    """Returns the time of a request in milliseconds, or None if it failed."""
    begin = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30, source_address=(source, 0))
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {key}"})
        response = connection.getresponse()
        response.read()
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    return (time.perf_counter() - begin) * 1e3 if response.status == 200 else None


def measured(port, requests, seconds):
    times = {name: [] for name in requests}
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for name, (path, key, source) in requests.items():
            times[name].append(timed(port, path, key, source))
        time.sleep(0.05)
    summary = {}
    for name, all_times in times.items():
        values = sorted(value for value in all_times if value is not None)
        at = lambda share: round(values[min(int(len(values) * share), len(values) - 1)], 2)
        failed = len(all_times) - len(values)
        summary[name] = {"requests": len(all_times), "failed": failed, "p50_ms": at(0.5), "p99_ms": at(0.99), "max_ms": at(1)}
    return summary


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30, help="duration of each measurement")
    parser.add_argument("--binary", default=str(ROOT / "target" / "release" / "optin"))
    parser.add_argument("--reconnects", type=float, default=100, help="connections per second that are opened again")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = pathlib.Path(folder)
        hostile = [create_key(options.binary, data, "hostile", "write") for _ in range(STREAMS // STREAMS_PER_KEY)]
        calm = create_key(options.binary, data, "calm", "write")
        service, port = start(options.binary, data)
        try:
            url = signed_url(data)
            calm_job = fill_queue(port, calm)[0]
            requests = {
                "livez": ("/livez", calm, "127.0.0.1"),
                "job": (f"/v1/jobs/{calm_job}", calm, "127.0.0.9"),
                "jobs": ("/v1/jobs?limit=20", calm, "127.0.0.9"),
            }
            quiet = measured(port, requests, options.seconds)
            jobs = fill_queue(port, hostile[0])
            streams = [(jobs[index % len(jobs)], hostile[index // STREAMS_PER_KEY]) for index in range(STREAMS)]
            ready, stop, result = multiprocessing.Event(), multiprocessing.Event(), multiprocessing.Queue()
            load = multiprocessing.Process(target=Load(port, url, streams, options.reconnects).run, args=(ready, stop, result))
            load.start()
            assert ready.wait(120), "the load did not start"
            loaded = measured(port, requests, options.seconds)
            stop.set()
            closed = result.get()
            load.join()
            peak = pathlib.Path(f"/proc/{service.pid}/status").read_text().split("VmHWM:")[1].split()[0]
        finally:
            service.kill()
            service.wait()
    print(json.dumps({"quiet": quiet, "loaded": loaded, "closed": closed, "peak_kib": int(peak)}, indent=1))


if __name__ == "__main__":
    main()
