// Chromium by its DevTools protocol, over a pipe: no package is needed, and no port is open.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Milliseconds after which an answer will not come any more. */
const PATIENCE = 60000;

/** What Chromium needs for WebGPU by SwiftShader, its software driver. */
export const WEBGPU = ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader", "--enable-features=Vulkan,WebGPU"];

/** A browser without a window, and without a GPU unless `flags` say otherwise. Root may not use Chromium's sandbox. */
export class Browser {
  #waiting = new Map();
  #listeners = new Map();
  #count = 0;
  #rest = "";

  constructor(program, flags = ["--disable-gpu"]) {
    this.folder = mkdtempSync(join(tmpdir(), "ridgepoint-browser-"));
    const options = [
      "--headless=new", "--no-sandbox", ...flags, "--disable-dev-shm-usage", "--no-first-run", "--hide-scrollbars",
      "--disable-background-networking", "--disable-component-update", "--remote-debugging-pipe", `--user-data-dir=${this.folder}`,
    ];
    this.process = spawn(program, [...options, "about:blank"], { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });
    this.ended = new Promise((resolve) => this.process.once("exit", resolve));
    this.process.once("error", (error) => this.#fail(error));
    this.process.once("exit", () => this.#fail(new Error("the browser ended")));
    this.process.stdio[4].setEncoding("utf8").on("data", (text) => {
      const messages = (this.#rest + text).split("\0");
      this.#rest = messages.pop();
      messages.forEach((message) => this.#read(JSON.parse(message)));
    });
  }

  #fail(error) {
    this.#waiting.forEach(({ reject }) => reject(error));
    this.#waiting.clear();
  }

  #read({ id, result, error, method, params, sessionId }) {
    if (id === undefined) {
      this.#listeners.get(sessionId)?.forEach((listener) => listener(method, params));
      return;
    }
    const { resolve, reject, timer } = this.#waiting.get(id);
    this.#waiting.delete(id);
    clearTimeout(timer);
    if (error) reject(new Error(error.message));
    else resolve(result);
  }

  send(method, params = {}, sessionId = undefined) {
    this.#count += 1;
    const id = this.#count;
    this.process.stdio[3].write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#fail(new Error(`no answer to ${method}`)), PATIENCE);
      this.#waiting.set(id, { resolve, reject, timer });
    });
  }

  listen(sessionId, listener) {
    this.#listeners.set(sessionId, [...(this.#listeners.get(sessionId) ?? []), listener]);
  }

  async close() {
    await this.send("Browser.close").catch(() => {});
    await this.ended;
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** A tab of `browser`, as wide as a phone or a desk, in a theme; what it complains of and asks for is kept. */
export class Tab {
  complaints = [];
  requests = [];
  /** Sessions of the workers of the page, the newest last. */
  workers = [];

  static async open(browser, { width, theme }) {
    const tab = new Tab();
    tab.browser = browser;
    tab.target = (await browser.send("Target.createTarget", { url: "about:blank" })).targetId;
    tab.session = (await browser.send("Target.attachToTarget", { targetId: tab.target, flatten: true })).sessionId;
    browser.listen(tab.session, (method, params) => tab.#hear(method, params));
    for (const domain of ["Page", "Runtime", "Log", "Network"]) await tab.send(`${domain}.enable`);
    await tab.send("Target.setAutoAttach", { autoAttach: true, waitForDebuggerOnStart: true, flatten: true });
    const size = { width, height: 900, deviceScaleFactor: 1, mobile: width < 600 };
    await tab.send("Emulation.setDeviceMetricsOverride", size);
    await tab.send("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value: theme }] });
    return tab;
  }

  send(method, params) {
    return this.browser.send(method, params, this.session);
  }

  #hear(method, params) {
    if (method === "Runtime.exceptionThrown") {
      this.complaints.push(params.exceptionDetails.exception?.description ?? params.exceptionDetails.text);
    } else if (method === "Runtime.consoleAPICalled" && ["error", "warning", "assert"].includes(params.type)) {
      this.complaints.push(params.args.map((part) => part.value ?? part.description).join(" "));
    } else if (method === "Log.entryAdded" && ["error", "warning"].includes(params.entry.level)) {
      this.complaints.push(`${params.entry.text} ${params.entry.url ?? ""}`.trim());
    } else if (method === "Network.requestWillBeSent") {
      this.requests.push(params.request.url);
    } else if (method === "Page.loadEventFired") {
      this.loaded?.();
    } else if (method === "Target.attachedToTarget") {
      this.#adopt(params.sessionId);
    }
  }

  /** Listens to a worker of the page from its beginning, and has it begin. */
  async #adopt(worker) {
    this.workers.push(worker);
    this.browser.listen(worker, (method, params) => this.#hear(method, params));
    await this.browser.send("Runtime.enable", {}, worker);
    if (this.prelude) await this.browser.send("Runtime.evaluate", { expression: this.prelude }, worker);
    await this.browser.send("Runtime.runIfWaitingForDebugger", {}, worker);
  }

  /** Value of a text of JavaScript in the newest worker. */
  async valueInWorker(expression) {
    const answer = await this.browser.send("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true }, this.workers.at(-1));
    if (answer.exceptionDetails) throw new Error(answer.exceptionDetails.exception?.description ?? answer.exceptionDetails.text);
    return answer.result.value;
  }

  /** Does what `act` does, which leads to another page, and waits for that page. */
  async follow(act) {
    const loaded = new Promise((resolve, reject) => {
      this.loaded = resolve;
      setTimeout(() => reject(new Error("the page did not load")), PATIENCE).unref();
    });
    await act();
    await loaded;
  }

  go(url) {
    return this.follow(() => this.send("Page.navigate", { url }));
  }

  /** Value of a text of JavaScript in the page, which may be a promise. */
  async value(expression) {
    const answer = await this.send("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true });
    if (answer.exceptionDetails) throw new Error(answer.exceptionDetails.exception?.description ?? answer.exceptionDetails.text);
    return answer.result.value;
  }

  /** Waits until a text of JavaScript is true in the page, for `patience` milliseconds at most. */
  async until(expression, patience = 15000) {
    const end = Date.now() + patience;
    while (!(await this.value(expression))) {
      if (Date.now() > end) throw new Error(`never true: ${expression}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  async press(key) {
    const event = { key, code: key, windowsVirtualKeyCode: { Tab: 9, ArrowRight: 39, Enter: 13 }[key] };
    // A button is pressed by the character of the key.
    const typed = key === "Enter" ? { text: "\r" } : {};
    await this.send("Input.dispatchKeyEvent", { type: "keyDown", ...event, ...typed });
    await this.send("Input.dispatchKeyEvent", { type: "keyUp", ...event });
  }

  /** PNG of the whole page. */
  async picture() {
    const { cssContentSize } = await this.send("Page.getLayoutMetrics");
    const clip = { x: 0, y: 0, width: cssContentSize.width, height: Math.min(cssContentSize.height, 6000), scale: 1 };
    const { data } = await this.send("Page.captureScreenshot", { format: "png", captureBeyondViewport: true, clip });
    return Buffer.from(data, "base64");
  }

  close() {
    return this.browser.send("Target.closeTarget", { targetId: this.target });
  }
}
