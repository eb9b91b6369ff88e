// Keeps the list of requests live: a request appears at its start, counts up, and settles at its end. Back finds a page
// as it was left.
"use strict";

addEventListener("DOMContentLoaded", () => {
  const rows = document.getElementById("rows");
  const most = 400;
  const isBack = performance.getEntriesByType("navigation")[0]?.type === "back_forward";

  // Whoever goes through a choice by keys sends it by the button.
  let isByKeys = false;
  document.addEventListener("keydown", () => { isByKeys = true; }, true);
  document.addEventListener("pointerdown", () => { isByKeys = false; }, true);

  // Empty fields stay out of the address.
  for (const form of document.querySelectorAll("form[data-tidy]")) {
    const tidy = () => {
      for (const one of form.elements) if (one.name && !one.value) one.disabled = true;
      const { range, from, to } = form.elements;
      if (range && (from?.value || to?.value)) range.disabled = true;
    };
    form.addEventListener("submit", tidy);
    form.addEventListener("change", (event) => {
      if (event.target.tagName !== "SELECT") return;
      // A range by its name takes the place of a free one.
      if (event.target.name === "range") for (const name of ["from", "to"]) if (form.elements[name]) form.elements[name].value = "";
      if (!isByKeys) form.requestSubmit();
    });
    // The fields say what the address says, also when somebody came back to it.
    addEventListener("pageshow", (event) => {
      for (const one of form.elements) one.disabled = false;
      if (event.persisted || isBack) form.reset();
    });
  }

  // Who comes back finds the older rows that were loaded, and the place.
  const place = isBack ? history.state ?? {} : {};
  let pages = 0;
  const older = () => document.querySelector(".requests tr.more a");
  document.addEventListener("htmx:afterSettle", (event) => {
    if (!event.detail.requestConfig?.elt.matches(".more a")) return;
    pages += 1;
    if (pages < place.pages && older()) older().click();
    else if (pages === place.pages) scrollTo(0, place.top);
  });
  addEventListener("pagehide", () => { if (pages) history.replaceState({ pages, top: scrollY }, ""); });
  if (place.pages) older()?.click();

  // Earlier turns come above the one that is read, which stays where it is.
  document.addEventListener("htmx:beforeSwap", ({ detail }) => {
    const next = detail.target.matches(".earlier") && detail.target.nextElementSibling;
    if (!next) return;
    const top = next.getBoundingClientRect().top;
    const keep = () => scrollBy(0, next.getBoundingClientRect().top - top);
    document.addEventListener("htmx:afterSettle", () => { keep(); requestAnimationFrame(keep); }, { once: true });
  });

  function count() {
    for (const time of document.querySelectorAll("time[data-elapsed]")) {
      time.textContent = ccflare.span(Date.now() - Date.parse(time.dateTime));
    }
  }
  count();
  setInterval(() => document.hidden || count(), 1000);
  document.addEventListener("htmx:load", count);
  // A request that runs is looked at again and again.
  setInterval(() => document.hidden || document.body.dispatchEvent(new Event("look")), 2000);
  if (!rows?.dataset.live) return;

  const state = document.getElementById("live-state");
  const hold = document.getElementById("live-hold");
  let waiting = [];

  function drop(id) {
    document.getElementById(id)?.remove();
    document.getElementById(`${id}-error`)?.remove();
  }

  function take({ name, html }) {
    if (name === "gone") { drop(html); return; }
    const holder = document.createElement("tbody");
    const table = document.createElement("table");
    table.append(holder);
    holder.innerHTML = html;
    const fresh = [...holder.querySelectorAll("tr")];
    const first = fresh[0];
    const old = document.getElementById(first.id);
    document.getElementById(`${first.id}-error`)?.remove();
    ccflare.tellAll(holder);
    if (old) old.replaceWith(...fresh);
    else {
      const number = BigInt(first.dataset.id);
      const next = [...rows.querySelectorAll("tr[data-id]")].find((row) => BigInt(row.dataset.id) < number);
      if (next) next.before(...fresh); else rows.prepend(...fresh);
      first.classList.add("is-new");
    }
    while (rows.childElementCount > most) (rows.querySelector("tr:nth-last-child(2)") ?? rows.lastElementChild).remove();
    document.getElementById("rows-none")?.remove();
    document.querySelector(".requests").classList.remove("is-empty");
    window.htmx?.process(rows);
    count();
  }

  const isHeld = () => hold.getAttribute("aria-pressed") === "true";

  function say() {
    const fresh = new Set(waiting.map(({ html }) => /id="(req_\w+)"/.exec(html)?.[1]).filter((id) => id && !document.getElementById(id)));
    const isLive = source.readyState === EventSource.OPEN && !isHeld();
    state.textContent = isHeld() ? `held${fresh.size ? ` · ${fresh.size} new` : ""}` : isLive ? "live" : "connecting…";
    state.className = isLive ? "fine is-live" : "fine";
  }

  const source = new ccflare.RestingSource(rows.dataset.live);
  source.onopen = source.onerror = say;
  for (const name of ["row", "gone"]) {
    source.addEventListener(name, (event) => {
      const news = { name, html: event.data };
      if (!isHeld()) take(news);
      else { waiting.push(news); say(); }
    });
  }
  source.addEventListener("reset", () => location.reload());
  hold.addEventListener("click", () => {
    hold.setAttribute("aria-pressed", String(!isHeld()));
    hold.querySelector("span").textContent = isHeld() ? "Go on" : "Hold";
    if (!isHeld()) {
      waiting.forEach(take);
      waiting = [];
    }
    say();
  });
});
