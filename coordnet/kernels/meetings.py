"""The compiled loop over who meets whom again, for a ladder of windows at once."""

from __future__ import annotations

from typing import Any

from coordnet.kernels.compiling import kernel


@kernel
def pairs_that_meet_again(
    focal: Any, rungs: Any, starts: Any, objects: Any, first: Any, positions: Any, indptr: Any,
    account: Any, time: Any, edges: Any, times: Any, gap: Any, touched: Any, met: Any,
    partners: Any, found: Any,
) -> None:  # fmt: skip
    """Count the pairs of accounts that are together on so many objects, within each window.

    Each pair is seen from either end that is in `focal`.

    Parameters
    ----------
    focal : int32 (f,), the accounts to look from
    rungs : int32 (f,), how many of `edges`, from the first on, each of them is looked at with
    starts, objects, first : the objects of each account, from :func:`shared_objects.account_runs`
    positions : int32, the actions of each account, which `first` points into
    indptr : int64 (objects + 1,), account : int32 (n,), time : int64 (n,), by object and time
    edges : int64 (e,), ascending windows, inclusive
    times : int64 (t,), ascending: numbers of objects
    gap : int32 (accounts,), filled with e; touched, partners : int32 (accounts,), scratch
    met : int32 (accounts, e + 1), zeros on entry and on return
    found : float64 (t, e), added to: pairs together on times[i] objects or more within edges[k]

    Cost: one step for each action inside the longest window of each action of `focal`.
    """
    e = len(edges)
    for f in range(len(focal)):
        u = focal[f]
        if rungs[f] == 0:
            continue
        longest = edges[rungs[f] - 1]
        n_partners = 0
        for i in range(starts[u], starts[u + 1]):
            o = objects[i]
            a = indptr[o]
            b = indptr[o + 1]
            n = 0
            for j in range(first[i], first[i + 1]):
                p = positions[j]
                for way in range(2):
                    step = 1 if way == 0 else -1
                    q = p + step
                    k = 0
                    while a <= q < b:
                        apart = (time[q] - time[p]) * step
                        if apart > longest:
                            break
                        while apart > edges[k]:
                            k += 1
                        v = account[q]
                        if v != u and k < gap[v]:
                            if gap[v] == e:
                                touched[n] = v
                                n += 1
                            gap[v] = k
                        q += step
            for j in range(n):
                v = touched[j]
                if met[v, e] == 0:
                    partners[n_partners] = v
                    n_partners += 1
                    met[v, e] = 1
                met[v, gap[v]] += 1
                gap[v] = e
        for j in range(n_partners):
            v = partners[j]
            count = 0
            for k in range(rungs[f]):
                count += met[v, k]
                met[v, k] = 0
                for i in range(len(times)):
                    if count < times[i]:
                        break
                    found[i, k] += 1.0
            met[v, e] = 0
