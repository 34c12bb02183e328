"""The journey through the Python client that OpenAPI Generator generates."""

from __future__ import annotations

import json

import urllib3
from optin_openapi import (
    ApiClient,
    ArtifactsApi,
    Calibration,
    Configuration,
    CreateJob,
    CreateUpload,
    CreateWebhook,
    JobEventType,
    JobsApi,
    JobState,
    ModelSource,
    Target,
    UploadsApi,
    WebhooksApi,
    WebhookTopic,
)
from optin_openapi.exceptions import NotFoundException

from journey import API_KEY, CALIBRATION_URI, EXAMPLE, MODEL_URI, URL, sha256, signed, step
from receiver import Receiver

client = ApiClient(Configuration(host=URL, access_token=API_KEY))
jobs, artifacts, uploads, webhooks = JobsApi(client), ArtifactsApi(client), UploadsApi(client), WebhooksApi(client)


def main(receiver: Receiver) -> None:
    with step("create a webhook"):
        subscription = CreateWebhook(url=receiver.url, events=[WebhookTopic.JOB_DOT_SUCCEEDED])
        webhook = webhooks.create_webhook(subscription)
        assert webhook.secret is not None

    with step("create a job with the minimal body"):
        body = CreateJob(
            model=ModelSource(uri=MODEL_URI),
            calibration=Calibration(uri=CALIBRATION_URI),
            target=Target(value="60%"),
        )
        job = jobs.create_job(body)

    with step("wait until the job has ended"):
        while job.state in (JobState.QUEUED, JobState.RUNNING):
            job = jobs.get_job(job.id, wait=30)
        assert job.state == JobState.SUCCEEDED, job

    with step("read the report"):
        assert job.report is not None
        size = job.report.size
        assert size.after.macs < size.before.macs
        assert all(0 < group.kept <= group.width for group in job.report.groups)

    with step("list the jobs that succeeded, one a page"):
        found: list[str] = []
        cursor: str | None = None
        while True:
            page = jobs.list_jobs(limit=1, state=[JobState.SUCCEEDED], cursor=cursor)
            found += [listed.id for listed in page.data]
            if not page.has_more:
                break
            cursor = page.next_cursor
        assert job.id in found and len(found) == len(set(found)) > 1, found

    with step("read the events as a page"):
        events = jobs.list_job_events(job.id)
        assert events.data[0].type == JobEventType.QUEUED
        assert events.data[-1].type == JobEventType.SUCCEEDED

    with step("create an upload"):
        content = (EXAMPLE / "calibration.tsv").read_bytes()
        upload = uploads.create_upload(CreateUpload(name="rows.tsv", bytes=len(content), sha256=sha256(content)))

    with step("put its content"):
        assert upload.put is not None
        path, query = signed(upload.put.url)
        uploads.put_upload(
            path[-2],
            path[-1],
            sha256=query["sha256"],
            bytes=int(query["bytes"]),
            expires=int(query["expires"]),
            signature=query["signature"],
            body=content,
        )

    with step("complete the upload"):
        upload = uploads.complete_upload(upload.id)

    with step("list the uploads"):
        assert upload.id in [listed.id for listed in uploads.list_uploads().data]

    with step("list the artifacts"):
        files = artifacts.list_artifacts(job.id).data
        weights = next(artifact for artifact in files if artifact.name == "model.safetensors")

    with step("download an artifact"):
        assert sha256(artifacts.get_artifact(job.id, weights.name)) == weights.sha256

    with step("download an artifact by its signed URL"):
        url = artifacts.get_artifact_url(job.id, weights.name).url
        downloaded = urllib3.request("GET", url)
        assert downloaded.status == 200 and sha256(downloaded.data) == weights.sha256

    with step("name an artifact in a folder"):
        try:
            artifacts.get_artifact_url(job.id, "folder/file")
            raise AssertionError("an artifact that does not exist has a URL")
        except NotFoundException as missing:
            assert 'no artifact "folder/file"' in json.loads(missing.body or "")["detail"]

    with step("verify a delivery of the webhook"):
        delivery = receiver.verified_delivery_about(job.id, webhook.secret)
        assert delivery in [listed.id for listed in webhooks.list_deliveries(webhook.id).data]

    with step("delete the webhook"):
        webhooks.delete_webhook(webhook.id)


with Receiver() as receiver:
    main(receiver)
