"use strict";

// Update: an archive is sent in pieces, and goes on by itself after a broken line.
(() => {
  const form = document.querySelector("form[data-upload]");
  if (!form || !window.fetch || !window.URLSearchParams) return;
  const texts = form.dataset;
  const token = form.elements.token.value;
  const input = form.elements.file;
  const meter = form.querySelector(".meter");
  const bar = meter.querySelector("progress");
  const number = meter.querySelector(".percent");
  const state = form.querySelector(".state");
  const pause = form.querySelector("[data-pause]");
  const send = form.querySelector("button:not([type])");
  const pauseTexts = [pause.textContent, pause.dataset.pause];
  const largest = 4 * 1024 * 1024;
  const smallest = 64 * 1024;
  let current = null;

  form.querySelectorAll(".only-script").forEach((element) => { if (element !== pause) element.hidden = false; });

  const size = (bytes) => new Intl.NumberFormat(document.documentElement.lang, { maximumFractionDigits: 1 })
    .format(bytes / 1e6) + (document.documentElement.lang === "fr" ? "\u00a0Mo" : " MB");
  const say = (text) => { if (state.textContent !== text) state.textContent = text; };
  const wait = (seconds) => new Promise((done) => setTimeout(done, seconds * 1000));

  const fill = (percent) => {
    bar.value = percent;
    number.textContent = percent + "\u00a0%";
  };
  let said = 0;
  const show = (work) => {
    const percent = Math.floor((work.offset * 100) / work.file.size);
    fill(percent);
    // Whoever listens instead of looking hears every tenth part.
    if (percent >= said + 10 || percent < said) said = percent - (percent % 10);
    say(texts.sending.replace("{done}", size((said / 100) * work.file.size)).replace("{all}", size(work.file.size)));
  };

  // What the console answers; `null` where nothing was heard of it.
  const ask = async (address, options) => {
    try {
      const answer = await fetch(address, { credentials: "same-origin", redirect: "manual", ...options });
      const body = await answer.json().catch(() => ({}));
      return { status: answer.status, body, isRedirect: answer.type === "opaqueredirect" };
    } catch {
      return null;
    }
  };
  const post = (address, fields) =>
    ask(address, { method: "POST", body: new URLSearchParams({ token, ...fields }) });

  const passes = (answer) => answer === null || answer.status === 408 || answer.status === 423 || answer.status === 429
    || (answer.status >= 500 && answer.status !== 507);
  const isOut = (answer) => answer.isRedirect || answer.status === 401 || answer.status === 403;

  const end = (text) => {
    say(text);
    meter.hidden = true;
    pause.hidden = true;
    send.disabled = false;
    current = null;
  };
  const complain = (answer) =>
    end(isOut(answer) ? texts.out : [answer.body.message || answer.status].concat(answer.body.hints || []).join(". "));

  // Asks until there is an answer that does not pass away by itself.
  const patiently = async (work, once) => {
    for (let seconds = 1; ; seconds = Math.min(seconds * 2, 30)) {
      const answer = await once();
      if (work !== current) return null;
      if (!passes(answer)) return answer;
      say(answer && answer.status === 423 ? texts.elsewhere : texts.broken);
      await wait(seconds);
    }
  };

  const sendOn = async (work) => {
    const begun = await patiently(work, () => post(texts.upload, {
      name: work.file.name, size: work.file.size, mark: work.file.lastModified,
    }));
    if (!begun) return;
    if (begun.status !== 200) return complain(begun);
    work.address = texts.upload + "/" + begun.body.upload;
    work.offset = begun.body.offset;
    while (work.offset < work.file.size) {
      show(work);
      if (work.isPaused) await new Promise((done) => { work.goOn = done; });
      if (work !== current) return;
      const piece = work.file.slice(work.offset, work.offset + work.piece);
      const answer = await ask(work.address, {
        method: "PUT", body: piece, headers: { "x-entracte-token": token, "upload-offset": String(work.offset) },
      });
      if (work !== current) return;
      if (answer && answer.status === 200) {
        work.offset = answer.body.offset;
      } else if (answer && answer.status === 413 && work.piece > smallest) {
        // A proxy before the console takes less at once.
        work.piece = Math.max(smallest, work.piece / 4);
      } else if (answer && answer.status === 409 && Number.isInteger(answer.body.offset)) {
        work.offset = answer.body.offset;
      } else if (passes(answer)) {
        say(answer && answer.status === 423 ? texts.elsewhere : texts.broken);
        await wait(1);
        const known = await patiently(work, () => ask(work.address, {}));
        if (!known) return;
        if (known.status !== 200) return complain(known);
        work.offset = known.body.offset;
      } else {
        return complain(answer);
      }
    }
    fill(100);
    say(texts.finishing);
    const finished = await patiently(work, () => post(work.address + "/finish", {}));
    if (!finished) return;
    if (finished.status !== 200) return complain(finished);
    say(texts.done);
    location.assign(finished.body.next);
  };

  const start = (file) => {
    if (!file || current) return;
    current = { file, offset: 0, piece: largest, isPaused: false };
    fill(0);
    meter.hidden = false;
    pause.hidden = false;
    pause.textContent = pauseTexts[0];
    send.disabled = true;
    sendOn(current);
  };

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    start(input.files[0]);
  });
  input.addEventListener("change", () => start(input.files[0]));
  pause.addEventListener("click", () => {
    if (!current) return;
    current.isPaused = !current.isPaused;
    pause.textContent = pauseTexts[current.isPaused ? 1 : 0];
    if (!current.isPaused && current.goOn) current.goOn();
  });
  for (const name of ["dragenter", "dragover"]) {
    form.addEventListener(name, (event) => { event.preventDefault(); form.classList.add("over"); });
  }
  for (const name of ["dragleave", "drop"]) {
    form.addEventListener(name, () => form.classList.remove("over"));
  }
  form.addEventListener("drop", (event) => {
    event.preventDefault();
    start(event.dataTransfer.files[0]);
  });
  // A file that misses the form is not opened in place of this page.
  for (const name of ["dragover", "drop"]) {
    window.addEventListener(name, (event) => event.preventDefault());
  }
})();

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
  // A short break is nobody's concern; a longer one is told, and what is not known is not counted on.
  const broken = live.querySelector("[data-broken]");
  const out = live.querySelector("[data-out]");
  const longest = 3000;
  let silence = null;
  const heard = () => {
    clearTimeout(silence);
    silence = null;
    broken.hidden = true;
  };
  const missed = () => {
    silence ??= setTimeout(() => { broken.hidden = false; closed = null; }, longest);
  };
  // A stream that was refused is asked for no more by the browser, so that the page looks why.
  const look = async () => {
    const answer = await fetch(location.href, { credentials: "same-origin", redirect: "manual" }).catch(() => null);
    if (answer && answer.type === "opaqueredirect") {
      heard();
      closed = null;
      out.hidden = false;
    } else {
      setTimeout(answer && answer.ok ? () => location.reload() : look, 10000);
    }
  };
  source.addEventListener("open", heard);
  source.addEventListener("error", () => {
    missed();
    if (source.readyState === EventSource.CLOSED) look();
  });
})();
