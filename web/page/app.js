// The page: choices, progress, messages, and the results that it keeps.

const at = (id) => document.getElementById(id);

/** Where results are kept from one visit to the next. */
const KEPT = "ridgepoint.results";

/** What to do about each kind of failure. */
const REMEDIES = {
  no_webgpu: "Chrome and Edge have WebGPU from 113 on (on Linux from 144 on, or with chrome://flags/#enable-unsafe-webgpu), Safari from 26 on, Firefox "
    + "from 141 on for Windows and 145 on for Macs. Files of results can be looked at and compared all the same.",
  insecure: "Browsers give WebGPU to pages of https and of localhost only. Open this page by https.",
  no_adapter: "The browser has WebGPU but gives no GPU to it: the GPU may be on its list of those it does not trust, or its driver too old. Update the "
    + "driver and the browser, start the browser again, and look at chrome://gpu. Files of results can be looked at and compared all the same.",
  refused: "Close other pages that use the GPU, start the browser again, and update the GPU's driver.",
  lost: "The driver was reset, or the browser's GPU process ended. Results so far are kept below. Starting again opens a new device; if it "
    + "is lost again, run single operations, and close other pages that use the GPU.",
  out_of_memory: "Close other pages and programs that use the GPU's memory, or run single operations of a smaller shape.",
  interrupted: "Results so far are kept below.",
  broken: "That is a fault of this program. Results so far are kept below; starting again loads it anew.",
  other: "",
};

const TITLES = {
  no_webgpu: "This browser has no WebGPU.",
  insecure: "This page has no WebGPU, because it did not come by a secure way.",
  no_adapter: "There is no adapter.",
  refused: "The adapter did not open.",
  lost: "The device was lost.",
  out_of_memory: "The GPU's memory is used up.",
  interrupted: "Stopped.",
  broken: "The program ended unexpectedly.",
  other: "That cannot be done.",
};

/** Failures whose own words say less than the page does. */
const WITHOUT_DETAIL = ["no_webgpu", "insecure", "no_adapter", "interrupted"];

/** Shows a failure: what, why, what to do. */
function complain({ kind, message }) {
  const detail = message && !WITHOUT_DETAIL.includes(kind) ? [message] : [];
  const texts = [TITLES[kind] ?? TITLES.other, ...detail, REMEDIES[kind]].filter(Boolean);
  at("message").replaceChildren(...texts.map((text, i) => element("p", {}, i ? text : element("strong", {}, text))));
}

function tell(text) {
  at("message").replaceChildren(...(text ? [element("p", {}, text)] : []));
}

/** The worker with the program, and whoever waits for its answers. */
class Program {
  #waiting = new Map();
  #count = 0;

  #start() {
    if (this.worker) return;
    this.worker = new Worker("worker.js", { type: "module" });
    this.worker.addEventListener("message", ({ data: { id, what, text } }) => {
      const caller = this.#waiting.get(id);
      if (what === "done" || what === "failed") this.#waiting.delete(id);
      if (what === "done") caller.resolve(text);
      else if (what === "failed") caller.reject(JSON.parse(text));
      else caller.told[what](text);
    });
    this.worker.addEventListener("error", (event) => {
      event.preventDefault();
      this.#end(event.message || "its files could not be loaded");
    });
  }

  /** The program ended in the middle: whoever waits learns of it, and the next call starts it anew. */
  #end(message) {
    this.worker.terminate();
    this.worker = undefined;
    this.#waiting.forEach(({ reject }) => reject({ kind: "broken", message }));
    this.#waiting.clear();
  }

  /** Calls `call` with a text; `told` has a function for each thing that is told meanwhile. */
  call(call, text, told = {}) {
    this.#start();
    this.#count += 1;
    const id = this.#count;
    this.worker.postMessage({ id, call, text });
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject, told }));
  }

  stop() {
    this.worker?.postMessage({ call: "stop" });
  }
}

const program = new Program();

/** Names with commas or spaces between. */
const names = (text) => text.split(/[\s,]+/).filter(Boolean);

/** The machine, as far as the browser tells. */
function host() {
  const { platform, mobile } = navigator.userAgentData ?? {};
  return {
    os: platform ? `${platform}${mobile ? ", mobile" : ""}` : navigator.platform || "unknown",
    cpu: "unknown",
    memory_bytes: null,
    utc: new Date().toISOString().replace(/\.\d+Z$/, "Z"),
  };
}

/** Fields of the form that an address carries. */
const FIELDS = ["suite", "op", "kernel", "dtype", "note"];

/** Puts the choices of the address into the form. */
function readAddress() {
  const words = new URLSearchParams(location.hash.slice(1));
  for (const name of FIELDS) {
    const field = at(name);
    const value = words.get(name) ?? (name === "suite" ? "quick" : "");
    // A list of suites, or a name that this version does not know, is an option of its own; running it says what is wrong.
    if (field.matches("select") && ![...field.options].some((option) => option.value === value)) {
      field.append(element("option", { value }, value));
    }
    field.value = value;
  }
  if (["kernel", "dtype", "note"].some((name) => at(name).value)) at("kernel").closest("details").open = true;
}

/** Puts the choices of the form into the address. */
function writeAddress() {
  const words = new URLSearchParams();
  for (const name of FIELDS) if (at(name).value) words.set(name, at(name).value);
  history.replaceState(null, "", `#${words}`.replaceAll("%3A", ":").replaceAll("%2C", ","));
}

/** Results that the page keeps: each with the name of its file and its text. */
class Kept {
  constructor() {
    this.all = [];
    try {
      const kept = JSON.parse(localStorage.getItem(KEPT) ?? "[]");
      this.all = kept.filter(({ name, text }) => typeof name === "string" && typeof text === "string");
    } catch { /* a browser without storage, or what somebody else left there */ }
    this.list();
  }

  save() {
    // Where room is short, the oldest go first; they stay in the page until it is closed.
    for (let from = 0; from <= this.all.length; from += 1) {
      try {
        localStorage.setItem(KEPT, JSON.stringify(this.all.slice(from)));
        return;
      } catch { /* too much */ }
    }
  }

  /** Keeps `text`, and returns the name that it got. */
  add(name, text) {
    let free = name;
    for (let count = 2; this.all.some((file) => file.name === free); count += 1) free = name.replace(/(\.json)?$/, `-${count}.json`);
    this.all.push({ name: free, text });
    this.save();
    this.list();
    return free;
  }

  /** The files whose boxes are marked. */
  marked() {
    return this.all.filter((_, i) => at(`mark-${i}`)?.checked);
  }

  list() {
    const marks = new Set(this.all.filter((file) => file.marked).map((file) => file.name));
    at("results").replaceChildren(...this.all.map((file, i) => {
      const box = element("input", { type: "checkbox", id: `mark-${i}` });
      box.checked = marks.has(file.name);
      box.addEventListener("change", () => { file.marked = box.checked; this.enable(); });
      const button = (text, act) => {
        const made = element("button", { type: "button", "aria-label": `${text} ${file.name}` }, text);
        made.addEventListener("click", act);
        return made;
      };
      return element("li", {}, element("label", { for: `mark-${i}` }, box, file.name),
        button("Show", () => showFiles("show", [file])),
        button("Download", () => saveFile(file.name, file.text)),
        button("Forget", () => {
          this.all.splice(i, 1);
          this.save();
          this.list();
        }));
    }));
    this.enable();
  }

  enable() {
    at("compare").disabled = this.marked().length < 2;
  }
}

/** Shows `files`, or compares them; the heading of what is shown gets into view. */
async function showFiles(call, files) {
  try {
    const plain = files.map(({ name, text }) => ({ name, text }));
    const data = JSON.parse(await program.call(call, JSON.stringify(plain)));
    at("shown").replaceChildren();
    at("contents").replaceChildren();
    new Documents(data, at("shown"), at("contents"), 2);
    at("shown").firstElementChild.scrollIntoView({ block: "start" });
  } catch (failure) {
    complain(failure);
  }
}

/** Name of the file of results in `text`. */
function nameOf(text) {
  const { adapter, host, schema } = JSON.parse(text);
  const words = adapter.name.toLowerCase().match(/[a-z0-9]+/g) ?? ["adapter"];
  const end = schema.startsWith("ridgepoint.roofline") ? "-roofline" : "";
  return `${words.join("-").slice(0, 60)}-browser-${host.utc.replace(/[-:]/g, "")}${end}.json`;
}

/** Does `call`, which takes a while, and keeps its results, complete or not. Returns what it answered; `undefined` where it failed. */
async function work(call, text) {
  tell("");
  at("choices").disabled = true;
  at("work").hidden = false;
  at("live").replaceChildren();
  at("progress").removeAttribute("value");
  at("part").textContent = "Beginning.";
  let results;
  const told = {
    begin(text) {
      const [part, done, all] = JSON.parse(text);
      at("part").textContent = all ? `${done + 1} of ${all}: ${part}` : part;
      if (all) Object.assign(at("progress"), { max: all, value: done });
    },
    table: (text) => at("live").replaceChildren(...table(JSON.parse(text), "so far")),
    results(text) { results = text; },
  };
  let answer;
  try {
    answer = await program.call(call, text, told);
    at("live").replaceChildren(...(call === "check" ? at("live").children : []));
  } catch (failure) {
    complain(failure);
  }
  at("choices").disabled = false;
  at("part").textContent = "";
  at("progress").parentElement.hidden = true;
  if (results && hasResults(results)) {
    const name = kept.add(nameOf(results), results);
    await showFiles("show", [{ name, text: results }]);
  }
  return answer;
}

/** Whether anything was measured. */
function hasResults(text) {
  const { rows = [], ceilings } = JSON.parse(text);
  return rows.length + ceilings.length > 0;
}

/** Starts `act`, where nothing is in work. */
const whenIdle = (act) => (event) => {
  event.preventDefault();
  if (at("choices").disabled) return;
  at("progress").parentElement.hidden = false;
  act();
};

const noteOf = () => at("note").value || null;

function run() {
  writeAddress();
  const wanted = {
    names: {
      suites: names(at("suite").value), operations: names(at("op").value), kernels: names(at("kernel").value), dtypes: names(at("dtype").value),
    },
    host: host(),
    note: noteOf(),
  };
  return work("run", JSON.stringify(wanted));
}

async function check() {
  const counts = await work("check", JSON.stringify(names(at("op").value)));
  if (counts) tell(`Checked: ${counts}.`);
}

const roofline = () => work("roofline", JSON.stringify({ is_quick: true, host: host(), note: noteOf() }));

/** Takes files of results from the reader's disk. */
async function take(files) {
  for (const file of files) {
    const text = await file.text();
    try {
      // Whatever is no file of results is refused in words.
      await program.call("show", JSON.stringify([{ name: file.name, text }]));
      kept.add(file.name, text);
    } catch (failure) {
      complain(failure);
    }
  }
}

/** Opens the adapter, and shows what the browser tells of it. */
async function open() {
  if (!navigator.gpu) {
    at("adapter").textContent = "none";
    complain({ kind: isSecureContext ? "no_webgpu" : "insecure" });
    return;
  }
  try {
    const { adapter, driver, version, list, suites, operations } = JSON.parse(await program.call("open"));
    at("adapter").textContent = `${adapter}, by WebGPU in ${driver}`;
    new Documents(JSON.parse(list), at("adapter-list"), element("nav"), 2);
    at("adapter-details").hidden = false;
    at("made").textContent = `Made by ridgepoint ${version}.`;
    at("suite").replaceChildren(...suites.map(({ name, about, rows, expected_s }) =>
      element("option", { value: name, title: about }, `${name}: ${rows} rows, about ${duration(expected_s)}`)));
    at("operations").replaceChildren(...operations.map(({ name, shape }) => element("option", { value: name }, shape)));
    at("kernels").replaceChildren(...operations.flatMap(({ kernels }) => kernels).map((value) => element("option", { value })));
    readAddress();
    at("choices").disabled = false;
  } catch (failure) {
    at("adapter").textContent = "none";
    complain(failure);
  }
}

function duration(seconds) {
  return seconds < 90 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} min`;
}

const kept = new Kept();
chooseThemes(at("theme"));
at("form").addEventListener("submit", whenIdle(run));
at("check").addEventListener("click", whenIdle(check));
at("roofline").addEventListener("click", whenIdle(roofline));
at("stop").addEventListener("click", () => {
  at("part").textContent = "Stopping behind the sample that is being taken.";
  program.stop();
});
at("compare").addEventListener("click", () => showFiles("compare", kept.marked()));
at("files").addEventListener("change", () => take(at("files").files));
at("form").addEventListener("change", writeAddress);
addEventListener("hashchange", readAddress);
addEventListener("dragover", (event) => { event.preventDefault(); document.body.classList.add("dropping"); });
addEventListener("dragleave", () => document.body.classList.remove("dropping"));
addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("dropping");
  take(event.dataTransfer.files);
});
document.addEventListener("visibilitychange", () => {
  if (document.hidden && at("choices").disabled && !at("work").hidden) {
    tell("This page was hidden while it measured. Browsers give hidden pages less of the machine: keep it in sight for times that can be compared.");
  }
});
open();
