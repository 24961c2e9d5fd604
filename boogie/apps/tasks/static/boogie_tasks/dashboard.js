// Draws the charts of the dashboard, and keeps the page fresh. Without it the tables say the same.

const PAGE = "boogie-dashboard";
const EVERY = 60_000;
const REFRESH = "boogie_tasks.dashboard.refresh";

let charts = [];

// --- colours ---------------------------------------------------------------------------

function colours() {
  const style = getComputedStyle(document.getElementById(PAGE));
  const named = (name, otherwise) => style.getPropertyValue(name).trim() || otherwise;
  return {
    text: named("--body-quiet-color", "#666"),
    front: named("--body-fg", "#333"),
    back: named("--body-bg", "#fff"),
    line: named("--hairline-color", "#e8e8e8"),
    mark: named("--boogie-mark", "#8a5cc2"),
    finished: named("--boogie-finished", "#6fae8b"),
    failed: named("--boogie-failed", "#d5493f"),
    cancelled: named("--boogie-cancelled", "#949ca6"),
    p50: named("--boogie-p50", "#1f5f99"),
    p95: named("--boogie-p95", "#4c97d8"),
    p99: named("--boogie-p99", "#b9d6f0"),
  };
}

// --- what all charts have --------------------------------------------------------------

const number = new Intl.NumberFormat(document.documentElement.lang || undefined);

function duration(seconds, words) {
  const [value, unit] =
    seconds < 1 ? [seconds * 1000, words.milliseconds]
    : seconds < 120 ? [seconds, words.seconds]
    : seconds < 7200 ? [seconds / 60, words.minutes]
    : [seconds / 3600, words.hours];
  return `${number.format(Number(value.toPrecision(value < 100 ? 2 : 3)))} ${unit}`;
}

function tooltip(colour, label) {
  return {
    backgroundColor: colour.back,
    borderColor: colour.text,
    borderWidth: 1,
    bodyColor: colour.front,
    titleColor: colour.front,
    displayColors: true,
    boxPadding: 4,
    callbacks: { label },
  };
}

// Lines where the version of the code changed, with their names.
function deployMarks(marks, colour, named) {
  return {
    id: "boogieMarks",
    afterDatasetsDraw({ ctx, chartArea: area, scales: { x } }) {
      const step = x.getPixelForValue(1) - x.getPixelForValue(0) || 0;
      ctx.save();
      ctx.strokeStyle = ctx.fillStyle = colour.mark;
      ctx.font = `11px ${Chart.defaults.font.family}`;
      ctx.setLineDash([4, 3]);
      let free = -Infinity;
      for (const { at, label } of marks) {
        const place = x.getPixelForValue(0) + (at - 0.5) * step;
        ctx.beginPath();
        ctx.moveTo(place, area.top);
        ctx.lineTo(place, area.bottom);
        ctx.stroke();
        const width = ctx.measureText(label).width;
        const left = Math.min(place + 4, area.right - width);
        if (named && left > free) {
          ctx.fillText(label, left, area.top - 4);
          free = left + width + 6;
        }
      }
      ctx.restore();
    },
  };
}

// --- the series ------------------------------------------------------------------------

function series(id, names, data, colour, named) {
  const canvas = document.getElementById(id);
  const label = ({ dataset, parsed }) => `${dataset.label}: ${number.format(parsed.y)}`;
  return new Chart(canvas, {
    type: "bar",
    data: {
      labels: data.labels,
      datasets: names.map((name) => ({
        label: data.words[name],
        data: data[name],
        backgroundColor: colour[name],
        categoryPercentage: 1,
        barPercentage: data.labels.length > 60 ? 0.9 : 0.8,
      })),
    },
    plugins: [deployMarks(data.marks, colour, named)],
    options: {
      animation: false,
      maintainAspectRatio: false,
      interaction: { mode: "index", intersect: false },
      layout: { padding: { top: named ? 14 : 2 } },
      plugins: {
        legend: {
          align: "end",
          labels: { boxWidth: 10, boxHeight: 10, color: colour.text },
        },
        tooltip: tooltip(colour, label),
      },
      scales: {
        x: {
          stacked: true,
          grid: { display: false },
          border: { color: colour.line },
          ticks: { color: colour.text, maxRotation: 0, autoSkipPadding: 24 },
        },
        y: {
          stacked: true,
          beginAtZero: true,
          afterFit: (scale) => Object.assign(scale, { width: 56 }), // one time axis for both
          suggestedMax: 1,
          border: { display: false },
          grid: { color: colour.line },
          ticks: { color: colour.text, precision: 0, maxTicksLimit: named ? 6 : 3 },
        },
      },
    },
  });
}

// --- percentiles -----------------------------------------------------------------------

// The last part of a name, unless another task has it, too.
function shortened(names) {
  const last = names.map((name) => name.slice(name.lastIndexOf(".") + 1));
  const isShared = (part) => last.indexOf(part) !== last.lastIndexOf(part);
  const short = (text) => (text.length > 26 ? `${text.slice(0, 12)}…${text.slice(-13)}` : text);
  return names.map((name, n) => short(isShared(last[n]) ? name : last[n]));
}

function percentiles(id, of, data, colour) {
  const { words } = data;
  const range = of.tasks.map((_, n) => [of.p50[n], of.p99[n]]);
  const label = ({ dataIndex: n }) =>
    ["p50", "p95", "p99"].map((share) => `${words[share]}: ${duration(of[share][n], words)}`);
  const points = (share, pointStyle) => ({
    type: "line",
    label: words[share],
    data: of[share],
    showLine: false,
    pointStyle,
    pointRadius: 4.5,
    pointHoverRadius: 6,
    pointBackgroundColor: colour[share],
    pointBorderColor: colour.back,
  });
  return new Chart(document.getElementById(id), {
    type: "bar",
    data: {
      labels: shortened(of.tasks),
      datasets: [
        points("p50", "circle"),
        points("p95", "rectRot"),
        {
          label: words.p99,
          data: range,
          backgroundColor: colour.p99,
          barThickness: 7,
          pointStyle: "rect",
        },
      ],
    },
    options: {
      indexAxis: "y",
      animation: false,
      maintainAspectRatio: false,
      interaction: { mode: "index", axis: "y", intersect: false },
      plugins: {
        legend: {
          align: "end",
          labels: { usePointStyle: true, boxHeight: 7, color: colour.text },
        },
        tooltip: {
          ...tooltip(colour, label),
          displayColors: false,
          callbacks: { title: ([first]) => of.tasks[first.dataIndex], label },
          filter: ({ datasetIndex }) => datasetIndex === 0,
        },
      },
      scales: {
        x: {
          type: "logarithmic",
          border: { color: colour.line },
          grid: { color: colour.line },
          ticks: {
            color: colour.text,
            maxRotation: 0,
            callback: (value) => (isDecade(value) ? duration(value, words) : null),
          },
        },
        y: { grid: { display: false }, border: { display: false }, ticks: { color: colour.front } },
      },
    },
  });
}

function isDecade(value) {
  const decades = Math.log10(value);
  return Math.abs(decades - Math.round(decades)) < 1e-6;
}

// --- drawing ---------------------------------------------------------------------------

function draw() {
  for (const chart of charts.splice(0)) chart.destroy();
  const data = JSON.parse(document.getElementById("boogie-chart-data").textContent);
  const colour = colours();
  Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
  Chart.defaults.font.size = 11;
  for (const each of document.querySelectorAll(".boogie-chart")) each.hidden = false;
  charts = [
    series("boogie-throughput", ["finished", "cancelled"], data, colour, true),
    series("boogie-failures", ["failed"], data, colour, false),
    percentiles("boogie-run", data.run, data, colour),
    percentiles("boogie-wait", data.wait, data, colour),
  ];
}

// --- keeping it fresh ------------------------------------------------------------------

function mayRefresh() {
  const page = document.getElementById(PAGE);
  const busy = page.contains(document.activeElement) && document.activeElement.id !== "boogie-refresh";
  return wanted() && !document.hidden && !busy && document.getSelection().isCollapsed;
}

const wanted = () => localStorage.getItem(REFRESH) !== "no";

async function refresh() {
  if (!mayRefresh()) return;
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (!answer.ok || answer.redirected) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    const next = fresh.getElementById(PAGE);
    if (next === null || !mayRefresh()) return;
    const old = document.getElementById(PAGE);
    for (const open of old.querySelectorAll("details[open]")) {
      next.querySelector(`#${open.id}`)?.setAttribute("open", "");
    }
    old.replaceWith(next);
    begin();
  } catch (error) {
    if (!(error instanceof TypeError)) throw error; // the network is away: the next time
  }
}

function begin() {
  const box = document.getElementById("boogie-refresh");
  box.checked = wanted();
  box.addEventListener("change", () => localStorage.setItem(REFRESH, box.checked ? "yes" : "no"));
  box.closest("label").hidden = false;
  draw();
}

begin();
setInterval(refresh, EVERY);
new MutationObserver(draw).observe(document.documentElement, { attributeFilter: ["data-theme"] });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
