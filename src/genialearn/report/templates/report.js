"use strict";

(() => {
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const config = {
    responsive: true,
    displaylogo: false,
    typesetMath: false,
    modeBarButtons: [["toImage"], ["zoom2d", "pan2d", "resetScale2d"]],
  };

  // Figures

  /** A copy of a figure in which var(--name) is the page's colour of that name. */
  function themed(part, styles) {
    if (Array.isArray(part)) return part.map((inner) => themed(inner, styles));
    if (part !== null && typeof part === "object") {
      return Object.fromEntries(Object.entries(part).map(([key, inner]) => [key, themed(inner, styles)]));
    }
    const token = typeof part === "string" && part.match(/^var\((--[a-z-]+)\)$/);
    return token ? styles.getPropertyValue(token[1]).trim() : part;
  }

  function chosen(name) {
    const selects = document.querySelectorAll(`select[data-picture="${name}"]`);
    return Array.from(selects, (select) => select.value).join("-");
  }

  function draw(plot) {
    const name = plot.dataset.picture;
    const figure = themed(figures[name][chosen(name)], getComputedStyle(document.documentElement));
    const image = { format: "svg", filename: name };
    plot.style.height = `${figure.layout.height}px`;
    if (document.documentElement.hasAttribute("data-printing")) figure.layout.width = plot.clientWidth;
    Plotly.react(plot, figure.data, figure.layout, { ...config, toImageButtonOptions: image });
  }

  function drawAll() {
    document.querySelectorAll(".plot").forEach(draw);
  }

  function drawOnChange(select) {
    const plot = document.querySelector(`.plot[data-picture="${select.dataset.picture}"]`);
    select.addEventListener("change", () => draw(plot));
  }

  /** Draws all figures in the light colours and the width of a sheet, or of the screen again. */
  function drawForPaper(isPrinting) {
    document.documentElement.toggleAttribute("data-printing", isPrinting);
    drawAll();
    if (!isPrinting) document.querySelectorAll(".plot").forEach((plot) => Plotly.Plots.resize(plot));
  }

  // Tables

  function valueOf(row, column) {
    const cell = row.cells[column];
    const text = cell.dataset.value ?? cell.textContent.trim();
    const number = Number(text);
    return text === "" || text === "nan" ? null : Number.isNaN(number) ? text : number;
  }

  /** Orders two values; those that are missing come last in both directions. */
  function compare(a, b, direction) {
    if (a === null || b === null) return (a === null) - (b === null);
    const order = typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));
    return direction * order;
  }

  function sortBy(heading) {
    const table = heading.closest("table");
    const startsDown = heading.classList.contains("number");
    const isDown = heading.ariaSort === "none" ? startsDown : heading.ariaSort === "ascending";
    table.querySelectorAll("th[aria-sort]").forEach((other) => { other.ariaSort = "none"; });
    heading.ariaSort = isDown ? "descending" : "ascending";
    const rows = Array.from(table.tBodies[0].rows);
    const values = new Map(rows.map((row) => [row, valueOf(row, heading.cellIndex)]));
    rows.sort((a, b) => compare(values.get(a), values.get(b), isDown ? -1 : 1));
    table.tBodies[0].append(...rows);
  }

  function isShown(row, wanted) {
    const marks = Array.from(row.querySelectorAll(".against:not([hidden])"));
    return (
      row.dataset.trait.toLowerCase().includes(wanted.text.trim().toLowerCase()) &&
      (wanted.group === "" || row.dataset.group === wanted.group) &&
      (wanted.verdict === "" || marks.some((mark) => mark.classList.contains(wanted.verdict)))
    );
  }

  function showReference(table, reference) {
    table.querySelectorAll(".against").forEach((mark) => { mark.hidden = mark.dataset.reference !== reference; });
    document.getElementById("scores-reference").textContent = reference;
  }

  function filter(table, inputs) {
    const wanted = { text: "", group: "", verdict: "", reference: "" };
    inputs.forEach((input) => { wanted[input.dataset.filter] = input.value; });
    if (wanted.reference) showReference(table, wanted.reference);
    const rows = Array.from(table.tBodies[0].rows);
    rows.forEach((row) => { row.hidden = !isShown(row, wanted); });
    const n = rows.filter((row) => !row.hidden).length;
    document.getElementById("scores-shown").textContent = `${n} of ${rows.length} traits shown`;
  }

  function connectFilters(box) {
    const table = document.getElementById(box.dataset.filters);
    const inputs = Array.from(box.querySelectorAll("[data-filter]"));
    inputs.forEach((input) => input.addEventListener("input", () => filter(table, inputs)));
  }

  // Navigation

  /** Marks the last section whose top has passed the upper third of the window. */
  function markSection() {
    const sections = Array.from(document.querySelectorAll("main > section"));
    const passed = sections.filter((section) => section.getBoundingClientRect().top < window.innerHeight / 3);
    const isAtEnd = window.innerHeight + window.scrollY >= document.documentElement.scrollHeight - 2;
    const current = isAtEnd ? sections.at(-1) : passed.at(-1) ?? sections[0];
    document.querySelectorAll("nav a").forEach((link) => {
      if (link.hash === `#${current.id}`) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    });
  }

  drawAll();
  markSection();
  document.querySelectorAll("select[data-picture]").forEach(drawOnChange);
  document.querySelectorAll(".sortable th button").forEach((button) => {
    button.addEventListener("click", () => sortBy(button.closest("th")));
  });
  document.querySelectorAll("[data-filters]").forEach(connectFilters);
  window.addEventListener("scroll", markSection, { passive: true });
  window.addEventListener("beforeprint", () => drawForPaper(true));
  window.addEventListener("afterprint", () => drawForPaper(false));
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
})();
