// What the TypeScript journeys share: the service's address, the example's files, and the name of the current step.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

function required(name: string): string {
  const value = process.env[name];
  assert(value, `the environment variable ${name} is not set`);
  return value;
}

export const url = required("OPTIN_CONTRACT_URL");
export const apiKey = required("OPTIN_API_KEY");
const example = required("OPTIN_CONTRACT_EXAMPLE");
export const modelUri = pathToFileURL(`${example}/model`).href;
export const calibrationUri = pathToFileURL(`${example}/calibration.tsv`).href;
export const calibration = readFileSync(`${example}/calibration.tsv`);

/** Runs a step and names it if it fails. */
export async function step<T>(name: string, run: () => Promise<T>): Promise<T> {
  try {
    const result = await run();
    console.log(`ok: ${name}`);
    return result;
  } catch (error) {
    console.error(`FAILED: ${name}`);
    throw error;
  }
}

export function sha256(content: Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}

/** Downloads a URL. */
export async function download(from: string): Promise<Uint8Array> {
  const response = await fetch(from);
  assert.equal(response.status, 200);
  return new Uint8Array(await response.arrayBuffer());
}

/** The parts of the signed URL of an upload. */
export function signedUpload(signed: string) {
  const { pathname, searchParams } = new URL(signed);
  const [tenant, id] = pathname.split("/").slice(-2);
  const query = (name: string) => searchParams.get(name) ?? assert.fail(`${name} is missing in ${signed}`);
  assert(tenant && id);
  return {
    path: { tenant, id },
    query: {
      sha256: query("sha256"),
      bytes: Number(query("bytes")),
      expires: Number(query("expires")),
      signature: query("signature"),
    },
  };
}
