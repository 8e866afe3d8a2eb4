// Serves a folder on loopback: web_serve.mjs [FOLDER] [PORT]. Pages are isolated from others, which gives them finer clocks.

import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { extname, join, normalize } from "node:path";
import { pathToFileURL } from "node:url";

const TYPES = {
  ".html": "text/html; charset=utf-8", ".css": "text/css", ".js": "text/javascript", ".wasm": "application/wasm", ".txt": "text/plain; charset=utf-8",
};

/** Serves `folder` at `port` of loopback, any free one for 0. */
export function serve(folder, port) {
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url, "http://localhost");
    const name = normalize(decodeURIComponent(pathname.endsWith("/") ? `${pathname}index.html` : pathname));
    try {
      const content = await readFile(join(folder, name));
      response.writeHead(200, {
        "content-type": TYPES[extname(name)] ?? "application/octet-stream",
        "cache-control": "no-cache",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-embedder-policy": "require-corp",
      }).end(content);
    } catch {
      response.writeHead(404).end();
    }
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => resolve({ server, address: `http://127.0.0.1:${server.address().port}` }));
  });
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [, , folder = "web/dist", port = "8480"] = process.argv;
  try {
    const { address } = await serve(folder, Number(port));
    console.log(`${folder} is at ${address}/ until Ctrl-C`);
  } catch (error) {
    console.error(`web_serve: ${error.message}; name another port: make web-serve PORT=8481`);
    process.exitCode = 1;
  }
}
