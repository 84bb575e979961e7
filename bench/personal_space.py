"""The residents' web app: views per second, the delay of events in open pages, the delay of a click."""

import asyncio
import base64
import json
import random
import time
from collections.abc import Sequence
from http.cookies import SimpleCookie

import aiohttp
from itsdangerous import TimestampSigner
from playwright.async_api import Page, async_playwright

from bench.figures import Figure, rates, times
from bench.ground import RECEIPT_SECONDS, Ground, Inhabitant

VIEWS, AT_ONCE = 200.0, 8
OPEN_PAGES, EVENT_MEDIAN_MS, EVENT_P99_MS = 300, 30.0, 150.0
CLICK_MEDIAN_MS = 60.0
PATIENCE_SECONDS = 30.0
BROWSER = "/usr/bin/chromium"
# What a click waits for, one after the other.
STATIONS = ("sending the request", "the answer of app and hub", "showing it in the page", "painting")
# Resolves with the moments at the ends of these stations, in milliseconds since the click.
SHOWN = """(choice) => { performance.clearResourceTimings();
window.shown = new Promise((done) => addEventListener("click", (click) => {
    new MutationObserver((_, watching) => {
        if (!document.querySelector(`#choice-${choice}`).defaultChecked) return;
        watching.disconnect();
        const changed = performance.now();
        requestAnimationFrame(() => setTimeout(() => {  // after the frame of this callback
            const painted = performance.now();
            const sent = performance.getEntriesByType("resource").find((one) => one.name.endsWith("/consentement"));
            done([sent.requestStart, sent.responseEnd, changed, painted].map((moment) => moment - click.timeStamp));
        }));
    }).observe(document.body, { subtree: true, childList: true });
}, { once: true })); }"""


def measure_views(ground: Ground, *, quick: bool) -> list[Figure]:
    """Measure views of personal spaces with one card, several at once, each a page of its own."""
    inhabitants = ground.inhabitants(50)
    rounds, number = (3, 300) if quick else (7, 1_000)
    found = asyncio.run(_views(ground, inhabitants, rounds, number))
    return [rates("views of the personal space", found, "/s", VIEWS)]


def measure_events(ground: Ground, *, quick: bool) -> list[Figure]:
    """Measure from sending a job to the event in the resident's open page, with many pages open."""
    inhabitants = ground.inhabitants(OPEN_PAGES)
    taken = asyncio.run(_events(ground, inhabitants, 100 if quick else 500))
    name = f"a change to its event, {OPEN_PAGES} open pages"
    return times(name, taken, median_target=EVENT_MEDIAN_MS, p99_target=EVENT_P99_MS)


def measure_click(ground: Ground, *, quick: bool) -> list[Figure]:
    """Measure from the click on « Valider mon choix » until the page shows the decision."""
    (inhabitant,) = ground.sharing(1)
    clicks = asyncio.run(_clicks(ground, inhabitant, 20 if quick else 100))
    shown = [moments[-1] for moments in clicks]
    figures = times("a click to the decision shown", shown, median_target=CLICK_MEDIAN_MS, p99_target=None)
    for place, station in enumerate(STATIONS):
        taken = [moments[place] - (moments[place - 1] if place else 0.0) for moments in clicks]
        figures += times(f"… of which {station}", taken, median_target=None, p99_target=None)[:1]
    return figures


async def _views(ground: Ground, inhabitants: Sequence[Inhabitant], rounds: int, number: int) -> list[float]:
    each = []
    async with _session(ground) as session:
        for _ in range(rounds):
            left = iter(range(number))

            async def visit(left: object = left) -> None:
                for _ in left:  # type: ignore[attr-defined]
                    cookie = _cookie(ground, random.choice(inhabitants))
                    async with session.get("/espace", headers=cookie) as answer:
                        assert answer.status == 200
                        assert b'class="card active"' in await answer.read()

            started = time.perf_counter()
            await asyncio.gather(*(visit() for _ in range(AT_ONCE)))
            each.append(number / (time.perf_counter() - started))
    return each


async def _events(ground: Ground, inhabitants: Sequence[Inhabitant], number: int) -> list[float]:
    heard: dict[str, asyncio.Queue[float]] = {inhabitant.resident_id: asyncio.Queue() for inhabitant in inhabitants}
    taken = []
    async with _session(ground) as session, asyncio.TaskGroup() as pages:
        listening = [
            pages.create_task(_listen(ground, session, inhabitant, heard[inhabitant.resident_id]))
            for inhabitant in inhabitants
        ]
        for queue in heard.values():
            await asyncio.wait_for(queue.get(), PATIENCE_SECONDS)
        for _ in range(number):
            inhabitant = random.choice(inhabitants)
            job = ground.hub.job(
                "resident.update_contact",
                resident_id=inhabitant.resident_id,
                name="Élodie Exemple",
                email="elodie@example.fr",
            )
            started = time.perf_counter()
            receipt = asyncio.create_task(asyncio.to_thread(ground.hub.submit, job, wait=RECEIPT_SECONDS))
            at = await asyncio.wait_for(heard[inhabitant.resident_id].get(), PATIENCE_SECONDS)
            taken.append((at - started) * 1000)
            assert (await receipt).applied
        for task in listening:
            task.cancel()
    return taken


async def _listen(
    ground: Ground, session: aiohttp.ClientSession, inhabitant: Inhabitant, heard: asyncio.Queue[float]
) -> None:
    known = -1
    while True:  # as a browser does, when the hub has no time yet to make 300 spaces at once
        async with session.get("/evenements", headers=_cookie(ground, inhabitant)) as answer:
            async for line in answer.content:
                # "data: EPOCH/VERSION/…": it is also sent without a change, every 15 s and when the page connects again
                if line.startswith(b"data:") and (version := int(line.split(b"/")[1])) > known:
                    known = version
                    heard.put_nowait(time.perf_counter())


async def _clicks(ground: Ground, inhabitant: Inhabitant, number: int) -> list[list[float]]:
    taken = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        context = await browser.new_context(extra_http_headers={}, locale="fr-FR")
        (cookie,) = SimpleCookie(_cookie(ground, inhabitant)["Cookie"]).values()
        await context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": _url(ground)}])
        page = await context.new_page()
        await page.goto(f"{_url(ground)}/espace")
        for place in range(number):
            taken.append(await _click(page, "refuse" if place % 2 == 0 else "allow"))
            ground.settle()
        await browser.close()
    return taken


async def _click(page: Page, choice: str) -> list[float]:
    await page.check(f"#choice-{choice}")
    await page.evaluate(SHOWN, choice)
    await page.click("#valider")
    moments: list[float] = await page.evaluate("window.shown")
    return moments


def _session(ground: Ground) -> aiohttp.ClientSession:
    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=PATIENCE_SECONDS)
    return aiohttp.ClientSession(_url(ground), connector=connector, timeout=timeout)


def _url(ground: Ground) -> str:
    return ground.stack.web_app.url


def _cookie(ground: Ground, inhabitant: Inhabitant) -> dict[str, str]:
    """Return the cookie of a signed-in resident, signed as the app itself does."""
    resident = {"resident_id": inhabitant.resident_id, "name": ""}
    session = base64.b64encode(
        json.dumps({"resident": resident, "since": int(time.time()), "seen": int(time.time())}).encode()
    )
    signed = TimestampSigner(ground.stack.web_app.environment["PERSONAL_SPACE_SECRET"]).sign(session).decode()
    return {"Cookie": f"session={signed}"}
