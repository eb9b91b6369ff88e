// Keeps the list of requests live: a request appears at its start, counts up, and settles at its end.
"use strict";

addEventListener("DOMContentLoaded", () => {
  const rows = document.getElementById("rows");
  const most = 400;

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
      form.requestSubmit();
    });
    addEventListener("pageshow", () => { for (const one of form.elements) one.disabled = false; });
  }

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

  const source = new ccflare.RestingSource(rows.dataset.live);
  source.onopen = () => { state.textContent = "live"; state.className = "fine is-live"; };
  source.onerror = () => { state.textContent = "connecting…"; state.className = "fine"; };
  for (const name of ["row", "gone"]) {
    source.addEventListener(name, (event) => {
      const news = { name, html: event.data };
      if (hold.getAttribute("aria-pressed") === "true") waiting.push(news);
      else take(news);
    });
  }
  source.addEventListener("reset", () => location.reload());
  hold.addEventListener("click", () => {
    const isHeld = hold.getAttribute("aria-pressed") !== "true";
    hold.setAttribute("aria-pressed", String(isHeld));
    hold.querySelector("span").textContent = isHeld ? "Go on" : "Hold";
    if (!isHeld) {
      waiting.forEach(take);
      waiting = [];
    }
  });
});
