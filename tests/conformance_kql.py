#!/usr/bin/env python3
"""conformance_kql.py -- recorded KQL queries against histcli; prints how many answers agree.

Each line of $HIST_SHARED/conformance/kql.jsonl (default ../shared) is one case: id, query, columns,
types, rows, unordered. Every case runs in a process of its own, two at a time:

    PROGRAM ':memory:' --format kusto < query

Compared: column names and rows; numbers to a relative 1e-9, datetimes and timespans by value, dynamic
values by structure, rows as a multiset where the case says so. Exits 0 unless --min is given.
"""

import argparse
import collections
import concurrent.futures
import json
import math
import os
import re
import subprocess
import sys

RELATIVE = 1e-9
TIMEOUT_S = 30

DATETIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?)?Z?$")
TIMESPAN = re.compile(r"(-)?(?:(\d+)\.)?(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?$")


def days_from_civil(year, month, day):
    year -= month <= 2
    era = year // 400
    yoe = year - era * 400
    doy = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return era * 146097 + yoe * 365 + yoe // 4 - yoe // 100 + doy - 719468


def time_value(text):
    """Nanoseconds of datetime or timespan text as ("d" | "t", ns), None for any other text."""
    m = DATETIME.match(text)
    if m:
        y, mo, d, h, mi, s = (int(g or 0) for g in m.groups()[:6])
        seconds = ((days_from_civil(y, mo, d) * 24 + h) * 60 + mi) * 60 + s
        return "d", seconds * 10**9 + int((m.group(7) or "0").ljust(9, "0"))
    m = TIMESPAN.match(text)
    if m:
        d, h, mi, s = (int(g or 0) for g in m.groups()[1:5])
        ns = (((d * 24 + h) * 60 + mi) * 60 + s) * 10**9 + int((m.group(6) or "0").ljust(9, "0"))
        return "t", -ns if m.group(1) else ns
    return None


def is_number(v):
    return isinstance(v, (int, float)) and not isinstance(v, bool)


def number_equal(a, b):
    if isinstance(a, int) and isinstance(b, int):
        # Integers from 2^53 may have come through a double in a recording.
        return a == b or (abs(a) > 2**53 and math.isclose(a, b, rel_tol=RELATIVE))
    return math.isclose(a, b, rel_tol=RELATIVE, abs_tol=1e-300)


def string_equal(a, b, kind):
    if a == b:
        return True
    if kind == "String":
        return False
    ta, tb = time_value(a), time_value(b)
    return ta is not None and ta == tb


def decimal_equal(want, got):
    try:
        return number_equal(float(want), float(got))
    except (TypeError, ValueError):
        return want == got


def equal(want, got, kind=None):
    """Whether one value agrees; kind is the recorded column type."""
    if kind in ("Decimal", "SqlDecimal"):
        return decimal_equal(want, got)
    if isinstance(want, bool) or isinstance(got, bool):
        return isinstance(want, bool) and isinstance(got, bool) and want == got
    if is_number(want) and is_number(got):
        return number_equal(want, got)
    if isinstance(want, str) and isinstance(got, str):
        return string_equal(want, got, kind)
    if isinstance(want, list) and isinstance(got, list):
        return len(want) == len(got) and all(equal(a, b) for a, b in zip(want, got))
    if isinstance(want, dict) and isinstance(got, dict):
        return want.keys() == got.keys() and all(equal(want[k], got[k]) for k in want)
    return want is None and got is None


def first_difference(want, got, kinds):
    """Column index and values of the first cell that differs, or None."""
    for i, (a, b) in enumerate(zip(want, got)):
        if not equal(a, b, kinds[i]):
            return i, a, b
    return None


def short(value, limit=120):
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= limit else text[: limit - 3] + "..."


def compare_rows(case, rows, kinds):
    """None when they agree, else (cause, detail)."""
    want = case["rows"]
    if len(want) != len(rows):
        return "number of rows", f"{len(want)} wanted, {len(rows)} found"
    left = list(rows)
    for n, row in enumerate(want):
        candidates = range(len(left)) if case["unordered"] else range(1)
        hit = next((i for i in candidates if first_difference(row, left[i], kinds) is None), None)
        if hit is None:
            i, a, b = first_difference(row, left[0], kinds)
            name = case["columns"][i]
            if case["unordered"] and len(left) > 1:
                return "values", f"no row like {short(row)}; one left: {short(left[0])}"
            return "values", f"row {n}, column {name}: {short(a)} wanted, {short(b)} found"
        del left[hit]
    return None


def cause_of_message(message):
    """The message without what differs from query to query."""
    message = re.sub(r"(line|column) \d+,?( column \d+)?", r"\1 N", message)
    message = re.sub(r"\b\d+:\d+\b", "N:N", message)
    return message[:160]


def run_case(program, case):
    """None when the case agrees, else (cause, detail)."""
    try:
        done = subprocess.run(
            [program, ":memory:", "--format", "kusto"],
            input=case["query"].encode(),
            capture_output=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return "timeout", f"no answer in {TIMEOUT_S} s"
    except OSError as e:
        return "cannot run", str(e)
    stderr = done.stderr.decode(errors="replace").strip()
    if done.returncode < 0:
        return "crash", f"signal {-done.returncode}: {stderr[-300:]}"
    if done.returncode != 0:
        line = stderr.split("\n")[0] if stderr else f"exit status {done.returncode}"
        return "error: " + cause_of_message(line), line
    try:
        table = json.loads(done.stdout)["Tables"][0]
        columns = [c["ColumnName"] for c in table["Columns"]]
    except (ValueError, KeyError, IndexError, TypeError) as e:
        return "not a v1 answer", f"{type(e).__name__}: {e}"
    if columns != case["columns"]:
        return "column names", f"{short(case['columns'])} wanted, {short(columns)} found"
    kinds = case["types"] or [None] * len(columns)
    return compare_rows(case, table["Rows"], kinds)


def read_cases(path, only):
    with open(path, encoding="utf-8") as f:
        cases = [json.loads(line) for line in f if line.strip()]
    return [c for c in cases if only is None or only in c["id"] or only in c["query"]]


def report(failed):
    groups = collections.defaultdict(list)
    for case_id, (cause, detail) in failed.items():
        groups[cause].append((case_id, detail))
    for cause, members in sorted(groups.items(), key=lambda g: -len(g[1])):
        print(f"{len(members):4d}  {cause}")
        for case_id, detail in members:
            print(f"        {case_id}" + ("" if cause.startswith("error: ") else f": {detail}"))


def main():
    parser = argparse.ArgumentParser(description="recorded KQL queries against histcli")
    parser.add_argument("program", nargs="?", default="build/histcli")
    parser.add_argument("-v", "--verbose", action="store_true", help="list what fails, by cause")
    parser.add_argument("--out", metavar="FILE", help="write the failing ids and reasons as JSON")
    parser.add_argument("--min", type=float, metavar="PERCENT", help="exit 1 below this")
    parser.add_argument("--only", metavar="TEXT", help="cases with this text in their id or query")
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()

    path = os.path.join(os.environ.get("HIST_SHARED", "../shared"), "conformance", "kql.jsonl")
    if not os.path.exists(path):
        print(f"skipped: {path} is not here")
        return 0
    if not os.access(args.program, os.X_OK):
        print(f"skipped: {args.program} is not built")
        return 0 if args.min is None else 1
    cases = read_cases(path, args.only)
    with concurrent.futures.ThreadPoolExecutor(max(1, args.jobs)) as pool:
        results = list(pool.map(lambda c: run_case(args.program, c), cases))
    failed = {c["id"]: list(r) for c, r in zip(cases, results) if r is not None}
    agree = len(cases) - len(failed)
    percent = 100.0 * agree / len(cases) if cases else 0.0
    if args.verbose:
        report(failed)
    print(f"{agree} of {len(cases)} agree ({percent:.1f} %)")
    if args.out:
        with open(args.out, "w", encoding="utf-8") as f:
            json.dump(failed, f, indent=1, ensure_ascii=False)
    return 1 if args.min is not None and percent < args.min else 0


if __name__ == "__main__":
    sys.exit(main())
