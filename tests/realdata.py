#!/usr/bin/env python3
"""realdata.py HISTCLI ARCHIVE FOLDER -- real measurements through the whole system.

Unpacks ARCHIVE (other people's CSV files) into FOLDER, reads a selection of them with Python's own
csv module and float(), and brings the same rows into one store twice: as CSV and as line protocol.
What KQL says of every column, after the import, after a merge and after the cold rewrite, is compared
with what Python read: counts, sums (math.fsum, with room for the order of summation only), smallest
and largest to the bit, lengths of strings. In the end the store is exported as CSV, and every value
read back must be the same to the bit. Ends with a line: N passed, N failed, N skipped.
"""
import csv
import datetime
import gzip
import math
import os
import re
import struct
import subprocess
import sys
import time
import urllib.parse

HISTCLI, ARCHIVE, FOLDER = sys.argv[1:4]
LONG = bool(os.environ.get("HIST_LONG"))
DB = os.path.join(FOLDER, "store")
passed = failed = 0


def check(good, what, detail=""):
    global passed, failed
    if good:
        passed += 1
    else:
        failed += 1
        print(f"not ok: {what}{': ' if detail else ''}{detail}", flush=True)
    return good


def run(*args, text=None):
    return subprocess.run([HISTCLI, *args], input=text, capture_output=True, text=True)


# ---- the independent reading -------------------------------------------------------------------

EPOCH = datetime.datetime(1970, 1, 1)
INTEGER = re.compile(r"[+-]?\d+\Z")
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\Z")


def nanoseconds(text):
    """2014-12-01 00:20:00[.fraction] as nanoseconds, exactly."""
    whole, _, fraction = text.replace("T", " ").rstrip("Z").partition(".")
    at = datetime.datetime.strptime(whole, "%Y-%m-%d %H:%M:%S")
    return ((at - EPOCH) // datetime.timedelta(seconds=1)) * 10**9 + int((fraction + "0" * 9)[:9])


class Table:
    """Rows by (tags, time); a row is the texts of the fields that have a value."""

    def __init__(self, name, columns, tags=()):
        self.name = name
        self.columns = columns
        self.tags = tags
        self.rows = {}
        self.kinds = {}

    def add(self, when, cells, tags=()):
        """cells are texts as they stand in the file; '' is no value. Later ones win, field by field."""
        row = self.rows.setdefault((tags, when), {})
        for name, cell in zip(self.columns, cells):
            if cell != "":
                row[name] = cell

    def finish(self):
        """Decides what each column is, from all of its values; one without any does not come to be."""
        for name in list(self.columns):
            cells = [row[name] for row in self.rows.values() if name in row]
            if not cells:
                self.columns.remove(name)
                continue
            if all(INTEGER.match(c) for c in cells):
                self.kinds[name] = "long"
            elif all(NUMBER.match(c) or c == "NaN" for c in cells):
                self.kinds[name] = "real"
            else:
                self.kinds[name] = "string"
        return self

    def value(self, name, cell):
        return cell if self.kinds[name] == "string" else float(cell)


def read_plain(name, path, delimiter=","):
    """A file whose first column is the time."""
    with open(path, newline="", encoding="utf-8") as file:
        rows = csv.reader(file, delimiter=delimiter)
        table = Table(name, next(rows)[1:])
        for row in rows:
            table.add(nanoseconds(row[0]), row[1:])
    return table.finish()


def read_weather(name, path):
    """Gaps, strings, a column twice, and '-9999' for values that could not be measured: NaN here."""
    with open(path, newline="", encoding="utf-8") as file:
        rows = csv.reader(file)
        head = next(rows)[1:-1]
        table = Table(name, [h.replace("<br />", "") for h in head])
        numbers = [i for i, h in enumerate(head) if h.endswith(("C", "hPa", "Km", "Speed", "Km/h", "mm"))]
        for row in rows:
            cells = row[1:-1]
            for i in numbers:
                if cells[i].startswith("-999"):
                    cells[i] = "NaN"
                elif not NUMBER.match(cells[i]):
                    cells[i] = ""
            table.add(nanoseconds(row[0]), cells)
    return table.finish()


def read_wind(name, path):
    with open(path, newline="", encoding="latin-1") as file:
        rows = csv.reader(file)
        table = Table(name, ["ActivePower", "Wind Speed (m/s)", "TheoreticalPower", "Wind Direction (°)"])
        next(rows)
        for row in rows:
            d, m, y, clock = row[0].split()
            table.add(nanoseconds(f"{y}-{m}-{d} {clock}:00"), row[1:])
    return table.finish()


def read_matrix(name, path, step_s, separator=None):
    """Lines of numbers without time: a regular one is given to them."""
    opener = gzip.open if path.endswith(".gz") else open
    with opener(path, "rt") as file:
        lines = [line.strip().split(separator) for line in file if line.strip()]
    table = Table(name, [f"x{i + 1}" for i in range(len(lines[0]))])
    for i, cells in enumerate(lines):
        table.add((1577836800 + i * step_s) * 10**9, cells)
    return table.finish()


def merged(name, tables, tag):
    """Several files as the series of one table, a tag telling them apart."""
    whole = Table(name, tables[0][1].columns, (tag,))
    for label, table in tables:
        for (_, when), row in table.rows.items():
            whole.rows[((label,), when)] = row
    return whole.finish()


# ---- into the store ----------------------------------------------------------------------------


def stamp(ns):
    return f"{EPOCH + datetime.timedelta(seconds=ns // 10**9):%Y-%m-%d %H:%M:%S}.{ns % 10**9:09d}"


def write_csv(table, path):
    with open(path, "w", newline="", encoding="utf-8") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(["Timestamp", *table.columns])
        for (_, when), row in table.rows.items():
            out.writerow([stamp(when)] + [row.get(c, "") for c in table.columns])


def escaped(text, specials):
    return "".join("\\" + c if c in specials else c for c in text)


def write_lines(table, measurement, path):
    """NaN cannot be said in line protocol: such a field is left out."""
    with open(path, "w", encoding="utf-8") as file:
        for (tags, when), row in table.rows.items():
            fields = []
            for name, cell in row.items():
                kind = table.kinds[name]
                if cell == "NaN":
                    continue
                if kind == "string":
                    cell = '"' + escaped(cell, '"\\') + '"'
                elif kind == "long":
                    cell += "i"
                fields.append(f"{escaped(name, ',= ')}={cell.lstrip('+')}")
            if fields:
                key = "".join(f",{k}={escaped(v, ',= ')}" for k, v in zip(table.tags, tags))
                file.write(f"{escaped(measurement, ', ')}{key} {','.join(fields)} {when}\n")


def without_nan(table, name):
    """The same table as line protocol can say it."""
    other = Table(name, table.columns, table.tags)
    other.kinds = table.kinds
    for key, row in table.rows.items():
        kept = {n: c for n, c in row.items() if c != "NaN"}
        if kept:
            other.rows[key] = kept
    return other


# ---- what KQL says -----------------------------------------------------------------------------


def ask(kql, what):
    answer = run(DB, "--format", "csv", kql)
    if not check(answer.returncode == 0, what, answer.stderr.strip()[:300]):
        return None
    return list(csv.reader(answer.stdout.splitlines()))


def quoted(name):
    return "['" + name.replace("\\", "\\\\").replace("'", "\\'") + "']"


def bits(value):
    return struct.pack("<d", value)


def compare(table, moment):
    parts = ["Rows=count()"]
    for i, name in enumerate(table.columns):
        c = quoted(name)
        if table.kinds[name] == "string":
            parts += [f"n{i}=countif(isnotempty({c}))", f"s{i}=sum(strlen({c}))", f"d{i}=count_distinct({c})"]
        else:
            good = f"not(isnan(toreal({c}))) and isnotnull({c})"
            parts += [f"n{i}=countif({good})", f"s{i}=sumif({c}, {good})", f"a{i}=minif({c}, {good})",
                      f"b{i}=maxif({c}, {good})", f"x{i}=countif(isnan(toreal({c})))"]
    what = f"{table.name}, {moment}"
    rows = ask(f"{quoted(table.name)} | summarize {', '.join(parts)}", f"{what}: the summary is answered")
    if rows is None or not check(len(rows) == 2, f"{what}: one row of answer", str(rows)[:200]):
        return
    got = dict(zip(rows[0], rows[1]))
    check(int(got["Rows"]) == len(table.rows), f"{what}: rows", f"{got['Rows']}, not {len(table.rows)}")
    for i, name in enumerate(table.columns):
        values = [table.value(name, row[name]) for row in table.rows.values() if name in row]
        compare_column(table, f"{what}: {name}", got, i, name, values)


def compare_column(table, what, got, i, name, values):
    if table.kinds[name] == "string":
        expected = (len(values), sum(len(v) for v in values), len(set(values) | ({""} if len(values) < len(table.rows) else set())))
        found = (int(got[f"n{i}"]), int(got[f"s{i}"]), int(got[f"d{i}"]))
        check(found == expected, what, f"{found}, not {expected}")
        return
    numbers = [v for v in values if not math.isnan(v)]
    check(int(got[f"n{i}"]) == len(numbers), f"{what}: count", f"{got[f'n{i}']}, not {len(numbers)}")
    check(int(got[f"x{i}"]) == len(values) - len(numbers), f"{what}: NaN", f"{got[f'x{i}']}")
    if not numbers:
        return
    exact = math.fsum(numbers)
    room = len(numbers) * 2.0**-53 * math.fsum(abs(v) for v in numbers)
    check(abs(float(got[f"s{i}"]) - exact) <= room, f"{what}: sum", f"{got[f's{i}']}, not {exact!r}")
    for letter, best in (("a", min(numbers)), ("b", max(numbers))):
        found = float(got[f"{letter}{i}"])
        # -0.0 and 0.0 are the same smallest value; everything else is compared to the bit.
        check(bits(found + 0.0) == bits(best + 0.0), f"{what}: {'smallest' if letter == 'a' else 'largest'}",
              f"{found!r}, not {best!r}")


# ---- what the export says ----------------------------------------------------------------------

CELL = re.compile(r'"((?:[^"]|"")*)"|([^",\n]*)')


def export_rows(path):
    """Cells of an exported file: text in quotes is a string, nothing at all is null."""
    with open(path, encoding="utf-8", newline="") as file:
        text = file.read()
    at, row, size = 0, [], len(text)
    while at < size:
        match = CELL.match(text, at)
        row.append(match.group(2) if match.group(1) is None else ("s", match.group(1).replace('""', '"')))
        at = match.end()
        if at >= size or text[at] == "\n":
            yield row
            row = []
        elif text[at] != ",":
            raise ValueError(f"{path}: byte {at}: {text[at]!r}")
        at += 1


def exported(out, table):
    """Rows by (tags, time), values as they stand in the files."""
    found = {}
    files = 0
    for folder, _, names in os.walk(out):
        if f"/{urllib.parse.quote(table.name, safe='')}/" not in folder.replace(out, "", 1) + "/":
            continue
        for name in sorted(n for n in names if n.endswith(".csv")):
            files += 1
            rows = export_rows(os.path.join(folder, name))
            head = next(rows)
            head = [h[1] if isinstance(h, tuple) else h for h in head]
            for row in rows:
                cells = dict(zip(head, row))
                when = nanoseconds(cells.pop("Timestamp"))
                cells.pop("Timestamp_ns", None)
                tags = tuple(cells.pop(t)[1] for t in table.tags)
                found[(tags, when)] = cells
    return files, found


def same(table, name, cell, expected):
    if expected is None:
        # A string field without a value is null, not "". (An absent tag would be "".)
        return cell == ""
    if table.kinds[name] == "string":
        return cell == ("s", expected)
    if isinstance(cell, tuple) or cell == "":
        return False
    value, wanted = float(cell), float(expected)
    return bits(value) == bits(wanted) or (math.isnan(value) and math.isnan(wanted))


def compare_export(out, table):
    files, found = exported(out, table)
    what = f"{table.name}: export"
    if not check(files > 0 and found.keys() == table.rows.keys(), f"{what}: files and rows",
                 f"{files} files, {len(found)} rows, not {len(table.rows)}"):
        return
    for name in table.columns:
        wrong = [(k, found[k].get(name), row.get(name)) for k, row in table.rows.items()
                 if not same(table, name, found[k].get(name, ""), row.get(name))]
        check(not wrong, f"{what}: {name} reads back equal to the bit", f"{len(wrong)} differ, first {wrong[:1]}")


# ---- the work ----------------------------------------------------------------------------------


def datasets(folder):
    """(table, file to import as it is or None, name for line protocol)"""
    at = lambda *p: os.path.join(folder, *p)
    skab = ["valve1_0", "valve2_1", "other_10"] if not LONG else sorted(
        f[:-4] for f in os.listdir(at("skab")) if f.startswith(("valve", "other")))
    nab = ["realKnownCause__machine_temperature_system_failure", "realTweets__Twitter_volume_KO",
           "realTraffic__occupancy_t4013", "artificialNoAnomaly__art_flatline"]
    if LONG:
        nab = sorted(f[:-4] for f in os.listdir(at("nab")) if f.endswith(".csv"))
    free = at("skab", "anomaly-free_anomaly-free.csv")
    yield read_plain("skab_free", free, ";"), free
    runs = [(n, read_plain(f"skab_{n}", at("skab", n + ".csv"), ";")) for n in skab]
    for n, table in runs:
        yield table, at("skab", n + ".csv")
    yield merged("skab_runs", runs, "run"), None
    for n in nab:
        yield read_plain("nab_" + n.split("__")[1], at("nab", n + ".csv")), at("nab", n + ".csv")
    yield read_plain("azure_code", at("azure_llm", "code.csv")), at("azure_llm", "code.csv")
    for n in ("ETTh1", "ETTh2")[: 2 if LONG else 1]:
        yield read_plain(n, at("ett", n + ".csv")), "rewrite"
    for n in ("weather1", "weather7", "weather13", "weather33")[: 4 if LONG else 1]:
        yield read_weather(n, at("bdg_weather", n + ".csv")), "rewrite"
    yield read_wind("wind", at("wind_scada", "T1.csv")), "rewrite"
    yield read_matrix("tep", at("tep", "d01_te.dat"), 180), "rewrite"
    yield read_matrix("exchange", at("exchange", "exchange_rate.txt.gz"), 60, ","), "rewrite"


def bring_in(table, path):
    """Returns the tables that are in the store now."""
    stored = []
    if path is not None:
        if path == "rewrite":
            path = os.path.join(FOLDER, table.name + ".csv")
            write_csv(table, path)
        answer = run("import", DB, "--format", "csv", "--tags", "", "--table", table.name, path)
        if check(answer.returncode == 0, f"{table.name}: CSV is imported", answer.stderr.strip()[:300]):
            stored.append(table)
    lines = os.path.join(FOLDER, table.name + ".lp")
    measurement = table.name + " as lines"
    write_lines(table, measurement, lines)
    answer = run("import", DB, "--format", "lp", lines)
    if check(answer.returncode == 0, f"{table.name}: line protocol is imported", answer.stderr.strip()[:300]):
        stored.append(without_nan(table, measurement))
    return stored


def main():
    since = time.time()
    os.makedirs(FOLDER, exist_ok=True)
    data = os.path.join(FOLDER, "data")
    os.makedirs(data)
    subprocess.run(f'zstd -dc "{ARCHIVE}" | tar -x -C "{data}"', shell=True, check=True)
    tables = []
    for table, path in datasets(data):
        tables += bring_in(table, path)
    print(f"{len(tables)} tables, {sum(len(t.rows) for t in tables)} rows, in after {time.time() - since:.1f} s", flush=True)
    for table in tables:
        compare(table, "as imported")
    print(f"imports are asked after {time.time() - since:.1f} s", flush=True)
    for options, moment in (([], "merged"), (["--cold"], "cold")):
        answer = run("compact", DB, *options)
        check(answer.returncode == 0, f"compact {options}", answer.stderr.strip()[:300])
        for table in tables:
            compare(table, moment)
    answer = run("verify", DB)
    check(answer.returncode == 0, "verify finds nothing", answer.stderr.strip()[:300])
    print(f"asked after {time.time() - since:.1f} s", flush=True)
    # A file a day: years of slow data are thousands of files, each of them synced.
    days = lambda t: len({when // (86400 * 10**9) for _, when in t.rows})
    chosen = [t for t in tables if LONG or days(t) <= 40 or t.name == "weather1"]
    out = os.path.join(FOLDER, "archive")
    answer = run("export", DB, "--out", out, *(a for t in chosen for a in ("--table", t.name)))
    if check(answer.returncode == 0, "export as CSV", answer.stderr.strip()[:300]):
        for table in chosen:
            compare_export(out, table)
    print(f"took {time.time() - since:.1f} s")
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return failed != 0


sys.exit(main())
