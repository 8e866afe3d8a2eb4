// Documents: each with its figures in front of its tables, below headings that a list of contents leads to.

/** Small charts that are drawn before somebody asks for all. */
const FEW = 8;

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

/** The documents of `data` in `main`, below a heading of `depth`; `contents` lists their parts. */
class Documents {
  constructor(data, main, contents, depth) {
    this.main = main;
    this.contents = contents;
    this.depth = depth;
    /** Whether there are several documents: each has a heading then, and those of its parts are below it. */
    this.isNamed = data.documents.length > 1;
    main.append(element(`h${depth}`, {}, data.title));
    const isOneEach = data.documents.length === data.files.length;
    data.documents.forEach((content, i) => this.part(content, isOneEach ? [data.files[i]] : data.files));
  }

  /** Name of the element of a heading that is `below` the one of all. */
  tag(below) {
    return `h${this.depth + below + (this.isNamed ? 1 : 0)}`;
  }

  /** A heading that the list of contents leads to. */
  heading(title) {
    const id = `part-${this.contents.children.length}`;
    this.contents.append(element("a", { href: `#${id}`, class: "part" }, title.split(/[,:;]/)[0]));
    return element(this.tag(1), { id, class: "part" }, title);
  }

  /** The heading of a document, which is the name of a file. */
  documentHeading(title) {
    const id = `part-${this.contents.children.length}`;
    this.contents.append(element("a", { href: `#${id}` }, title));
    return element(`h${this.depth + 1}`, { id, class: "document" }, title);
  }

  facts(file, isOneOfSeveral) {
    const list = element("dl", {}, ...file.facts.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]));
    const summary = isOneOfSeveral ? `Adapter, machine and settings of ${file.name}` : "Adapter, machine and settings in full";
    return element("details", { class: "disclosure" }, element("summary", {}, summary), list);
  }

  chart(figure, isSmall) {
    const hint = figure.plane ? [element("p", { class: "keys" }, "Hover over a point, or focus it and go on with the arrow keys.")] : [];
    const title = isSmall ? [element(this.tag(2), { class: "item" }, figure.title)] : [];
    return element("div", { class: "chart" }, ...title, element("div", { class: "drawing" }), ...hint);
  }

  /** Charts of one kind beside each other: a few, and all where somebody asks. */
  small(title, about, figures) {
    const grid = element("div", { class: "small" });
    const add = (some) => some.forEach((figure) => {
      const place = this.chart(figure, true);
      grid.append(place);
      drawSoon(figure, place);
    });
    const parts = [this.heading(title), element("p", { class: "about" }, about), grid];
    add(figures.slice(0, FEW));
    if (figures.length > FEW) {
      const more = element("button", { type: "button", class: "more" }, `Show all ${figures.length}`);
      more.addEventListener("click", () => { add(figures.slice(FEW)); more.remove(); });
      parts.push(more);
    }
    this.main.append(...parts);
  }

  figures(all) {
    for (const figure of all.filter((figure) => !figure.group)) {
      const place = this.chart(figure, false);
      this.main.append(this.heading(figure.title), element("p", { class: "about" }, figure.about), place);
      drawSoon(figure, place);
    }
    for (const group of new Set(all.map((figure) => figure.group).filter(Boolean))) {
      const figures = all.filter((figure) => figure.group === group);
      this.small(group, [...new Set(figures.map((figure) => figure.about))].join(" "), figures);
    }
  }

  section(block) {
    if (block.paragraphs) {
      if (block.title) this.main.append(this.heading(block.title));
      this.main.append(...block.paragraphs.map((text) => element("p", { class: "prose" }, text)));
    }
    if (block.warnings) {
      this.main.append(this.heading(block.title || "warnings"),
        element("ul", { class: "warnings" }, ...block.warnings.map((text) => element("li", {}, text))));
    }
    if (block.table) {
      const title = block.title || "all rows";
      this.main.append(this.heading(title), ...table(block.table, title));
    }
  }

  part(content, files) {
    if (this.isNamed) this.main.append(this.documentHeading(content.title || files.map((file) => file.name).join(", ")));
    const first = content.sections.findIndex((block) => !block.paragraphs);
    const leads = first < 0 ? content.sections : content.sections.slice(0, first);
    for (const block of leads) {
      this.main.append(...(block.paragraphs ?? []).map((text) => element("p", { class: "lead" }, text)));
    }
    this.main.append(...files.map((file) => this.facts(file, files.length > 1)));
    this.figures(content.figures);
    content.sections.slice(leads.length).forEach((block) => this.section(block));
  }
}

/** Saves `text` as a file of JSON that is called `name`. */
function saveFile(name, text) {
  const link = element("a", { download: name.split(/[\\/]/).pop().replace(/(\.json)?$/, ".json") });
  link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

/** Has `button` go through the themes. */
function chooseThemes(button) {
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

addEventListener("beforeprint", () => document.querySelectorAll(".disclosure").forEach((details) => { details.open = true; }));
