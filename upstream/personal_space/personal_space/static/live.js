// Keeps the page as new as the hub: hears which version there is, and reads the page again when it shows another.
"use strict";
(() => {
  const SILENCE_MS = 35000; // more than two beats of the server: the connection is dead, whatever the browser thinks
  const main = document.querySelector("main[data-state]");

  // A form is sent once, however often its button is clicked.
  document.addEventListener("submit", (event) => {
    if (event.target.dataset.sent) event.preventDefault();
    event.target.dataset.sent = "yes";
  });
  addEventListener("pageshow", () => document.querySelectorAll("[data-sent]").forEach((form) => delete form.dataset.sent));
  if (!main) return;

  let source = null, watchdog = 0, reading = false, again = false;

  const listen = () => {
    hush();
    source = new EventSource("/evenements");
    source.addEventListener("state", (event) => {
      awake();
      if (event.data !== main.dataset.state) read();
    });
    source.addEventListener("error", () => { if (source && source.readyState === EventSource.CLOSED) awake(5000); });
    awake();
  };
  const hush = () => { clearTimeout(watchdog); if (source) source.close(); source = null; };
  const awake = (ms = SILENCE_MS) => { clearTimeout(watchdog); watchdog = setTimeout(listen, ms); };

  const read = async () => {
    if (reading) { again = true; return; }
    reading = true;
    try {
      const answer = await fetch(location.href, { cache: "no-store", redirect: "manual" });
      if (answer.ok) show(new DOMParser().parseFromString(await answer.text(), "text/html"));
      else if (answer.type === "opaqueredirect" || answer.status === 401) location.reload();
    } catch { /* away: the next event or beat tries again */ }
    reading = false;
    if (again) { again = false; read(); }
  };

  const show = (page) => {
    const state = page.querySelector("main[data-state]");
    if (!state) return;
    for (const region of document.querySelectorAll("[data-live]")) {
      const fresh = page.getElementById(region.id);
      if (!fresh || same(region, fresh)) continue;
      if ("unlessTouched" in region.dataset && touched(region)) {
        region.querySelector(".elsewhere").hidden = false;
        continue;
      }
      const focused = region.contains(document.activeElement) ? document.activeElement : null;
      const wanted = focused && (focused.id ? `#${CSS.escape(focused.id)}` : `a[href="${focused.getAttribute("href")}"]`);
      region.replaceChildren(...fresh.childNodes);
      if (wanted) (region.querySelector(wanted) || main).focus({ preventScroll: true });
      region.classList.remove("fresh");
      void region.offsetWidth; // begins the animation anew
      region.classList.add("fresh");
    }
    main.dataset.state = state.dataset.state;
  };
  // Tokens differ each time a page is made, and are as good as one another.
  const same = (one, other) => plain(one) === plain(other);
  const plain = (node) => node.innerHTML.replace(/ name="csrf_token"[^>]*>/g, "");
  const touched = (region) => [...region.querySelectorAll("input[type=radio]")].some((box) => box.checked !== box.defaultChecked);

  // A hidden page listens to nothing, so that any number of tabs may be open; shown again, it catches up.
  document.addEventListener("visibilitychange", () => (document.hidden ? hush() : listen()));
  addEventListener("online", listen);
  addEventListener("pagehide", hush);
  addEventListener("pageshow", (event) => { if (event.persisted) listen(); });
  if (!document.hidden) listen();
})();
