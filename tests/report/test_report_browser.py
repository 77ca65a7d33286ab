"""The page in a browser without a network: what its scripts do."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from example_run import EVIL_NAMES

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")

webdriver = pytest.importorskip("selenium.webdriver")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="needs Chromium and chromedriver"),
]

OPTIONS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--window-size=1440,900",
    "--force-prefers-reduced-motion", "--host-resolver-rules=MAP * ~NOTFOUND",
)  # fmt: skip


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    os.environ["SE_OFFLINE"] = "true"
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for option in (*OPTIONS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(str(DRIVER)))
    yield driver
    driver.quit()


@pytest.fixture
def page(browser: webdriver.Chrome, report: Path) -> Iterator[webdriver.Chrome]:
    """The report, freshly opened; at the end, nothing has gone wrong in it."""
    yield from opened(browser, report)


@pytest.fixture
def evil_page(browser: webdriver.Chrome, evil_report: Path) -> Iterator[webdriver.Chrome]:
    """The report with names that are markup, freshly opened; at the end, nothing has gone wrong in it."""
    yield from opened(browser, evil_report)


def opened(browser: webdriver.Chrome, path: Path) -> Iterator[webdriver.Chrome]:
    browser.get("about:blank")
    browser.get(path.as_uri())
    yield browser
    assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []


def choose(page: webdriver.Chrome, selector: str, option: str) -> None:
    page.execute_script(
        """
        const select = document.querySelector(arguments[0]);
        select.value = Array.from(select.options).find((option) => option.text === arguments[1]).value;
        select.dispatchEvent(new Event("input", { bubbles: true }));
        select.dispatchEvent(new Event("change", { bubbles: true }));
        """,
        selector,
        option,
    )


def shown_traits(page: webdriver.Chrome) -> list[str]:
    script = "return Array.from(document.querySelectorAll('#scores tbody tr:not([hidden])'), row => row.dataset.trait)"
    return page.execute_script(script)


def column(page: webdriver.Chrome, place: int) -> list[float]:
    script = "return Array.from(document.querySelectorAll('#scores tbody tr'), row => row.cells[{}].dataset.value)"
    return [float(value) for value in page.execute_script(script.format(place))]


def axis_title(page: webdriver.Chrome, picture: str) -> str:
    return page.find_element("css selector", f"#{picture} .xtitle").text


def test_all_figures_are_drawn(page: webdriver.Chrome) -> None:
    drawn = page.execute_script("return Array.from(document.querySelectorAll('.plot'), p => !!p.querySelector('svg'))")

    assert drawn == [True] * 10


def test_nothing_was_asked_of_the_network(page: webdriver.Chrome) -> None:
    assert page.execute_script("return performance.getEntriesByType('resource').map(entry => entry.name)") == []


def test_the_page_fits_its_window(page: webdriver.Chrome) -> None:
    for width in (1440, 1024):
        page.set_window_size(width, 900)
        page.execute_async_script("setTimeout(arguments[0], 400)")
        assert page.execute_script("return document.documentElement.scrollWidth <= window.innerWidth")
    page.set_window_size(1440, 900)


def test_navigation_marks_where_one_is(page: webdriver.Chrome) -> None:
    for section in ("accuracy", "cost", "settings", "headline"):
        page.find_element("css selector", f"nav a[href='#{section}']").click()
        marked = page.execute_async_script(
            "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(() =>"
            " done(Array.from(document.querySelectorAll('nav [aria-current]'), link => link.hash))))"
        )
        assert marked == [f"#{section}"]


def test_the_metric_can_be_chosen(page: webdriver.Chrome) -> None:
    assert axis_title(page, "accuracy-by-trait") == "predictive ability, r"

    choose(page, "#accuracy-by-trait select", "area under the curve (binary traits)")

    assert axis_title(page, "accuracy-by-trait") == "area under the curve (binary traits)"


def test_the_table_sorts_both_ways(page: webdriver.Chrome) -> None:
    heading = page.find_element("css selector", "#scores th:last-child")
    button = heading.find_element("css selector", "button")

    button.click()
    assert heading.get_attribute("aria-sort") == "descending"
    assert column(page, 7) == sorted(column(page, 7), reverse=True)

    button.click()
    assert heading.get_attribute("aria-sort") == "ascending"
    assert column(page, 7) == sorted(column(page, 7))


def test_the_table_filters_by_name_group_and_verdict(page: webdriver.Chrome) -> None:
    assert len(shown_traits(page)) == 33

    page.find_element("css selector", "[data-filters=scores] [data-filter=text]").send_keys("YIELD")
    assert shown_traits(page) == ["milk yield", "fat yield", "protein yield"]
    assert page.find_element("id", "scores-shown").text == "3 of 33 traits shown"

    choose(page, "[data-filters=scores] [data-filter=group]", "claws")
    assert shown_traits(page) == []


def test_another_reference_can_be_chosen(evil_page: webdriver.Chrome) -> None:
    choose(evil_page, "[data-filters=scores] [data-filter=reference]", "lightgbm")

    visible = evil_page.execute_script(
        "return [...new Set(Array.from(document.querySelectorAll('.against:not([hidden])'), m => m.dataset.reference))]"
    )
    assert visible == ["lightgbm"]
    assert evil_page.find_element("id", "scores-reference").text == "lightgbm"


def test_markup_in_names_is_text_in_tables_and_figures(evil_page: webdriver.Chrome) -> None:
    rows = evil_page.execute_script(
        "return Array.from(document.querySelectorAll('#scores tbody th'), cell => cell.textContent.trim())"
    )
    ticks = evil_page.execute_script(
        "return Array.from(document.querySelectorAll('#accuracy-by-trait .ytick text'), tick => tick.textContent)"
    )

    assert EVIL_NAMES[0] in rows
    assert EVIL_NAMES[0] in ticks
    assert not evil_page.find_elements("css selector", ".plot a[href='x'], .plot svg a, img[src=x]")


def test_colours_follow_the_reader(page: webdriver.Chrome) -> None:
    def ground() -> str:
        return page.execute_script("return getComputedStyle(document.body).backgroundColor")

    light = ground()
    dark = [{"name": "prefers-color-scheme", "value": "dark"}]
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": dark})
    assert ground() != light
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert ground() == light


def test_paper_has_its_own_width_and_the_screen_gets_its_own_back(page: webdriver.Chrome) -> None:
    def width() -> int:
        return page.execute_script("return document.querySelector('.plot .main-svg').clientWidth")

    on_screen = width()
    page.execute_script("window.dispatchEvent(new Event('beforeprint'))")
    assert width() < 700
    page.execute_script("window.dispatchEvent(new Event('afterprint'))")
    page.execute_async_script("setTimeout(arguments[0], 400)")
    assert width() == on_screen
