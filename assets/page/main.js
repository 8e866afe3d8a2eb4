// The page: documents in their order, each with its figures in front of its tables; downloads; themes.

const data = JSON.parse(document.getElementById("data").textContent);
const main = document.getElementById("content");
const contents = document.getElementById("contents");
/** Small charts that are drawn before somebody asks for all. */
const FEW = 8;

document.title = data.title;

/** Whether there are several documents: each has a heading then, and those of its parts are below it. */
const isNamed = data.documents.length > 1;

/** A heading that the list of contents leads to. */
function heading(title) {
  const id = `part-${contents.children.length}`;
  contents.append(element("a", { href: `#${id}`, class: "part" }, title.split(/[,:;]/)[0]));
  return element(isNamed ? "h3" : "h2", { id, class: "part" }, title);
}

/** The heading of a document, which is the name of a file. */
function documentHeading(title) {
  const id = `part-${contents.children.length}`;
  contents.append(element("a", { href: `#${id}` }, title));
  return element("h2", { id, class: "document" }, title);
}

function facts(file, isOneOfSeveral) {
  const list = element("dl", {}, ...file.facts.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]));
  const summary = isOneOfSeveral ? `Adapter, machine and settings of ${file.name}` : "Adapter, machine and settings in full";
  return element("details", { class: "disclosure" }, element("summary", {}, summary), list);
}

function chart(figure, isSmall) {
  const hint = figure.plane ? [element("p", { class: "keys" }, "Hover over a point, or focus it and go on with the arrow keys.")] : [];
  const about = figure.about && figure.bars ? [element("p", { class: "about" }, figure.about)] : [];
  const title = isSmall ? [element(isNamed ? "h4" : "h3", { class: "item" }, figure.title)] : [];
  return element("div", { class: "chart" }, ...title, ...about, element("div", { class: "drawing" }), ...hint);
}

/** Draws what `place` shows, once it is in the page and near enough to be seen, or is printed. */
const waiting = new Map();
const nearby = new IntersectionObserver((entries) => {
  for (const entry of entries) if (entry.isIntersecting) drawNow(entry.target);
}, { rootMargin: "600px" });
function drawNow(place) {
  const figure = waiting.get(place);
  if (!figure) return;
  waiting.delete(place);
  nearby.unobserve(place);
  draw(figure, place);
}
function drawSoon(figure, place) {
  waiting.set(place, figure);
  nearby.observe(place);
}
addEventListener("beforeprint", () => [...waiting.keys()].forEach(drawNow));

/** Charts of one kind beside each other: a few, and all where somebody asks. */
function small(title, about, figures) {
  const grid = element("div", { class: "small" });
  const add = (some) => some.forEach((figure) => {
    const place = chart(figure, true);
    grid.append(place);
    drawSoon(figure, place);
  });
  const parts = [heading(title), element("p", { class: "about" }, about), grid];
  add(figures.slice(0, FEW));
  if (figures.length > FEW) {
    const more = element("button", { type: "button", class: "more" }, `Show all ${figures.length}`);
    more.addEventListener("click", () => { add(figures.slice(FEW)); more.remove(); });
    parts.push(more);
  }
  main.append(...parts);
}

function figures(all) {
  const planes = all.filter((figure) => figure.plane);
  const isWide = (figure) => figure.plane.roofs.length > 0 || figure.plane.x.places !== undefined;
  const wide = planes.filter(isWide);
  const others = planes.filter((figure) => !isWide(figure));
  const ladders = all.filter((figure) => figure.bars);
  for (const figure of wide) {
    const place = chart(figure, false);
    main.append(heading(figure.title), element("p", { class: "about" }, figure.about), place);
    drawSoon(figure, place);
  }
  if (ladders.length) {
    small("kernels of one shape", "From the slowest to the fastest kernel of each shape; longer is faster.", ladders);
  }
  if (others.length) {
    small("by size", [...new Set(others.map((figure) => figure.about))].join(" "), others);
  }
}

function section(block) {
  if (block.paragraphs) {
    if (block.title) main.append(heading(block.title));
    main.append(...block.paragraphs.map((text) => element("p", { class: "prose" }, text)));
  }
  if (block.warnings) {
    main.append(heading(block.title || "warnings"),
      element("ul", { class: "warnings" }, ...block.warnings.map((text) => element("li", {}, text))));
  }
  if (block.table) {
    const title = block.title || "all rows";
    main.append(heading(title), ...table(block.table, title));
  }
}

function part(content, files) {
  if (isNamed) main.append(documentHeading(content.title || files.map((file) => file.name).join(", ")));
  const first = content.sections.findIndex((block) => !block.paragraphs);
  const leads = first < 0 ? content.sections : content.sections.slice(0, first);
  for (const block of leads) {
    main.append(...(block.paragraphs ?? []).map((text) => element("p", { class: "lead" }, text)));
  }
  main.append(...files.map((file) => facts(file, files.length > 1)));
  figures(content.figures);
  content.sections.slice(leads.length).forEach(section);
}

/** The results themselves, as a file. */
function downloads() {
  const places = document.getElementById("downloads");
  const save = (i) => {
    const text = document.getElementById(`results-${i}`).textContent.trim();
    const link = element("a", { download: data.files[i].name.split(/[\\/]/).pop().replace(/(\.json)?$/, ".json") });
    link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  };
  if (data.files.length === 1) {
    const button = element("button", { type: "button" }, "Download JSON");
    button.addEventListener("click", () => save(0));
    places.append(button);
  } else if (data.files.length) {
    const choice = element("select", { "aria-label": "Download the JSON of a file" }, element("option", { value: "" }, "Download JSON"),
      ...data.files.map((file, i) => element("option", { value: i }, file.name)));
    choice.addEventListener("change", () => {
      if (choice.value) save(Number(choice.value));
      choice.value = "";
    });
    places.append(choice);
  }
}

function themes() {
  const button = document.getElementById("theme");
  const order = ["auto", "light", "dark"];
  let at = 0;
  button.addEventListener("click", () => {
    at = (at + 1) % order.length;
    const name = order[at];
    if (name === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = name;
    button.textContent = `Theme: ${name}`;
  });
}

main.append(element("h1", {}, data.title));
const isOneEach = data.documents.length === data.files.length;
data.documents.forEach((content, i) => part(content, isOneEach ? [data.files[i]] : data.files));
downloads();
themes();
addEventListener("beforeprint", () => document.querySelectorAll(".disclosure").forEach((details) => { details.open = true; }));
