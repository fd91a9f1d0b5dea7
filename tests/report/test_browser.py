"""The page in a browser: nothing of the data runs or is asked for, and everything can be used.

Needs Chromium or Chrome and its driver; skipped where they are not.
"""

import json
import shutil
import time

import pytest
from helpers import over_time_of
from hostile import ATTACKS, RUNS, hostile_run

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
from selenium.webdriver import ActionChains  # noqa: E402
from selenium.webdriver.chrome.service import Service  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
OPTIONS = (
    "--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-quic", "--no-first-run",
    "--no-default-browser-check", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--disable-extensions", "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader", "--hide-scrollbars",
)  # fmt: skip
DESK, PHONE = (1280, 900), (390, 844)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """Return a headless browser that logs its console and every request."""
    binary = next(filter(None, map(shutil.which, BROWSERS)), None)
    driver = shutil.which("chromedriver")
    if binary is None or driver is None:
        pytest.skip("needs Chromium and chromedriver: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for option in (*OPTIONS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    page = webdriver.Chrome(options=options, service=Service(driver))
    yield page
    page.quit()


@pytest.fixture(scope="module")
def opened(browser, tmp_path_factory):
    """Return the browser with the report of the hostile run, under the accounts' own names."""
    path = tmp_path_factory.mktemp("report") / "report.html"
    hostile_run()[0].report(path, identifiers=True)
    # WebGL is used although there is no graphics card: it is what most readers have
    browser.execute_cdp_cmd(
        "Page.addScriptToEvaluateOnNewDocument",
        {
            "source": "const own = WebGLRenderingContext.prototype.getExtension;"
            "WebGLRenderingContext.prototype.getExtension = function (name) {"
            "return name === 'WEBGL_debug_renderer_info' ? null : own.call(this, name); };"
        },
    )
    open_page(browser, path)
    return browser


def open_page(browser, path):
    """Open a page with empty logs and wait until its pictures are drawn."""
    resize(browser, DESK)
    browser.get("about:blank")
    for kind in ("browser", "performance"):
        browser.get_log(kind)
    browser.get(path.as_uri())
    wait_for(browser, "return document.documentElement.dataset.ready")


def resize(browser, size):
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size == PHONE},
    )


def asked_for(browser):
    """Return what the page asked for: addresses that are not in the page itself."""
    asked = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    urls = {
        message["params"]["request"]["url"]
        for message in asked
        if message["method"] == "Network.requestWillBeSent"
    }
    return sorted(url for url in urls if not url.startswith(("data:", "chrome")))


def wait_for(browser, script, seconds=60.0):
    """Wait until a script gives something that is true, and return it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = browser.execute_script(script)
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"not in {seconds} s: {script}")


def rows(browser):
    """Return the clusters in the order of the table."""
    return browser.execute_script(
        "return [...document.querySelectorAll('#clusters tbody tr')].map(r => +r.dataset.cluster)"
    )


def selected(browser):
    """Return the selected row, the section that is seen, and what is said of it."""
    return browser.execute_script(
        "return [document.querySelector('tr[aria-selected=true]').dataset.cluster,"
        "document.querySelector('.cluster.selected').id,"
        "document.getElementById('selected').textContent]"
    )


def is_selected(browser, cluster):
    return selected(browser) == [
        str(cluster), f"cluster-{cluster}", f"Cluster {cluster} is selected."
    ]  # fmt: skip


def place_of(browser, cluster, node=None):
    """Return where a cluster, or one of its accounts, is drawn: pixels from the network's middle.

    Taken from what is drawn, by the scales of the picture.
    """
    return browser.execute_script(
        """
        const told = JSON.parse(document.getElementById("numbers").textContent);
        const frame = Bokeh.index.get_by_id(told.roots.network).frame;
        const net = told.network, part = net.parts[arguments[0]], node = arguments[1];
        const x = node === null ? net.x[arguments[0]] : part.x[node];
        const y = node === null ? net.y[arguments[0]] : part.y[node];
        const box = document.getElementById("network").getBoundingClientRect();
        const { x_scale: across, y_scale: up } = frame;
        return [across.compute(x) - box.width / 2, up.compute(y) - box.height / 2];
        """,
        cluster,
        node,
    )


def point_at(browser, cluster, node=None):
    network = browser.find_element(By.ID, "network")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", network)
    x, y = place_of(browser, cluster, node)
    actions = ActionChains(browser, duration=10)
    actions.move_to_element_with_offset(network, round(x), round(y))
    return actions


DRAWN = """
    const network = JSON.parse(document.getElementById("numbers").textContent).roots.network;
    const { webgl } = Bokeh.index.get_by_id(network).canvas_view;
    return [Boolean(webgl), ...[...document.querySelectorAll(".picture")].map(place => {
      const root = place.firstElementChild, box = root.getBoundingClientRect();
      return box.width > 200 && box.height > 200 ? place.id : null;
    })];
"""
PICTURES = ["network", "picture-timeline", "picture-gaps", "picture-creation", "picture-scores"]


@pytest.mark.parametrize("size", [DESK, PHONE])
def test_clusters_over_time_need_no_script(browser, tmp_path, size):
    a, b, c = set(range(10)), set(range(10, 16)), set(range(16, 22))
    names = [f"{attack}{i}" for i, attack in enumerate((*ATTACKS, "x", "y"))]
    found = over_time_of([[a, b, c], [a | b], [b, a, c - {20}], []] * 5, names, patience=0)
    path = found.report(tmp_path / "report.html", identifiers=True)
    browser.get("about:blank")
    for kind in ("browser", "performance"):
        browser.get_log(kind)
    resize(browser, size)
    browser.get(path.as_uri())
    browser.execute_script("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    drawn, lanes_, widest, out = browser.execute_script(
        """
        const bars = [...document.querySelectorAll(".lanes rect")];
        const out = [...document.querySelectorAll("main *")].filter(e =>
          e.getBoundingClientRect().right > innerWidth + 1 && !e.closest(".scroll")
          && e.checkVisibility());
        return [bars.length, bars.filter(b => b.getBoundingClientRect().width > 5).length,
                document.documentElement.scrollWidth, out.map(e => e.outerHTML.slice(0, 200))];
        """
    )
    assert drawn == lanes_ == sum(len(track.seen) for track in found.tracks)
    assert widest == size[0]
    assert out == []
    assert RUNS in browser.find_element(By.TAG_NAME, "main").text
    assert browser.execute_script("return window.ran") is None
    assert browser.find_elements(By.CSS_SELECTOR, "main img, main svg[onload], main link") == []
    assert [entry for entry in browser.get_log("browser") if entry["level"] != "INFO"] == []
    assert asked_for(browser) == [path.as_uri()]


def test_without_a_graphics_card(browser, tmp_path_factory):
    """First, before WebGL is forced."""
    path = tmp_path_factory.mktemp("pseudonyms") / "report.html"
    hostile_run()[0].report(path)
    open_page(browser, path)
    assert browser.execute_script(DRAWN) == [False, *PICTURES]
    assert [entry for entry in browser.get_log("browser") if entry["level"] != "INFO"] == []


def test_the_whole_page_is_drawn(opened):
    assert opened.execute_script(DRAWN) == [True, *PICTURES]


def test_a_click_on_a_row_selects(opened):
    opened.execute_script("document.querySelector('#clusters').scrollIntoView()")
    opened.find_element(By.CSS_SELECTOR, "tr[data-cluster='2'] td").click()
    assert is_selected(opened, 2)
    caption = opened.find_element(By.CSS_SELECTOR, "figure[data-picture=gaps] figcaption").text
    words = "return document.querySelector('#cluster-2 [data-words=gaps]').textContent"
    assert caption == opened.execute_script(words)
    opened.find_element(By.CSS_SELECTOR, "tr[data-cluster='0'] a").click()
    assert is_selected(opened, 0)
    assert opened.find_element(By.CSS_SELECTOR, "#cluster-0 h2").is_displayed()
    assert not opened.find_element(By.CSS_SELECTOR, "#cluster-2 h2").is_displayed()


def test_a_click_in_the_network_selects(opened):
    point_at(opened, 1).click().perform()
    wait_for(opened, "return document.querySelector('.cluster.selected').id === 'cluster-1'")
    assert is_selected(opened, 1)
    time.sleep(0.5)  # two clicks in a row would be a double click
    point_at(opened, 0, node=0).click().perform()
    wait_for(opened, "return document.querySelector('.cluster.selected').id === 'cluster-0'")


def test_what_hovers_over_an_account_is_text(opened):
    point_at(opened, 0, node=1).perform()
    shown = wait_for(
        opened,
        """
        const tips = [], look = root => { for (const e of root.querySelectorAll("*")) {
          if (e.shadowRoot) look(e.shadowRoot);
          if (e.classList.contains("bk-tooltip-row-value")) tips.push(e.textContent);
        } };
        look(document);
        return tips.length ? tips : null;
        """,
    )
    told = opened.execute_script(
        "return JSON.parse(document.getElementById('numbers').textContent).network.parts[0]"
    )
    assert told["account"][1].strip() in [text.strip() for text in shown]


def test_headings_sort(opened):
    heads = opened.find_elements(By.CSS_SELECTOR, "#clusters thead th")
    opened.execute_script("arguments[0].scrollIntoView({block: 'center'})", heads[0])
    sizes = {0: 9, 1: 6, 2: 5}
    assert [sizes[i] for i in rows(opened)] == [9, 6, 5]
    accounts = heads[1]
    accounts.find_element(By.TAG_NAME, "button").click()
    assert (rows(opened), accounts.get_attribute("aria-sort")) == ([0, 1, 2], "descending")
    accounts.find_element(By.TAG_NAME, "button").send_keys(Keys.ENTER)
    assert (rows(opened), accounts.get_attribute("aria-sort")) == ([2, 1, 0], "ascending")
    heads[0].find_element(By.TAG_NAME, "button").click()
    assert rows(opened) == [0, 1, 2]
    assert [head.get_attribute("aria-sort") for head in heads[:2]] == ["descending", "none"]


def test_the_keyboard_is_enough(opened):
    row = opened.find_element(By.CSS_SELECTOR, "tr[data-cluster='0']")
    row.click()
    opened.execute_script("arguments[0].focus()", row)
    focus = opened.switch_to.active_element
    assert focus == row
    focus.send_keys(Keys.ARROW_DOWN)
    focus = opened.switch_to.active_element
    assert focus.get_attribute("data-cluster") == "1"
    assert is_selected(opened, 0)
    focus.send_keys(Keys.ENTER)
    assert is_selected(opened, 1)
    focus.send_keys(Keys.END)
    opened.switch_to.active_element.send_keys(" ")
    assert is_selected(opened, 2)
    reach = "const r = Bokeh.documents[0].get_model_by_name('network figure').x_range; return r.end"
    before = opened.execute_script(reach)
    opened.find_element(By.ID, "network").send_keys(Keys.ARROW_RIGHT)
    assert opened.execute_script(reach) > before


def test_numbers_stand_behind_every_picture(opened):
    run = hostile_run()[0]
    for name in ("timeline", "gaps", "creation", "scores"):
        figure = f"figure[data-picture={name}] "
        opened.execute_script(f"document.querySelector('{figure} details').open = true")
        wait_for(opened, f"return document.querySelector('{figure} details table')")
    opened.execute_script("document.querySelector('tr[data-cluster=\"1\"]').click()")
    cells = (
        "return [...document.querySelectorAll('figure[data-picture=timeline] tbody tr')]"
        ".map(r => [...r.children].map(c => c.textContent))"
    )
    table = wait_for(opened, cells)
    acted = run.log.time[run.log.account == run.clusters.members(1)[0]]
    assert len(acted)
    codes = set(run.clusters.members(1).tolist())
    total = sum(code in codes for code in run.log.account.tolist())
    assert sum(int(row[1].replace(",", "")) for row in table) == total


@pytest.mark.parametrize("size", [DESK, PHONE])
def test_the_layout_holds(opened, size):
    resize(opened, size)
    opened.execute_script("document.querySelector('tr[data-cluster=\"0\"]').click()")
    out = """
        const out = [...document.querySelectorAll("main *")].filter(e =>
          e.getBoundingClientRect().right > innerWidth + 1 && !e.closest(".scroll")
          && e.checkVisibility());
        return [document.documentElement.scrollWidth, ...out.map(e => e.outerHTML.slice(0, 200))];
        """
    wait_for(
        opened, f"return (() => {{{out}}})()[0] === {size[0]}"
    )  # pictures follow a moment later
    found = opened.execute_script(out)
    resize(opened, DESK)
    assert found == [size[0]]


def test_nothing_ran_and_nothing_was_asked_for(opened):
    """Last, after every other test of this page."""
    assert opened.execute_script("return window.ran") is None
    assert RUNS in opened.find_element(By.TAG_NAME, "main").text  # it is there, as text
    assert opened.find_elements(By.CSS_SELECTOR, "main img, main svg[onload], main link") == []
    wrong = [entry for entry in opened.get_log("browser") if entry["level"] != "INFO"]
    assert wrong == []
    asked = asked_for(opened)
    assert len(asked) == 1
    assert asked[0].startswith("file:")


def test_what_would_run_is_stopped_by_the_policy(opened):
    """The tests above can fail: markup that got in is seen, and the page's policy stops it."""
    opened.get_log("browser")
    opened.execute_script(
        "document.querySelector('main').insertAdjacentHTML('beforeend',"
        "'<img src=https://requested.example/ onerror=\"window.ran=1\">')"
    )
    wait_for(opened, "return document.querySelector('main img').complete")
    assert opened.execute_script("return window.ran") is None
    refused = [entry["message"] for entry in opened.get_log("browser")]
    assert any("Content Security Policy" in message for message in refused)
