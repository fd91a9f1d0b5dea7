"""Take the pictures of the report that the documentation shows: python report_images.py

Simulates an election campaign of 20,000 accounts, makes its report, opens it in Chromium and
writes docs/images/report-clusters.png and docs/images/report-cluster.png. Needs selenium and
Chromium; takes about a minute. ``--run FILE`` takes a run that was saved instead.
"""

import argparse
import base64
import shutil
import tempfile
import time
from pathlib import Path

from PIL import Image
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

import coordnet as cn

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"
MOMENTS = {"debate": ("2017-05-31", "2017-06-01"), "election day": ("2017-06-08", "2017-06-09")}
OPTIONS = (
    "--headless=new", "--no-sandbox", "--no-first-run", "--disable-background-networking",
    "--disable-sync", "--hide-scrollbars",
)  # fmt: skip
WIDE, SCALE = 1280, 1.25
# of each picture: what stands at its top, how high it is, and which cluster is selected
PICTURES = {
    "report-clusters": ("section:has(#clusters)", 900, None),
    "report-cluster": ("#pictures", 1_060, 7),
}


def simulated():
    sim = cn.simulate("election", accounts=20_000, seed=0)
    return cn.detect(sim.log, within="60s", accounts=sim.accounts, moments=MOMENTS)


def taken(browser, name):
    top, high, cluster = PICTURES[name]
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": WIDE, "height": high, "deviceScaleFactor": SCALE, "mobile": False},
    )
    if cluster is not None:
        browser.execute_script(f"document.querySelector('tr[data-cluster=\"{cluster}\"]').click()")
    else:
        browser.execute_script("document.getElementById('whole').click()")
    browser.execute_script(f"document.querySelector({top!r}).scrollIntoView()")
    time.sleep(2)
    shot = browser.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})
    path = IMAGES / f"{name}.png"
    path.write_bytes(base64.b64decode(shot["data"]))
    # a palette makes a third of the bytes; this way of choosing it keeps rare colours
    image = Image.open(path).convert("RGB")
    image.quantize(200, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(
        path, optimize=True
    )
    print(f"{path.name}: {path.stat().st_size / 1e3:.0f} kB")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--run", help="a saved run of that campaign")
    given = parser.parse_args()
    run = cn.Run.load(given.run) if given.run else simulated()
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        path = run.report(Path(place, "report.html"))
        print(f"report.html: {path.stat().st_size / 1e6:.2f} MB, {len(run.clusters)} clusters")
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium") or shutil.which("google-chrome") or ""
        for option in (*OPTIONS, f"--user-data-dir={place}/profile"):
            options.add_argument(option)
        browser = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
        try:
            browser.get(path.as_uri())
            while not browser.execute_script("return document.documentElement.dataset.ready"):
                time.sleep(0.05)
            for name in PICTURES:
                taken(browser, name)
        finally:
            browser.quit()


if __name__ == "__main__":
    main()
