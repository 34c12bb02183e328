// The journey through the client that OpenAPI Generator generates for TypeScript and axios.

import assert from "node:assert/strict";
import {
  ArtifactsApi,
  Configuration,
  type CreateJob,
  JobEventType,
  JobsApi,
  JobState,
  UploadsApi,
  WebhooksApi,
  WebhookTopic,
} from "./axios-client";
import { apiKey, calibration, calibrationUri, download, modelUri, sha256, signedUpload, step, url } from "./journey";
import { Receiver } from "./receiver";

// Binary responses need the adapter over fetch: the one over Node's http knows no Blob.
const configuration = new Configuration({ basePath: url, accessToken: apiKey, baseOptions: { adapter: "fetch" } });
const jobs = new JobsApi(configuration);
const artifacts = new ArtifactsApi(configuration);
const uploads = new UploadsApi(configuration);
const webhooks = new WebhooksApi(configuration);

async function journey(receiver: Receiver): Promise<void> {
  const webhook = await step("create a webhook", async () => {
    const subscription = { url: await receiver.start(), events: [WebhookTopic.JobSucceeded] };
    return (await webhooks.createWebhook(subscription)).data;
  });

  let job = await step("create a job with the minimal body", async () => {
    const body: CreateJob = {
      model: { uri: modelUri },
      calibration: { uri: calibrationUri },
      target: { value: "60%" },
    };
    return (await jobs.createJob(body)).data;
  });

  await step("wait until the job has ended", async () => {
    while (job.state === JobState.Queued || job.state === JobState.Running) {
      job = (await jobs.getJob(job.id, 30)).data;
    }
    assert.equal(job.state, JobState.Succeeded);
  });

  await step("read the report", async () => {
    assert(job.report);
    const { size, groups } = job.report;
    assert(size.after.macs < size.before.macs);
    assert(groups.every(({ kept, width }) => 0 < kept && kept <= width));
  });

  await step("list the jobs that succeeded, one a page", async () => {
    const found: string[] = [];
    let cursor: string | undefined;
    do {
      const page = (await jobs.listJobs(1, cursor, [JobState.Succeeded])).data;
      found.push(...page.data.map(({ id }) => id));
      cursor = page.has_more ? (page.next_cursor ?? assert.fail()) : undefined;
    } while (cursor);
    assert(found.includes(job.id) && found.length > 1 && new Set(found).size === found.length);
  });

  await step("read the events as a page", async () => {
    const { data } = (await jobs.listJobEvents(job.id)).data;
    assert.equal(data.at(0)?.type, JobEventType.Queued);
    assert.equal(data.at(-1)?.type, JobEventType.Succeeded);
  });

  const upload = await step("create an upload", async () => {
    const announced = { name: "rows.tsv", bytes: calibration.length, sha256: sha256(calibration) };
    return (await uploads.createUpload(announced)).data;
  });

  await step("put its content", async () => {
    assert(upload.put);
    const { path, query } = signedUpload(upload.put.url);
    const content = new File([calibration], upload.name);
    const { tenant, id } = path;
    const { sha256, bytes, expires, signature } = query;
    await uploads.putUpload(tenant, id, sha256, bytes, expires, signature, content);
  });

  await step("complete the upload", async () => (await uploads.completeUpload(upload.id)).data);

  await step("list the uploads", async () => {
    const { data } = (await uploads.listUploads()).data;
    assert(data.some(({ id }) => id === upload.id));
  });

  const weights = await step("list the artifacts", async () => {
    const { data } = (await artifacts.listArtifacts(job.id)).data;
    return data.find(({ name }) => name === "model.safetensors") ?? assert.fail();
  });

  await step("download an artifact", async () => {
    const file = (await artifacts.getArtifact(job.id, weights.name, undefined, { responseType: "blob" })).data;
    assert.equal(sha256(await file.bytes()), weights.sha256);
  });

  await step("download an artifact by its signed URL", async () => {
    const signed = (await artifacts.getArtifactUrl(job.id, weights.name)).data;
    assert.equal(sha256(await download(signed.url)), weights.sha256);
  });

  await step("name an artifact in a folder", async () => {
    const missing = await artifacts.getArtifactUrl(job.id, "folder/file", { validateStatus: () => true });
    assert.match(JSON.stringify(missing.data), /no artifact \\"folder\/file\\"/);
  });

  await step("verify a delivery of the webhook", async () => {
    assert(webhook.secret);
    const id = await receiver.verifiedDeliveryAbout(job.id, webhook.secret);
    const { data } = (await webhooks.listDeliveries(webhook.id)).data;
    assert(data.some((delivery) => delivery.id === id));
  });

  await step("delete the webhook", () => webhooks.deleteWebhook(webhook.id));
}

const receiver = new Receiver();
journey(receiver).finally(() => receiver.stop());
