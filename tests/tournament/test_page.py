"""The page of a tournament: what is in it, and how headless Chromium shows it, wide and narrow, light and dark."""

import base64
import hashlib
import re
import tempfile
import unittest
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, ClassVar

from numerai_predict.tournament import ModelResult, RoundResults, State, write_page
from tests.browser import Browser, Tab, browsing, needs_chromium
from tests.servers import serving

OPENING = datetime(2026, 11, 27, 12, 3, tzinfo=timezone.utc)
GIB = 1 << 30
MESSAGE = "The model needed more than its 4.0 GiB of memory while it predicted."
HINT = "Predict in batches, or make float32 of the features."
EARLIER = "The storage answered with status 503 to every try."
# An element without an end.
VOID = {"meta"}

GOOD = ModelResult(
    "alpha",
    State.ON_TIME,
    wall_s=378.4,
    peak_memory_bytes=GIB * 5 // 2,
    time_limit=600.0,
    memory_limit=4 * GIB,
    submitted=OPENING + timedelta(minutes=31),
    correlations={"v53_lgbm_ensemble": 0.25, "yesterday": -0.5},
)
BAD = ModelResult("beta_of_a_long_name_that_goes_on_and_on", State.FAILED, "out_of_memory", MESSAGE, HINT)


def round_of(*models: ModelResult, number: int = 1342, problem: str = "") -> RoundResults:
    """A round of these models; the one before is of the day before."""
    opening = OPENING - timedelta(days=1342 - number)
    return RoundResults(number, opening, opening + timedelta(minutes=57), models, problem)


def every_state() -> list[RoundResults]:
    """Forty rounds of a dozen models, in which every state occurs."""
    states = [replace(GOOD, name=state.label, state=state, code="a_code", message=MESSAGE) for state in State]
    more = [replace(GOOD, name=f"model_{number}", correlations=None) for number in range(4)]
    close = replace(GOOD, name="close", wall_s=599.0, peak_memory_bytes=None)
    newest = round_of(GOOD, BAD, close, *states, *more)
    names = [f"v53_lgbm_cyrusd{number}" for number in range(20)]
    models = [replace(newest.models[0], correlations={**dict.fromkeys(names, 0.1)}), *newest.models[1:]]
    before = [replace(model, state=State.ON_TIME, code="", message="") for model in models]
    error = replace(GOOD, state=State.ERROR, code="upload_failed", message=EARLIER)
    earlier = [round_of(error, *before[1:], number=number) for number in range(1341, 1302, -1)]
    earlier[3] = replace(earlier[3], problem="Numerai's API did not answer.", models=[])
    return [replace(newest, models=models), *earlier]


class Outline(HTMLParser):
    """What a page consists of: `texts` by what their element is, and whether every element is closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.cells: list[list[str]] = []
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert self._open == [], self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag == "tr":
            self.cells.append([])
        if tag in ("th", "td"):
            self.cells[-1].append("")
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        raise AssertionError(f"<{tag}/> is no HTML")

    def handle_endtag(self, tag: str) -> None:
        while (last := self._open.pop()) == "wbr":
            pass
        assert last == tag, (last, tag)

    def handle_data(self, data: str) -> None:
        if self._open:
            self.texts.append((self._open[-1], data))
        if {"th", "td"} & set(self._open):
            self.cells[-1][-1] += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of each element of that kind."""
        return [attributes for name, attributes in self.elements if name == tag]

    def row(self, *begins: str) -> list[str]:
        """The cells of the one row that begins with these."""
        (found,) = [cells for cells in self.cells if tuple(cells[: len(begins)]) == begins]
        return found

    @property
    def text(self) -> str:
        """All that a person may read."""
        return " ".join(data for tag, data in self.texts if tag != "style")


class PageTestCase(unittest.TestCase):
    """A test with a folder for pages."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name) / "report/index.html"

    def page(self, *rounds: RoundResults) -> str:
        write_page(rounds, self.path)
        return self.path.read_text(encoding="utf-8")


class ContentTest(PageTestCase):
    def test_round_that_went_well_says_so_and_lists_no_failure(self) -> None:
        page = Outline(self.page(round_of(GOOD, replace(GOOD, name="omega"))))
        self.assertIn(("title", "Round 1342: All 2 on time"), page.texts)
        self.assertNotIn("failed", page.text)

    def test_models_that_failed_are_counted_and_each_has_its_code_message_and_hint(self) -> None:
        page = Outline(self.page(round_of(GOOD, BAD)))
        self.assertIn(("title", "Round 1342: 1 on time, 1 failed"), page.texts)
        self.assertLessEqual({("code", "out_of_memory"), ("p", MESSAGE), ("p", HINT)}, set(page.texts))

    def test_every_state_but_the_usual_ones_is_a_failure_also_without_a_message(self) -> None:
        for state in State:
            with self.subTest(state):
                page = Outline(self.page(round_of(replace(GOOD, state=state))))
                is_failure = state not in (State.ON_TIME, State.READY, State.WAITING)
                self.assertEqual(is_failure, "The reason is not known." in page.text)

    def test_message_of_a_model_that_is_on_time_is_shown(self) -> None:
        self.assertIn(MESSAGE, self.page(round_of(replace(GOOD, message=MESSAGE))))

    def test_what_kept_all_models_is_the_state_of_the_round(self) -> None:
        page = Outline(self.page(round_of(problem="The live data did not appear.")))
        self.assertIn(("title", "Round 1342: The live data did not appear."), page.texts)
        self.assertEqual([], page.all("table"))
        self.assertIn(EARLIER, self.page(round_of(GOOD), round_of(number=1341, problem=EARLIER)))

    def test_grid_has_the_newest_round_first_and_a_word_for_every_state(self) -> None:
        both = [replace(BAD, name=state.label, state=state, code="") for state in State]
        page = Outline(self.page(round_of(*both[::-1]), round_of(*both[:-1], number=1341)))
        self.assertEqual(["Model", "134211-27", "134111-26"], page.cells[0])
        for state in State:
            words = next(cells[1:] for cells in page.cells if cells[0] == state.label)
            self.assertEqual(state.label, words[0][1:])
            self.assertNotIn(words[0][0], state.label, "a symbol")
            self.assertEqual("was not there" if state is State.WAITING else state.label, words[1][1:])

    def test_grid_has_the_last_thirty_rounds_and_says_of_how_many(self) -> None:
        page = Outline(self.page(*(round_of(GOOD, number=number) for number in range(1342, 1300, -1))))
        self.assertIn(("h2", "The last 30 of 42 rounds"), page.texts)
        self.assertEqual(31, len(page.cells[0]))
        self.assertNotIn(
            "The last", Outline(self.page(*(round_of(GOOD, number=n) for n in range(1330, 1300, -1)))).text
        )

    def test_failures_of_earlier_rounds_can_be_opened_and_those_without_any_are_not_there(self) -> None:
        error = replace(GOOD, state=State.ERROR, code="upload_failed", message=EARLIER)
        page = Outline(self.page(round_of(GOOD), round_of(GOOD, number=1341), round_of(error, BAD, number=1340)))
        self.assertEqual(1, len(page.all("details")))
        self.assertIn(("b", "Round 1340"), page.texts)
        self.assertIn(("p", EARLIER), page.texts)

    def test_duration_and_memory_have_bars_of_their_limits(self) -> None:
        page = self.page(round_of(GOOD))
        self.assertIn("6 min 18 s<svg", page)
        self.assertIn("63% of 10 min<", page)
        self.assertIn("2.5 GiB<svg", page)
        self.assertEqual(["100", "63.1", "100", "62.5"], [of["width"] for of in Outline(page).all("rect")])

    def test_use_near_a_limit_is_said_in_words_and_no_bar_is_longer_than_its_limit(self) -> None:
        page = self.page(round_of(replace(GOOD, wall_s=600.0 * 1.02, peak_memory_bytes=4 * GIB * 79 // 100)))
        self.assertIn("102% of 10 min, near the limit", page)
        self.assertIn("79% of 4.0 GiB<", page)
        self.assertEqual(["100", "100.0", "100", "79.0"], [of["width"] for of in Outline(page).all("rect")])

    def test_model_without_limits_has_no_bars_and_one_that_did_not_run_no_figures(self) -> None:
        free = replace(GOOD, time_limit=0.0, memory_limit=0)
        page = Outline(self.page(round_of(free, replace(BAD, name="none", wall_s=None))))
        self.assertEqual([], page.all("svg"))
        self.assertEqual(["6 min 18 s", "2.5 GiB"], page.row("alpha", "✓ on time")[2:4])
        self.assertEqual(["–", "–", "–"], page.row("none", "✕ failed")[2:])

    def test_time_of_a_submission_is_of_utc_and_held_against_the_deadline(self) -> None:
        east = timezone(timedelta(hours=5))
        for at, words in (
            (OPENING + timedelta(minutes=31), "2026-11-27 12:3426 min before the deadline"),
            ((OPENING + timedelta(minutes=31)).astimezone(east), "2026-11-27 12:3426 min before the deadline"),
            (OPENING + timedelta(minutes=56, seconds=18), "2026-11-27 12:5942.0 s before the deadline"),
            (OPENING + timedelta(minutes=187), "2026-11-27 15:102 h 10 min after the deadline"),
        ):
            with self.subTest(at):
                page = Outline(self.page(round_of(replace(GOOD, submitted=at))))
                self.assertEqual(words, page.row("alpha", "✓ on time")[4])

    def test_correlations_have_a_column_for_each_name_yesterday_first_and_dashes(self) -> None:
        other = replace(GOOD, name="omega", correlations={"a<b": 1.0})
        page = Outline(self.page(round_of(GOOD, other, replace(GOOD, name="none", correlations=None))))
        self.assertEqual(["yesterday", "v53_lgbm_ensemble", "a<b"], page.row("Model", "yesterday")[1:])
        self.assertEqual(["−0.500", "+0.250", "–"], page.row("alpha", "−0.500")[1:])
        self.assertEqual(["–", "–", "+1.000"], page.row("omega", "–")[1:])
        self.assertEqual(["–", "–", "–"], page.row("none", "–")[1:])
        self.assertIn("ids differ from round to round", page.text)

    def test_no_rounds_are_a_page_that_says_how_to_begin(self) -> None:
        page = Outline(self.page())
        self.assertIn(("h1", "No round was run yet"), page.texts)
        self.assertLessEqual({("code", "models/NAME.pkl"), ("code", "numerai-predict tournament check")}, {*page.texts})


class FormTest(PageTestCase):
    def test_headers_of_tables_have_a_scope_and_tables_a_caption_in_a_region_that_scrolls(self) -> None:
        page = Outline(self.page(*every_state()))
        self.assertEqual({"row", "col"}, {cell["scope"] for cell in page.all("th")})
        self.assertEqual(3, len(page.all("table")))
        frames = [of for of in page.all("div") if of.get("class") == "frame"]
        self.assertEqual([("region", "0")] * 3, [(of["role"], of["tabindex"]) for of in frames])
        self.assertEqual(3, len({of["aria-label"] for of in frames}))
        self.assertEqual(3, len(page.all("caption")))

    def test_page_needs_nothing_and_lets_nothing_in(self) -> None:
        page = self.page(*every_state())
        style = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
        self.assertEqual(1, len(style))
        self.assertEqual([], re.findall(r"url\(|@import|@font-face|https?:|//", style[0]))
        digest = base64.b64encode(hashlib.sha256(style[0].encode()).digest()).decode()
        policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
        self.assertEqual(
            policy,
            *(of["content"] for of in Outline(page).all("meta") if of.get("http-equiv") == "Content-Security-Policy"),
        )
        used = {name for name, attributes in Outline(page).elements}
        self.assertFalse(used & {"script", "img", "link", "iframe", "object", "form", "base", "a"}, used)
        named = {name for _, attributes in Outline(page).elements for name in attributes}
        self.assertFalse(named & {"src", "href", "style"} or {name for name in named if name.startswith("on")}, named)

    def test_text_of_others_stays_text_wherever_it_is_shown(self) -> None:
        hostile = "</style><script>x</script>\"'<b>&amp;"
        model = ModelResult(hostile, State.FAILED, hostile, hostile, hostile, correlations={hostile: 0.5})
        good = replace(model, state=State.ON_TIME, wall_s=1.0, time_limit=2.0)
        page = Outline(self.page(round_of(model, problem=hostile), round_of(model, good, number=1341, problem=hostile)))
        self.assertEqual([], page.all("script"))
        self.assertEqual(1, len(page.all("style")))
        self.assertGreater(page.text.count(hostile), 10)
        titles = [of["title"] or "" for of in page.all("td") if "title" in of]
        self.assertTrue(titles)
        self.assertTrue(all(hostile in title for title in titles))

    def test_characters_that_turn_text_or_do_not_print_are_escaped_and_line_breaks_stay(self) -> None:
        page = self.page(round_of(replace(BAD, name="a\u202eb\x00\ud800", message="one\ntwo\x1b[31m")))
        self.assertIn("a\\u202eb\\x00\\ud800", page)
        self.assertIn("one\ntwo\\x1b[31m", page)

    def test_message_of_a_megabyte_is_cut(self) -> None:
        self.assertLess(len(self.page(round_of(replace(BAD, message="x" * (1 << 20))))), 50_000)

    def test_page_that_cannot_be_written_is_an_os_error_and_the_one_before_stays(self) -> None:
        before = self.page(round_of(GOOD))
        self.path.parent.rename(self.path.parent.with_name("kept"))
        self.path.parent.write_text("a file in place of the folder")
        with self.assertRaises(OSError):
            write_page([round_of(BAD)], self.path)
        self.assertEqual(before, (self.path.parent.with_name("kept") / "index.html").read_text(encoding="utf-8"))


# WCAG 2.2: https://www.w3.org/TR/WCAG22/#contrast-minimum and #non-text-contrast. Returns what has too little.
FAINT = """(() => {
  const parts = color => color.match(/[\\d.]+/g).map(Number);
  const luminance = color => {
    const linear = c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    const [r, g, b] = parts(color).slice(0, 3).map(c => linear(c / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (one, other) => {
    const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };
  const ground = element => {
    for (; element; element = element.parentElement) {
      const color = getComputedStyle(element).backgroundColor;
      const alpha = parts(color)[3] ?? 1;
      if (alpha === 1) return color;
      if (alpha !== 0) throw new Error(`half transparent: ${color}`);
    }
    throw new Error("no background");
  };
  const found = [];
  let seen = 0;
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const text = texts.currentNode, element = text.parentElement;
    if (!text.data.trim() || element.closest(".visually-hidden") || !element.checkVisibility()) continue;
    const style = getComputedStyle(element), size = parseFloat(style.fontSize);
    const large = size >= 24 || size >= 18.66 && style.fontWeight >= 700;
    const ratio = contrast(style.color, ground(element));
    seen += 1;
    if (ratio < (large ? 3 : 4.5)) found.push(`${text.data}: ${ratio.toFixed(2)}`);
  }
  for (const part of document.querySelectorAll(".bar .part, .bar .full")) {
    const ratio = contrast(getComputedStyle(part).fill, getComputedStyle(part.previousElementSibling).fill);
    seen += 1;
    if (ratio < 3) found.push(`${part.getAttribute("class")}: ${ratio.toFixed(2)}`);
  }
  return [seen, [...new Set(found)]];
})()"""
OPEN_ALL = "document.querySelectorAll('details').forEach(one => { one.open = true; })"
WIDTHS = "[document.documentElement.scrollWidth, document.body.scrollWidth, innerWidth]"
# Whether this text is on top where it is shown, and whole within the window.
SHOWN = """(text => {
  const found = [...document.querySelectorAll("p")].find(one => one.textContent === text);
  found.scrollIntoView({block: "center"});
  const box = found.getBoundingClientRect();
  const top = document.elementFromPoint(box.x + 5, box.y + box.height / 2);
  return found.checkVisibility() && found.contains(top) && box.x >= 0 && box.right <= innerWidth;
})"""
# How far the names of the grid, its frame and its newest round are to the left, and where the frame ends.
EDGES = """(() => {
  const grid = document.querySelector(".grid"), left = one => Math.round(one.getBoundingClientRect().left);
  const newest = grid.rows[0].cells[1].getBoundingClientRect();
  const frame = grid.parentElement.getBoundingClientRect();
  return {name: left(grid.rows[1].cells[0]), frame: left(grid.parentElement), newest: newest.right, end: frame.right};
})()"""
VIEWS = [(width, dark) for width in (1280, 390) for dark in (False, True)]


@needs_chromium
class BrowserTest(unittest.TestCase):
    browser: ClassVar[Browser]
    folder: ClassVar[Path]

    @classmethod
    def setUpClass(cls) -> None:
        stack = ExitStack()
        cls.addClassCleanup(stack.close)
        cls.folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        cls.browser = stack.enter_context(browsing())

    def show(self, rounds: Sequence[RoundResults], width: int = 1280, dark: bool = False) -> Tab:
        path = self.folder / "index.html"
        write_page(rounds, path)
        return self.open(path.as_uri(), width, dark)

    def open(self, url: str, width: int = 1280, dark: bool = False) -> Tab:
        tab = self.browser.open(url, width, 844, dark=dark, phone=width < 1000)
        self.addCleanup(tab.close)
        return tab

    def in_every_view(self, check: Callable[[Tab], None], *pages: Sequence[RoundResults]) -> None:
        for width, dark in VIEWS:
            for rounds in pages:
                with self.subTest(width=width, dark=dark, rounds=len(rounds)):
                    tab = self.show(rounds, width, dark)
                    self.assertEqual(width, tab.evaluate("innerWidth"))
                    self.assertEqual(dark, tab.evaluate("matchMedia('(prefers-color-scheme: dark)').matches"))
                    tab.evaluate(OPEN_ALL)
                    check(tab)

    def test_page_is_never_wider_than_its_window(self) -> None:
        long = ModelResult("x" * 300, State.FAILED, "y" * 300, "z" * 300, "w" * 300, correlations={"v" * 300: 0.5})

        def check(tab: Tab) -> None:
            document, body, window = tab.evaluate(WIDTHS)
            self.assertLessEqual(max(document, body), window)

        pages: list[list[RoundResults]] = [every_state(), [round_of(long), round_of(long, number=1341)], []]
        self.in_every_view(check, *pages)
        for rounds in pages:
            check(self.show(rounds, 320))

    def test_failures_can_be_read(self) -> None:
        def check(tab: Tab) -> None:
            for text in (MESSAGE, HINT, EARLIER):
                self.assertTrue(tab.evaluate(f"{SHOWN}({text!r})"), text)

        self.in_every_view(check, every_state())

    def test_everything_has_the_contrast_of_wcag_aa(self) -> None:
        def check(tab: Tab) -> None:
            seen, faint = tab.evaluate(FAINT)
            self.assertEqual([], faint)
            self.assertGreater(seen, 5)

        self.in_every_view(check, every_state(), [])

    def test_dark_page_is_dark_and_light_page_is_light(self) -> None:
        ground = "getComputedStyle(document.body).backgroundColor"
        light, dark = (self.show(every_state(), dark=dark).evaluate(ground) for dark in (False, True))
        brightness = [sum(map(int, re.findall(r"\d+", color))) / 3 for color in (light, dark)]
        self.assertGreater(brightness[0], 220)
        self.assertLess(brightness[1], 40)

    def test_earlier_failures_are_hidden_until_they_are_opened(self) -> None:
        tab = self.show(every_state())
        self.assertEqual(
            [False], list({*tab.evaluate("[...document.querySelectorAll('details')].map(one => one.open)")})
        )

    def test_names_stay_where_they_are_when_the_grid_is_scrolled_and_the_newest_round_is_seen_first(self) -> None:
        for width in (1280, 390):
            with self.subTest(width):
                tab = self.show(every_state(), width)
                before: dict[str, Any] = tab.evaluate(EDGES)
                self.assertLess(before["newest"], before["end"])
                tab.evaluate("document.querySelector('.grid').parentElement.scrollLeft = 10000")
                after = tab.evaluate(EDGES)
                self.assertLess(after["newest"], before["newest"] - 100)
                self.assertEqual((before["name"], before["frame"]), (after["name"], after["frame"]))

    def test_page_asks_for_nothing_and_chromium_has_no_complaint_whatever_others_wrote(self) -> None:
        with serving() as server:
            hostile = (
                f'"><img src="{server.url}/a"><script>fetch("{server.url}/b")</script><style>@import "{server.url}/c"'
            )
            model = ModelResult(hostile, State.FAILED, hostile, hostile, hostile, correlations={hostile: 0.5})
            tab = self.show([round_of(model, problem=hostile), round_of(model, number=1341, problem=hostile)])
            self.assertEqual([(self.folder / "index.html").as_uri()], tab.requests)
            self.assertEqual([], tab.complaints)
            self.assertEqual(0, tab.evaluate("document.querySelectorAll('script, img, main style').length"))
            self.assertEqual([], server.requests)

    def test_policy_of_the_page_keeps_away_what_would_get_in(self) -> None:
        with serving() as server:
            path = self.folder / "changed.html"
            write_page(every_state(), path)
            inside = (
                f'<main><img src="{server.url}/a"><script>document.title = "changed"</script><p style="color: red">'
            )
            path.write_text(path.read_text(encoding="utf-8").replace("<main>", inside, 1), encoding="utf-8")
            tab = self.open(path.as_uri())
            self.assertEqual([], server.requests)
            self.assertIn("Round 1342", tab.evaluate("document.title"))
            self.assertEqual(3, len(tab.complaints), tab.complaints)


if __name__ == "__main__":
    unittest.main()
