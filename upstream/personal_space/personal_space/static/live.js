// Keeps the page up to date: listens for the latest version, and reads the page again if it shows another.
"use strict";
(() => {
  const SILENCE_MS = 35000; // more than two beats of the server: the connection is dead, even if the browser does not notice
  const main = document.querySelector("main[data-state]");

  // Send a form once, even if its button is clicked twice.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "yes";
    setTimeout(() => delete form.dataset.sent, 10000); // the browser's stop button fires no event; a job sent twice counts once
    if (form.dataset.inPlace !== undefined) { event.preventDefault(); decide(form); }
  });
  addEventListener("pageshow", () => document.querySelectorAll("[data-sent]").forEach((form) => delete form.dataset.sent));

  let source = null, watchdog = 0, reading = false, deciding = false, again = false, latest = "";

  const listen = () => {
    hush();
    source = new EventSource("/evenements");
    source.addEventListener("state", (event) => {
      awake();
      latest = event.data;
      catchUp();
    });
    source.addEventListener("error", () => {
      if (!source || source.readyState !== EventSource.CLOSED) return;
      awake(5000);
      read(); // finds out whether the session has ended
    });
    awake();
  };
  const hush = () => { clearTimeout(watchdog); if (source) source.close(); source = null; };
  const awake = (ms = SILENCE_MS) => { clearTimeout(watchdog); watchdog = setTimeout(listen, ms); };

  const catchUp = () => { if (!main.dataset.state.startsWith(latest)) read(); }; // an event alone has only the version

  // One at a time, and not during a decision, which it might show half done.
  const read = async () => {
    if (reading || deciding) { again = true; return; }
    reading = true;
    try {
      const answer = await fetch(location.href, { cache: "no-store", redirect: "manual", headers: { "X-Live": "1" } });
      if (answer.ok) {
        const page = await parse(answer);
        if (deciding) again = true;
        else show(page);
      } else if (answer.type === "opaqueredirect" || answer.status === 401) location.reload();
    } catch { /* unavailable: the next event or beat tries again */ }
    reading = false;
    readAgain();
  };
  const readAgain = () => { if (again && !deciding) { again = false; catchUp(); } };

  // Show a decision in place, without another page; a failure has a page of its own. A page without a state is left.
  const decide = async (form) => {
    deciding = true;
    try {
      const headers = main ? { "X-In-Place": "1" } : {};
      const answer = await fetch(form.action, { method: "POST", headers, body: new URLSearchParams(new FormData(form)) });
      const page = await parse(answer);
      if (!answer.ok) fail(page);
      else if (!main || !show(page, form)) location.assign(answer.url);
    } catch { form.submit(); /* the browser shows the error */ }
    deciding = false;
    delete form.dataset.sent;
    readAgain();
  };
  const fail = (page) => {
    hush();
    document.title = page.title;
    const said = page.querySelector("main");
    document.querySelector("main").replaceWith(said);
    said.focus();
  };
  const parse = async (answer) => new DOMParser().parseFromString(await answer.text(), "text/html");

  const show = (page, decided) => {
    const state = page.querySelector("main[data-state]");
    if (!state) return false;
    if (older(state, main)) return true; // older than the page: never show a change undone
    if (page.documentElement.lang !== document.documentElement.lang) { location.reload(); return true; }
    const changed = [];
    let focus = null; // where to put it back, once its region has new content
    for (const region of document.querySelectorAll("[data-live]")) {
      const fresh = page.getElementById(region.id);
      if (!fresh || same(region, fresh)) continue;
      if ("unlessTouched" in region.dataset && touched(region) && !region.contains(decided)) {
        region.querySelector(".elsewhere").hidden = false;
        continue;
      }
      const focused = region.contains(document.activeElement) ? document.activeElement : null;
      if (focused) focus = () => region.querySelector(focused.id ? `#${CSS.escape(focused.id)}` : `a[href="${focused.getAttribute("href")}"]`);
      region.replaceChildren(...fresh.childNodes);
      region.classList.remove("fresh");
      changed.push(region);
    }
    if (focus) (focus() || main).focus({ preventScroll: true });
    void main.offsetWidth; // restarts the animations, with one layout for all
    changed.forEach((region) => region.classList.add("fresh"));
    main.dataset.state = state.dataset.state;
    return document.contains(main);
  };
  const older = (one, other) => {
    const [[epoch, version], [otherEpoch, otherVersion]] = [one, other].map((shown) => shown.dataset.state.split("/").map(Number));
    return epoch < otherEpoch || (epoch === otherEpoch && version < otherVersion);
  };
  // Tokens and ids differ in each rendering; this is no change.
  const same = (one, other) => plain(one) === plain(other);
  const plain = (node) => node.innerHTML.replace(/ name="(csrf_token|job_id)"[^>]*>/g, "");
  const touched = (region) => [...region.querySelectorAll("input[type=radio]")].some((box) => box.checked !== box.defaultChecked);

  // A hidden page does not listen, so that any number of tabs may be open; shown again, it catches up.
  if (!main) return;
  document.addEventListener("visibilitychange", () => (document.hidden ? hush() : listen()));
  addEventListener("online", listen);
  addEventListener("pagehide", hush);
  addEventListener("pageshow", (event) => { if (event.persisted) listen(); });
  if (!document.hidden) listen();
})();
