// Draws charts: hover tells, a click leads to the requests behind a point, a drag to the range.
"use strict";

(() => {
  const drawn = new Set();
  const spans = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 3e4, 6e4, 12e4, 3e5, 6e5, 12e5, 18e5, 36e5];
  const whole = [0, 1, 2, 3, 4, 5, 6, 7, 8].flatMap((power) => [1, 2, 5].map((one) => one * 10 ** power));
  const number = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });

  function took(ms) {
    if (ms < 1000) return `${Math.round(ms)} ms`;
    return ms < 60000 ? `${number.format(ms / 1000)} s` : ccflare.span(ms);
  }
  const told = {
    count: (value) => number.format(value),
    tokens: (value) => number.format(value),
    usd: (value) => `$${(value / 1e6).toFixed(value >= 1e6 ? 2 : 4)}`,
    ms: took,
    speed: (value) => `${number.format(value)} tokens/s`,
    share: (value) => `${number.format(value * 100)} %`,
  };
  // At an axis: few characters, the letters that the pages use, one unit.
  function compact(value) {
    const [size, letter] = [[1e9, "B"], [1e6, "M"], [1e3, "k"]].find(([size]) => Math.abs(value) >= size) ?? [1, ""];
    return `${number.format(value / size)}${letter}`;
  }
  const cents = (value) => number.format(value) === "0" && value ? String(Number(value.toPrecision(1))) : compact(value);
  const short = {
    ...told,
    count: compact,
    tokens: compact,
    usd: (value) => `$${cents(value / 1e6)}`,
    ms: (value) => value < 1000 ? `${Math.round(value)} ms` : value < 120000 ? `${number.format(value / 1000)} s` : `${number.format(value / 60000)} min`,
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
    const values = data.stacked ? stacked(data.lines) : data.lines.map((line) => line.values);
    // Ordinal: one place for each request, however far apart they were.
    const seconds = data.at.map((at, place) => (data.ordinal ? place + 1 : at / 1000));
    const step = data.ordinal ? 1 : data.bucket / 1000;

    const tip = document.createElement("div");
    tip.className = "tip";
    tip.hidden = true;

    function tell(plot) {
      const at = plot.cursor.idx;
      if (at == null || plot.cursor.left < 0) { tip.hidden = true; return; }
      tip.replaceChildren();
      const head = document.createElement("b");
      head.textContent = data.ordinal ? moment.format(data.at[at]) : bucketName(data.at[at], data.bucket);
      tip.append(head);
      for (const line of data.lines) {
        const value = line.values[at];
        if (data.lines.length > 3 && !value) continue;
        const row = document.createElement("p");
        const name = document.createElement("span");
        const swatch = document.createElement("i");
        swatch.className = line.tone;
        name.append(swatch, line.label);
        const figure = document.createElement("strong");
        figure.textContent = value == null ? "–" : told[data.unit](value);
        row.append(name, figure);
        tip.append(row);
      }
      const hint = document.createElement("small");
      hint.textContent = data.links ? "Click: the request." : "Click: the requests. Drag: zoom.";
      tip.append(hint);
      tip.hidden = false;
      const left = plot.cursor.left + plot.over.offsetLeft;
      const isRight = left > place.clientWidth / 2;
      tip.style.left = isRight ? "" : `${left + 14}px`;
      tip.style.right = isRight ? `${place.clientWidth - left + 14}px` : "";
      tip.style.top = "4px";
    }

    const bars = uPlot.paths.bars({ size: [0.86, 60], align: 1, radius: 0.12 });
    const lines = uPlot.paths.linear();

    function options() {
      const text = tone("text-2");
      const grid = { stroke: tone("grid"), width: 1 };
      const axis = { stroke: text, font: "11px ui-sans-serif, system-ui, sans-serif", grid, ticks: { show: false } };
      return {
        width: place.clientWidth,
        height: place.clientHeight,
        padding: [8, 16, 0, 0],
        legend: { show: false },
        cursor: { drag: { x: !data.links, y: false, setScale: false, dist: 6 }, points: { show: !isBars, size: 6 }, y: false },
        scales: {
          x: { time: !data.ordinal, range: () => [seconds[0], seconds[seconds.length - 1] + step] },
          y: { range: (_, low, high) => [0, data.unit === "share" ? 1 : Math.max(high * 1.08, data.unit === "count" ? 4 : 1e-9)] },
        },
        axes: [
          { ...axis, size: 26, space: 64, grid: { show: false }, incrs: data.ordinal ? [1, 2, 5, 10, 20, 50, 100, 200] : undefined, values: (_, ticks, __, ___, gap) => ticks.map((tick) => {
            if (data.ordinal) return tick >= 1 && tick <= data.at.length ? tick : "";
            return (gap >= 86400 ? date : clock).format(tick * 1000);
          }) },
          { ...axis, size: 52, space: 34, incrs: { count: whole, ms: spans }[data.unit], values: (_, ticks) => ticks.map((tick) => (data.unit === "count" && tick % 1 ? "" : short[data.unit](tick))) },
        ],
        series: [
          {},
          ...order.map((at) => {
            const color = tone(data.lines[at].tone);
            return isBars
              ? { stroke: color, fill: color, width: 0, paths: bars, points: { show: false } }
              : { stroke: color, fill: data.lines.length === 1 ? faded(color) : undefined, width: 1.75, paths: lines, spanGaps: false, points: { show: data.at.length < 40, size: 4, fill: color, width: 0 } };
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
              const at = plot.cursor.idx;
              if (at == null || downAt == null || Math.abs(event.clientX - downAt) > 5) return;
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

  addEventListener("DOMContentLoaded", () => drawAll(document));
  document.addEventListener("htmx:load", (event) => drawAll(event.detail.elt));
  document.addEventListener("ccflare:theme", () => drawn.forEach((held) => held.redraw()));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawn.forEach((held) => held.redraw()));
})();
