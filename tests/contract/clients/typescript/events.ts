// An EventSource follows a job, and stops reconnecting once the service answers 204.

import assert from "node:assert/strict";
import { EventSource, type FetchLike } from "eventsource";
import { apiKey, step, url } from "./journey";

const job = process.env["OPTIN_CONTRACT_JOB"];
assert(job, "the environment variable OPTIN_CONTRACT_JOB is not set");

const statuses: number[] = [];
const resumedAfter: (string | undefined)[] = [];
const sequences: number[] = [];

/** Adds the API key, and notes how the service answers. */
const authorized: FetchLike = async (input, init) => {
  const response = await fetch(input, { ...init, headers: { ...init.headers, Authorization: `Bearer ${apiKey}` } });
  statuses.push(response.status);
  resumedAfter.push(init.headers["Last-Event-ID"]);
  return response;
};

async function follow(): Promise<void> {
  const source = new EventSource(`${url}/v1/jobs/${job}/events/stream`, { fetch: authorized });
  for (const type of ["queued", "started", "stage", "progress", "succeeded"]) {
    source.addEventListener(type, ({ data }) => sequences.push(JSON.parse(data).sequence));
  }

  await step("stop reconnecting after the end of the job", async () => {
    await new Promise<void>((resolve, reject) => {
      // This timer also keeps the process alive: the library's timer for the next connection does not.
      const deadline = setTimeout(() => reject(new Error(`still connecting after ${statuses}`)), 60_000);
      source.addEventListener("error", () => {
        if (source.readyState === source.CLOSED) {
          clearTimeout(deadline);
          resolve();
        }
      });
    });
    assert.deepEqual(statuses, [200, 204]);
  });

  await step("resume after the last event", async () => {
    assert.deepEqual(resumedAfter, [undefined, String(sequences.at(-1))]);
  });

  await step("receive every event once", async () => {
    assert.deepEqual(sequences, sequences.map((_, index) => index + 1));
    assert(sequences.length > 3);
  });
}

follow();
