"""Sensitivity: what is found under other windows, levels and resolutions."""

import pytest
from helpers import acts, log_of, ring_rows

import coordnet as cn
from coordnet.robustness import sensitivity
from coordnet.search.configuration import Configuration
from coordnet.search.search import search_clusters


def pairs_of(log, **options):
    found = cn.detect(log, score=False, **options)
    return {
        (int(u), int(v))
        for i in range(len(found.clusters))
        for u in found.clusters.members(i)
        for v in found.clusters.members(i)
        if u < v
    }, found


def test_sensitivity_is_a_row_a_combination():
    log = cn.simulate("small_cells", accounts=500, seed=1).log
    grid = {"within": ["60s", "2s", "1h"], "fdr": [0.2, 1e-9], "resolution": [1.0, 3.0]}
    table = cn.sensitivity(log, **grid, method="leiden", backend="pyarrow").to_pylist()
    combinations = [(w, f, r) for w in grid["within"] for f in grid["fdr"] for r in (1.0, 3.0)]
    assert [(t["within"], t["fdr"], t["resolution"]) for t in table] == combinations
    first, _ = pairs_of(log, within="60s", fdr=0.2, method="leiden", resolution=1.0)
    assert len(first) > 20
    for row, (within, fdr, resolution) in zip(table, combinations, strict=True):
        rule = {"within": within, "fdr": fdr, "method": "leiden", "resolution": resolution}
        pairs, run = pairs_of(log, **rule)
        assert (row["edges"], row["clusters"]) == (run.graph.n_edges, len(run.clusters))
        assert row["accounts"] == len(set(run.clusters.indices.tolist()))
        assert row["pairs_kept"] == pytest.approx(len(first & pairs) / len(first))
        if pairs:
            assert row["pairs_new"] == pytest.approx(len(pairs - first) / len(pairs))
        else:
            assert row["pairs_new"] is None
    assert (table[0]["pairs_kept"], table[0]["pairs_new"]) == (1.0, 0.0)
    assert len({row["pairs_kept"] for row in table}) > 2


def test_sensitivity_passes_options_on_and_threads_change_nothing(ring):
    one, two = (
        cn.sensitivity(ring, ["60s"], [0.05], threads=t, backend="pyarrow", min_size=6)
        for t in (1, 2)
    )
    assert one.equals(two)
    assert one["clusters"].to_pylist() == [2]  # not that of five
    with pytest.raises(cn.CoordnetError, match="fdr=2 is not a number above 0 and below 1"):
        cn.sensitivity(ring, ["60s"], [2])


def test_the_background_and_the_configuration_reach_the_search(ring, monkeypatch):
    public = log_of(ring_rows(rings=(), seed=1))
    config = Configuration("30s", fdr=0.01, method="components")
    seen = []

    def search(log, own, background, threads):
        seen.append((own, background))
        return search_clusters(log, own, background, threads)

    monkeypatch.setattr(sensitivity, "search_clusters", search)
    cn.sensitivity(ring, ["5s"], [0.2], config=config, background=public, min_size=4)
    assert seen == [(config.replace(min_size=4, within="5s", fdr=0.2), public)]


def test_sensitivity_where_nothing_is_found():
    table = cn.sensitivity(log_of(acts("o", ("u", 0))), ["60s"], [0.05], backend="pyarrow")
    (row,) = table.to_pylist()
    assert (row["clusters"], row["pairs_kept"], row["pairs_new"]) == (0, None, None)
