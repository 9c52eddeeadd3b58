// The table of records: sorted, filtered and shown page by page. Everything is in this document.
"use strict";

(async () => {
  const PAGE = 100;
  const FILTERS = [
    "experiment", "device", "format", "shape", "density", "batch", "cache", "threads", "status",
  ];
  const LONG = 40; // letters of a cell that may be broken into lines
  const find = (id) => document.getElementById(id);
  const collator = new Intl.Collator("en", { numeric: true });

  async function unpack(text) {
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).json();
  }

  function element(name, text = "", properties = {}) {
    const made = Object.assign(document.createElement(name), properties);
    if (text) made.textContent = text; // never as markup: names and reasons are strangers' text
    return made;
  }

  // What a column is sorted by: numbers as they are, words by their rank; null is an empty cell.
  function keys(column) {
    if (column.values) return column.values;
    if (!column.keys) {
      const order = column.words.map((_, i) => i);
      order.sort((a, b) => collator.compare(column.words[a], column.words[b]));
      const rank = [];
      order.forEach((word, place) => { rank[word] = column.words[word] === "" ? null : place; });
      column.keys = column.at.map((word) => rank[word]);
    }
    return column.keys;
  }

  // As many decimals as its values need, but four digits of a middling one are enough.
  function formatter(values) {
    const known = values.filter((value) => value !== null);
    const sizes = known.map(Math.abs).filter((value) => value > 0).sort((a, b) => a - b);
    const middle = sizes.length ? sizes[sizes.length >> 1] : 1;
    const enough = Math.min(8, Math.max(0, 3 - Math.floor(Math.log10(middle))));
    const needed = (value) => (String(value).split(".")[1] || "").length;
    const digits = known.reduce((most, value) => Math.max(most, Math.min(enough, needed(value))), 0);
    const form = { minimumFractionDigits: digits, maximumFractionDigits: digits };
    return new Intl.NumberFormat("en-GB", form);
  }

  function show(column, row) {
    if (column.words) return column.words[column.at[row]];
    column.formatter ||= formatter(column.values);
    const value = column.values[row];
    return value === null ? "" : column.formatter.format(value);
  }

  let columns;
  try {
    columns = await unpack(find("data").textContent);
  } catch (error) {
    find("failed").textContent =
      `The records cannot be unpacked (${error.message}); a browser of 2023 or newer is needed.`;
    return;
  }
  const named = Object.fromEntries(columns.map((column) => [column.name, column]));
  const all = [...(columns[0].at || columns[0].values).keys()];
  const state = { by: null, descending: false, page: 0, rows: all };

  // Filters

  // What a filter offers: the value in a cell and its text, in order.
  function choices(column) {
    if (column.values) {
      const found = [...new Set(column.values)].sort((a, b) => a - b);
      return found.map((value) => [value, value === null ? "" : `${value}`]);
    }
    const found = column.words.map((word, i) => [i, word]);
    return found.sort((a, b) => collator.compare(a[1], b[1]));
  }

  const selects = FILTERS.filter((name) => named[name]).flatMap((name) => {
    const options = choices(named[name]);
    if (options.length < 2) return [];
    const select = element("select", "", { name });
    select.append(element("option", "all", { value: "" }));
    options.forEach(([, text], i) => select.append(element("option", text || "empty", { value: i })));
    const label = element("label", name);
    label.append(select);
    find("choices").append(label);
    const cells = named[name].at || named[name].values;
    return [{ select, keeps: (row) => cells[row] === options[select.value][0] }];
  });

  // Only what can be seen: every row names its baseline too, so `dense` would find them all.
  function matching(term) {
    const texts = shown().filter((column) => column.words);
    const hits = texts.map((column) => column.words.map((w) => w.toLowerCase().includes(term)));
    return (row) => texts.some((column, i) => hits[i][column.at[row]]);
  }

  function select() {
    const terms = find("text").value.toLowerCase().split(/\s+/).filter(Boolean).map(matching);
    const tests = selects.filter((one) => one.select.value).map((one) => one.keeps);
    const kept = all.filter((row) => [...tests, ...terms].every((test) => test(row)));
    state.rows = state.by ? sorted(kept) : kept;
    state.page = 0;
    fill();
  }

  function sorted(rows) {
    const key = keys(named[state.by]);
    const sign = state.descending ? -1 : 1;
    return rows.sort((a, b) => {
      if (key[a] === key[b]) return a - b;
      if (key[a] === null) return 1; // empty cells come last either way
      return key[b] === null ? -1 : sign * (key[a] - key[b]);
    });
  }

  // The table

  const shown = () => columns.filter((column) => column.shown);
  const table = find("rows");

  function head() {
    const line = element("tr");
    for (const column of shown()) {
      const cell = element("th", "", { scope: "col", className: column.values ? "number" : "" });
      const button = element("button", column.name, { type: "button", title: column.meaning });
      button.addEventListener("click", () => {
        state.descending = state.by === column.name && !state.descending;
        state.by = column.name;
        mark();
        select();
      });
      cell.append(button);
      line.append(cell);
    }
    table.tHead.replaceChildren(line);
    mark();
  }

  function mark() {
    shown().forEach((column, i) => {
      const way = state.descending ? "descending" : "ascending";
      table.tHead.rows[0].cells[i].setAttribute("aria-sort", column.name === state.by ? way : "none");
    });
  }

  function fill() {
    const visible = shown();
    const from = state.page * PAGE;
    const lines = state.rows.slice(from, from + PAGE).map((row) => {
      const line = element("tr", "", { className: show(named.status, row) === "ok" ? "" : "failed" });
      for (const column of visible) {
        const text = show(column, row);
        const long = text.length > LONG ? "long" : "";
        line.append(element("td", text, { className: column.values ? "number" : long }));
      }
      return line;
    });
    table.tBodies[0].replaceChildren(...lines);
    const number = (value) => value.toLocaleString("en-GB");
    const of = state.rows.length === all.length ? "" : ` of ${number(all.length)}`;
    const place = lines.length ? `, rows ${number(from + 1)} to ${number(from + lines.length)} shown` : "";
    find("count").textContent = `${number(state.rows.length)}${of} records${place}`;
    for (const button of find("pages").children) {
      button.setAttribute("aria-disabled", target(button.dataset.to) === state.page);
    }
  }

  function target(to) {
    const last = Math.max(0, Math.ceil(state.rows.length / PAGE) - 1);
    const places = { first: 0, previous: state.page - 1, next: state.page + 1, last };
    return Math.min(last, Math.max(0, places[to]));
  }

  for (const button of find("pages").children) {
    button.addEventListener("click", () => {
      state.page = target(button.dataset.to);
      fill();
    });
  }
  for (const column of columns) {
    const box = element("input", "", { type: "checkbox", name: column.name, checked: column.shown });
    box.addEventListener("change", () => {
      column.shown = box.checked;
      head();
      select();
    });
    const label = element("label");
    label.append(box, ` ${column.name}`, element("small", column.meaning));
    find("boxes").append(label);
  }
  const form = find("filters");
  form.addEventListener("input", select);
  form.addEventListener("reset", () => setTimeout(select)); // after the fields are empty
  form.addEventListener("submit", (event) => event.preventDefault());
  for (const id of ["filters", "columns", "bar"]) find(id).hidden = false;
  head();
  select();
})();
