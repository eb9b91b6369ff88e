// Draws charts: hover tells, a click leads to the requests behind a point, a drag to the range.
"use strict";

(() => {
  const drawn = new Set();
  const read = 30000;
  let readAt = 0;
  const spans = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 3e4, 6e4, 12e4, 3e5, 6e5, 12e5, 18e5, 36e5];
  const whole = [0, 1, 2, 3, 4, 5, 6, 7, 8].flatMap((power) => [1, 2, 5].map((one) => one * 10 ** power));
  const number = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });

  function took(ms) {
    return ms < 60000 ? `${number.format(ms)} ms` : ccflare.span(ms);
  }
  const told = {
    count: (value) => number.format(value),
    tokens: (value) => number.format(value),
    usd: (value) => `$${(value / 1e6).toFixed(value >= 1e6 ? 2 : 4)}`,
    ms: took,
    speed: (value) => `${number.format(value)} tokens/s`,
    share: (value) => `${number.format(value * 100)} %`,
  };
  // At an axis: the letters that the pages use, and as many digits as tell a tick from the next one, `gap` away.
  function digits(value, gap) {
    let most = 0;
    for (let step = gap; most < 6 && (Math.round(step) === 0 || Math.abs(step - Math.round(step)) > 0.01); step *= 10) most += 1;
    return value.toLocaleString(undefined, { maximumFractionDigits: most });
  }
  function compact(value, gap) {
    const [size, letter] = [[1e9, "B"], [1e6, "M"], [1e3, "k"]].find(([size]) => Math.abs(value) >= size) ?? [1, ""];
    return `${digits(value / size, gap / size)}${letter}`;
  }
  const short = {
    ...told,
    count: compact,
    tokens: compact,
    usd: (value, gap) => `$${compact(value / 1e6, gap / 1e6)}`,
    ms: (value, gap) => value < 1000 ? `${Math.round(value)} ms` : value < 120000 ? `${digits(value / 1000, gap / 1000)} s` : `${number.format(value / 60000)} min`,
    speed: compact,
    share: (value) => `${Math.round(value * 100)} %`,
  };

  const day = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric", month: "short" });
  const minute = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
  const moment = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
  const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
  const date = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });

  function bucketName(at, bucket) {
    if (bucket >= 86400000) return day.format(at);
    return `${minute.format(at)}–${clock.format(at + bucket)}`;
  }

  function tone(name) {
    return ccflare.color(`--${name}`);
  }

  function faded(color) {
    return color.startsWith("rgb(") ? color.replace("rgb(", "rgba(").replace(")", ", .22)") : color;
  }

  // Lines that lie on each other: the sums from the first line up, drawn from the top down.
  function stacked(lines) {
    const sums = [];
    lines.forEach((line, place) => {
      sums.push(line.values.map((value, at) => (value ?? 0) + (place ? sums[place - 1][at] : 0)));
    });
    return sums;
  }

  // The points that no line leads to.
  function alone(values) {
    return values.flatMap((value, at) => (value != null && values[at - 1] == null && values[at + 1] == null ? [at] : []));
  }

  function address(base, more) {
    const url = new URL(base, location.origin);
    for (const [name, value] of Object.entries(more)) url.searchParams.set(name, value);
    return url.pathname + url.search;
  }

  function draw(place) {
    const data = JSON.parse(place.querySelector("script").textContent);
    const isBars = data.stacked;
    const order = data.lines.map((_, at) => at);
    if (data.stacked) order.reverse();
    const sums = stacked(data.lines);
    const values = data.stacked ? sums : data.lines.map((line) => line.values);
    // Ordinal: each request at its number, however far apart they were.
    const seconds = data.ordinal ?? data.at.map((at) => at / 1000);
    const isTouched = matchMedia("(hover: none)").matches;
    let tapped = null;
    const step = data.ordinal ? 1 : data.bucket / 1000;

    const tip = document.createElement("div");
    tip.className = "tip";
    tip.hidden = true;

    // What the pointer means: the bar that begins before it, else the nearest point.
    function pointed(plot) {
      if (plot.cursor.idx == null || plot.cursor.left < 0) return null;
      if (!isBars || data.ordinal) return plot.cursor.idx;
      const x = plot.posToVal(plot.cursor.left, "x");
      return Math.max(0, seconds.findLastIndex((one) => one <= x));
    }

    function tell(plot) {
      const at = pointed(plot);
      if (at == null) { tip.hidden = true; return; }
      readAt = Date.now();
      tip.replaceChildren();
      const head = document.createElement("b");
      head.textContent = data.ordinal ? `${data.ordinal[at]} · ${moment.format(data.at[at])}` : bucketName(data.at[at], data.bucket);
      tip.append(head);
      const shown = data.lines.map((line) => ({ ...line, value: line.values[at] }));
      if (data.stacked && shown.length > 1) shown.push({ label: "in all", value: shown.some((one) => one.value != null) ? sums.at(-1)[at] : null });
      for (const line of shown) {
        const { value } = line;
        if (data.lines.length > 3 && !value) continue;
        const row = document.createElement("p");
        const name = document.createElement("span");
        const swatch = document.createElement("i");
        swatch.className = line.tone ?? "";
        name.append(swatch, line.label);
        const figure = document.createElement("strong");
        figure.textContent = value == null ? "–" : told[data.unit](value);
        row.append(name, figure);
        tip.append(row);
      }
      const hint = document.createElement("small");
      const what = data.links ? "the request." : "the requests.";
      hint.textContent = isTouched ? `Tap again: ${what}` : `Click: ${what}${data.links ? "" : " Drag: zoom."}`;
      tip.append(hint);
      tip.hidden = false;
      const left = plot.cursor.left + plot.over.offsetLeft;
      const isRight = left > place.clientWidth / 2;
      tip.style.left = isRight ? "" : `${left + 14}px`;
      tip.style.right = isRight ? `${place.clientWidth - left + 14}px` : "";
      tip.style.top = "4px";
    }

    const bars = uPlot.paths.bars({ size: [0.86, 60], align: data.ordinal ? 0 : 1, radius: 0.12 });
    const lines = uPlot.paths.linear();

    function options() {
      const text = tone("text-2");
      const grid = { stroke: tone("grid"), width: 1 };
      const axis = { stroke: text, font: "11px ui-sans-serif, system-ui, sans-serif", grid, ticks: { show: false } };
      return {
        width: place.clientWidth,
        height: place.clientHeight,
        padding: [8, 28, 0, 0],
        legend: { show: false },
        cursor: { drag: { x: !data.links, y: false, setScale: false, dist: 6 }, points: { show: !isBars, size: 6 }, y: false },
        scales: {
          x: { time: !data.ordinal, range: () => [seconds[0] - (data.ordinal ? 0.5 : 0), seconds.at(-1) + (data.ordinal ? 0.5 : step)] },
          y: { range: (_, low, high) => [0, data.unit === "share" ? 1 : Math.max(high * 1.08, data.unit === "count" ? 4 : 1e-9)] },
        },
        axes: [
          { ...axis, size: 30, gap: 9, space: 64, grid: { show: false }, incrs: data.ordinal ? [1, 2, 5, 10, 20, 50, 100, 200] : undefined, values: (_, ticks, __, ___, gap) => ticks.map((tick) => {
            if (data.ordinal) return tick >= seconds[0] && tick <= seconds.at(-1) ? tick : "";
            return (gap >= 86400 ? date : clock).format(tick * 1000);
          }) },
          { ...axis, size: 52, space: 34, incrs: { count: whole, ms: spans }[data.unit], values: (_, ticks, __, ___, gap) => ticks.map((tick) => (data.unit === "count" && tick % 1 ? "" : short[data.unit](tick, gap))) },
        ],
        series: [
          {},
          ...order.map((at) => {
            const color = tone(data.lines[at].tone);
            return isBars
              ? { stroke: color, fill: color, width: 0, paths: bars, points: { show: false } }
              : { stroke: color, fill: data.lines.length === 1 ? faded(color) : undefined, width: 1.75, paths: lines, spanGaps: false, points: { show: data.at.length < 40, filter: (_, __, isShown) => (isShown ? null : alone(data.lines[at].values)), size: 4, fill: color, width: 0 } };
          }),
        ],
        hooks: {
          setCursor: [tell],
          setSelect: [(plot) => {
            if (plot.select.width < 6) return;
            const from = Math.floor(plot.posToVal(plot.select.left, "x"));
            const to = Math.ceil(plot.posToVal(plot.select.left + plot.select.width, "x"));
            const url = new URL(address(place.dataset.zoom, { from: from * 1000, to: to * 1000 }), location.origin);
            url.searchParams.delete("range");
            location.assign(url.pathname + url.search);
          }],
          ready: [(plot) => {
            let downAt = null;
            plot.over.addEventListener("mousedown", (event) => { downAt = event.clientX; });
            plot.over.addEventListener("click", (event) => {
              const at = pointed(plot);
              if (at == null || downAt == null || Math.abs(event.clientX - downAt) > 5) return;
              if (isTouched && tapped !== at) { tapped = at; return; }
              if (data.links) location.assign(`${place.dataset.drill}/${data.links[at]}`);
              else location.assign(address(place.dataset.drill, { from: data.at[at], to: data.at[at] + data.bucket, ...query(plot, at) }));
            });
          }],
        },
      };
    }

    // The line that a click means: in a stack the one under the pointer, else the only one.
    function query(plot, at) {
      if (!data.stacked) return data.lines.length === 1 ? data.lines[0].query : {};
      const height = plot.posToVal(plot.cursor.top, "y");
      const found = values.findIndex((line) => height <= line[at]);
      return found < 0 ? {} : data.lines[found].query;
    }

    const held = { place };
    held.redraw = () => {
      held.plot?.destroy();
      held.plot = new uPlot(options(), [seconds, ...order.map((at) => values[at])], place);
      place.append(tip);
    };
    held.redraw();
    held.resize = new ResizeObserver(() => {
      if (place.clientWidth) held.plot.setSize({ width: place.clientWidth, height: place.clientHeight });
    });
    held.resize.observe(place);
    drawn.add(held);
  }

  function drawAll(root) {
    for (const held of drawn) {
      if (!held.place.isConnected) {
        held.resize.disconnect();
        held.plot.destroy();
        drawn.delete(held);
      }
    }
    for (const place of root.querySelectorAll("[data-plot]")) {
      if (!place.querySelector(".uplot")) draw(place);
    }
  }

  // Nothing is drawn anew under the eyes of a reader, for a while.
  for (const name of ["htmx:beforeRequest", "htmx:beforeSwap"]) {
    document.addEventListener(name, (event) => {
      if (Date.now() - readAt < read && event.detail.target.querySelector(".uplot:hover")) event.preventDefault();
    });
  }
  addEventListener("DOMContentLoaded", () => drawAll(document));
  document.addEventListener("htmx:load", (event) => drawAll(event.detail.elt));
  document.addEventListener("ccflare:theme", () => drawn.forEach((held) => held.redraw()));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawn.forEach((held) => held.redraw()));
})();
