"""Facts that schemathesis cannot know: files that exist, and the id of a job that has ended.

A valid request becomes one that this service can also carry out:

- Its URIs name files of the bundled example.
- Every second path with a job's id names the job that has ended. No request may delete that job.
- Each has an Idempotency-Key of its own. Two requests with the same key would be one.

Invalid requests stay as they were generated, except that a long poll waits at most one second.
"""

import os
import pathlib
import uuid

import schemathesis
from schemathesis import GenerationMode

EXAMPLE = pathlib.Path(os.environ["OPTIN_CONTRACT_EXAMPLE"])
JOB = os.environ["OPTIN_CONTRACT_JOB"]
UNKNOWN_JOB = "job_00000000-0000-7000-8000-000000000000"
# The key of these requests. No request may revoke it.
OWN_KEY = os.environ["OPTIN_API_KEY"].rsplit("_", 1)[0].replace("optk_", "")

# A target that the example's model can reach by every metric.
REACHABLE = "90%"

calls = 0


def uri(name):
    return (EXAMPLE / name).as_uri()


def name_existing_files(body):
    body["model"]["uri"] = uri("model")
    body["calibration"]["uri"] = uri("calibration.tsv")
    if body.get("evaluation"):
        body["evaluation"]["uri"] = uri("evaluation.tsv")
    if "device" in body:
        # The service has no other device.
        body["device"] = "cpu"


def suit_the_files(body):
    """For operations that read the files: changes what depends on their columns and on the model's groups."""
    body["target"]["value"] = REACHABLE
    body.pop("constraints", None)
    for part in ("calibration", "evaluation"):
        (body.get(part) or {}).pop("mapping", None)


@schemathesis.hook
def before_call(context, case, kwargs):
    global calls
    if case.method == "DELETE" and (case.path_parameters or {}).get("id") in (JOB, OWN_KEY):
        case.path_parameters["id"] = UNKNOWN_JOB
    wait = str((case.query or {}).get("wait", ""))
    if wait.isdecimal() and 1 < int(wait) <= 60:
        # The service waits even if another part of the request is invalid.
        case.query["wait"] = 1
    if case.meta is None or case.meta.generation.mode != GenerationMode.POSITIVE:
        return
    if case.headers and "Idempotency-Key" in case.headers:
        case.headers["Idempotency-Key"] = str(uuid.uuid4())
    if case.headers and "If-Match" in case.headers:
        # A generated version is never the current one.
        del case.headers["If-Match"]
    if case.method == "POST" and case.path in ("/v1/jobs", "/v1/jobs/estimate"):
        name_existing_files(case.body)
        if case.path.endswith("estimate"):
            suit_the_files(case.body)
    elif case.method == "POST" and case.path == "/v1/datasets/inspect":
        case.body["uri"] = uri("calibration.tsv")
        case.body.pop("mapping", None)
    elif case.method == "POST" and case.path == "/v1/webhooks":
        # No resolver knows this name, so nothing is sent.
        case.body["url"] = "https://receiver.invalid/hook"
    elif case.path.startswith("/v1/jobs/{id}") and case.method != "DELETE":
        if case.path.endswith("resolve"):
            case.body["target"]["value"] = REACHABLE
        calls += 1
        if calls % 2:
            case.path_parameters["id"] = JOB
