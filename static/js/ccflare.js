// What pages do beyond plain HTML: times that go on, copying, themes, dialogs, and streams that rest while nobody looks.
"use strict";

const ccflare = (() => {
  const units = [[86400, "d", 3600, "h"], [3600, "h", 60, "min"], [600, "min", 0, ""], [60, "min", 1, "s"]];

  function span(milliseconds) {
    const seconds = Math.max(0, Math.floor(milliseconds / 1000));
    for (const [size, name, rest, restName] of units) {
      if (seconds < size) continue;
      const one = size === 600 ? 60 : size;
      const more = rest ? Math.floor((seconds % one) / rest) : 0;
      return `${Math.floor(seconds / one)} ${name}` + (more ? ` ${more} ${restName}` : "");
    }
    return `${seconds} s`;
  }

  const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;

  // The server reads and draws times as the reader's clock shows them.
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `ccflare_offset=${-new Date().getTimezoneOffset()}; path=/; max-age=31536000; SameSite=Lax${secure}`;

  function tell(time) {
    const at = Date.parse(time.dateTime);
    if (Number.isNaN(at)) return;
    const words = exact.format(at);
    if (!time.dataset.told) {
      time.title = `${words} (${zone})`;
      time.dataset.told = "1";
    }
    const left = at - Date.now();
    if ("moment" in time.dataset) time.textContent = words;
    else if (Math.abs(left) < 1000) time.textContent = "now";
    else time.textContent = left > 0 ? `in ${span(left)}` : `${span(-left < 60000 ? -left : Math.floor(-left / 60000) * 60000)} ago`;
  }

  function tellAll(root) {
    root.querySelectorAll("time[data-relative], time[data-countdown], time[data-moment]").forEach(tell);
  }

  // --- copying: the clipboard wants a secure page; elsewhere the old way still works
  async function copy(button) {
    const words = button.dataset.copy ?? document.querySelector(button.dataset.copyFrom).textContent;
    try {
      await navigator.clipboard.writeText(words);
    } catch {
      const area = document.createElement("textarea");
      area.value = words;
      (button.closest("dialog") ?? document.body).append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
      button.focus();
    }
    button.classList.add("copied");
    const label = button.title;
    button.title = "Copied";
    setTimeout(() => { button.classList.remove("copied"); button.title = label; }, 1600);
  }

  // --- themes: at once, and kept in the cookie that the server reads before it draws
  function setTheme(button) {
    const name = button.value;
    const root = document.documentElement;
    if (name === "system") {
      delete root.dataset.theme;
      document.cookie = `ccflare_theme=; path=/; max-age=0; SameSite=Lax${secure}`;
    } else {
      root.dataset.theme = name;
      document.cookie = `ccflare_theme=${name}; path=/; max-age=31536000; SameSite=Lax${secure}`;
    }
    for (const one of button.form.querySelectorAll("button")) one.setAttribute("aria-pressed", String(one === button));
    document.dispatchEvent(new Event("ccflare:theme"));
  }

  function color(name) {
    const probe = document.createElement("i");
    probe.style.color = `var(${name})`;
    document.body.append(probe);
    const found = getComputedStyle(probe).color;
    probe.remove();
    return found;
  }

  // --- dialogs: a link's page, without its frame, in front of the present one
  async function openDialog(link) {
    const dialog = document.getElementById("dialog");
    const giveBack = kept(link.closest("details.menu")?.querySelector("summary") ?? link, document.body);
    dialog.addEventListener("close", giveBack, { once: true });
    await htmx.ajax("GET", link.href, { target: "#dialog-body", swap: "innerHTML" });
    if (!dialog.open && document.getElementById("dialog-body").childElementCount) dialog.showModal();
    dialog.querySelector("[autofocus], input:not([type=hidden]), a, button")?.focus();
  }

  function closeDialog() {
    document.getElementById("dialog").close();
    document.getElementById("dialog-body").replaceChildren();
  }

  // --- focus: what had it finds it again, although it was drawn anew in the meantime
  const CONTROLS = "a[href], button, input, select, textarea, summary, [tabindex]";

  function kept(control, place) {
    const face = (one) => JSON.stringify(
      [one.tagName, one.id, one.name, one.title, one.getAttribute("href"), one.form?.getAttribute("action"), one.textContent.trim()],
    );
    const all = () => [...(document.getElementById(place.id) ?? document.body).querySelectorAll(CONTROLS)];
    const [at, known] = [all().indexOf(control), face(control)];
    const same = all().filter((one) => face(one) === known).indexOf(control);
    return () => {
      if (control.isConnected) return control.focus({ preventScroll: true });
      const now = all();
      (now.filter((one) => face(one) === known)[same] ?? now[at])?.focus({ preventScroll: true });
    };
  }

  // --- streams: a browser opens six connections to a host at most, so a hidden tab gives its own back
  class RestingSource {
    constructor(address) {
      this.address = address;
      this.listeners = [];
      this.rest = () => (document.hidden ? this.stop() : this.start());
      document.addEventListener("visibilitychange", this.rest);
      this.rest();
    }
    get readyState() { return this.source ? this.source.readyState : EventSource.CONNECTING; }
    start() {
      if (this.source) return;
      this.source = new EventSource(this.address);
      for (const [name, listener] of this.listeners) this.source.addEventListener(name, listener);
      this.source.onopen = (event) => this.onopen?.(event);
      this.source.onerror = (event) => this.onerror?.(event);
    }
    stop() {
      this.source?.close();
      this.source = undefined;
    }
    addEventListener(name, listener) {
      this.listeners.push([name, listener]);
      this.source?.addEventListener(name, listener);
    }
    removeEventListener(name, listener) {
      this.listeners = this.listeners.filter(([one, other]) => one !== name || other !== listener);
      this.source?.removeEventListener(name, listener);
    }
    close() {
      document.removeEventListener("visibilitychange", this.rest);
      this.stop();
    }
  }

  document.addEventListener("click", (event) => {
    const on = (selector) => event.target.closest(selector);
    let found;
    if ((found = on("[data-copy], [data-copy-from]"))) copy(found);
    else if ((found = on("[data-themes] button"))) { event.preventDefault(); setTheme(found); }
    else if (on("[data-close]") || event.target.id === "dialog") {
      if (document.getElementById("dialog")?.open) { event.preventDefault(); closeDialog(); }
    } else if ((found = on("a[data-dialog]")) && window.htmx && !(event.ctrlKey || event.metaKey || event.shiftKey)) {
      event.preventDefault();
      openDialog(found);
    }
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (!menu.contains(event.target) || on("a, button")) menu.open = false;
    }
  });

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });

  // A box that is ticked or a choice that is made sends its form, where the form says so.
  document.addEventListener("change", (event) => {
    if (event.target.form?.matches("[data-send]")) event.target.form.requestSubmit();
  });

  // What must be typed to go on: <form data-confirm="name"> with an input and a button.
  document.addEventListener("input", (event) => {
    if (event.target.form?.dataset.confirm !== undefined) arm(document);
  });

  // Before htmx opens its first stream, which may be before the document is ready.
  document.addEventListener("htmx:beforeProcessNode", () => {
    htmx.createEventSource = (address) => new RestingSource(address);
  }, { once: true });

  document.addEventListener("htmx:configRequest", (event) => {
    event.detail.headers["X-CSRFToken"] = document.querySelector("meta[name=csrf-token]").content;
  });
  document.addEventListener("htmx:load", () => { tellAll(document); arm(document); });
  // A part that is drawn anew keeps open what the reader opened, and the focus where it was.
  let opened = [];
  let refocus;
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { target, requestConfig } = event.detail;
    // A form that is being sent gets its answer where it stands, so the part around it waits.
    if ([...target.querySelectorAll("form.htmx-request")].some((form) => form !== requestConfig.elt)) {
      event.detail.shouldSwap = false;
      return;
    }
    opened = [...target.querySelectorAll("details[id][open]")].map((one) => one.id);
    const had = document.activeElement;
    const isInside = target !== had && target.contains(had) && target.id;
    refocus = isInside ? kept(had, target) : undefined;
  });
  document.addEventListener("htmx:afterSwap", () => {
    for (const id of opened) document.getElementById(id)?.setAttribute("open", "");
    if (document.activeElement === document.body) refocus?.();
  });
  document.addEventListener("htmx:sendError", () => notice("The server cannot be reached. The page shows what was last known.", "away"));
  document.addEventListener("htmx:beforeOnLoad", () => document.getElementById("away")?.remove());

  function notice(words, id = "") {
    const place = document.getElementById("notices");
    if (!place) return;
    const box = document.createElement("div");
    box.className = "notice warn";
    box.id = id;
    box.append(Object.assign(document.createElement("p"), { textContent: words }));
    place.replaceChildren(box);
  }

  function arm(root) {
    for (const form of root.querySelectorAll("form[data-confirm]")) {
      form.querySelector("button.sure").disabled = form.elements.name.value.trim() !== form.dataset.confirm;
    }
  }

  addEventListener("DOMContentLoaded", () => {
    tellAll(document);
    arm(document);
    document.querySelector(".side nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
  });

  setInterval(() => document.hidden || tellAll(document), 1000);
  setInterval(() => document.hidden || document.body.dispatchEvent(new Event("tick")), 15000);
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    tellAll(document);
    document.body.dispatchEvent(new Event("shown"));
  });

  return { color, copy, notice, span, tellAll, RestingSource };
})();
