"""Reading exports: seconds and memory, and how many times faster than twarc-csv's converter.

    python benchmarks/reading.py SHARED [--posts N] [--twarc PYTHON] [--ira]

SHARED is the folder of the real data. Pages of X API v2 are made of its sample of 100 posts, every
id another one, until there are N of them (by default 20,000). `read_posts` reads them, and so does
twarc-csv, with the Python of an environment in which it is installed (`pip install twarc-csv
"pandas<2.2"`: it calls what later versions do not have). Each is a process of its own; the seconds
are of the processor, imports included, and the memory is the largest: `read_posts` ends with all
posts in memory, the converter with a table on the disk, which pandas then reads. `--ira` reads the
2.46 million tweets of the Internet Research Agency and groups their texts by near duplicates.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

OURS = """
import sys, coordnet as cn
posts = cn.read_posts(sys.argv[1], "x-v2")
print(len(posts))
"""
TWARC = """
import sys
from twarc_csv import CSVConverter
with open(sys.argv[1]) as file, open(sys.argv[2], "w") as out:
    converter = CSVConverter(file, out)
    converter.process()
print(sum(1 for _ in open(sys.argv[2])))
"""
PANDAS = """
import sys, pandas as pd
print(len(pd.read_csv(sys.argv[1], dtype=str)))
"""
IRA = """
import sys, coordnet as cn
columns = {"account": "account_id", "time": "published_at", "text": "text"}
posts = cn.read_posts(sys.argv[1], columns=columns)
if len(sys.argv) > 2:
    log = posts.actions("similar_text")
    print(len(posts), log.n_objects)
else:
    print(len(posts))
"""


def pages(sample, posts, path):
    """Write pages of posts, each with ids of its own."""
    page = sample.read_text().splitlines()[0]
    number = len(json.loads(page)["data"])
    ids = re.compile(r'(?<=")(\d{15,19})(?=")')
    with path.open("w") as file:
        for i in range(-(-posts // number)):
            file.write(ids.sub(lambda m: str(int(m[1]) + 7919 * i), page) + "\n")  # noqa: B023
    return -(-posts // number) * number


def measured(command):
    """Run a command: what it prints, seconds of the processor, megabytes."""
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    out = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{command[:2]} failed")
    return out.split(), used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("shared", type=Path)
    parser.add_argument("--posts", type=int, default=20_000)
    parser.add_argument("--twarc")
    parser.add_argument("--ira", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pages.jsonl"
        posts = pages(options.shared / "data/formats/x_v2_pages.jsonl", options.posts, path)
        size = path.stat().st_size / 1e6
        print(f"{posts:,} posts of X API v2, {size:.0f} MB")
        out, seconds, memory = measured([sys.executable, "-c", OURS, str(path)])
        assert int(out[-1]) == posts
        print(f"read_posts  {seconds:7.1f} s  {posts / seconds:9,.0f} posts/s  {memory:6.0f} MB")
        if options.twarc:
            table = str(Path(folder) / "table.csv")
            _, other, most = measured(
                [options.twarc, "-W", "ignore", "-c", TWARC, str(path), table]
            )
            print(f"twarc-csv   {other:7.1f} s  {posts / other:9,.0f} posts/s  {most:6.0f} MB")
            print(
                f"ratio       {other / seconds:7.1f} times as fast, {most / memory:.1f} of memory"
            )
            _, more, held = measured([sys.executable, "-c", PANDAS, table])
            print(f"its table   {more:7.1f} s to read by pandas          {held:6.0f} MB")
    if options.ira:
        ira = str(options.shared / "data/ira_tweets.parquet")
        out, seconds, memory = measured([sys.executable, "-c", IRA, ira])
        print(f"IRA, posts          {int(out[0]):,} posts, {seconds:.0f} s, {memory:.0f} MB")
        out, seconds, memory = measured([sys.executable, "-c", IRA, ira, "texts"])
        print(f"IRA, similar_text   {int(out[1]):,} groups, {seconds:.0f} s, {memory:.0f} MB")


if __name__ == "__main__":
    main()
