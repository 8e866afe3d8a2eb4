// Pages in Chromium: a run, a roofline, a comparison, a gallery and one of its pages, on a phone and on a desk, in both themes.
// None may complain in the console, ask the network, be wider than the window or break a rule of accessibility; keys have to
// reach the points of the charts.
//
// Usage: check_pages.mjs CHROMIUM AXE FOLDER [SCREENSHOTS]

import { createServer } from "node:http";
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { extname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { Browser, Tab } from "./browser.mjs";

const [, , chromium, axe, folder, screenshots] = process.argv;
const LARGEST = 2 * 1024 * 1024;
const TYPES = { ".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".txt": "text/plain" };

const failures = [];
function require(isSo, ...what) {
  if (!isSo) failures.push(what.join(" "));
}

/** A server of the gallery, which also counts who asks for what no page may ask for. */
function serve() {
  const stray = [];
  const server = createServer((request, response) => {
    const name = new URL(request.url, "http://localhost").pathname.slice(1);
    try {
      const text = readFileSync(join(folder, "gallery", name));
      response.writeHead(200, { "content-type": TYPES[extname(name)] ?? "application/octet-stream" }).end(text);
    } catch {
      stray.push(name);
      response.writeHead(404).end();
    }
  });
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve({ server, stray, address: `http://127.0.0.1:${server.address().port}` }));
  });
}

/** Tabulators until a point of a chart has the focus, then an arrow to the next one. */
async function checkKeys(tab, name) {
  const focus = "document.activeElement?.closest('.drawing svg') && document.activeElement.getAttribute('aria-label')";
  let first = null;
  for (let i = 0; i < 40 && !first; i += 1) {
    await tab.press("Tab");
    first = await tab.value(focus);
  }
  require(first, name, "the tabulator reaches no point of a chart");
  if (!first) return;
  await tab.press("ArrowRight");
  const second = await tab.value(focus);
  require(second && second !== first, name, "an arrow does not lead from", first, "to another point");
  require(await tab.value("!!document.querySelector('.told')"), name, "nothing is told of the point that has the focus");
}

async function checkAccessibility(tab, name) {
  await tab.value(`${readFileSync(axe, "utf8")}; true`);
  const found = await tab.value("axe.run({ preload: false }).then(({ violations }) => violations.map(({ id, impact, help, nodes }) => "
    + "({ id, impact, help, count: nodes.length, first: nodes[0].html.slice(0, 160) })))");
  const bad = found.filter(({ impact }) => ["serious", "critical"].includes(impact));
  bad.forEach((rule) => require(false, name, `${rule.impact}: ${rule.id}, ${rule.help}, ${rule.count} times, first ${rule.first}`));
  return found.length - bad.length;
}

/** What a page could ask of the network it is refused, on whichever way. */
async function checkRefusal(tab, name, server) {
  const ways = ["fetch(URL)", "(new Image().src = URL)", "navigator.sendBeacon(URL)",
    "document.head.append(Object.assign(document.createElement('link'), { rel: 'stylesheet', href: URL }))"];
  const before = server.stray.length;
  const refused = await tab.value(`(async () => {
    let count = 0;
    addEventListener("securitypolicyviolation", () => { count += 1; });
    const URL = "http://localhost:${new URL(server.address).port}/stray";
    ${ways.map((way) => `try { await ${way}; } catch { /* refused */ }`).join("\n    ")}
    await new Promise((resolve) => setTimeout(resolve, 300));
    return count;
  })()`);
  require(refused >= ways.length, name, `${refused} of ${ways.length} ways into the network were refused`);
  require(server.stray.length === before, name, "the network was reached");
}

/** Picks, sorts, and follows the first adapter and the way back. */
async function checkGallery(tab, name) {
  const rows = "document.querySelectorAll('tbody tr')";
  const count = await tab.value(`${rows}.length`);
  const all = readdirSync(join(folder, "results")).length;
  require(count === all, name, `${count} lines in place of ${all}`);
  const picked = await tab.value(`(() => {
    const choice = document.querySelector('select[aria-label="driver"]');
    choice.selectedIndex = 1;
    choice.dispatchEvent(new Event("change"));
    const count = ${rows}.length;
    choice.selectedIndex = 0;
    choice.dispatchEvent(new Event("change"));
    return count;
  })()`);
  require(picked > 0 && picked < all, name, `${picked} lines of one driver, of ${all}`);
  const typed = await tab.value(`(() => {
    const filter = document.querySelector("input[type=search]");
    filter.value = "no such adapter";
    filter.dispatchEvent(new Event("input"));
    const text = document.querySelector("tbody").textContent;
    filter.value = "";
    filter.dispatchEvent(new Event("input"));
    return text;
  })()`);
  require(typed === "no line has these words", name, "a filter without lines shows", typed);
  // Every column, by its key: numbers go up, and the order turns round.
  const unsorted = await tab.value(`[...document.querySelectorAll("th button")].flatMap((button) => {
    const at = [...button.closest("tr").children].indexOf(button.closest("th"));
    const texts = () => [...${rows}].map((row) => row.children[at].firstChild?.textContent ?? "").filter((text) => text !== "-");
    button.click();
    const up = texts();
    button.click();
    const down = texts();
    const isTurned = JSON.stringify([...up].sort()) === JSON.stringify([...down].sort()) && up[0] === down.at(-1);
    return isTurned ? [] : [button.textContent];
  })`);
  require(unsorted.length === 0, name, "columns that do not sort:", unsorted.join(", "));
  const title = await tab.value("document.querySelector('tbody a').textContent");
  await tab.follow(() => tab.value("document.querySelector('tbody a').click()"));
  await tab.until("!!document.querySelector('.drawing svg')");
  require(await tab.value("document.title") === title, name, "the adapter", title, "leads to another page");
  await tab.follow(() => tab.value("document.querySelector('.brand a').click()"));
  require(await tab.value(`${rows}.length`) === all, name, "the way back does not lead to the index");
}

async function check(browser, server, page, width, theme) {
  const name = `${page.name}, ${width} px, ${theme}:`;
  const tab = await Tab.open(browser, { width, theme });
  await tab.go(page.url);
  if (page.hasCharts) await tab.until("!!document.querySelector('.drawing svg')");
  const wide = await tab.value("document.documentElement.scrollWidth - innerWidth");
  require(wide <= 0, name, `the page is ${wide} px wider than the window`);
  if (screenshots) {
    // Charts are drawn once they are near: here at once.
    await tab.value("[...waiting.keys()].forEach(drawNow)");
    mkdirSync(screenshots, { recursive: true });
    writeFileSync(join(screenshots, `${page.name}-${width}-${theme}.png`), await tab.picture());
  }
  if (page.hasCharts) await checkKeys(tab, name);
  const minor = await checkAccessibility(tab, name);
  if (page.isGallery) await checkGallery(tab, name);
  const own = (url) => url.startsWith("file:") || url.startsWith(server.address) || url.startsWith("data:") || url.startsWith("blob:");
  const strange = tab.requests.filter((url) => !own(url) || (!page.isOfGallery && url !== page.url));
  require(strange.length === 0, name, "it asked for", strange.join(", "));
  require(tab.complaints.length === 0, name, "the console has", tab.complaints.join("; "));
  // Last: what is refused stands in the console.
  if (width > 600 && theme === "light") await checkRefusal(tab, name, server);
  await tab.close();
  return minor;
}

const gallery = readdirSync(join(folder, "gallery"));
const inside = gallery.find((name) => name.startsWith("nvidia"));
const server = await serve();
const at = (name) => pathToFileURL(join(folder, name)).href;
const pages = [
  { name: "run", url: at("run.html"), hasCharts: true },
  { name: "roofline", url: at("roofline.html"), hasCharts: true },
  { name: "compare", url: at("compare.html"), hasCharts: true },
  { name: "gallery", url: at("gallery/index.html"), isGallery: true, isOfGallery: true },
  { name: "gallery-page", url: at(`gallery/${inside}`), hasCharts: true, isOfGallery: true },
  { name: "gallery-served", url: `${server.address}/index.html`, isGallery: true, isOfGallery: true },
];
const files = ["run.html", "roofline.html", "compare.html", ...gallery.map((name) => join("gallery", name))];
for (const file of files) {
  const size = statSync(join(folder, file)).size;
  require(size < LARGEST, file, `has ${size} bytes, ${LARGEST} are the most`);
}

const browser = new Browser(chromium);
let minor = 0;
try {
  for (const page of pages) {
    for (const width of [360, 1280]) {
      for (const theme of ["light", "dark"]) minor += await check(browser, server, page, width, theme);
    }
    console.log(`  ${page.name}: ${failures.length ? "failures so far: " + failures.length : "as it should be"}`);
  }
} finally {
  await browser.close();
  server.server.close();
}
failures.forEach((failure) => console.error(`  ${failure}`));
if (minor) console.log(`  findings of axe-core below serious: ${minor}`);
process.exitCode = failures.length ? 1 : 0;
