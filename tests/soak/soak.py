"""Kills processes and breaks connections at random, and checks the histories of all jobs.

Rules that are checked:
- Each acknowledged job ends in exactly one terminal state, which never changes.
- A succeeded job has one published result. All its files exist and have the announced checksums and sizes.
- The attempt number of a job never decreases.
- Requests with the same Idempotency-Key create one job.
- A job with a hostile model or table fails with the code of its fault. Other jobs fail only after ten attempts, or after their
  process was crashed twice in one stage.
- An upload of a broken archive is never completed.
- `/livez` is answered although many clients do not read their responses, and the service does not grow.

No files of other attempts may remain either, but this is not checked here.
"""

import argparse
import hashlib
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request
import uuid

from hostile import SlowReaders, broken_archives, write_inputs
from process import EXAMPLE, LEASE_SECONDS, PROXIES, ROOT, Process

TERMINAL = {"succeeded", "failed", "canceled", "expired"}
WORKERS = 3
MAX_OPEN_JOBS = 6
# Minimum time between two submissions: the test bucket is in memory and keeps every result until the end.
SECONDS_PER_JOB = 6
# Share of the jobs that are hostile.
HOSTILE_SHARE = 0.35
# What the service may take. It runs no job itself.
SERVICE_BYTES = 512 << 20

violations = []


def violation(text):
    print("VIOLATION", text, flush=True)
    violations.append(text)


def call(url, method="GET", body=None, headers=()):
    """Returns the status and the document. The status is 0 if there was no response."""
    request = urllib.request.Request(url, method=method, data=body and json.dumps(body).encode())
    request.add_header("content-type", "application/json")
    for name, value in headers:
        request.add_header(name, value)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, None
    except (OSError, ValueError, EOFError):
        return 0, None
    except Exception as error:  # The server was killed in the middle of a response.
        return (0, None) if "IncompleteRead" in type(error).__name__ or "Remote" in type(error).__name__ else violation(repr(error)) or (0, None)


class Soak:
    def __init__(self, arguments, place):
        self.random = random.Random(arguments.seed)
        self.services = pathlib.Path(arguments.services)
        self.service = Process("serve", "service", place, ["--workers", "0", "--rate", "1000000", "--burst", "1000000"])
        self.workers = [Process("worker", f"worker-{index}", place, ["--workers", "1"]) for index in range(WORKERS)]
        self.jobs = {}  # id -> last document seen
        self.expected = {}  # id of a hostile job -> code with which it fails
        self.inputs = write_inputs(place / "hostile", EXAMPLE)
        self.archives = broken_archives()
        self.slow_readers = SlowReaders(lambda: self.service.url)
        self.peak_bytes = 0
        self.asleep = {}
        self.counts = {}
        self.over = threading.Event()

    def submit(self):
        """Submits a job with one idempotency key until it is acknowledged, and sometimes again after that."""
        key = str(uuid.uuid4())
        valid = {"model": EXAMPLE / "model", "calibration": EXAMPLE / "calibration.tsv"}
        is_hostile = self.random.random() < HOSTILE_SHARE
        paths, code = self.random.choice(self.inputs) if is_hostile else (valid, None)
        sources = {name: {"uri": path.as_uri()} for name, path in paths.items()}
        body = {
            "model": sources["model"],
            "calibration": {**sources["calibration"], "max_samples": 48, "seed": self.random.randrange(1000)},
            "target": {"value": f"{self.random.randrange(40, 80)}%", "tolerance": "3%"},
            "max_attempts": 10,
        }
        ids = set()
        while len(ids) == 0 or self.random.random() < 0.3:
            status, job = call(f"{self.service.url}/v1/jobs", "POST", body, [("Idempotency-Key", key)])
            if status == 202:
                ids.add(job["id"])
                self.jobs.setdefault(job["id"], job)
                if code is not None:
                    self.expected[job["id"]] = code
                    self.count(f"hostile job ({code})")
            elif status not in (0, 500, 503):
                violation(f"POST returned {status}")
            else:
                time.sleep(0.3)
        if len(ids) > 1:
            violation(f"one idempotency key created several jobs: {ids}")

    def poll(self, job_id):
        status, job = call(f"{self.service.url}/v1/jobs/{job_id}")
        if status == 404:
            violation(f"{job_id} was acknowledged but is not found")
        if status != 200:
            return self.jobs[job_id]
        before = self.jobs[job_id]
        if before["state"] in TERMINAL and (job["state"], job["attempt"]) != (before["state"], before["attempt"]):
            violation(f"{job_id} changed after its end: {before['state']} (attempt {before['attempt']}) to {job['state']} (attempt {job['attempt']})")
        if job["attempt"] < before["attempt"]:
            violation(f"the attempt number of {job_id} decreased")
        self.jobs[job_id] = job
        return job

    def drive(self):
        """Keeps some jobs open and cancels a few."""
        next_job = time.monotonic()
        while not self.over.is_set():
            open_jobs = [job_id for job_id, job in list(self.jobs.items()) if job["state"] not in TERMINAL]
            if len(open_jobs) < MAX_OPEN_JOBS and time.monotonic() > next_job:
                next_job = time.monotonic() + SECONDS_PER_JOB
                self.submit()
            for job_id in open_jobs:
                self.poll(job_id)
            if self.random.random() < 0.05:
                self.upload_broken_archive()
            if open_jobs and self.random.random() < 0.02:
                call(f"{self.service.url}/v1/jobs/{self.random.choice(open_jobs)}/cancel", "POST", {})
                self.count("cancel")
            time.sleep(0.3)

    def upload_broken_archive(self):
        content = self.random.choice(self.archives)
        body = {"name": "model.tar", "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        status, upload = call(f"{self.service.url}/v1/uploads", "POST", body)
        if status != 201:
            return
        request = urllib.request.Request(upload["put"]["url"], method="PUT", data=content)
        for name, value in upload["put"]["headers"].items():
            request.add_header(name, value)
        try:
            urllib.request.urlopen(request, timeout=20).close()
        except (OSError, EOFError):
            pass
        url = f"{self.service.url}/v1/uploads/{upload['id']}"
        status, _ = call(f"{url}/complete", "POST", {})
        # 409: the content has not arrived.
        if status not in (0, 409, 422, 500, 503):
            violation(f"completing a broken archive returned {status}")
        self.count(f"broken archive ({status})")
        call(url, "DELETE")

    def crash_child(self):
        """Crashes the process of a random job."""
        children = [child for worker in self.workers for child in worker.children()]
        if children:
            try:
                os.kill(self.random.choice(children), signal.SIGABRT)
                self.count("crashed child")
            except ProcessLookupError:
                pass

    def check_service(self):
        """Checks that the service answers, and what memory it takes."""
        try:
            urllib.request.urlopen(f"{self.service.url}/livez", timeout=20).close()
        except OSError as error:
            violation(f"/livez: {error}")
        self.peak_bytes = max(self.peak_bytes, self.service.peak_bytes())
        if self.peak_bytes > SERVICE_BYTES:
            violation(f"the service takes {self.peak_bytes >> 20} MiB")

    def count(self, what):
        self.counts[what] = self.counts.get(what, 0) + 1

    def server(self, name, command):
        subprocess.run([ROOT / "tests/services" / name, command, self.services / name], check=True, stdout=subprocess.DEVNULL)

    def harm(self):
        """Injects one random fault."""
        harms = {
            "kill worker": 6, "stop worker": 4, "terminate worker": 3, "kill service": 3, "crash database": 1,
            "crash bucket": 1, "cut connections": 2, "refuse database": 2, "refuse bucket": 2, "stall database": 3,
            "stall bucket": 3, "swallow database": 8, "swallow bucket": 8,
            "crash child": 6,
        }
        what = self.random.choices(list(harms), list(harms.values()))[0]
        self.count(what)
        if what in ("kill worker", "terminate worker"):
            worker = self.random.choice([worker for worker in self.workers if worker not in self.asleep])
            worker.kill(signal.SIGTERM if what.startswith("terminate") else signal.SIGKILL)
            worker.start()
        elif what == "stop worker" and len(self.asleep) < WORKERS - 1:
            worker = self.random.choice([worker for worker in self.workers if worker not in self.asleep])
            worker.signal(signal.SIGSTOP)
            self.asleep[worker] = time.monotonic() + self.random.uniform(1, 3 * LEASE_SECONDS)
        elif what == "crash child":
            self.crash_child()
        elif what == "kill service":
            self.service.kill()
            self.service.start()
        elif what == "crash database":
            self.server("postgres", "crash")
            time.sleep(self.random.uniform(0, 4))
            self.server("postgres", "restart")
        elif what == "crash bucket":
            self.server("rgw", "crash")
            time.sleep(self.random.uniform(0, 4))
            self.server("rgw", "restart")
        elif what.startswith(("refuse", "stall")):
            mode, place = what.split()
            PROXIES[place].set(mode)
            # Sometimes longer than a lease.
            time.sleep(self.random.choice([1, 3, 3 * LEASE_SECONDS]) * self.random.random())
            PROXIES[place].set("pass")
        elif what.startswith("swallow"):
            PROXIES[what.split()[1]].swallow(self.random.choice(["cut", "silence"]))
        elif what == "cut connections":
            psql = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/psql"))[-1]
            subprocess.run(
                [psql, os.environ["OPTIN_TEST_DATABASE_URL"], "-qc",
                 "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'optin'"],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False,
            )

    def wake(self, all_of_them=False):
        for worker, until in list(self.asleep.items()):
            if all_of_them or time.monotonic() > until:
                worker.signal(signal.SIGCONT)
                del self.asleep[worker]

    def run(self, minutes):
        driver = threading.Thread(target=self.drive)
        driver.start()
        end = time.monotonic() + 60 * minutes
        printed = time.monotonic()
        while time.monotonic() < end and not violations:
            time.sleep(self.random.uniform(0.5, 6))
            self.wake()
            self.harm()
            self.check_service()
            if time.monotonic() - printed > 60:
                printed = time.monotonic()
                states = [job["state"] for job in list(self.jobs.values())]
                print({state: states.count(state) for state in set(states)}, self.counts, flush=True)
        self.over.set()
        self.wake(all_of_them=True)
        driver.join()
        self.slow_readers.over.set()

    def settle(self):
        """Waits without faults until every job has ended."""
        end = time.monotonic() + 300
        while any(self.poll(job_id)["state"] not in TERMINAL for job_id in list(self.jobs)):
            if time.monotonic() > end:
                return violation(f"jobs did not end: {[job for job in self.jobs.values() if job['state'] not in TERMINAL]}")
            time.sleep(0.5)

    def check(self, job_id, job):
        url = f"{self.service.url}/v1/jobs/{job_id}"
        types = [event["type"] for event in call(f"{url}/events?limit=1000")[1]["data"]]
        ends = [name for name in types if name in TERMINAL]
        if ends != [job["state"]]:
            violation(f"{job_id} is {job['state']}, but its history has the end events {ends}")
        self.check_failure(job_id, job)
        if job["state"] != "succeeded":
            return
        files = call(f"{url}/artifacts")[1]["data"]
        if len(files) < 10:
            violation(f"{job_id} has only {len(files)} files")
        for file in files:
            with urllib.request.urlopen(self.service.url + file["href"], timeout=60) as answer:
                content = answer.read()
            if hashlib.sha256(content).hexdigest() != file["sha256"] or len(content) != file["bytes"]:
                violation(f"{job_id}: {file['name']} does not match its announced checksum or size")


    def check_failure(self, job_id, job):
        expected = self.expected.get(job_id)
        if job["state"] == "succeeded" and expected is not None:
            violation(f"{job_id} succeeded with a hostile input ({expected})")
        if job["state"] != "failed":
            return
        # A job may fail after ten attempts, its maximum, or after the second crash in one stage.
        allowed = {"attempts_exhausted", expected}
        if self.counts.get("crashed child", 0) >= 2:
            allowed.add("crashed")
        if job["error"]["code"] not in allowed:
            violation(f"{job_id} failed, expected {expected}: {job['error']}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--services", required=True)
    arguments = parser.parse_args()
    print("seed", arguments.seed, flush=True)
    place = pathlib.Path(tempfile.mkdtemp())
    # Use a copy of the binary, because a build may replace it during the test.
    shutil.copy2(ROOT / "target/debug/optin", place / "optin")
    (place / "hostile").mkdir()
    soak = Soak(arguments, place)
    try:
        soak.run(arguments.minutes)
        soak.settle()
        for job_id, job in soak.jobs.items():
            soak.check(job_id, job)
    finally:
        for process in [soak.service, *soak.workers]:
            process.child.kill()
    states = [job["state"] for job in soak.jobs.values()]
    attempts = [job["attempt"] for job in soak.jobs.values()]
    codes = [job["error"]["code"] for job in soak.jobs.values() if job["state"] == "failed"]
    failures = {code: codes.count(code) for code in sorted(set(codes))}
    print(json.dumps({
        "jobs": len(states),
        "states": {state: states.count(state) for state in sorted(set(states))},
        "attempts": sum(attempts),
        "most_attempts": max(attempts, default=0),
        "harm": soak.counts,
        "failures": failures,
        "slow_readers": soak.slow_readers.opened,
        "service_peak_mib": soak.peak_bytes >> 20,
        "violations": violations,
    }))
    if violations:
        raise SystemExit(f"{len(violations)} violations; the logs are in {place}")
    shutil.rmtree(place)


main()
