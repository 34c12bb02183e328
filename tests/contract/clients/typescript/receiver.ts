// A local endpoint for webhooks. Checks signatures with the public library of Standard Webhooks.

import { createServer, type IncomingHttpHeaders } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { Webhook } from "standardwebhooks";

// A delivery is sent within a second of its event; the rest is for a slow machine.
const timeoutMilliseconds = 60_000;

type Received = { headers: IncomingHttpHeaders; body: string };

/** Accepts every delivery with 204 and keeps it. */
export class Receiver {
  readonly #received: Received[] = [];
  readonly #server = createServer(async (request, response) => {
    this.#received.push({ headers: request.headers, body: await text(request) });
    response.writeHead(204).end();
    this.#server.emit("received");
  });

  /** Starts listening and returns the URL. */
  async start(): Promise<string> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/hook`;
  }

  /** Waits for a delivery whose body contains `part`, verifies its signature and returns its id. */
  async verifiedDeliveryAbout(part: string, secret: string): Promise<string> {
    const signal = AbortSignal.timeout(timeoutMilliseconds);
    for (;;) {
      const found = this.#received.find(({ body }) => body.includes(part));
      if (found) {
        new Webhook(secret).verify(found.body, found.headers as Record<string, string>);
        return String(found.headers["webhook-id"]);
      }
      await once(this.#server, "received", { signal });
    }
  }

  stop(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}
