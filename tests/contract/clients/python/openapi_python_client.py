"""The journey through the client that openapi-python-client generates."""

from __future__ import annotations

from io import BytesIO
from typing import TypeVar

import httpx
from optin_client import AuthenticatedClient
from optin_client.api.artifacts import get_artifact, get_artifact_url, list_artifacts
from optin_client.api.jobs import create_job, get_job, list_job_events, list_jobs
from optin_client.api.uploads import complete_upload, create_upload, list_uploads, put_upload
from optin_client.api.webhooks import create_webhook, delete_webhook, list_deliveries
from optin_client.models import (
    ArtifactList,
    Calibration,
    CreateJob,
    CreateUpload,
    CreateWebhook,
    DeliveryList,
    Job,
    JobEventList,
    JobEventType,
    JobList,
    JobState,
    ModelSource,
    Problem,
    Report,
    SignedUrl,
    Target,
    Upload,
    UploadList,
    UploadRequest,
    Webhook,
    WebhookTopic,
)
from optin_client.types import UNSET, File

from journey import API_KEY, CALIBRATION_URI, EXAMPLE, MODEL_URI, URL, sha256, signed, step
from receiver import Receiver

T = TypeVar("T")
client = AuthenticatedClient(
    base_url=URL,
    token=API_KEY,
    raise_on_unexpected_status=True,
    timeout=httpx.Timeout(60),
    follow_redirects=True,
)


def expect(kind: type[T], response: object) -> T:
    """The response of the wanted type; a problem becomes an error."""
    assert not isinstance(response, Problem), response
    assert isinstance(response, kind), response
    return response


def main(receiver: Receiver) -> None:
    with step("create a webhook"):
        subscription = CreateWebhook(url=receiver.url, events=[WebhookTopic.JOB_SUCCEEDED])
        webhook = expect(Webhook, create_webhook.sync(client=client, body=subscription))
        assert isinstance(webhook.secret, str)

    with step("create a job with the minimal body"):
        body = CreateJob(
            model=ModelSource(uri=MODEL_URI),
            calibration=Calibration(uri=CALIBRATION_URI),
            target=Target(value="60%"),
        )
        job = expect(Job, create_job.sync(client=client, body=body))

    with step("wait until the job has ended"):
        while job.state in (JobState.QUEUED, JobState.RUNNING):
            job = expect(Job, get_job.sync(job.id, client=client, wait=30))
        assert job.state == JobState.SUCCEEDED, job

    with step("read the report"):
        report = expect(Report, job.report)
        assert report.size.after.macs < report.size.before.macs
        assert all(0 < group.kept <= group.width for group in report.groups)

    with step("list the jobs that succeeded, one a page"):
        found: list[str] = []
        cursor: str | None = None
        while True:
            page = list_jobs.sync(client=client, limit=1, state=[JobState.SUCCEEDED], cursor=cursor or UNSET)
            page = expect(JobList, page)
            found += [listed.id for listed in page.data]
            if not page.has_more:
                break
            assert isinstance(page.next_cursor, str)
            cursor = page.next_cursor
        assert job.id in found and len(found) == len(set(found)) > 1, found

    with step("read the events as a page"):
        events = expect(JobEventList, list_job_events.sync(job.id, client=client))
        assert [event.type_ for event in events.data[:1]] == [JobEventType.QUEUED]
        assert events.data[-1].type_ == JobEventType.SUCCEEDED

    with step("create an upload"):
        content = (EXAMPLE / "calibration.tsv").read_bytes()
        announced = CreateUpload(name="rows.tsv", bytes_=len(content), sha256=sha256(content))
        upload = expect(Upload, create_upload.sync(client=client, body=announced))

    with step("put its content"):
        request = expect(UploadRequest, upload.put)
        path, query = signed(request.url)
        sent = put_upload.sync_detailed(
            path[-2],
            path[-1],
            client=client,
            body=File(payload=BytesIO(content)),
            sha256=query["sha256"],
            bytes_=int(query["bytes"]),
            expires=int(query["expires"]),
            signature=query["signature"],
        )
        assert sent.status_code == 204, sent

    with step("complete the upload"):
        upload = expect(Upload, complete_upload.sync(upload.id, client=client))

    with step("list the uploads"):
        uploads = expect(UploadList, list_uploads.sync(client=client))
        assert upload.id in [listed.id for listed in uploads.data]

    with step("list the artifacts"):
        artifacts = expect(ArtifactList, list_artifacts.sync(job.id, client=client))
        weights = next(artifact for artifact in artifacts.data if artifact.name == "model.safetensors")

    with step("download an artifact"):
        downloaded = expect(File, get_artifact.sync(job.id, weights.name, client=client)).payload.read()
        assert isinstance(downloaded, bytes) and len(downloaded) == weights.bytes_
        assert sha256(downloaded) == weights.sha256

    with step("download an artifact by its signed URL"):
        url = expect(SignedUrl, get_artifact_url.sync(job.id, weights.name, client=client)).url
        assert sha256(httpx.get(url).raise_for_status().content) == weights.sha256

    with step("name an artifact in a folder"):
        missing = get_artifact_url.sync(job.id, "folder/file", client=client)
        assert isinstance(missing, Problem) and 'no artifact "folder/file"' in missing.detail, missing

    with step("verify a delivery of the webhook"):
        delivery = receiver.verified_delivery_about(job.id, webhook.secret)
        deliveries = expect(DeliveryList, list_deliveries.sync(webhook.id, client=client))
        assert delivery in [listed.id for listed in deliveries.data]

    with step("delete the webhook"):
        assert delete_webhook.sync_detailed(webhook.id, client=client).status_code == 204


with Receiver() as receiver:
    main(receiver)
