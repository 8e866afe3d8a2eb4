// Tables: sorted by any column, filtered by words, a page at a time, all of it on paper.

const PAGE = 50;
/** Lines from which on a table has a filter. */
const MANY = 12;
/** Lines that are printed at most: a browser lays out no more in reasonable time. */
const PRINTED = 2000;

function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "class") node.className = value;
    else node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

const textOf = (cell) => (typeof cell === "string" ? cell : cell[0]);
const numberOf = (cell) => (typeof cell === "string" ? null : cell[1]);

/** A cell of `column`, with `more` about it on a line of its own. */
function place(cell, column, more) {
  const [text, number, kind, detail] = typeof cell === "string" ? [cell, null, "", ""] : cell;
  const long = column.align === "prose" || text.length > 60;
  const node = element("td", { class: [column.align === "right" ? "right" : "", long ? "long" : "", kind === "bar" ? "" : kind].join(" ").trim() });
  if (kind === "bar") {
    const fill = element("i");
    fill.style.width = `${Math.min(1, Math.max(0, number)) * 100}%`;
    node.append(element("span", { class: "bar", "aria-hidden": "true" }, fill));
  } else if (kind === "best") {
    node.append(element("span", { "aria-hidden": "true" }, "\u2605"), element("span", { class: "hidden" }, "fastest"));
  } else if (kind === "page" && detail) {
    node.append(element("a", { href: detail }, text));
  } else {
    node.append(text);
  }
  if (kind === "missing" && detail) {
    node.title = detail;
    node.append(element("span", { class: "hidden" }, ` ${detail}`));
  }
  if (more) node.append(element("span", { class: "more-about" }, more));
  return node;
}

/** Compares two lines by a column: numbers by their value, texts by their words, what is missing last in both directions. */
function byColumn(at, sign) {
  return (a, b) => {
    const [x, y] = [a.cells[at], b.cells[at]];
    const [m, n] = [numberOf(x), numberOf(y)];
    if (m !== null && n !== null) return sign * (m - n);
    const empty = (cell, number) => number === null && (textOf(cell) === "" || textOf(cell) === "-");
    const [e, f] = [empty(x, m), empty(y, n)];
    if (e || f) return e - f;
    return sign * textOf(x).localeCompare(textOf(y), "en", { numeric: true });
  };
}

/** What a reader may pick lines by: each with the lines' values, the values there are, and the one that is picked. */
function choices({ columns, lines }) {
  const several = (choice) => choice.values.length > 1;
  const groups = {
    name: "Operation", all: "all operations", picked: "", of: (line) => line.group ?? "",
    values: [...new Set(lines.map((line) => line.group).filter(Boolean))],
  };
  const ofColumns = columns.flatMap((column, at) => {
    if (!column.choice) return [];
    const of = (line) => textOf(line.cells[at]);
    const values = [...new Set(lines.map(of))].sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
    return [{ name: column.name, all: `any ${column.name}`, picked: "", of, values }];
  });
  return [groups, ...ofColumns].filter(several);
}

function table(data, title) {
  const { columns, lines } = data;
  const picks = choices(data);
  const hasControls = lines.length > MANY || picks.some((pick) => pick.name !== "Operation");
  const state = { column: -1, sign: 1, words: [], page: 0, all: false };
  /** Columns that have a place of their own, each with the one whose cells stand under its own. */
  const places = columns.flatMap((column, at) => (column.under ? [] : [{ at, column, below: columns[at + 1]?.under ? at + 1 : -1 }]));
  const body = element("tbody");
  const count = element("span", { class: "count", role: "status" });
  const back = element("button", { type: "button" }, "Previous");
  const forth = element("button", { type: "button" }, "Next");
  const where = element("span");
  const pager = element("div", { class: "pager" }, back, where, forth);
  const haystack = lines.map((line) => line.cells.map(textOf).join(" ").toLowerCase());

  function show() {
    let found = lines.filter((line, i) =>
      picks.every((pick) => !pick.picked || pick.of(line) === pick.picked) && state.words.every((word) => haystack[i].includes(word)));
    if (state.column >= 0) found = [...found].sort(byColumn(state.column, state.sign));
    const size = state.all ? PRINTED : PAGE;
    const pages = Math.max(1, Math.ceil(found.length / size));
    state.page = Math.min(state.page, pages - 1);
    const first = state.page * size;
    const shown = found.slice(first, first + size);
    body.replaceChildren(...shown.map((line, i) => {
      const apart = state.column < 0 && i > 0 && shown[i - 1].group !== line.group;
      const cells = places.map(({ at, column, below }) => place(line.cells[at], column, below < 0 ? "" : textOf(line.cells[below])));
      return element("tr", apart ? { class: "apart" } : {}, ...cells);
    }));
    if (!shown.length) body.append(element("tr", {}, element("td", { colspan: places.length }, "no line has these words")));
    count.textContent = found.length === lines.length ? `${lines.length} lines` : `${found.length} of ${lines.length} lines`;
    pager.hidden = pages === 1;
    pager.style.display = pages === 1 ? "none" : "";
    where.textContent = `page ${state.page + 1} of ${pages}`;
    back.disabled = state.page === 0;
    forth.disabled = state.page === pages - 1;
  }

  const heads = places.map(({ at, column }) => {
    const name = column.name === "*" ? "best" : column.name;
    const head = element("th", { scope: "col", class: column.align === "right" ? "right" : "" });
    if (column.about) head.title = column.about;
    if (!name) {
      const isBar = lines.some((line) => line.cells[at][2] === "bar");
      head.append(element("span", { class: "hidden" }, isBar ? "the same as a bar" : "which"));
      return head;
    }
    if (lines.length < 2) {
      head.append(name);
      return head;
    }
    const button = element("button", { type: "button" }, name);
    button.addEventListener("click", () => {
      const isSame = state.column === at;
      state.sign = isSame ? -state.sign : 1;
      state.column = at;
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", state.sign > 0 ? "ascending" : "descending");
      show();
    });
    head.append(button);
    return head;
  });
  back.addEventListener("click", () => { state.page -= 1; show(); });
  forth.addEventListener("click", () => { state.page += 1; show(); });

  // Where lines lead to pages, their names stay in sight.
  const leads = lines.some((line) => line.cells[0][2] === "page");
  const scroll = element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": title || "rows" },
    element("table", leads ? { class: "leads" } : {}, element("caption", { class: "hidden" }, title || "rows"),
      ...(columns.some((column) => column.name) ? [element("thead", {}, element("tr", {}, ...heads))] : []), body));
  const parts = [scroll];
  if (hasControls) {
    const words = places.map(({ column }) => column).filter(({ name, align }) => name && align !== "right").slice(0, 3).map(({ name }) => name);
    const filter = element("input", { type: "search", placeholder: `Filter by words: ${words.join(", ")}`, "aria-label": "Filter the lines by words" });
    filter.addEventListener("input", () => {
      state.words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
      state.page = 0;
      show();
    });
    const controls = element("div", { class: "controls" }, filter);
    for (const pick of picks) {
      const choice = element("select", { "aria-label": pick.name }, element("option", { value: "" }, pick.all),
        ...pick.values.map((value) => element("option", { value }, value)));
      choice.addEventListener("change", () => { pick.picked = choice.value; state.page = 0; show(); });
      controls.append(choice);
    }
    controls.append(count);
    parts.unshift(controls);
    parts.push(pager);
  }
  addEventListener("beforeprint", () => { state.all = true; show(); });
  addEventListener("afterprint", () => { state.all = false; show(); });
  show();
  return parts;
}
