// Draws the charts when they come into view, and opens each figure on its contract lines.
"use strict";
document.documentElement.classList.add("js");

(function charts() {
  const store = document.getElementById("charts-data");
  if (!store || !window.Plotly) return;
  const specs = JSON.parse(store.textContent);
  const config = { displayModeBar: false, responsive: true, showTips: false };
  function draw(box) {
    if (box.dataset.drawn || !box.clientWidth) return;
    box.dataset.drawn = "yes";
    const spec = specs[box.id];
    const layout = Object.assign({}, spec.layout);
    if (box.clientWidth < 480) {
      layout.margin = Object.assign({}, layout.margin, { l: 44 });
      layout.font = Object.assign({}, layout.font, { size: 12 });
    }
    window.Plotly.newPlot(box, spec.data, layout, config);
  }
  const boxes = document.querySelectorAll(".chart");
  const seen = new IntersectionObserver(function (entries) {
    entries.forEach(function (entry) {
      if (entry.isIntersecting) { draw(entry.target); seen.unobserve(entry.target); }
    });
  }, { rootMargin: "400px" });
  boxes.forEach(function (box) { seen.observe(box); });
  // On paper the method stands under its figure, and every chart in view is drawn.
  const cards = document.querySelectorAll("details.method");
  let opened = [];
  window.addEventListener("beforeprint", function () {
    boxes.forEach(draw);
    opened = Array.from(cards).filter((card) => !card.open);
    opened.forEach((card) => { card.open = true; });
  });
  window.addEventListener("afterprint", function () { opened.forEach((card) => { card.open = false; }); });
})();

(function contractLines() {
  const store = document.getElementById("lines-data");
  const dialog = document.getElementById("lines-dialog");
  if (!store || !dialog) return;
  const BATCH = 200;
  let data = null;
  let state = null;

  function $(name) { return dialog.querySelector("[data-slot=" + name + "]"); }
  function grouped(digits, separator) { return digits.replace(/\B(?=(\d{3})+(?!\d))/g, separator); }
  // Amounts are whole cents and weights whole millionths: sums are exact.
  function number(scaled, scale, least) {
    const [thousands, point] = data.separators;
    const sign = scaled < 0n ? "-" : "";
    const text = (scaled < 0n ? -scaled : scaled).toString().padStart(scale + 1, "0");
    let fraction = text.slice(text.length - scale);
    while (fraction.length > least && fraction.endsWith("0")) fraction = fraction.slice(0, -1);
    const whole = grouped(text.slice(0, text.length - scale), thousands);
    return sign + whole + (fraction ? point + fraction : "");
  }
  function money(cents) {
    return data.separators[3] + number(cents, 2, 2) + data.separators[2];
  }
  function printed(weight) {
    if (state.measure === "value") return money(weight / 10000n);
    return number(weight, 6, 0);
  }
  function weightAt(place, table) {
    const kind = table[state.key];
    if (kind === "one") return 1000000n;
    if (kind === "amount") return BigInt(data.contracts.usable[place] || 0) * 10000n;
    return BigInt(kind[place]);
  }
  function matches(place) {
    const c = data.contracts;
    if (state.buyer !== "*" && c.buyer.codes[c.buyer.at[place]] !== state.buyer) return false;
    if (state.dimension === "*") return true;
    const column = c.dimensions[state.dimension];
    return column.codes[column.at[place]] === state.member;
  }
  function gather() {
    const letters = data.roles[state.key] || "";
    const rows = [];
    for (let place = 0; place < letters.length; place += 1) {
      const part = data.parts[letters[place]];
      if (!part || !matches(place)) continue;
      rows.push({ place: place, role: part[0], reason: part[1], weight: weightAt(place, data.weights) });
    }
    return rows;
  }
  // Means and medians count contracts below the line; a ratio weighs each contract's whole there.
  function totals() {
    const kind = data.kinds[state.key];
    const counted = kind === "mean" || kind === "median";
    const sum = { numerator: 0n, denominator: 0n, unknown: 0n, excluded: 0n };
    if (kind === "median") delete sum.numerator;
    state.rows.forEach(function (row) {
      const below = counted ? 1000000n : kind === "ratio" && row.role === "numerator"
        ? weightAt(row.place, data.wholes) : row.weight;
      if (row.role === "numerator") {
        if (kind !== "median") sum.numerator += row.weight;
        sum.denominator += below;
      }
      if (row.role === "denominator_only") sum.denominator += below;
      if (row.role === "unknown") sum.unknown += below;
      if (row.role === "excluded") sum.excluded += 1n;
    });
    const list = $("totals");
    list.replaceChildren();
    Object.keys(sum).forEach(function (name) {
      const box = document.createElement("div");
      const term = document.createElement("dt");
      const value = document.createElement("dd");
      term.textContent = data.labels[name];
      value.textContent = name === "excluded" ? number(sum[name], 0, 0) : printed(sum[name]);
      value.dataset.total = name;
      box.append(term, value);
      list.append(box);
    });
  }
  const columns = {
    uid: (r) => data.contracts.uid[r.place],
    object: (r) => data.contracts.object[r.place],
    buyer: (r) => data.contracts.buyer.names[data.contracts.buyer.at[r.place]],
    date: (r) => data.contracts.date[r.place],
    amount: (r) => data.contracts.amount[r.place],
    role: (r) => data.labels["role_" + r.role] + (r.reason ? " – " + (data.reasons[r.reason] || r.reason) : ""),
    source: (r) => data.contracts.file.names[data.contracts.file.at[r.place]] + " " + data.contracts.pointer[r.place],
  };
  function shown(name, row) {
    const value = columns[name](row);
    if (name === "amount") return value === null ? "—" : money(BigInt(value));
    if (name === "date" && value && data.locale === "fr") return value.split("-").reverse().join("/");
    return value === "" || value === null ? "—" : value;
  }
  const rank = ["numerator", "denominator_only", "unknown", "excluded"];
  function compare(a, b) {
    const left = columns[state.sort](a);
    const right = columns[state.sort](b);
    let order;
    if (state.sort === "role") order = rank.indexOf(a.role) - rank.indexOf(b.role) || left.localeCompare(right);
    else if (left === null || right === null) order = (left === null) - (right === null);
    else if (typeof left === "number") order = left - right;
    else order = left.localeCompare(right, data.locale, { sensitivity: "base", numeric: true });
    return (state.descending ? -order : order) || a.place - b.place;
  }
  function list() {
    const chosen = state.rows.filter((row) => state.role === "*" || row.role === state.role ||
      (state.role === "denominator" && (row.role === "numerator" || row.role === "denominator_only")));
    chosen.sort(compare);
    $("count").textContent = data.labels.count.replace("{n}", number(BigInt(chosen.length), 0, 0));
    const body = $("rows");
    body.replaceChildren();
    let next = 0;
    const more = $("more");
    function batch() {
      chosen.slice(next, next + BATCH).forEach(function (row) {
        const line = document.createElement("tr");
        line.dataset.role = row.role;
        Object.keys(columns).forEach(function (name) {
          const cell = document.createElement(name === "uid" ? "th" : "td");
          if (name === "uid") cell.scope = "row";
          cell.className = "c-" + name;
          cell.textContent = shown(name, row);
          line.append(cell);
        });
        body.append(line);
      });
      next += BATCH;
      more.hidden = next >= chosen.length;
    }
    more.onclick = batch;
    batch();
    $("none").hidden = chosen.length > 0;
    dialog.querySelectorAll("th[data-column]").forEach(function (head) {
      const current = head.dataset.column === state.sort;
      if (current) head.setAttribute("aria-sort", state.descending ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
  }
  function open(button) {
    if (!data) data = JSON.parse(store.textContent);
    const set = button.dataset;
    state = {
      key: set.key, measure: set.key.split("|")[3], buyer: set.buyer, dimension: set.dimension,
      member: set.member, role: "*", sort: "role", descending: false, rows: [],
    };
    state.rows = gather();
    $("subject").textContent = set.what;
    const every = dialog.querySelector("input[name=lines-role][value='*']");
    every.checked = true;
    totals();
    list();
    dialog.showModal();
    dialog.scrollTop = 0;
  }
  document.addEventListener("click", function (event) {
    const button = event.target.closest("button.lines");
    if (button) open(button);
  });
  dialog.addEventListener("change", function (event) {
    if (event.target.name !== "lines-role") return;
    state.role = event.target.value;
    list();
  });
  dialog.addEventListener("click", function (event) {
    if (event.target === dialog || event.target.closest("[data-close]")) { dialog.close(); return; }
    const sorter = event.target.closest("th[data-column] button");
    if (!sorter) return;
    const column = sorter.closest("th").dataset.column;
    state.descending = state.sort === column && !state.descending;
    state.sort = column;
    list();
  });
})();
