// Follows the log: new lines appear at the end, and the view goes along unless the reader has scrolled back.
"use strict";

addEventListener("DOMContentLoaded", () => {
  const log = document.getElementById("log");
  const state = document.getElementById("log-state");
  const hold = document.getElementById("log-hold");
  const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3, hourCycle: "h23" });
  const day = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });
  const most = 2000;
  let waiting = [];

  function tell(root) {
    for (const time of root.querySelectorAll("time[data-clock]")) {
      const at = Date.parse(time.dateTime);
      time.textContent = clock.format(at);
      time.title = day.format(at);
    }
  }

  function add(html) {
    const isAtEnd = log.scrollTop + log.clientHeight >= log.scrollHeight - 30;
    const part = document.createRange().createContextualFragment(html);
    tell(part);
    log.append(part);
    document.getElementById("log-none")?.remove();
    while (log.childElementCount > most) log.firstElementChild.remove();
    if (isAtEnd) log.scrollTop = log.scrollHeight;
  }

  tell(log);
  log.scrollTop = log.scrollHeight;

  const source = new ccflare.RestingSource(log.dataset.stream);
  source.onopen = () => { state.textContent = "following"; };
  source.onerror = () => { state.textContent = "connecting…"; };
  source.addEventListener("lines", (event) => {
    if (hold.getAttribute("aria-pressed") === "true") waiting.push(event.data);
    else add(event.data);
  });

  hold.addEventListener("click", () => {
    const isHeld = hold.getAttribute("aria-pressed") !== "true";
    hold.setAttribute("aria-pressed", String(isHeld));
    hold.querySelector("span").textContent = isHeld ? "Go on" : "Hold";
    if (!isHeld) {
      waiting.forEach(add);
      waiting = [];
    }
  });
});
