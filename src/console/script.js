"use strict";

/* live: work that goes on, by one stream of server-sent events */
(() => {
  const live = document.querySelector("[data-live]");
  if (!live || !window.EventSource) return;
  const now = live.querySelector("[data-now]");
  const log = live.querySelector("[data-log]");
  const said = live.querySelector("[data-said]");
  const mostLines = 200;
  let closed = null;

  const clock = seconds => {
    const whole = Math.floor(seconds);
    const two = number => String(number).padStart(2, "0");
    const hours = Math.floor(whole / 3600), minutes = Math.floor(whole / 60) % 60;
    return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
  };
  // The server says how long; only what has passed since is counted here.
  const wind = () => {
    const shown = now.querySelector("[data-clock]");
    closed = shown && { shown, from: Number(shown.dataset.clock), at: performance.now() };
  };
  wind();
  setInterval(() => {
    if (closed) closed.shown.textContent = clock(closed.from + (performance.now() - closed.at) / 1000);
  }, 1000);

  const source = new EventSource(live.dataset.live);
  source.addEventListener("now", event => {
    now.innerHTML = event.data;
    wind();
    const saying = now.querySelector("[data-saying]");
    if (saying && said.textContent !== saying.textContent) said.textContent = saying.textContent;
  });
  source.addEventListener("log", event => {
    const isAtEnd = log.scrollTop + log.clientHeight >= log.scrollHeight - 4;
    log.append(event.data + "\n");
    while (log.childNodes.length > mostLines) log.firstChild.remove();
    if (isAtEnd) log.scrollTop = log.scrollHeight;
  });
  source.addEventListener("end", () => {
    source.close();
    location.reload();
  });
  source.addEventListener("error", () => {
    // A console that was ended is asked again by the browser; one that refused is not.
    if (source.readyState === EventSource.CLOSED) setTimeout(() => location.reload(), 10000);
  });
})();
