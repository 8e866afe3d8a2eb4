// The page of web/ in Chromium, on its software driver: every kernel is right, the quick suite runs to its end, its file can be
// downloaded, read and compared with a native one; stopping, a lost device, and browsers without WebGPU or an adapter end in words.
//
// Usage: check_web.mjs CHROMIUM AXE DIST FOLDER [SCREENSHOTS]. FOLDER has texts.json and perhaps a native file; what was measured lies there
// afterwards.

import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Browser, Tab, WEBGPU } from "./browser.mjs";
import { serve } from "./web_serve.mjs";

const [, , chromium, axe, dist, folder, screenshots] = process.argv;

/** Milliseconds from opening the page until something can be started. */
const USABLE = 2000;
/** Milliseconds that the quick suite may take. */
const QUICK = 60000;
/** Milliseconds that checking every kernel may take. */
const CHECKED = 900000;
/** Bytes of memory that the page's process may have taken. */
const MEMORY = 2 ** 30;

const failures = [];
function require(isSo, ...what) {
  if (!isSo) failures.push(what.join(" "));
}

const idle = "!document.getElementById('choices').disabled";
const click = (id) => `document.getElementById("${id}").click()`;
const text = (id) => `document.getElementById("${id}").textContent`;
const kept = "JSON.parse(localStorage.getItem('ridgepoint.results') ?? '[]')";

/** A tab of the page at `hash`, ready to measure, and the milliseconds that this took. */
async function ready(browser, address, hash = "", look = { width: 1280, theme: "light" }) {
  const tab = await Tab.open(browser, look);
  const began = Date.now();
  await tab.go(`${address}/${hash}`);
  await tab.until(idle);
  return { tab, took: Date.now() - began };
}

/** Ends with `tab`, which nothing may have complained of. */
async function done(tab, name) {
  require(tab.complaints.length === 0, name, "the console has", tab.complaints.join("; "));
  const strange = tab.requests.filter((url) => !url.startsWith(server.address) && !/^(data|blob):/.test(url));
  require(strange.length === 0, name, "it asked for", strange.join(", "));
  await tab.close();
}

async function checkAccessibility(tab, name) {
  await tab.value(`${readFileSync(axe, "utf8")}; true`);
  const found = await tab.value("axe.run({ preload: false }).then(({ violations }) => violations.map(({ id, impact, help, nodes }) => "
    + "({ id, impact, help, count: nodes.length, first: nodes[0].html.slice(0, 160) })))");
  found.filter(({ impact }) => ["serious", "critical"].includes(impact))
    .forEach((rule) => require(false, name, `${rule.impact}: ${rule.id}, ${rule.help}, ${rule.count} times, first ${rule.first}`));
}

async function picture(tab, name) {
  if (!screenshots) return;
  await tab.value("[...waiting.keys()].forEach(drawNow)");
  mkdirSync(screenshots, { recursive: true });
  writeFileSync(join(screenshots, `${name}.png`), await tab.picture());
}

/** Largest memory, in bytes, that a process of the page has taken. */
async function memory(browser) {
  const { processInfo } = await browser.send("SystemInfo.getProcessInfo");
  const peak = ({ id }) => {
    const line = readFileSync(`/proc/${id}/status`, "utf8").match(/VmHWM:\s*(\d+) kB/);
    return line ? Number(line[1]) * 1024 : 0;
  };
  return Math.max(...processInfo.filter(({ type }) => type === "renderer").map(peak));
}

/** Runs the quick suite to its end, by keys; keeps what was measured. */
async function quick(browser) {
  const { tab, took } = await ready(browser, server.address, "#suite=quick");
  require(took <= USABLE, `the page was usable after ${took} ms, ${USABLE} are the most`);
  await tab.send("Browser.setDownloadBehavior", { behavior: "allow", downloadPath: folder });
  await tab.value("document.getElementById('run').focus()");
  const began = Date.now();
  await tab.press("Enter");
  await tab.until(`${text("part")}.includes(" of ")`, QUICK);
  await picture(tab, "running");
  await tab.until(`${idle} && !!document.querySelector("#shown .drawing svg")`, QUICK);
  const lasted = Date.now() - began;
  require(lasted <= QUICK, `the quick suite took ${lasted} ms, ${QUICK} are the most`);
  const [{ name, text: file }] = await tab.value(kept);
  const report = JSON.parse(file);
  require(report.schema === "ridgepoint.run/1" && report.rows.length > 0, "the quick suite has no rows");
  for (const { id, verified, status, reason } of report.rows) require(verified?.ok, id, status, reason ?? "", "is not verified as right");
  require(report.settings.checks === "on" && report.rows.every(({ checks }) => checks === "on"), "a browser's shaders have checks, and the file says otherwise");
  await tab.value("document.querySelector('#results button:nth-of-type(2)').click()");
  for (let i = 0; i < 100 && !readdirSync(folder).includes(name); i += 1) await new Promise((resolve) => setTimeout(resolve, 50));
  require(readFileSync(join(folder, name), "utf8") === file, "the file that was downloaded is another one");
  const bytes = await memory(browser);
  require(bytes < MEMORY, `the page's process took ${bytes} bytes, ${MEMORY} are the most`);
  console.log(`  quick suite: usable after ${took} ms, ${report.rows.length} rows in ${lasted} ms, ${Math.round(bytes / 2 ** 20)} MiB`);
  await done(tab, "quick suite:");
  return name;
}

/** The results of another visit, at two widths and in both themes. */
async function looks(browser) {
  for (const width of [360, 1280]) {
    for (const theme of ["light", "dark"]) {
      const name = `${width} px, ${theme}:`;
      const { tab } = await ready(browser, server.address, "", { width, theme });
      await tab.value("document.querySelector('#results button').click()");
      await tab.until("!!document.querySelector('#shown .drawing svg')");
      const wide = await tab.value("document.documentElement.scrollWidth - innerWidth");
      require(wide <= 0, name, `the page is ${wide} px wider than the window`);
      await picture(tab, `page-${width}-${theme}`);
      await checkAccessibility(tab, name);
      await done(tab, name);
    }
  }
}

/** Every kernel of the operations whose names are `wanted` against its reference: at least `least` of them can run there. */
async function kernels(browser, wanted, least) {
  const { tab } = await ready(browser, server.address);
  const all = await tab.value("[...document.querySelectorAll('#operations option')].map(({ value }) => value)");
  const operations = all.filter(wanted).join(",");
  await tab.value(`document.getElementById("op").value = ${JSON.stringify(operations)}`);
  const began = Date.now();
  await tab.value(click("check"));
  await tab.until(`${idle} && ${text("message")} !== ""`, CHECKED);
  const message = await tab.value(text("message"));
  const lines = await tab.value("[...document.querySelectorAll('#live tbody tr')].map((line) => [...line.children].map((cell) => cell.textContent))");
  lines.filter(([outcome]) => outcome === "FAIL").forEach((line) => require(false, line.join(" ")));
  const passed = lines.filter(([outcome]) => outcome === "pass").length;
  require(passed >= least, `${passed} kernels of ${operations} passed: ${message}`);
  console.log(`  kernels of ${operations}: ${message} ${Date.now() - began} ms`);
  await picture(tab, "checked");
  await done(tab, "kernels:");
}

/** Every text that a browser can get, read by the browser's compiler without an error or a warning; those of f16 need a device with it. */
async function texts(browser, file) {
  const tab = await Tab.open(browser, { width: 1280, theme: "light" });
  await tab.go(`${server.address}/licences.txt`);
  const has = await tab.value(`(async () => {
    const adapter = await navigator.gpu.requestAdapter();
    const requiredFeatures = ["subgroups", "shader-f16"].filter((name) => adapter.features.has(name));
    self.device = await adapter.requestDevice({ requiredFeatures });
    return requiredFeatures;
  })()`);
  const began = Date.now();
  let read = 0;
  const all = JSON.parse(readFileSync(file, "utf8"));
  for (const { name, code, set, f16 } of all) {
    if (f16 && !has.includes("shader-f16")) continue;
    read += 1;
    const messages = await tab.value(`device.createShaderModule({ code: ${JSON.stringify(code)} }).getCompilationInfo()
      .then(({ messages }) => messages.map(({ type, lineNum, message }) => type + " in line " + lineNum + ": " + message))`);
    require(messages.length === 0, name, JSON.stringify(set), messages.join("; "));
  }
  require(read > 50, `${read} texts were read`);
  console.log(`  texts: ${read} of ${all.length} read, ${Date.now() - began} ms`);
  await tab.close();
}

/** Choices of an address, and names that mean nothing. */
async function addresses(browser) {
  const { tab } = await ready(browser, server.address, "#suite=standard&op=matmul,softmax:64x100&dtype=f32");
  const form = await tab.value("['suite', 'op', 'kernel', 'dtype'].map((id) => document.getElementById(id).value)");
  require(form.join(" ") === "standard matmul,softmax:64x100  f32", "the form does not have what the address says:", form.join(" "));
  for (const [field, value, words] of [["op", "matmull", "did you mean matmul?"], ["op", "matmul:3x", "no shape"], ["kernel", "matmul_best", "unknown kernel"]]) {
    await tab.value(`location.hash = "#suite=quick&${field}=${value}"`);
    await tab.until(`document.getElementById("${field}").value === "${value}"`);
    await tab.value(click("run"));
    await tab.until(`${idle} && ${text("message")} !== ""`);
    const message = await tab.value(text("message"));
    require(message.includes(words), value, "is answered by", message);
  }
  await done(tab, "addresses:");
}

/** Stops behind the first row; then loses the device in the middle, and starts again. */
async function ends(browser) {
  const { tab } = await ready(browser, server.address, "#suite=standard&op=copy,add,softmax");
  await tab.value("kept.all.length = 0; kept.list()");
  await tab.value(click("run"));
  await tab.until("document.querySelectorAll('#live tbody tr').length > 0", QUICK);
  await tab.value(click("stop"));
  await tab.until(idle);
  require((await tab.value(text("message"))).includes("Stopped"), "stopping is not told:", await tab.value(text("message")));
  require((await tab.value("kept.all.length")) === 1, "the results before stopping are not kept");
  await tab.close();

  const lost = await Tab.open(browser, { width: 1280, theme: "light" });
  // The page's own device, for who takes it away. A worker has no adapters yet when it begins.
  lost.prelude = `addEventListener("message", () => {
    const request = GPUAdapter.prototype.requestDevice;
    GPUAdapter.prototype.requestDevice = async function (descriptor) {
      self.opened = await request.call(this, descriptor);
      return self.opened;
    };
  }, { once: true })`;
  await lost.go(`${server.address}/#suite=standard&op=copy,add,softmax`);
  await lost.until(idle);
  await lost.value("kept.all.length = 0; kept.list()");
  await lost.value(click("run"));
  await lost.until("document.querySelectorAll('#live tbody tr').length > 0", QUICK);
  await lost.valueInWorker("self.opened.destroy()");
  await lost.until(idle);
  const message = await lost.value(text("message"));
  require(message.includes("device was lost"), "a lost device is told as", message);
  require((await lost.value("kept.all.length")) === 1, "the results before the loss are not kept");
  await lost.value(`location.hash = "#suite=quick&op=copy"`);
  await lost.until("document.getElementById('op').value === 'copy'");
  await lost.value(click("run"));
  await lost.until(`${idle} && kept.all.length === 2`, QUICK);
  const again = JSON.parse(await lost.value("kept.all[1].text"));
  require(again.rows.length === 1 && again.rows[0].verified?.ok, "a second start after a loss measures nothing");
  await done(lost, "lost device:");
}

/** A page that is hidden while it measures says what that does to times; a device without memory ends in words, with the rows before. */
async function trouble(browser) {
  const { tab } = await ready(browser, server.address, "#suite=quick&op=copy,add,softmax");
  await tab.value(click("run"));
  await tab.until("document.querySelectorAll('#live tbody tr').length > 0", QUICK);
  await tab.value("Object.defineProperty(document, 'hidden', { value: true, configurable: true }); document.dispatchEvent(new Event('visibilitychange'))");
  const hidden = await tab.value(text("message"));
  require(hidden.includes("was hidden"), "a hidden page is told as", hidden);
  await tab.value(`delete document.hidden; ${click("stop")}`);
  await tab.until(idle);
  await done(tab, "hidden page:");

  const full = await Tab.open(browser, { width: 1280, theme: "light" });
  // Every buffer from a certain size on is more than this device has.
  full.prelude = `addEventListener("message", () => {
    const { createBuffer, popErrorScope } = GPUDevice.prototype;
    let missing = 0;
    GPUDevice.prototype.createBuffer = function (descriptor) {
      if (descriptor.size > 1024 * 1024) missing += 1;
      return createBuffer.call(this, descriptor);
    };
    GPUDevice.prototype.popErrorScope = async function () {
      const error = await popErrorScope.call(this);
      if (error || missing === 0) return error;
      missing = 0;
      return new GPUOutOfMemoryError("none left");
    };
  }, { once: true })`;
  await full.go(`${server.address}/#suite=quick&op=copy,softmax:4x64`);
  await full.until(idle);
  await full.value("kept.all.length = 0; kept.list()");
  await full.value(click("run"));
  await full.until("document.getElementById('choices').disabled");
  await full.until(idle, QUICK);
  const message = await full.value(text("message"));
  const rows = (await full.value("kept.all.map(({ text }) => JSON.parse(text).rows)")).flat();
  const told = message + rows.map(({ reason }) => reason ?? "").join(" ");
  console.log(`  without memory: ${message} ${JSON.stringify(rows.map(({ id, status, reason }) => [id, status, reason]))}`);
  require(/memory/.test(told), "a device without memory is told as", told);
  await done(full, "without memory:");
}

/** Opens `files`, and compares all of them. */
async function comparing(browser, files) {
  const { tab } = await ready(browser, server.address);
  await tab.value("kept.all.length = 0; kept.list()");
  await tab.send("DOM.enable");
  const { root } = await tab.send("DOM.getDocument");
  const { nodeId } = await tab.send("DOM.querySelector", { nodeId: root.nodeId, selector: "#files" });
  await tab.send("DOM.setFileInputFiles", { nodeId, files });
  await tab.until(`kept.all.length === ${files.length}`);
  await tab.value("document.querySelectorAll('#results input').forEach((box) => box.click())");
  await tab.value(click("compare"));
  await tab.until("document.querySelectorAll('#shown table').length > 0");
  await picture(tab, "compared");
  await done(tab, "comparing:");

  const strange = await ready(browser, server.address);
  await strange.tab.value("take([new File(['{}'], 'strange.json')])");
  await strange.tab.until(`${text("message")} !== ""`);
  const message = await strange.tab.value(text("message"));
  require(message.includes("strange.json"), "a file of something else is answered by", message);
  await done(strange.tab, "a strange file:");
}

/** A page of somebody else's, on its own device. */
async function example(browser) {
  const tab = await Tab.open(browser, { width: 1280, theme: "light" });
  await tab.go(`${server.address}/example/`);
  await tab.until(`!${text("product")}.startsWith("Multiplying")`);
  const shown = await tab.value(text("product"));
  let last = 0;
  for (let i = 0; i < 32; i += 1) last += ((63 * 32 + i) % 7) * ((i * 48 + 47) % 7);
  require(shown === `The last of ${64 * 48} elements is ${last}.`, "the example says", shown, "and not", String(last));
  await done(tab, "example:");
}

/** A browser that has no adapter to give, and one that knows nothing of WebGPU: the page says so. */
async function without() {
  const browser = new Browser(chromium, ["--disable-gpu"]);
  try {
    for (const [name, isKnown, words] of [["no adapter:", true, "There is no adapter"], ["no WebGPU:", false, "no WebGPU"]]) {
      const tab = await Tab.open(browser, { width: 1280, theme: "light" });
      const source = isKnown ? "" : "Object.defineProperty(Navigator.prototype, 'gpu', { value: undefined })";
      await tab.send("Page.addScriptToEvaluateOnNewDocument", { source });
      await tab.go(`${server.address}/`);
      await tab.until(`${text("message")} !== ""`);
      const message = await tab.value(text("message"));
      require(message.includes(words), name, "the page says", message);
      await checkAccessibility(tab, name);
      // Chromium itself complains where it has no adapter.
      tab.complaints = tab.complaints.filter((complaint) => !/Failed to create WebGPU Context Provider|No available adapters/.test(complaint));
      await done(tab, name);
    }
  } finally {
    await browser.close();
  }
}

const server = await serve(dist, 0);
const parts = process.env.PARTS?.split(" ");
const native = readdirSync(folder).filter((name) => name.startsWith("native"));

/** Tests parts, each a name and what to do in a browser, one after the other in a browser of their own. */
async function inTurn(all) {
  const wanted = all.filter(([what]) => !parts || parts.includes(what));
  const browser = new Browser(chromium, WEBGPU);
  try {
    for (const [what, act] of wanted) {
      const began = Date.now();
      await act(browser);
      console.log(`  ${what}: ${failures.length ? `failures so far: ${failures.length}` : "as it should be"}, ${Date.now() - began} ms`);
    }
  } catch (error) {
    failures.push(error.message);
  } finally {
    await browser.close();
  }
}

const isAttention = (name) => name.startsWith("attention");

let measured;
/** Called once the suite has run, whose times are the page's own as long as nothing else is at work. */
let timed;
const afterTimes = new Promise((resolve) => { timed = resolve; });
if (parts && !parts.includes("quick")) timed();
const page = inTurn([
  ["quick", async (browser) => { measured = await quick(browser).finally(timed); }],
  ["looks", looks],
  ["addresses", addresses],
  ["comparing", (browser) => comparing(browser, [...native, measured].map((file) => join(folder, file)))],
  ["example", example],
  ["ends", ends],
  ["trouble", trouble],
  ["without", without],
  ["kernels", (browser) => kernels(browser, (name) => !isAttention(name), 20)],
]);
// A browser compiles shaders on one core; the other has the page meanwhile.
const compiled = afterTimes.then(() => inTurn([
  ["texts", (browser) => texts(browser, join(folder, "texts.json"))],
  ["attentions", (browser) => kernels(browser, isAttention, 5)],
]));
await Promise.all([page, compiled]);
server.server.close();
failures.forEach((failure) => console.error(`  ${failure}`));
process.exitCode = failures.length ? 1 : 0;
