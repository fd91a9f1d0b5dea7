"""Every format on a sample in its real schema, its traps, and the real samples of other projects.

The samples tell one story: Ann posts a text with a link and two hashtags, Bob passes it on after
seven seconds, Cem quotes it after forty, and Bob answers it after sixty-five.
"""

import contextlib
import csv
import datetime as dt
import gzip
import json
import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import coordnet as cn
from coordnet.readers.formats import FIELDS, formats, printed_list, snowflake_time

SAMPLES = Path(__file__).parent / "samples"
ROOT = Path(__file__).resolve().parents[2]
FORMATS = {
    "4cat_bluesky.csv": "4cat-bluesky", "4cat_telegram.csv": "4cat-telegram",
    "4cat_tiktok.csv": "4cat-tiktok", "4cat_tiktok_comments.csv": "4cat-tiktok-comments",
    "4cat_x.csv": "4cat-x", "bluesky.json": "bluesky",
    "coordination_toolkit.csv": "coordination-toolkit", "coortweet.csv": "coortweet",
    "crowdtangle.csv": "crowdtangle", "fivethirtyeight_ira.csv": "fivethirtyeight-ira",
    "io_archive.csv": "io-archive", "jetstream.jsonl": "jetstream", "mastodon.jsonl": "mastodon",
    "meta_content_library.csv": "meta-content-library", "minet_bluesky.csv": "minet-bluesky",
    "minet_x.csv": "minet-x", "reddit.jsonl": "reddit", "tgdataset.json": "tgdataset",
    "tiktok_research.csv": "tiktok-research-table", "tiktok_research.jsonl": "tiktok-research",
    "twarc_csv.csv": "twarc-csv", "x_2024.csv": "x-2024", "x_v1.jsonl": "x-v1",
    "x_v2.jsonl": "x-v2", "x_v2_flat.jsonl": "x-v2", "youtube_comments.csv": "youtube-comments",
    "zeeschuimer_x.ndjson": "zeeschuimer-x",
}  # fmt: skip

START = dt.datetime(2021, 4, 8, 19, 34, 16, tzinfo=dt.UTC)
ANN, BOB, CEM = "1352661060663336960", "902035056", "41783881"
PA, PB, PC, PR = (
    "1380242608747446272", "1380242638107574273", "1380242776519606274", "1380242881377206275",
)  # fmt: skip
LINK = "https://www.example.org/news/vote?utm_source=twitter&id=7"
OTHER = "https://example.org/b"
BSKY_A, BSKY_B, BSKY_C = ("did:plc:" + part * 6 for part in ("anna", "bobb", "cemc"))
URI_A = f"at://{BSKY_A}/app.bsky.feed.post/3a"


def seconds(*offsets, fraction=0.0):
    return [None if s is None else START + dt.timedelta(seconds=s + fraction) for s in offsets]


# What X's exports say of the story; a format that says it otherwise stands below
X = {
    "account": [ANN, BOB, CEM, BOB],
    "handle": ["ann", "bob", "cem", "bob"],
    "post": [PA, PB, PC, PR],
    "time": seconds(0, 7, 40, 65),
    "retweeted": [None, PA, None, None],
    "retweeted_author": [None, ANN, None, None],
    "quoted": [None, None, PA, None],
    "replied": [None, None, None, PA],
    "replied_author": [None, None, None, ANN],
    "name": ["Ann", "Bob", "Cem", "Bob"],
    "followers": [881] * 4,
    "following": [499] * 4,
    "created": [dt.datetime(2015, 12, 25, 18, 50, 44, tzinfo=dt.UTC)] * 4,
}
X_API = X | {
    "hashtags": [["GE2021", "Vote"], ["GE2021", "Vote"], None, None],
    "retweeted_time": seconds(None, 0, None, None),
    "quoted_author": [None, None, ANN, None],
}
BLUESKY = {
    "account": [BSKY_A, BSKY_B, BSKY_C, BSKY_B],
    "retweeted": [None, URI_A, None, None],
    "retweeted_author": [None, BSKY_A, None, None],
    "quoted": [None, None, URI_A, None],
    "quoted_author": [None, None, BSKY_A, None],
    "replied": [None, None, None, URI_A],
    "replied_author": [None, None, None, BSKY_A],
}
EXPECTED = {
    "x_v1.jsonl": X_API | {
        "links": [[LINK], [LINK], ["https://example.org/news/vote?id=7"], None],
        "mentions": [["bob"], ["ann"], None, ["ann"]],
        "media": [["https://pbs.twimg.com/media/E_1.jpg"]] * 2 + [None, None],
        "quoted_links": [None, None, [LINK], None],
        "language": ["en", "en", "en", "und"],
        "verified": [False] * 4,
    },
    "zeeschuimer_x.ndjson": X_API | {
        "links": [[LINK], [LINK], None, None],
        "quoted_links": [None, None, [LINK], None],
    },
    "minet_x.csv": X_API | {
        "hashtags": [["ge2021", "vote"], ["ge2021", "vote"], None, None],
        "links": [[LINK], [LINK], [f"https://twitter.com/ann/status/{PA}", OTHER], None],
        "mentions": [["bob"], ["ann", "bob"], None, ["ann"]],
        "posts": [7374] * 4,
    },
    "x_2024.csv": X | {
        "hashtags": [["GE2021", "Vote"], None, None, None],
        "links": [[LINK], None, None, None],
        "mentions": [["bob"], None, None, None],
        "media": [["https://pbs.twimg.com/media/E_1.jpg"], None, None, None],
        "description": ["Ann's page", "Bob's page", "Cem's page", "Bob's page"],
    },
    "io_archive.csv": X | {
        # minutes in the file; the times are those of the ids, where these carry one
        "account": [ANN, BOB, "3c2f5a", BOB],
        "handle": ["ann", "bob", "3c2f5a", "bob"],
        "name": ["Ann", "Bob", "3C2F5A", "Bob"],
        "post": [PA, PB, PC, "20000000001"],
        "time": [*seconds(0, 7, 40, fraction=0.25), dt.datetime(2010, 3, 8, 10, 3, tzinfo=dt.UTC)],
        "retweeted_time": seconds(None, 0, None, None, fraction=0.25),
        "replied": [None, None, None, "19999999999"],
        "hashtags": [["GE2021", "Vote"], ["GE2021", "Vote"], None, None],
        "links": [[LINK], None, None, None],
        "mentions": [[BOB], [ANN, BOB], None, None],
        "created": [dt.datetime(2015, 12, 25, tzinfo=dt.UTC)] * 4,
    },
    "4cat_x.csv": {
        "account": X["account"], "handle": X["handle"], "post": X["post"], "time": X["time"],
        "retweeted_author": [None, "ann", None, None],
        "quoted_author": [None, None, "ann", None],
        "replied_author": [None, None, None, "ann"],
        "hashtags": [["Vote", "GE2021"], ["Vote", "GE2021"], None, None],
        "links": [[LINK], [LINK], None, None],
    },
    "x_v2.jsonl": {
        "account": [BOB, CEM, BOB], "post": [PB, PC, PR], "time": seconds(7, 40, 65),
        "handle": ["bob", "cem", "bob"], "retweeted": [PA, None, None],
        "retweeted_author": [ANN, None, None], "retweeted_time": seconds(0, None, None),
        "quoted": [None, PA, None], "quoted_author": [None, ANN, None],
        "replied": [None, None, PA], "replied_author": [None, None, ANN],
        "hashtags": [["GE2021", "Vote"], None, None], "mentions": [["bob"], None, ["ann"]],
        "links": [
            [LINK, f"https://twitter.com/ann/status/{PA}/photo/1"],
            [f"https://twitter.com/ann/status/{PA}", "https://example.org/news/vote?id=7"], None,
        ],
        "location": ["Berlin"] * 3, "posts": [7374] * 3, "verified": [False] * 3,
    },
    "x_v2_flat.jsonl": {
        "account": [BOB], "post": [PB], "time": seconds(7), "handle": ["bob"], "retweeted": [PA],
        "retweeted_author": [ANN], "retweeted_time": seconds(0),
        "hashtags": [["GE2021", "Vote"]],
    },
    "twarc_csv.csv": {
        "account": [BOB, CEM, BOB], "post": [PB, PC, PR], "time": seconds(7, 40, 65),
        "handle": ["bob", "cem", "bob"], "retweeted": [PA, None, None],
        "retweeted_author": [ANN, None, None], "quoted": [None, PA, None],
        "quoted_author": [None, ANN, None], "replied": [None, None, PA],
        "replied_author": [None, None, ANN], "hashtags": [["GE2021", "Vote"], None, None],
        "mentions": [["bob"], None, ["ann"]], "media": [["3_1377650087799754753"], None, None],
        "links": [
            [LINK, f"https://twitter.com/ann/status/{PA}/photo/1"],
            [f"https://twitter.com/ann/status/{PA}", "https://example.org/news/vote?id=7"], None,
        ],
    },
    "jetstream.jsonl": {
        "account": [BSKY_A, BSKY_B, BSKY_C, BSKY_C, BSKY_B],
        "time": seconds(0, 7, 9, 40, 65, fraction=0.25),
        "seen": seconds(1, 8, 10, 41, 66, fraction=0.25),
        "retweeted": [None, URI_A, None, None, None],
        "liked": [None, None, URI_A, None, None], "liked_author": [None, None, BSKY_A, None, None],
        "quoted": [None, None, None, URI_A, None], "replied": [None, None, None, None, URI_A],
        "links": [[LINK], None, None, [OTHER], None],
        "hashtags": [["GE2021"], None, None, None, None],
        "mentions": [[BSKY_B], None, None, None, None],
        "media": [["bafkreiimg"], None, None, None, None],
    },
    "bluesky.json": BLUESKY | {
        "handle": [f"{n}.bsky.social" for n in ("ann", "bob", "cem", "bob")],
        "time": seconds(0, 7, 40, 65, fraction=0.25),
        "retweeted_time": seconds(None, 0, None, None, fraction=0.25),
        "links": [[LINK], None, [OTHER], None],
    },
    "minet_bluesky.csv": BLUESKY | {
        # the time of a repost is its own, and its account who reposts
        "time": seconds(0, 7, 40, 65), "retweeted_time": seconds(None, 0, None, None),
        "post": [URI_A, None, f"at://{BSKY_C}/app.bsky.feed.post/3q",
                 f"at://{BSKY_B}/app.bsky.feed.post/3r"],
        "text": ["Vote today!", "Vote today!", "Look", "yes"],
        "name": ["Ann", None, "Cem", "Bob"],
    },
    "4cat_bluesky.csv": {
        "account": [BSKY_A, BSKY_C, BSKY_C, BSKY_B], "time": seconds(0, 40, 41, 65),
        "quoted": [None, "https://bsky.app/profile/ann.bsky.social/post/3a", None, None],
        "replied": [None] * 3 + ["https://bsky.app/profile/ann.bsky.social/post/3a"],
        "links": [[LINK], None, None, None], "hashtags": [["GE2021"], None, None, None],
    },
    "4cat_telegram.csv": {
        "account": ["777", "888", "news", "888"], "time": seconds(0, 7, 40, 65),
        "retweeted": [None, "1001@1617910396", "1001@1617910396", None],
        "retweeted_author": [None, "1001", "1001", None],
        "retweeted_time": seconds(None, -60, -60, None),
        "replied": [None, None, None, "news-1"], "mentions": [["chan", "bob"], None, None, None],
        "links": [[LINK, OTHER], None, None, None], "hashtags": [["GE2021"], None, None, None],
    },
    "4cat_tiktok.csv": {
        "account": ["ann", "bob"], "time": seconds(0, 7),
        "media": [["sound:7055", "effect:Green Screen", "effect:Slow"], ["sound:7055"]],
        "hashtags": [["vote", "GE2021"], None], "links": [[OTHER], None], "posts": [12, 12],
    },
    "4cat_tiktok_comments.csv": {
        "account": ["bob", "cem"], "time": seconds(7, 40), "replied": ["7301", "81"],
        "mentions": [["ann"], None], "hashtags": [["ge2021"], None],
    },
    "tiktok_research.jsonl": {
        "account": ["ann", "bob"], "time": seconds(0, 7),
        "post": ["7301234567890123456", "7301234567890123457"],
        "media": [["sound:7055", "effect:12"], ["sound:7055"]],
        "hashtags": [["ge2021", "vote"], None], "mentions": [["bob"], ["bob"]],
        "text": ["Vote today! #GE2021 @bob\ngo and vote", "Vote today! #GE2021 @bob"],
    },
    "tiktok_research.csv": {
        "account": ["ann"], "post": ["7301234567890123456"], "time": seconds(0),
        "media": [["sound:7055", "effect:12"]], "hashtags": [["ge2021", "vote"]],
    },
    "meta_content_library.csv": {
        "account": ["5001", "9001"], "time": seconds(0, 7), "links": [[LINK], [OTHER]],
        "hashtags": [["GE2021"], None], "post": ["fb1", "fb2"],
    },
    "crowdtangle.csv": {
        "account": ["5001", "5002"], "time": seconds(0, 7), "text": ["Vote today! #GE2021", "VOTE"],
        "links": [[LINK], ["https://www.facebook.com/bob/photos/1"]], "followers": [1881, None],
        "created": [dt.datetime(2015, 12, 25, 18, 50, 44, tzinfo=dt.UTC), None],
    },
    "youtube_comments.csv": {
        "account": ["UCa", "UCb"], "time": seconds(0, 7), "replied": ["dQw4w9WgXcQ", "Ugx1"],
        "links": [[OTHER], None],
    },
    "tgdataset.json": {
        "account": ["1001", "1002"], "time": seconds(0, 7), "post": ["1001/1", "1002/7"],
        "retweeted": [None, "1001@1617910456"], "retweeted_author": [None, "1001"],
        "retweeted_time": seconds(None, 0), "links": [[OTHER], [OTHER]], "followers": [881, 5],
    },
    "mastodon.jsonl": {
        "account": [f"https://mas.example/users/{n}" for n in ("ann", "bob", "cem", "bob")],
        "time": seconds(0, 7, 40, 65, fraction=0.25),
        "text": ["Vote #GE2021 example.org & more"] * 2 + ["Look", "yes"],
        "links": [[LINK, OTHER]] * 2 + [None, None],
        "hashtags": [["ge2021"]] * 2 + [None, None],
        "retweeted": [None, "https://mas.example/users/ann/statuses/1100", None, None],
        "retweeted_author": [None, "https://mas.example/users/ann", None, None],
        "quoted": [None, None, "https://mas.example/users/ann/statuses/1100", None],
        "replied": [None, None, None, "1100"], "media": [["9"], ["9"], None, None],
    },
    "reddit.jsonl": {
        "account": ["ann", "bob", "cem", "bob"], "time": seconds(0, 7, 40, 65),
        "post": ["t3_aaa", "t3_bbb", "t1_k1", "t1_k2"], "retweeted": [None, "t3_aaa", None, None],
        "retweeted_author": [None, "ann", None, None], "replied": [None, None, "t3_aaa", "t1_k1"],
        "links": [[LINK], None, [OTHER], None],
    },
    "fivethirtyeight_ira.csv": {
        "account": ["905874659358453760", "902035056", "41783881"],
        "time": [*seconds(0, 7, fraction=0.25), START.replace(minute=35, second=0)],
        "retweeted": [None] + ["Vote today! #GE2021 https://t.co/AbCdEf0123"] * 2,
        "links": [[LINK], ["https://t.co/AbCdEf0123"], ["https://t.co/AbCdEf0123"]],
        "hashtags": [["GE2021"]] * 3,
    },
    "coortweet.csv": {
        "account": [BOB, CEM, BOB, CEM], "time": seconds(7, 40, 65, 70),
        "retweeted": [PA, PA, None, None], "links": [None, None, [LINK], None],
        "hashtags": [None, None, None, ["#GE2021"]],
    },
    "coordination_toolkit.csv": {
        "account": ["777", "888", "888"], "time": seconds(0, 7, 65), "retweeted": [None, "1", None],
        "replied": [None, None, "1"], "links": [[LINK, OTHER], None, None],
    },
}  # fmt: skip


def columns(posts):
    return posts.to_frame("pyarrow").to_pydict()


@pytest.mark.parametrize("sample", FORMATS)
def test_a_sample_is_told_by_its_fields_and_read(sample):
    posts = cn.read_posts(SAMPLES / sample)
    assert posts.format == FORMATS[sample]
    found = columns(posts)
    assert set(found) <= set(FIELDS)
    for name, expected in EXPECTED[sample].items():
        assert found[name] == expected, name
    assert all(found["account"])
    assert all(found["time"])


def test_every_format_has_a_sample_and_a_row_in_the_page():
    assert set(FORMATS) == set(EXPECTED) == {path.name for path in SAMPLES.iterdir()}
    assert set(FORMATS.values()) == set(formats())
    page = (ROOT / "docs" / "formats.md").read_text(encoding="utf-8")
    named = re.findall(r"^## .*\(`([\w-]+)`(?:, `([\w-]+)`)?\)$", page, re.MULTILINE)
    assert sorted(name for pair in named for name in pair if name) == sorted(formats())


def test_every_trace_that_a_format_cannot_give_says_why():
    """What stands in `absent` is asked for in vain; every other trace of the sample is given."""
    from coordnet.readers.traces import TRACES

    for sample in FORMATS:
        posts = cn.read_posts(SAMPLES / sample)
        assert set(posts.absent) <= set(TRACES)
        for kind, reason in posts.absent.items():
            with pytest.raises(cn.ParameterError) as error:
                posts.actions(kind)
            assert reason in str(error.value)
            assert posts.format in str(error.value)


@pytest.mark.parametrize("sample", FORMATS)
def test_a_sample_by_name_gives_the_same(sample):
    by_name = cn.read_posts(SAMPLES / sample, format=FORMATS[sample])
    assert by_name.table.equals(cn.read_posts(SAMPLES / sample).table)


# -- traps ---------------------------------------------------------------------------------------


def rewritten(sample, path, change):
    """Write a delimited sample anew, each row changed."""
    with (SAMPLES / sample).open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(change(i, row) or row for i, row in enumerate(rows))
    return path


@pytest.mark.parametrize("damaged", ["1.38024260874745E+18", "1.3802426087474463e+18", f"{PA}.0"])
@pytest.mark.parametrize(
    ("sample", "column", "field"),
    [
        ("x_2024.csv", "retweetedTweetID", "retweeted"), ("minet_x.csv", "user_id", "account"),
        ("io_archive.csv", "retweet_tweetid", "retweeted"), ("twarc_csv.csv", "id", "post"),
    ],
)  # fmt: skip
def test_ids_that_were_rounded_are_refused(tmp_path, sample, column, field, damaged):
    path = rewritten(
        sample, tmp_path / sample, lambda i, row: row | {column: damaged} if i in (0, 2) else row
    )
    with pytest.raises(cn.InputError) as error:
        cn.read_posts(path)
    for part in (field, damaged, "line 2", "2 such rows"):
        assert part in str(error.value), str(error.value)
    posts = cn.read_posts(path, on_bad="drop")
    assert posts.dropped[f"damaged id in {field}"] == 2
    whole = cn.read_posts(SAMPLES / sample)
    assert len(whole) - len(posts) == (2 if field == "account" else 0)
    assert damaged not in columns(posts)[field]


def test_ids_of_json_that_went_through_a_float_are_refused(tmp_path):
    line = json.loads((SAMPLES / "x_v2_flat.jsonl").read_text())
    line["id"] = float(line["id"])
    (tmp_path / "a.jsonl").write_text(json.dumps(line))
    with pytest.raises(cn.InputError, match=r"1\.380242638107574[0-9]*e\+18"):
        cn.read_posts(tmp_path / "a.jsonl")


def test_no_column_of_floats_is_an_id():
    """The election release has user_id as a float; the account comes from the printed user."""
    assert "float64" not in {
        str(cn.read_posts(SAMPLES / "x_2024.csv")[n].type) for n in ("account",)
    }
    assert ANN in columns(cn.read_posts(SAMPLES / "x_2024.csv"))["account"]


def test_times_of_ids_by_hand():
    """(1380242608747446272 >> 22) + 1288834974657 is 1617910456250 ms."""
    import pyarrow as pa

    ids = pa.chunked_array([[PA, "20000000001", "3c2f5a", None, "99999999999999999999"]])
    assert snowflake_time(ids).tolist() == [1_617_910_456_250_000, 0, 0, 0, 0]


def test_where_times_came_from_is_said():
    posts = cn.read_posts(SAMPLES / "io_archive.csv")
    assert posts.notes == (
        "3 of 4 times were taken from the ids of the posts, to the millisecond; the export has "
        "minutes",
        "1 times stay as written, whole minutes",
        "1 times of posts passed on were taken from their ids",
    )
    assert posts.notes[0] in repr(posts)


@pytest.mark.parametrize("sample", ["x_2024.csv", "twarc_csv.csv"])
def test_times_of_what_is_passed_on_come_from_ids(sample):
    """Whole seconds, as the times of the posts are: 7 s after Ann's post."""
    posts = cn.read_posts(SAMPLES / sample)
    log = posts.actions("fast_retweet")
    assert (log.objects.tolist(), log.accounts.tolist()) == ([ANN], [BOB])
    assert len(posts.actions("fast_retweet", within="6s")) == 0
    assert START in columns(posts)["retweeted_time"]


def test_a_time_of_the_export_stands_above_that_of_the_id(tmp_path):
    line = json.loads((SAMPLES / "x_v2_flat.jsonl").read_text())
    line["referenced_tweets"][0]["created_at"] = "2021-04-08T19:34:10.000Z"
    (tmp_path / "a.jsonl").write_text(json.dumps(line))
    assert columns(cn.read_posts(tmp_path / "a.jsonl"))["retweeted_time"] == seconds(-6)
    del line["referenced_tweets"][0]["created_at"]
    (tmp_path / "a.jsonl").write_text(json.dumps(line))
    posts = cn.read_posts(tmp_path / "a.jsonl")
    assert columns(posts)["retweeted_time"] == seconds(0)
    assert posts.notes == ("1 times of posts passed on were taken from their ids",)


def test_a_time_that_an_id_contradicts_stays_as_written(tmp_path):
    path = rewritten(
        "io_archive.csv",
        tmp_path / "a.csv",
        lambda i, row: row | {"tweet_time": "2019-01-01 00:00"},
    )
    assert columns(cn.read_posts(path))["time"] == [dt.datetime(2019, 1, 1, tzinfo=dt.UTC)] * 4


def test_replays_of_jetstream_are_told(tmp_path):
    """time_us is when the server saw it: of a replay all at once. The time is createdAt."""
    lines = [json.loads(line) for line in (SAMPLES / "jetstream.jsonl").read_text().splitlines()]
    for line in lines:
        line["time_us"] = 1_779_719_009_132_431
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, lines)))
    posts = cn.read_posts(tmp_path / "a.jsonl")
    assert columns(posts)["time"] == EXPECTED["jetstream.jsonl"]["time"]
    assert "5 of 5 events were seen by the server more than a day after" in posts.notes[0]
    for line in lines:
        line["time_us"] = 1_000_000_000_000_000
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, lines)))
    assert cn.read_posts(tmp_path / "a.jsonl").notes == (
        "5 events bear a time more than a day after the server saw them",
    )


def test_the_right_time_of_4cat_is_taken():
    """The samples have the other one two hours off."""
    with (SAMPLES / "4cat_telegram.csv").open() as file:
        assert next(csv.DictReader(file))["timestamp"] == "2021-04-08 21:34:16"
    with (SAMPLES / "4cat_x.csv").open() as file:
        row = next(csv.DictReader(file))
        assert int(row["unix_timestamp"]) == START.timestamp() - 7200


def test_a_retweet_of_4cat_is_told_by_author_and_text():
    found = columns(cn.read_posts(SAMPLES / "4cat_x.csv"))
    assert found["retweeted"] == [None, f"ann: {found['text'][0]}", None, None]
    assert found["text"][1] == found["text"][0]


def test_the_text_of_a_retweet_is_whole():
    for sample in ("x_v1.jsonl", "zeeschuimer_x.ndjson", "x_2024.csv", "minet_x.csv"):
        found = columns(cn.read_posts(SAMPLES / sample))["text"]
        assert found[1] == found[0]
        assert found[0].endswith("in this long text")
    assert columns(cn.read_posts(SAMPLES / "x_v2.jsonl"))["text"][0].endswith("in this long text")


def test_rows_without_fields_and_records_of_errors_are_counted():
    assert cn.read_posts(SAMPLES / "x_v1.jsonl").dropped == {"no post": 2}
    posts = cn.read_posts(SAMPLES / "x_v2.jsonl")
    assert posts.dropped == {"no JSON object": 1, "no post": 1}
    source, line, reason = posts.bad_lines[0]
    assert (Path(source).name, line) == ("x_v2.jsonl", 4)
    assert reason.startswith("no JSON object")
    with pytest.raises(cn.InputError, match=r"x_v2\.jsonl', line 4: no JSON object"):
        cn.read_posts(SAMPLES / "x_v2.jsonl", errors="raise")


def test_posts_of_accounts_that_are_gone_are_not_of_one_account():
    posts = cn.read_posts(SAMPLES / "reddit.jsonl")
    assert "[deleted]" not in columns(posts)["account"]
    assert posts.dropped == {"missing account": 1}


def test_withheld_posts_without_fields_are_left_out(tmp_path):
    path = rewritten(
        "minet_x.csv", tmp_path / "a.csv",
        lambda i, row: dict.fromkeys(row, "") | {"id": row["id"]} if i == 1 else row,
    )  # fmt: skip
    posts = cn.read_posts(path)
    assert (len(posts), posts.dropped) == (3, {"missing account": 1})


def test_zones_of_several_meanings_are_refused(tmp_path):
    path = rewritten(
        "crowdtangle.csv", tmp_path / "a.csv",
        lambda i, row: row | {"Post Created": "2021-04-08 15:34:16 CST"},
    )  # fmt: skip
    with pytest.raises(cn.InputError, match="the zone 'CST' has several meanings"):
        cn.read_posts(path)


def test_notes_above_the_header_are_let_pass():
    text = (SAMPLES / "meta_content_library.csv").read_text()
    assert text.startswith('"Data from Meta Content Library')
    assert len(cn.read_posts(SAMPLES / "meta_content_library.csv")) == 2


def test_columns_are_found_by_name_in_whatever_order(tmp_path):
    with (SAMPLES / "minet_x.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    path = tmp_path / "a.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([*row[::-1], "more"] for row in rows)
    found, expected = cn.read_posts(path), cn.read_posts(SAMPLES / "minet_x.csv")
    assert found.table.equals(expected.table)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[]", []), ("", []), (None, []), ("['a']", ["a"]), ("[a, b]", ["a", "b"]),
        ("['a', 'b c']", ["a", "b c"]), ("[\"it's\", 'x']", ["it's", "x"]),
        (r"['it\'s']", ["it's"]), ("a, b", ["a", "b"]), ("nan", []), ("['a,b']", ["a,b"]),
        ('["https://a.example/x?y=[1]"]', ["https://a.example/x?y=[1]"]),
    ],
)  # fmt: skip
def test_lists_as_they_are_printed(text, expected):
    assert printed_list(text) == expected


def test_a_table_written_as_json_lines_gives_the_same(tmp_path):
    """minet writes both."""
    with (SAMPLES / "minet_x.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    found, expected = cn.read_posts(tmp_path / "a.jsonl"), cn.read_posts(SAMPLES / "minet_x.csv")
    assert found.format == "minet-x"
    assert found.table.equals(expected.table)


def test_inner_fields_of_a_table_in_json(tmp_path):
    """The Content Library gives posts as JSON, too: post_owner.id is a field in a field."""
    post = {
        "id": "fb1", "creation_time": "2021-04-08T19:34:16Z", "text": "Vote", "lang": "en",
        "post_owner": {"id": "5001", "name": "Ann"}, "link_attachment": {"link": LINK},
    }  # fmt: skip
    (tmp_path / "a.json").write_text(json.dumps([post]))
    found = columns(cn.read_posts(tmp_path / "a.json"))
    assert (found["account"], found["links"], found["time"]) == (["5001"], [[LINK]], seconds(0))


# -- real samples --------------------------------------------------------------------------------

REAL = {
    "x_v2_pages.jsonl": ("x-v2", 100), "x_v2_flat.jsonl": ("x-v2", 100),
    "x_v2_stream_with_error.jsonl": ("x-v2", 7), "jetstream.jsonl": ("jetstream", 3),
    "bluesky_firehose.json": ("bluesky", 9), "bluesky_posts.json": ("bluesky", None),
    "minet_bluesky.csv": ("minet-bluesky", None),
    "toolkit_coretweet.csv": ("coordination-toolkit", 15),
}  # fmt: skip


@pytest.mark.parametrize("name", REAL)
def test_real_samples_are_read(shared, name):
    posts = cn.read_posts(shared("data", "formats", name), on_bad="drop")
    kind, number = REAL[name]
    assert posts.format == kind
    assert number is None or len(posts) == number
    assert all(posts[name].null_count < len(posts) for name in ("account", "time"))


def records(path):
    """Give the posts of X v2 pages with what they include, by Python's own reader."""
    for line in path.read_text().splitlines():
        try:
            page = json.loads(line)
        except ValueError:
            continue
        data = page["data"] if isinstance(page["data"], list) else [page["data"]]
        includes = page.get("includes", {})
        yield from (
            (post, {t["id"]: t for t in includes.get("tweets", [])},
             {u["id"]: u for u in includes.get("users", [])})
            for post in data
        )  # fmt: skip


@pytest.mark.parametrize(
    "name", ["x_v2_pages.jsonl", "x_v2_flat.jsonl", "x_v2_stream_with_error.jsonl"]
)
def test_real_posts_of_x_equal_what_a_plain_loop_finds(shared, name):
    path = shared("data", "formats", name)
    found = columns(cn.read_posts(path))
    types = {"retweeted": "retweeted", "quoted": "quoted", "replied_to": "replied"}
    for i, (post, others, users) in enumerate(records(path)):
        user = users[post["author_id"]]
        assert found["account"][i] == post["author_id"]
        assert found["post"][i] == post["id"]
        assert found["handle"][i] == user["username"]
        assert found["followers"][i] == user["public_metrics"]["followers_count"]
        assert found["time"][i] == dt.datetime.fromisoformat(post["created_at"])
        references = {types[r["type"]]: r["id"] for r in post.get("referenced_tweets", [])}
        for field in types.values():
            assert found[field][i] == references.get(field)
            other = others.get(references.get(field))
            if other:
                assert found[f"{field}_author"][i] == other["author_id"]
        told = others.get(references.get("retweeted"), post)
        if told is not post or "retweeted" not in references:
            assert found["text"][i] == told["text"]
            tags = [t["tag"] for t in told.get("entities", {}).get("hashtags", [])]
            assert (found["hashtags"][i] or []) == tags


def test_a_real_table_of_minet_equals_the_api_that_it_was_made_of(shared):
    """The same posts in two formats: one made by minet of the other."""
    api = cn.read_posts(shared("data", "formats", "bluesky_posts.json"), on_bad="drop")
    table = cn.read_posts(shared("data", "formats", "minet_bluesky.csv"), on_bad="drop")
    left, right = columns(api), columns(table)
    once = {p for p in left["post"] if p and left["post"].count(p) == right["post"].count(p) == 1}
    same = [(left["post"].index(p), right["post"].index(p)) for p in sorted(once)]
    assert len(same) > 30
    for i, j in same:
        assert left["account"][i] == right["account"][j]
        assert left["quoted"][i] == right["quoted"][j]
        assert left["replied"][i] == right["replied"][j]
        assert left["time"][i].replace(microsecond=0) == right["time"][j]


def test_pseudonymised_statuses_of_pacheco(shared):
    posts = cn.read_posts(shared("data", "pacheco_cs4_sample.json"), format="x-v1")
    assert len(posts) == 17
    assert posts["retweeted"].null_count == 17 - 8
    log = posts.actions("retweet")
    assert len(log) + log.dropped["duplicate"] + log.dropped.get("own post", 0) == 8


def test_the_russian_sample_is_read_as_by_hand(shared):
    path = shared("data", "russian_coord_tweets.csv.gz")
    direct = cn.read_actions(
        path, account="account_id", object="object_id", time="timestamp_share",
        post="content_id", default_kind="retweet",
    )  # fmt: skip
    posts = cn.read_posts(path)
    assert posts.actions("retweet", own_posts=True).fingerprint == direct.fingerprint
    own = posts.actions("retweet").dropped["own post"]
    with gzip.open(path, "rt") as file:
        rows = list(csv.DictReader(file))
    author = {}
    for row in rows:
        author.setdefault(row["content_id"], row["account_id"])
    assert own == sum(author.get(row["object_id"]) == row["account_id"] for row in rows) > 0


# -- damage --------------------------------------------------------------------------------------


@given(st.sampled_from(sorted(FORMATS)), st.randoms(use_true_random=False))
@settings(max_examples=40)
def test_a_damaged_file_is_read_or_refused(name, random):
    """Cut off, with bytes changed, or with a piece missing: never an error of Python's own."""
    data = bytearray((SAMPLES / name).read_bytes())
    first, last = sorted(random.randrange(len(data)) for _ in range(2))
    how = random.randrange(3)
    if how == 0:
        data = data[:last]
    elif how == 1:
        del data[first:last]
    else:
        for _ in range(20):
            data[random.randrange(len(data))] = random.randrange(256)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(data)
        try:
            posts = cn.read_posts(path, FORMATS[name], on_bad="drop")
        except cn.CoordnetError:
            return
    assert len(posts) <= posts.rows_read
    for kind in {"retweet", "url", "text"} - set(posts.absent):
        with contextlib.suppress(cn.CoordnetError):
            posts.actions(kind)
