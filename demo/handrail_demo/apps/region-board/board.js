import { query, me, Refused } from "/.handrail/handrail.js";

const at = (id) => document.getElementById(id);
const money = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });
const WHERE = "WHERE ($region = '' OR region = $region)";

// Amounts are exact decimals and come as text; a row without one counts for nothing, and is said to.
const amount = (row) => (row.net === null ? 0 : Number(row.net));

function bars(rows) {
  const most = Math.max(1, ...rows.map(amount));
  at("lines").replaceChildren(...rows.map((row) => {
    const line = document.createElement("div");
    line.className = "row";
    const name = document.createElement("span");
    name.textContent = row.product_line ?? "(no product line)";
    const track = document.createElement("span");
    track.className = "track";
    const fill = document.createElement("div");
    fill.className = "fill";
    fill.style.width = `${Math.max(0, (100 * amount(row)) / most)}%`;
    track.append(fill);
    const said = document.createElement("span");
    said.className = "amount";
    said.textContent = money.format(amount(row));
    line.append(name, track, said);
    return line;
  }));
}

function months(rows) {
  const known = rows.filter((row) => row.month !== null);
  const most = Math.max(1, ...known.map(amount));
  const x = (n) => 10 + (n * 580) / Math.max(1, known.length - 1);
  const y = (row) => 130 - (120 * Math.max(0, amount(row))) / most;
  const path = known.map((row, n) => `${n ? "L" : "M"}${x(n).toFixed(1)} ${y(row).toFixed(1)}`).join("");
  const name = (row) => String(row.month).slice(0, 7);
  const svg = `<svg viewBox="0 0 600 150" role="img" aria-label="Net sales of ${known.length} months">
    <path d="${path}"></path></svg>`;
  at("months").innerHTML = svg;
  for (const [n, anchor] of [[0, "start"], [known.length - 1, "end"]]) {
    if (!known[n]) continue;
    const text = document.createElementNS("http://www.w3.org/2000/svg", "text");
    text.setAttribute("x", x(n));
    text.setAttribute("y", 148);
    text.setAttribute("text-anchor", anchor);
    text.textContent = name(known[n]);
    at("months").firstElementChild.append(text);
  }
}

async function show() {
  const params = { region: at("region").value };
  const [lines, time] = await Promise.all([
    query(`SELECT product_line, sum(net_amount) AS net FROM sales_orders ${WHERE} GROUP BY 1 ORDER BY net DESC NULLS LAST LIMIT 12`, params),
    query(`SELECT date_trunc('month', order_date) AS month, sum(net_amount) AS net FROM sales_orders ${WHERE} GROUP BY 1 ORDER BY 1`, params),
  ]);
  at("total").textContent = money.format(time.reduce((sum, row) => sum + amount(row), 0));
  bars(lines);
  months(time);
}

// What goes wrong is said, and not made to look like a result.
async function shown(what) {
  at("problem").hidden = true;
  try {
    await what();
  } catch (error) {
    at("total").textContent = "–";
    at("problem").textContent = error instanceof Refused ? `${error.message} ${error.nextStep}` : String(error);
    at("problem").hidden = false;
  }
}

at("region").addEventListener("change", () => shown(show));
shown(async () => {
  at("who").textContent = `As ${(await me()).name} may see it`;
  const regions = await query("SELECT DISTINCT region FROM sales_orders WHERE region IS NOT NULL ORDER BY region LIMIT 40");
  at("region").append(...regions.map((row) => new Option(row.region, row.region)));
  await show();
});
