// Uploads of models and data, in parts that survive a broken connection.
"use strict";

{
  const API = "/session/v1/uploads";
  const CHUNK = 1 << 20;
  const TRIES = 6;

  // SHA-256 of a stream. Browsers can only digest what is in memory at once.
  const K = Uint32Array.from({ length: 64 }, (_, index) => root(prime(index), 3));
  const START = Uint32Array.from({ length: 8 }, (_, index) => root(prime(index), 2));
  function prime(index) {
    for (let number = 2, found = -1; ; number += 1) {
      let whole = true;
      for (let factor = 2; factor * factor <= number; factor += 1) if (number % factor === 0) { whole = false; break; }
      if (whole && ++found === index) return number;
    }
  }
  // The first 32 bits of the fraction of a square or cube root.
  function root(number, degree) {
    const exact = BigInt(number) << BigInt(32 * degree);
    let low = 0n, high = 1n << 40n;
    while (high - low > 1n) { const middle = (low + high) / 2n; if (middle ** BigInt(degree) <= exact) low = middle; else high = middle; }
    return Number(low & 0xffffffffn);
  }
  class Sha256 {
    constructor() { this.state = START.slice(); this.rest = new Uint8Array(64); this.filled = 0; this.bytes = 0; this.words = new Uint32Array(64); }
    block(data, at) {
      const w = this.words;
      for (let i = 0; i < 16; i += 1, at += 4) w[i] = (data[at] << 24) | (data[at + 1] << 16) | (data[at + 2] << 8) | data[at + 3];
      for (let i = 16; i < 64; i += 1) {
        const x = w[i - 15], y = w[i - 2];
        w[i] = (((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3)) + w[i - 16] + w[i - 7] + (((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10));
      }
      let [a, b, c, d, e, f, g, h] = this.state;
      for (let i = 0; i < 64; i += 1) {
        const t = (h + (((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7))) + ((e & f) ^ (~e & g)) + K[i] + w[i]) | 0;
        const u = ((((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10))) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
        h = g; g = f; f = e; e = (d + t) | 0; d = c; c = b; b = a; a = (t + u) | 0;
      }
      const s = this.state;
      s[0] += a; s[1] += b; s[2] += c; s[3] += d; s[4] += e; s[5] += f; s[6] += g; s[7] += h;
    }
    update(data) {
      this.bytes += data.length;
      let at = 0;
      while (at < data.length) {
        if (this.filled === 0 && data.length - at >= 64) { this.block(data, at); at += 64; continue; }
        const count = Math.min(64 - this.filled, data.length - at);
        this.rest.set(data.subarray(at, at + count), this.filled);
        this.filled += count; at += count;
        if (this.filled === 64) { this.block(this.rest, 0); this.filled = 0; }
      }
    }
    hex() {
      const bits = this.bytes * 8;
      const end = new Uint8Array((this.filled < 56 ? 64 : 128) - this.filled);
      end[0] = 0x80;
      new DataView(end.buffer).setBigUint64(end.length - 8, BigInt(bits));
      this.update(end);
      return [...this.state].map((word) => word.toString(16).padStart(8, "0")).join("");
    }
  }
  async function digest(blob, watch) {
    const sha = new Sha256();
    for (let at = 0; at < blob.size; at += CHUNK) {
      sha.update(new Uint8Array(await blob.slice(at, at + CHUNK).arrayBuffer()));
      if (watch) watch(Math.min(at + CHUNK, blob.size) / blob.size);
    }
    return sha.hex();
  }

  // A folder as an uncompressed tar archive. The files are read when they are sent.
  function archive(files) {
    const parts = [];
    const encoder = new TextEncoder();
    for (const file of files) {
      const path = file.webkitRelativePath.split("/").slice(1).join("/") || file.name;
      const name = encoder.encode(path);
      if (name.length > 100) throw new Error(`the path ${path} is too long for the archive`);
      const header = new Uint8Array(512);
      header.set(name);
      const text = (value, at) => header.set(encoder.encode(value), at);
      text("0000644\0", 100); text("0000000\0", 108); text("0000000\0", 116);
      text(`${file.size.toString(8).padStart(11, "0")}\0`, 124); text("00000000000\0", 136);
      text("        ", 148); text("0", 156); text("ustar\0" + "00", 257);
      const sum = header.reduce((total, byte) => total + byte, 0);
      text(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
      parts.push(header, file, new Uint8Array((512 - (file.size % 512)) % 512));
    }
    parts.push(new Uint8Array(1024));
    return new Blob(parts);
  }

  async function call(method, path, body) {
    const headers = body ? { "Content-Type": "application/json" } : {};
    const response = await fetch(API + path, { method, headers, body: body && JSON.stringify(body) });
    const text = await response.text();
    let answer = null;
    try { answer = text ? JSON.parse(text) : null; } catch { /* no JSON */ }
    if (response.ok) return answer;
    const error = new Error((answer && answer.detail) || `the service answered ${response.status}`);
    error.final = response.status < 500 && response.status !== 429 && response.status !== 408;
    throw error;
  }

  // Repeats what a broken connection can make fail.
  async function again(action, note) {
    for (let count = 1; ; count += 1) {
      try { return await action(); } catch (error) {
        if (error.final || count === TRIES) throw error;
        note(`connection lost, retrying (${count} of ${TRIES - 1})`);
        await new Promise((done) => setTimeout(done, 500 * 2 ** (count - 1)));
      }
    }
  }

  // A signed URL of this service works at any of its addresses.
  function place(url) {
    const { pathname, search } = new URL(url);
    if (pathname.startsWith("/v1/blobs/")) return pathname + search;
    const error = new Error("this service stores uploads in a bucket, which accepts them only from programs; use optin upload");
    error.final = true;
    throw error;
  }

  async function send(blob, name, note, progress) {
    note("reading the file");
    const sha256 = await digest(blob, progress);
    // An earlier attempt with the same content goes on.
    const known = await again(() => call("GET", "?limit=100"), note);
    let upload = known.data.find((own) => own.sha256 === sha256 && own.bytes === blob.size && own.name === name);
    upload = upload || await again(() => call("POST", "", { name, bytes: blob.size, sha256 }), note);
    if (upload.state !== "ready") {
      const parts = await again(() => call("GET", `/${upload.id}/parts`), note);
      let done = parts.count - parts.missing.length;
      progress(done / parts.count);
      for (const number of parts.missing) {
        const start = (number - 1) * parts.part_bytes;
        const part = blob.slice(start, start + parts.part_bytes);
        note(`sending part ${number} of ${parts.count}`);
        const sum = await digest(part);
        await again(async () => {
          const { put } = await call("POST", `/${upload.id}/parts`, { number, sha256: sum });
          const response = await fetch(place(put.url), { method: "PUT", headers: put.headers, body: part });
          if (!response.ok) throw new Error(`the service answered ${response.status}`);
        }, note);
        done += 1;
        progress(done / parts.count);
      }
      note("checking the content");
      await again(() => call("POST", `/${upload.id}/complete`), note);
    }
    return upload.uri;
  }

  // Characters that a name of an upload may have.
  const named = (name, fallback) => name.replace(/[^A-Za-z0-9._-]+/g, "-").replace(/^[^A-Za-z0-9]+/, "").slice(-90) || fallback;

  for (const button of document.querySelectorAll("button[data-upload]")) {
    const folder = button.dataset.upload === "folder";
    const field = document.getElementById(button.dataset.into);
    const input = document.createElement("input");
    input.type = "file";
    input.hidden = true;
    input.webkitdirectory = folder;
    input.setAttribute("aria-label", `File for ${field.labels[0].textContent}`);
    input.dataset.for = field.id;
    const status = document.createElement("p");
    status.className = "hint upload";
    status.setAttribute("role", "status");
    const bar = document.createElement("progress");
    bar.className = "wide";
    bar.hidden = true;
    bar.setAttribute("aria-label", "Upload");
    const resume = document.createElement("button");
    resume.type = "button";
    resume.textContent = "Resume";
    resume.hidden = true;
    button.hidden = false;
    button.after(input);
    button.parentElement.after(bar, status, resume);
    button.addEventListener("click", () => input.click());
    let chosen = null;
    const start = async () => {
      resume.hidden = true;
      button.disabled = true;
      bar.hidden = false;
      try {
        const note = (text) => { status.textContent = text; };
        const { blob, name } = chosen;
        field.value = await send(blob, name, note, (share) => { bar.value = share; });
        status.textContent = `uploaded ${name}`;
        field.dispatchEvent(new CustomEvent("uploaded", { bubbles: true }));
      } catch (error) {
        status.textContent = `The upload stopped: ${error.message}.`;
        resume.hidden = Boolean(error.final);
      } finally {
        button.disabled = false;
        bar.hidden = true;
      }
    };
    resume.addEventListener("click", start);
    input.addEventListener("change", () => {
      const files = [...input.files];
      input.value = "";
      if (files.length === 0) return;
      try {
        const root = folder ? files[0].webkitRelativePath.split("/")[0] : files[0].name;
        chosen = folder ? { blob: archive(files), name: `${named(root, "model")}.tar` } : { blob: files[0], name: named(root, "data") };
        start();
      } catch (error) { status.textContent = `The upload stopped: ${error.message}.`; }
    });
  }
}
