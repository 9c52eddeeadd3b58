"""The page in a browser: its table sorts, filters and pages, and it asks for nothing.

Needs the extra `browser`, and Chromium: that of Playwright, or one on the path.
"""

from __future__ import annotations

import shutil

import pandas as pd
import pytest
import report_folder
import synthetic

from spmvbench.report import write_report

playwright = pytest.importorskip("playwright.sync_api", reason="needs spmvbench[browser]")

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
HOSTILE = "<script>document.title = 'owned'</script>"


@pytest.fixture(scope="module")
def chromium():
    with playwright.sync_playwright() as driver:
        found = next(filter(None, map(shutil.which, CHROMIUM)), None)
        try:
            browser = driver.chromium.launch(executable_path=found)
        except playwright.Error as error:
            pytest.skip(f"no Chromium: {str(error).splitlines()[0]}")
        yield browser
        browser.close()


class Opened:
    """A page with what it complained about and what it asked for."""

    def __init__(self, browser, path, **options):
        self.page = browser.new_page(**options)
        self.errors, self.requests = [], []
        self.page.on("console", lambda message: self.errors.append(message.text))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.set_default_timeout(5000)
        self.page.goto(path.as_uri())
        self.page.wait_for_selector("#rows tbody tr")

    def column(self, name):
        """The cells of a column as shown."""
        names = self.page.locator("#rows thead th").all_inner_texts()
        place = [text.strip() for text in names].index(name) + 1
        return self.page.locator(f"#rows tbody td:nth-child({place})").all_inner_texts()

    def sort(self, name):
        self.page.get_by_role("button", name=name, exact=True).click()

    def choose(self, name, option):
        self.page.locator(f"#choices select[name={name}]").select_option(option)

    def options(self, name):
        return self.page.locator(f"#choices select[name={name}] option").all_inner_texts()

    @property
    def count(self):
        return self.page.locator("#count").inner_text()


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    rows = report_folder.records()
    wrong = (rows["format"] == "macko") & (rows["density"] == 0.4)
    rows = synthetic.fail(rows, wrong, "wrong", f"row 3: {HOSTILE}")
    return write_report([report_folder.write(tmp_path_factory.mktemp("results"), rows)])


@pytest.fixture
def opened(chromium, path):
    found = Opened(chromium, path)
    yield found
    found.page.close()


def numbers(texts):
    return [float(text.replace(",", "")) for text in texts if text]


def test_it_complains_about_nothing_and_asks_for_nothing(opened, path):
    opened.page.wait_for_load_state("networkidle")
    assert opened.errors == []
    assert opened.requests == [path.as_uri()]


def test_a_click_on_a_name_sorts_by_it_and_another_the_other_way(opened):
    opened.sort("median_us")
    ascending = opened.column("median_us")
    assert numbers(ascending) == sorted(numbers(ascending))
    assert ascending[-1] == ""
    opened.sort("median_us")
    descending = opened.column("median_us")
    assert numbers(descending) == sorted(numbers(descending), reverse=True)
    assert descending[-1] == ""
    header = opened.page.locator("#rows th", has_text="median_us")
    assert header.get_attribute("aria-sort") == "descending"


def test_words_are_sorted_with_their_numbers_in_order(chromium, tmp_path):
    shapes = ((512, 4096), (4096, 512), (11008, 64))
    rows = synthetic.records(shapes, (0.5,), ("macko", "dense-f16"))
    found = Opened(chromium, write_report([report_folder.write(tmp_path, rows)]))
    found.sort("shape")
    assert list(dict.fromkeys(found.column("shape"))) == ["512 x 4096", "4096 x 512", "11008 x 64"]
    found.page.close()


def test_it_is_sorted_by_the_keyboard(opened):
    opened.page.get_by_role("button", name="density", exact=True).focus()
    opened.page.keyboard.press("Enter")
    opened.page.keyboard.press("Enter")
    assert numbers(opened.column("density")) == sorted(
        numbers(opened.column("density")), reverse=True
    )
    assert opened.page.evaluate("document.activeElement.textContent") == "density"


def test_rows_are_chosen_by_format_density_and_words_and_counted(opened):
    assert opened.count == "16 records, rows 1 to 16 shown"
    opened.choose("format", "macko")
    assert set(opened.column("format")) == {"macko"}
    assert opened.count == "4 of 16 records, rows 1 to 4 shown"
    opened.choose("density", "0.7")
    assert opened.count == "1 of 16 records, rows 1 to 1 shown"
    opened.page.get_by_role("button", name="Clear").click()
    playwright.expect(opened.page.locator("#rows tbody tr")).to_have_count(16)
    opened.page.get_by_label("Text").fill("DENSE 4096")
    assert set(opened.column("format")) == {"dense-f16"}
    opened.page.get_by_label("Text").fill("dense nowhere")
    assert opened.count == "0 of 16 records"


def test_a_filter_offers_its_values_in_order(chromium, tmp_path):
    rows = synthetic.records(((512, 4096), (4096, 512)), (0.5, 0.05, 0.3, 1.0), ("macko",))
    found = Opened(chromium, write_report([report_folder.write(tmp_path, rows)]))
    assert found.options("density") == ["all", "0.05", "0.3", "0.5", "1"]
    assert found.options("shape") == ["all", "512 x 4096", "4096 x 512"]
    found.page.close()


def test_a_wrong_row_is_there_with_its_reason_as_text(opened):
    opened.choose("status", "wrong")
    assert opened.column("median_us") == [""]
    assert opened.column("reason") == [f"row 3: {HOSTILE}"]
    assert "owned" not in opened.page.title()


def test_columns_are_added_and_taken_away(opened):
    opened.page.get_by_text("Columns and what they mean").click()
    opened.page.locator("#boxes input[name=packed_bytes]").check()
    assert "33,554,432" in opened.column("packed_bytes")
    opened.page.locator("#boxes input[name=speedup]").uncheck()
    names = [text.strip() for text in opened.page.locator("#rows thead th").all_inner_texts()]
    assert "packed_bytes" in names
    assert "speedup" not in names


def test_of_20_000_rows_a_hundred_are_in_the_document_and_the_rest_a_click_away(chromium, tmp_path):
    shapes = [(64 * (i + 8), 64 * (40 - i)) for i in range(31)]
    rows = pd.concat([synthetic.records(shapes, threads=n, noise=0.1) for n in range(1, 9)])
    path = write_report([report_folder.write(tmp_path, rows)])
    found = Opened(chromium, path)
    assert len(rows) > 20_000
    assert found.count == f"{len(rows):,} records, rows 1 to 100 shown"
    found.sort("median_us")
    first = numbers(found.column("median_us"))
    found.page.get_by_role("button", name="Last").click()
    last = numbers(found.column("median_us"))
    assert len(first) == 100
    assert max(first) < min(last)
    assert max(last) == pytest.approx(rows["median_us"].max(), abs=0.1)
    found.page.get_by_label("Text").fill("macko 512")
    assert set(found.column("format")) == {"macko"}
    assert all("512" in text for text in found.column("shape"))
    found.page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_the_page_never_scrolls_sideways_and_its_words_can_be_read(chromium, path, scheme, width):
    found = Opened(chromium, path, viewport={"width": width, "height": 800}, color_scheme=scheme)
    assert found.page.evaluate("document.documentElement.scrollWidth") == width
    paper, ink = found.page.evaluate(
        "(({backgroundColor, color}) => [backgroundColor, color])(getComputedStyle(document.body))"
    )
    dark = [sum(map(int, text[4:-1].split(","))) < 384 for text in (paper, ink)]
    assert dark == ([False, True] if scheme == "light" else [True, False])
    found.page.close()
