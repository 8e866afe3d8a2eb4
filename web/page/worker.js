// The worker: it holds the program and the device, so that the page stays alive while they work.

import start, * as program from "./ridgepoint_web.js";

/** What the page may call, each with whether it tells of its work while it goes on. */
const CALLS = { open: false, run: true, check: true, roofline: true, show: false, compare: false };

const started = start();

addEventListener("message", async ({ data: { id, call, text } }) => {
  if (call === "stop") {
    // Before the program has started there is nothing to stop.
    await started;
    program.stop();
    return;
  }
  const told = (what, text) => postMessage({ id, what, text });
  try {
    await started;
    const words = text === undefined ? [] : [text];
    const value = await program[call](...words, ...(CALLS[call] ? [told] : []));
    postMessage({ id, what: "done", text: value });
  } catch (error) {
    // The program's own failures are texts of JSON.
    const failure = typeof error === "string" ? error : JSON.stringify({ kind: "broken", message: String(error) });
    postMessage({ id, what: "failed", text: failure });
  }
});
