// The journey through openapi-fetch, with the types that openapi-typescript generates.

import assert from "node:assert/strict";
import createClient from "openapi-fetch";
import type { components, paths } from "./schema";
import { apiKey, calibration, calibrationUri, download, modelUri, sha256, signedUpload, step, url } from "./journey";
import { Receiver } from "./receiver";

const client = createClient<paths>({ baseUrl: url, headers: { Authorization: `Bearer ${apiKey}` } });

/** The body of a successful response; a problem becomes an error. */
function expect<T>({ data, error }: { data?: T; error?: components["schemas"]["Problem"] }): T {
  assert(data !== undefined, error?.detail ?? "the response has no body");
  return data;
}

async function journey(receiver: Receiver): Promise<void> {
  const webhook = await step("create a webhook", async () => {
    const body: components["schemas"]["CreateWebhook"] = { url: await receiver.start(), events: ["job.succeeded"] };
    return expect(await client.POST("/v1/webhooks", { body }));
  });

  let job = await step("create a job with the minimal body", async () => {
    const body: components["schemas"]["CreateJob"] = {
      model: { uri: modelUri },
      calibration: { uri: calibrationUri },
      target: { value: "60%" },
    };
    return expect(await client.POST("/v1/jobs", { body }));
  });

  await step("wait until the job has ended", async () => {
    while (job.state === "queued" || job.state === "running") {
      const params = { path: { id: job.id }, query: { wait: 30 } };
      job = expect(await client.GET("/v1/jobs/{id}", { params }));
    }
    assert.equal(job.state, "succeeded");
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
      const params = { query: { limit: 1, state: ["succeeded" as const], cursor } };
      const page = expect(await client.GET("/v1/jobs", { params }));
      found.push(...page.data.map(({ id }) => id));
      cursor = page.has_more ? (page.next_cursor ?? assert.fail()) : undefined;
    } while (cursor);
    assert(found.includes(job.id) && found.length > 1 && new Set(found).size === found.length);
  });

  await step("read the events as a page", async () => {
    const params = { path: { id: job.id } };
    const { data } = expect(await client.GET("/v1/jobs/{id}/events", { params }));
    assert.equal(data.at(0)?.type, "queued");
    assert.equal(data.at(-1)?.type, "succeeded");
  });

  const upload = await step("create an upload", async () => {
    const body = { name: "rows.tsv", bytes: calibration.length, sha256: sha256(calibration) };
    return expect(await client.POST("/v1/uploads", { body }));
  });

  await step("put its content", async () => {
    assert(upload.put);
    const { response } = await client.PUT("/v1/blobs/uploads/{tenant}/{id}", {
      params: signedUpload(upload.put.url),
      headers: upload.put.headers,
      body: new Blob([calibration]),
      bodySerializer: (body) => body,
    });
    assert.equal(response.status, 204);
  });

  await step("complete the upload", async () => {
    const params = { path: { id: upload.id } };
    expect(await client.POST("/v1/uploads/{id}/complete", { params }));
  });

  await step("list the uploads", async () => {
    const { data } = expect(await client.GET("/v1/uploads"));
    assert(data.some(({ id }) => id === upload.id));
  });

  const weights = await step("list the artifacts", async () => {
    const params = { path: { id: job.id } };
    const { data } = expect(await client.GET("/v1/jobs/{id}/artifacts", { params }));
    return data.find(({ name }) => name === "model.safetensors") ?? assert.fail();
  });

  await step("download an artifact", async () => {
    const params = { path: { id: job.id, name: weights.name } };
    const path = "/v1/jobs/{id}/artifacts/{name}";
    const content = expect(await client.GET(path, { params, parseAs: "arrayBuffer" }));
    assert.equal(sha256(new Uint8Array(content)), weights.sha256);
  });

  await step("download an artifact by its signed URL", async () => {
    const params = { path: { id: job.id, name: weights.name } };
    const signed = expect(await client.GET("/v1/jobs/{id}/artifacts/{name}/url", { params }));
    assert.equal(sha256(await download(signed.url)), weights.sha256);
  });

  await step("name an artifact in a folder", async () => {
    const params = { path: { id: job.id, name: "folder/file" } };
    const { error } = await client.GET("/v1/jobs/{id}/artifacts/{name}/url", { params });
    assert.match(error?.detail ?? "", /no artifact "folder\/file"/);
  });

  await step("verify a delivery of the webhook", async () => {
    assert(webhook.secret);
    const id = await receiver.verifiedDeliveryAbout(job.id, webhook.secret);
    const params = { path: { id: webhook.id } };
    const { data } = expect(await client.GET("/v1/webhooks/{id}/deliveries", { params }));
    assert(data.some((delivery) => delivery.id === id));
  });

  await step("delete the webhook", async () => {
    const { response } = await client.DELETE("/v1/webhooks/{id}", { params: { path: { id: webhook.id } } });
    assert.equal(response.status, 204);
  });
}

const receiver = new Receiver();
journey(receiver).finally(() => receiver.stop());
