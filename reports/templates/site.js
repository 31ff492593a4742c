// Search for a page, sortable tables, a filter for long ones. Every page works without it, and it fetches nothing.
(() => {
  "use strict";
  const PAGES = /* pages */ [];

  const make = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    Object.entries(attributes).forEach(([name, value]) => element.setAttribute(name, value));
    element.append(...children);
    return element;
  };

  const matches = (text, words) => words.every((word) => text.includes(word));
  // "surgery 21" is no part of "Surgery 22, A81021".
  const begins = (text, words) => words.every((word) => text.split(/[\s-]+/).some((part) => part.startsWith(word)));
  const wordsOf = (text) => text.toLowerCase().split(/\s+/).filter(Boolean);

  // --- search ----------------------------------------------------------------------------------
  const search = () => {
    const top = document.querySelector("header.top .wrap");
    if (!top || !PAGES.length) return;
    const input = make("input", {
      id: "find", type: "search", autocomplete: "off", spellcheck: "false", "aria-describedby": "found-count",
    });
    const list = make("ul", { id: "found", hidden: "" });
    const count = make("p", { id: "found-count", role: "status", class: "quiet" });
    const box = make(
      "form", { class: "find", role: "search" },
      make("label", { for: "find" }, "Find a practice, PCN or ICB"), input, count, list,
    );
    const show = () => {
      const words = wordsOf(input.value);
      const found = words.length ? PAGES.filter((page) => begins(`${page[0]} ${page[1]}`.toLowerCase(), words)) : [];
      list.replaceChildren(
        ...found.slice(0, 8).map(([name, code, file, kind]) =>
          make("li", {}, make("a", { href: file }, name), ` ${kind} ${code}`)),
      );
      list.hidden = !found.length;
      count.textContent = !words.length ? "" : found.length > 8 ? `${found.length} found, the first 8 shown`
        : `${found.length || "Nothing"} found`;
    };
    const links = () => [...list.querySelectorAll("a")];
    box.addEventListener("input", show);
    box.addEventListener("submit", (event) => {
      event.preventDefault();
      const first = links()[0];
      if (first) window.location.href = first.href;
    });
    box.addEventListener("keydown", (event) => {
      const all = [input, ...links()];
      const at = all.indexOf(document.activeElement);
      if (event.key === "Escape") { input.value = ""; show(); input.focus(); }
      if (at < 0 || !["ArrowDown", "ArrowUp"].includes(event.key)) return;
      event.preventDefault();
      all[Math.max(0, Math.min(all.length - 1, at + (event.key === "ArrowDown" ? 1 : -1)))].focus();
    });
    top.append(box);
  };

  // --- sortable tables -------------------------------------------------------------------------
  const numberIn = (text) => {
    const found = text.replace(/,/g, "").replace(/[−–](?=\d)/g, "-").match(/^-?\d+(\.\d+)?/);
    return found ? Number(found[0]) : null;
  };
  const sortBy = (table, column, ascending) => {
    const body = table.tBodies[0];
    const numeric = table.tHead.rows[0].cells[column].classList.contains("number");
    const keyed = [...body.rows].map((row) => {
      const text = row.cells[column].textContent.trim();
      return { row, text, number: numeric ? numberIn(text) : null };
    });
    const names = new Intl.Collator("en-GB", { numeric: true });
    keyed.sort((one, other) => {
      if (!numeric) return (ascending ? 1 : -1) * names.compare(one.text, other.text);
      // What is hidden or missing stays at the end, whichever way.
      if (one.number === null || other.number === null) return (one.number === null) - (other.number === null);
      return (ascending ? 1 : -1) * (one.number - other.number);
    });
    body.append(...keyed.map((entry) => entry.row));
  };
  const sortable = (table) => {
    const said = make("p", { class: "quiet", role: "status" });
    table.parentElement.before(said);
    [...table.tHead.rows[0].cells].forEach((cell, column) => {
      const button = make("button", { type: "button", class: "sort" }, ...cell.childNodes);
      cell.append(button);
      button.addEventListener("click", () => {
        const ascending = cell.getAttribute("aria-sort") !== "ascending";
        [...table.tHead.rows[0].cells].forEach((other) => other.removeAttribute("aria-sort"));
        cell.setAttribute("aria-sort", ascending ? "ascending" : "descending");
        sortBy(table, column, ascending);
        said.textContent = `Sorted by ${button.textContent.trim()}, ${ascending ? "lowest" : "highest"} first`;
      });
    });
  };

  // --- filter of a long table ------------------------------------------------------------------
  let filters = 0;
  const filterable = (table) => {
    const id = `filter-${(filters += 1)}`;
    const input = make("input", { id, type: "search", autocomplete: "off", spellcheck: "false" });
    const said = make("span", { role: "status", class: "quiet" });
    table.parentElement.before(make("p", { class: "filter" }, make("label", { for: id }, "Show only rows with "), input, " ", said));
    input.addEventListener("input", () => {
      const words = wordsOf(input.value);
      const rows = [...table.tBodies[0].rows];
      rows.forEach((row) => { row.hidden = !matches(row.textContent.toLowerCase(), words); });
      said.textContent = words.length ? `${rows.filter((row) => !row.hidden).length} of ${rows.length} rows` : "";
    });
  };

  // --- all tables at once ----------------------------------------------------------------------
  const toggles = () => {
    const details = [...document.querySelectorAll("main details")];
    const before = document.querySelector("main .lede") || document.querySelector("main h1");
    if (details.length < 2 || !before) return;
    const button = make("button", { type: "button", class: "toggle", "aria-expanded": "false" }, "Open all tables");
    button.addEventListener("click", () => {
      const open = button.getAttribute("aria-expanded") !== "true";
      details.forEach((one) => { one.open = open; });
      button.setAttribute("aria-expanded", String(open));
      button.textContent = open ? "Close all tables" : "Open all tables";
    });
    before.after(button);
  };

  search();
  toggles();
  document.querySelectorAll("table[data-sortable]").forEach(sortable);
  document.querySelectorAll("table[data-filterable]").forEach(filterable);
})();
