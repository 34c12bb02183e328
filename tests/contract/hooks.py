"""What a generator cannot know: files that are there, and the name of a job.

A request that the document allows is turned into one that this service can also carry out: its URIs
lead to the bundled example, and half of all paths name a job that has ended, which nobody may delete.
Everything else stays as it was generated; requests that are wrong on purpose are not touched, but that
any long poll waits a second at most. No two good requests share an Idempotency-Key, which would make
them one.
"""

import os
import pathlib
import uuid

import schemathesis
from schemathesis import GenerationMode

EXAMPLE = pathlib.Path(os.environ["OPTIN_CONTRACT_EXAMPLE"])
JOB = os.environ["OPTIN_CONTRACT_JOB"]

# The key of these very requests; it must stay good.
OWN_KEY = os.environ["OPTIN_API_KEY"].rsplit("_", 1)[0].replace("optk_", "")
NOBODY = "job_00000000-0000-7000-8000-000000000000"

calls = 0


def uri(name):
    return (EXAMPLE / name).as_uri()


def name_real_files(body, estimate):
    body["model"]["uri"] = uri("model")
    body["calibration"]["uri"] = uri("calibration.tsv")
    if body.get("evaluation"):
        body["evaluation"]["uri"] = uri("evaluation.tsv")
    if "device" in body:
        # On what a service runs jobs is a fact, too.
        body["device"] = "cpu"
    if estimate:
        # An estimate reads the files: their columns, the model's groups and what it can reach are facts, not shapes.
        body["target"]["value"] = "60%"
        body.pop("constraints", None)
        for part in ("calibration", "evaluation"):
            (body.get(part) or {}).pop("mapping", None)


@schemathesis.hook
def before_call(context, case, kwargs):
    global calls
    if case.method == "DELETE" and (case.path_parameters or {}).get("id") in (JOB, OWN_KEY):
        case.path_parameters["id"] = NOBODY
    wait = str((case.query or {}).get("wait", ""))
    if wait.isdecimal() and 1 < int(wait) <= 60:
        # Whatever else is wrong with the request: a good wait is waited for.
        case.query["wait"] = 1
    if case.meta is None or case.meta.generation.mode != GenerationMode.POSITIVE:
        return
    if case.headers and "Idempotency-Key" in case.headers:
        case.headers["Idempotency-Key"] = str(uuid.uuid4())
    if case.headers and "If-Match" in case.headers:
        # No generated version is the current one.
        del case.headers["If-Match"]
    if case.method == "POST" and case.path in ("/v1/jobs", "/v1/jobs/estimate"):
        name_real_files(case.body, case.path.endswith("estimate"))
    elif case.method == "POST" and case.path == "/v1/webhooks":
        # A name that no resolver knows: nothing is sent anywhere.
        case.body["url"] = "https://receiver.invalid/hook"
    elif case.path.startswith("/v1/jobs/{id}") and case.method != "DELETE":
        calls += 1
        if calls % 2:
            case.path_parameters["id"] = JOB
