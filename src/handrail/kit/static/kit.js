// Small improvements on pages that work without them: menus, tables, tabs, copying, and forms that are refused in place.
"use strict";

(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  // ---- menu on narrow screens ----
  const menuButton = document.querySelector("[data-menu]");
  if (menuButton) {
    const menu = document.getElementById("menu");
    const fold = (folded) => {
      menu.classList.toggle("folded", folded);
      menuButton.setAttribute("aria-expanded", String(!folded));
    };
    menuButton.hidden = false;
    fold(true);
    menuButton.addEventListener("click", () => fold(!menu.classList.contains("folded")));
  }

  // ---- theme: remembered by the server's cookie, shown at once ----
  document.addEventListener("submit", (event) => {
    const button = event.target.querySelector("[data-theme-toggle]");
    if (!button) return;
    event.preventDefault();
    const root = document.documentElement;
    const dark = root.dataset.theme === "dark" ||
      (root.dataset.theme === "system" && matchMedia("(prefers-color-scheme: dark)").matches);
    root.dataset.theme = dark ? "light" : "dark";
    document.cookie = `theme=${root.dataset.theme}; path=/; max-age=31536000; samesite=lax`;
  });

  // ---- tables: sort by a column, filter rows ----
  const sortKey = (row, column, kind) => {
    const cell = row.cells[column];
    const raw = cell ? (cell.dataset.sort ?? cell.textContent.trim()) : "";
    if (kind !== "number") return raw.toLowerCase();
    const number = parseFloat(raw.replace(/[^0-9.eE+-]/g, ""));
    return Number.isNaN(number) ? -Infinity : number;
  };

  const sortBy = (table, heading, column) => {
    const up = heading.getAttribute("aria-sort") !== "ascending";
    const kind = heading.dataset.sort;
    all("th", table).forEach((one) => one.removeAttribute("aria-sort"));
    heading.setAttribute("aria-sort", up ? "ascending" : "descending");
    const body = table.tBodies[0];
    const keyed = [...body.rows].map((row) => [sortKey(row, column, kind), row]);
    const order = kind === "number" ? (a, b) => a[0] - b[0] : (a, b) => a[0].localeCompare(b[0], undefined, { numeric: true });
    keyed.sort((a, b) => (up ? order(a, b) : order(b, a)));
    body.append(...keyed.map(([, row]) => row));
  };

  const prepareTable = (wrap) => {
    const table = wrap.querySelector("table");
    if (!table || table.dataset.ready) return;
    table.dataset.ready = "yes";
    const headings = all("thead th", table);
    const labels = headings.map((heading) => heading.textContent.trim());
    for (const row of table.tBodies[0].rows) {
      [...row.cells].forEach((cell, column) => {
        cell.dataset.label = labels[column] ?? "";
        cell.classList.toggle("blank", !cell.textContent.trim() && !cell.querySelector("input, select, img, svg"));
      });
    }
    table.classList.add("labelled");
    headings.forEach((heading, column) => {
      if ([...table.tBodies[0].rows].some((row) => row.cells[column]?.classList.contains("num"))) {
        heading.classList.add("right");
        heading.dataset.sort = "number";
      }
    });
    if (table.tBodies[0].rows.length > 1) headings.forEach((heading, column) => {
      if (heading.dataset.sort === "none") return;
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sorter";
      button.append(...heading.childNodes);
      button.addEventListener("click", () => sortBy(table, heading, column));
      heading.append(button);
    });
    const tools = wrap.querySelector("[data-table-tools]");
    if (!tools) return;
    tools.hidden = false;
    const count = tools.querySelector("[data-table-count]");
    tools.querySelector("input").addEventListener("input", (event) => {
      const words = event.target.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const row of table.tBodies[0].rows) {
        const text = row.textContent.toLowerCase();
        row.hidden = !words.every((word) => text.includes(word));
        if (!row.hidden) shown += 1;
      }
      count.textContent = `${shown} of ${table.tBodies[0].rows.length} rows`;
    });
  };

  // ---- tabs: sections become tabs, remembered in the address ----
  const prepareTabs = (tabs) => {
    const list = tabs.querySelector("[data-tab-list]");
    const buttons = all("[data-tab]", list);
    const show = (id, focus) => buttons.forEach((button) => {
      const on = button.dataset.tab === id;
      button.setAttribute("aria-selected", String(on));
      button.tabIndex = on ? 0 : -1;
      document.getElementById(button.dataset.tab).hidden = !on;
      if (on && focus) button.focus();
    });
    list.hidden = false;
    list.setAttribute("role", "tablist");
    tabs.classList.add("ready");
    buttons.forEach((button, place) => {
      button.setAttribute("role", "tab");
      button.setAttribute("aria-controls", button.dataset.tab);
      const panel = document.getElementById(button.dataset.tab);
      panel.setAttribute("role", "tabpanel");
      button.addEventListener("click", () => { show(button.dataset.tab); history.replaceState(null, "", `#${button.dataset.tab}`); });
      button.addEventListener("keydown", (event) => {
        const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (step) show(buttons[(place + step + buttons.length) % buttons.length].dataset.tab, true);
      });
    });
    const wanted = location.hash.slice(1);
    show(buttons.some((button) => button.dataset.tab === wanted) ? wanted : buttons[0].dataset.tab);
  };

  // ---- charts: uPlot is fetched only by pages that have one ----
  const loaded = (element) => new Promise((done, failed) => {
    element.onload = done;
    element.onerror = failed;
    document.head.append(element);
  });
  let plotter;
  const fetchPlotter = ({ script, sheet }) => (plotter ??= Promise.all([
    loaded(Object.assign(document.createElement("link"), { rel: "stylesheet", href: sheet })),
    loaded(Object.assign(document.createElement("script"), { src: script })),
  ]));

  const prepareChart = async (figure) => {
    if (figure.dataset.ready) return;
    figure.dataset.ready = "yes";
    await fetchPlotter(figure.dataset);
    const { x, series, unit, y } = JSON.parse(figure.dataset.chart);
    const dated = x.every((at) => typeof at === "string" && !Number.isNaN(Date.parse(at)));
    const daily = dated && x.every((at) => at.length === 10);
    const colour = (name) => { figure.style.color = `var(${name})`; return getComputedStyle(figure).color; };
    const axis = { stroke: colour("--ink-soft"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font: `12px ${getComputedStyle(document.body).fontFamily}` };
    const every = (end) => x.every((at) => at.endsWith(end));
    const shown = daily && every("-01-01") ? { year: "numeric" } : daily && every("-01") ? { month: "short", year: "numeric" } : { day: "numeric", month: "short" };
    const days = daily ? {
      splits: (plot) => plot.data[0].filter((_, place) => place % Math.ceil((x.length * 70) / (plot.width || 600)) === 0),
      values: (_, ticks) => ticks.map((tick) => new Date(tick * 1000).toLocaleDateString("en", { ...shown, timeZone: "UTC" })),
    } : {};
    const lines = ["--brand", "--brass", "--bad", "--info"].map(colour);
    figure.style.color = "";
    const area = figure.querySelector(".chart-area");
    area.hidden = false;
    const size = () => ({ width: area.clientWidth, height: 300 });
    const plot = new uPlot({
      ...size(),
      scales: { x: { time: dated } },
      axes: [{ ...axis, ...days }, { ...axis, size: 72, ...(y ? { label: y, labelFont: axis.font, labelSize: 20 } : {}), values: (_, ticks) => ticks.map((tick) => tick.toLocaleString("en") + unit) }],
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "UTC"),
      legend: { live: false },
      series: [{}, ...series.map(({ label }, place) => ({ label, stroke: lines[place % lines.length], width: 2, points: { show: x.length < 40 } }))],
    }, [dated ? x.map((at) => Date.parse(at) / 1000) : x.map((at, place) => (typeof at === "number" ? at : place)), ...series.map(({ values }) => values)], area);
    new ResizeObserver(() => plot.setSize(size())).observe(area);
  };

  const prepare = (root) => {
    all("[data-chart]", root).forEach(prepareChart);
    all("[data-table]", root).forEach(prepareTable);
    all("[data-tabs]:not(.ready)", root).forEach(prepareTabs);
    all("[data-copy], [data-dismiss]", root).forEach((button) => { button.hidden = false; });
  };

  // ---- clicks: copy, dismiss, open a dialog where the browser has no invoker commands ----
  document.addEventListener("click", async (event) => {
    const copy = event.target.closest("[data-copy]");
    if (copy) {
      await navigator.clipboard.writeText(copy.dataset.copy);
      copy.classList.add("copied");
      setTimeout(() => copy.classList.remove("copied"), 1500);
    }
    event.target.closest("[data-dismiss]")?.closest("[data-toast]").remove();
    const opener = event.target.closest("[data-opens]");
    if (opener && !("commandForElement" in HTMLButtonElement.prototype)) {
      document.getElementById(opener.dataset.opens).showModal();
    }
  });

  // ---- forms: a refusal shows where the person is, and what was typed stays ----
  const refused = (html) => {
    const dialog = new DOMParser().parseFromString(html, "text/html").querySelector("dialog[data-show]");
    if (!dialog) return false;
    document.getElementById("refusals").replaceChildren(dialog);
    dialog.showModal();
    return true;
  };

  const become = (html) => { document.open(); document.write(html); document.close(); };

  document.addEventListener("submit", async (event) => {
    const form = event.target;
    const button = event.submitter;
    const method = (button?.getAttribute("formmethod") || form.getAttribute("method") || "get").toLowerCase();
    if (event.defaultPrevented || method !== "post" || "plain" in form.dataset || form.hasAttribute("hx-post")) return;
    event.preventDefault();
    if (form.dataset.sending) return;
    form.dataset.sending = "yes";
    button?.setAttribute("aria-busy", "true");
    try {
      const data = new FormData(form, button);
      const multipart = form.enctype === "multipart/form-data";
      const answer = await fetch(button?.getAttribute("formaction") || form.getAttribute("action") || location.href, {
        method: "POST",
        headers: { "X-Handrail-Form": "1" },
        body: multipart ? data : new URLSearchParams(data),
      });
      const kind = answer.headers.get("content-type") || "";
      if (answer.ok && kind.includes("json")) {
        const { location: next } = await answer.json();
        const here = new URL(next, location.href);
        const same = here.pathname === location.pathname && here.search === location.search;
        location.assign(next);
        if (same && here.hash) location.reload();
      } else if (answer.redirected) {
        location.assign(answer.url);
      } else {
        const html = await answer.text();
        if (!refused(html)) become(html);
      }
    } catch {
      refused('<dialog class="dialog" data-show aria-labelledby="lost"><div class="dialog-head"><h2 id="lost">The server did not answer</h2></div>' +
        '<div class="dialog-body"><p>Nothing was changed that you can rely on. Check your connection, then look at the page again before you repeat it.</p></div>' +
        '<form method="dialog" class="dialog-foot"><button class="button primary">Understood</button></form></dialog>');
    } finally {
      delete form.dataset.sending;
      button?.removeAttribute("aria-busy");
    }
  });

  // ---- toasts leave by themselves unless they say that something went wrong ----
  all("[data-toast]:not(.tone-bad)").forEach((toast) => setTimeout(() => toast.remove(), 7000));

  document.addEventListener("htmx:response:error", ({ detail: { ctx } }) => {
    if (ctx.request.method !== "GET") refused(ctx.text || "");
  });
  document.addEventListener("htmx:after:swap", () => prepare(document));
  prepare(document);
})();
