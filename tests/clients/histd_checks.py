# histd_checks.py BUILD -- what histd promises at its surfaces; each test's name is true when it passes.
import gzip
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from daemon import Daemon, read_all, read_line, silent, wait_for  # noqa: E402

BUILD = sys.argv[1]
T0 = 1_700_000_000
LINE_MAX = 65536
TESTS = []


def test(f):
    TESTS.append(f)
    return f


def eq(got, wanted, what=""):
    if got != wanted:
        raise AssertionError("%s: got %r, wanted %r" % (what, got, wanted))


def has(text, *parts):
    for part in parts:
        if part not in text:
            raise AssertionError("%r is not in %r" % (part, text))


def lines(count, table="m", first=0, tag="a"):
    return "".join("%s,t=%s v=%di %d\n" % (table, tag, i, (T0 + first + i) * 10**9) for i in range(count)).encode()


# ---- TCP

@test
def a_stream_is_answered_with_its_count_when_the_client_has_said_all():
    with Daemon(BUILD) as d:
        eq(d.stream(lines(1000)), "ok 1000 rejected 0\n")
        eq(d.count("m"), 1000)
        eq(d.rows("m | summarize sum(v)")[0][0], 499500)


@test
def an_empty_stream_is_answered_too():
    with Daemon(BUILD) as d:
        eq(d.stream(b""), "ok 0 rejected 0\n")
        eq(d.stream(b"\n\n# nothing\n"), "ok 0 rejected 0\n")


@test
def a_last_line_without_newline_counts():
    with Daemon(BUILD) as d:
        eq(d.stream(b"m v=1 1\nm v=2 2"), "ok 2 rejected 0\n")
        eq(d.stream(b"m v=3 3\nm v=x"), d.stream(b"m v=3 3\nm v=x"))
        eq(d.count("m"), 3)


@test
def a_bad_line_costs_that_line_only_and_is_told_with_its_number():
    with Daemon(BUILD) as d:
        answer = d.stream(b"m v=1 1\nbad\n# note\nm v=2 2\nm v=\"x\" 3\n\nm v=3 4\n").splitlines()
        eq(len(answer), 3)
        has(answer[0], "error 2 ")
        has(answer[1], "error 5 ", "m", "v", "string", "real")
        eq(answer[2], "ok 3 rejected 2")
        eq(d.count("m"), 3)


@test
def at_most_100_errors_are_told_and_all_are_counted():
    with Daemon(BUILD) as d:
        for bad in (99, 100, 101, 1000):
            answer = d.stream(b"bad\n" * bad).splitlines()
            eq(len(answer), min(bad, 100) + 1)
            eq(answer[-1], "ok 0 rejected %d" % bad)
            eq(answer[0].split()[:2], ["error", "1"])


@test
def nothing_is_sent_while_the_client_writes():
    with Daemon(BUILD) as d, d.connect() as s:
        s.sendall(b"bad\n" * 10 + lines(10))
        if not silent(s, 1.2):
            raise AssertionError("it spoke: %r" % s.recv(100))
        s.shutdown(socket.SHUT_WR)
        has(read_all(s), "ok 10 rejected 10\n")


@test
def a_stream_that_asked_for_reports_gets_errors_as_they_come():
    with Daemon(BUILD) as d, d.connect() as s:
        s.sendall(b"# report\nm v=1 1\nbad\n")
        has(read_line(s), "error 3 ")
        s.sendall(b"m v=2 2\nworse\n")
        has(read_line(s), "error 5 ")
        s.shutdown(socket.SHUT_WR)
        eq(read_all(s), "ok 2 rejected 2\n")


@test
def reports_are_dropped_for_a_peer_that_does_not_read_and_nothing_else_is():
    with Daemon(BUILD) as d, d.connect() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.sendall(b"# report\n" + b"bad\n" * 400000 + lines(100))
        eq(d.stream(lines(5, "other")), "ok 5 rejected 0\n")
        s.shutdown(socket.SHUT_WR)
        answer = read_all(s)
        has(answer, "ok 100 rejected 400000\n")
        if answer.count("error ") > 399999:
            raise AssertionError("all %d reports were kept" % answer.count("error "))


@test
def sync_is_answered_when_the_lines_before_it_are_there():
    with Daemon(BUILD) as d, d.connect() as s:
        s.sendall(lines(500) + b"# sync one\n")
        eq(read_line(s), "synced one")
        eq(d.count("m"), 500)
        s.sendall(b"# sync a b  c\r\n# sync\n" + lines(1, first=900) + b"# sync " + b"x" * 200 + b"\n")
        eq([read_line(s) for _ in range(3)], ["synced a b  c", "synced ", "synced " + "x" * 200])
        eq(d.count("m"), 501)
        s.shutdown(socket.SHUT_WR)
        eq(read_all(s), "ok 501 rejected 0\n")


@test
def many_syncs_in_a_row_are_answered_in_order():
    with Daemon(BUILD) as d, d.connect() as s:
        s.sendall(b"".join(b"m v=%d %d\n# sync %d\n" % (i, i + 1, i) for i in range(3000)))
        eq([read_line(s) for _ in range(3000)], ["synced %d" % i for i in range(3000)])
        s.shutdown(socket.SHUT_WR)
        eq(read_all(s), "ok 3000 rejected 0\n")


@test
def a_directive_inside_of_a_string_is_text():
    with Daemon(BUILD) as d, d.connect() as s:
        s.sendall(b'm s="one\n# sync inner\n# report\ntwo" 1\n# sync outer\n')
        eq(read_line(s), "synced outer")
        s.sendall(b"bad\n")
        if not silent(s, 0.7):
            raise AssertionError("it reports")
        s.shutdown(socket.SHUT_WR)
        eq([x[:7] for x in read_all(s).splitlines()], ["error 6", "ok 1 re"])
        eq(d.rows("m | project s"), [["one\n# sync inner\n# report\ntwo"]])


@test
def an_open_stream_is_durable_within_a_second_or_so():
    with Daemon(BUILD) as d, d.connect() as s:
        s.sendall(lines(300))
        time.sleep(1.5)
        d.kill()
        with d.again() as e:
            eq(e.count("m"), 300)


@test
def what_was_answered_survives_kill_9():
    with Daemon(BUILD) as d:
        eq(d.stream(lines(20000)), "ok 20000 rejected 0\n")
        eq(d.write(lines(10, "h")).status, 204)
        with d.connect() as s:
            s.sendall(lines(70, "s") + b"# sync now\n")
            eq(read_line(s), "synced now")
            d.kill()
        with d.again() as e:
            eq([e.count(t) for t in ("m", "h", "s")], [20000, 10, 70])


@test
def sigterm_drains_commits_answers_and_exits_0():
    for how in (signal.SIGTERM, signal.SIGINT):
        with Daemon(BUILD) as d:
            with d.connect() as s:
                s.sendall(lines(100000) + b"m,t=a v=1")
                time.sleep(0.1)
                eq(d.stop(how), 0)
                eq(read_all(s), "ok 100000 rejected 0\n")
            with d.again() as e:
                eq(e.count("m"), 100000)


@test
def a_stream_byte_by_byte_is_the_same_stream():
    data = b'm,t=a v=1i,s="x\ny" 1\n# sync k\nbad\nm,t=a v=2i 2\n'
    with Daemon(BUILD) as d, d.connect() as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for i in range(len(data)):
            s.sendall(data[i:i + 1])
            if i % 7 == 0:
                time.sleep(0.002)
        eq(read_line(s), "synced k")
        s.shutdown(socket.SHUT_WR)
        answer = read_all(s).splitlines()
        has(answer[0], "error 4 ")
        eq(answer[1], "ok 2 rejected 1")


@test
def a_line_at_the_limit_is_taken_and_one_past_it_is_refused():
    def line(size, t):
        head, tail = b'm s="', b'" %d\n' % t
        return head + b"x" * (size - len(head) - len(tail) + 1) + tail
    with Daemon(BUILD) as d:
        for extra in (-1, 0, 1, 2, 70000, 3000000):
            data = b"m v=1 1\n" + line(LINE_MAX + extra, 7) + b"m v=2 2\n"
            answer = d.stream(data).splitlines()
            if extra <= 0:
                eq(answer, ["ok 3 rejected 0"], extra)
            else:
                has(answer[0], "error 2 ")
                eq(answer[1:], ["ok 2 rejected 1"], extra)


@test
def a_line_without_an_end_costs_no_memory_and_its_stream_goes_on():
    with Daemon(BUILD) as d, d.connect() as s:
        for _ in range(64):
            s.sendall(b"y" * (1 << 20))
        s.sendall(b"\n" + lines(3) + b"# sync z\n")
        eq(read_line(s), "synced z")
        with open("/proc/%d/status" % d.process.pid, encoding="ascii") as f:
            used = int([x for x in f if x.startswith("VmHWM")][0].split()[1])
        if used > 80000 and "san" not in BUILD:
            raise AssertionError("%d KiB" % used)
        s.shutdown(socket.SHUT_WR)
        answer = read_all(s).splitlines()
        has(answer[0], "error 1 ")
        eq(answer[1], "ok 3 rejected 1")


@test
def precision_is_of_the_listener_or_of_the_stream():
    with Daemon(BUILD, args=["--tcp-precision", "s"]) as d:
        eq(d.stream(b"m,t=a v=1 1700000000\n# precision ms\nm,t=b v=1 1700000000000\n"
                    b"# precision us\nm,t=c v=1 1700000000000000\n# precision ns\nm,t=d v=1 1700000000000000000\n"),
           "ok 4 rejected 0\n")
        eq(d.rows("m | summarize dcount(Timestamp), min(Timestamp)"), [[1, "2023-11-14T22:13:20Z"]])
        has(d.stream(b"# precision days\n"), "error 1 ", "ok 0 rejected 1\n")


@test
def times_of_another_precision_are_stored_and_warned_about():
    with Daemon(BUILD) as d:
        answer = d.stream(b"m v=1 1700000000\n")
        has(answer, "warning ", "precision", "ok 1 rejected 0\n")


@test
def a_client_of_another_protocol_is_told_so():
    with Daemon(BUILD) as d:
        for hello in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"POST /write?db=x HTTP/1.1\r\nHost: x\r\n\r\n"):
            with d.connect() as s:
                s.sendall(hello)
                has(read_line(s), "error 1 ", "line protocol", d.http)
        with d.connect() as s:
            s.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n")
            has(read_line(s), "error 1 ", "TLS")
        eq(d.stream(b"GET /a=1 1\n"), "ok 1 rejected 0\n")


@test
def two_hundred_clients_at_a_time_lose_nothing():
    with Daemon(BUILD) as d:
        clients = [d.connect() for _ in range(200)]
        for part in range(3):
            for i, s in enumerate(clients):
                s.sendall(lines(20, tag="c%d" % i, first=part * 20)[:-7 if part == 2 else None])
        for i, s in enumerate(clients):
            s.sendall(lines(20, tag="c%d" % i, first=40)[-7:])
            s.shutdown(socket.SHUT_WR)
        for s in clients:
            eq(read_all(s), "ok 60 rejected 0\n")
            s.close()
        eq(d.count("m"), 12000)
        eq(d.rows("m | summarize n=count() by t | summarize count(), min(n), max(n)"), [[200, 60, 60]])


@test
def a_connection_past_the_most_is_refused_with_a_line_and_others_go_on():
    with Daemon(BUILD, args=["--tcp-connections", "5"]) as d:
        held = [d.connect() for _ in range(5)]
        for s in held:
            s.sendall(b"# sync x\n")
            eq(read_line(s), "synced x")
        with d.connect() as s:
            has(read_all(s), "error 0 ", "5")
        held[0].close()
        eq(wait_for(lambda: d.stream(b"m v=1 1\n") == "ok 1 rejected 0\n", 10), True)
        for s in held:
            s.close()


@test
def running_out_of_descriptors_sheds_clients_and_serves_again():
    with tempfile.TemporaryDirectory() as folder:
        with open(folder + "/histd", "w", encoding="ascii") as f:
            f.write('#!/bin/sh\nulimit -n 40\nexec "%s/histd" "$@"\n' % os.path.abspath(BUILD))
        os.chmod(folder + "/histd", 0o755)
        with Daemon(folder, http="off") as d:
            held = [d.connect() for _ in range(60)]
            time.sleep(0.5)
            for s in held:
                s.close()
            eq(wait_for(lambda: d.stream(b"m v=1 1\n") == "ok 1 rejected 0\n", 20), True)
            has(d.text_of_log(), "descriptors")


@test
def a_slow_client_does_not_hold_up_others():
    with Daemon(BUILD, args=["--threads", "1"]) as d, d.connect() as slow:
        slow.sendall(b"slow v=")
        start = time.monotonic()
        for _ in range(20):
            eq(d.stream(lines(10)), "ok 10 rejected 0\n")
        if time.monotonic() - start > 10:
            raise AssertionError("slow")
        slow.sendall(b"1 1\n")
        slow.shutdown(socket.SHUT_WR)
        eq(read_all(slow), "ok 1 rejected 0\n")


@test
def a_stream_that_breaks_off_keeps_its_whole_lines():
    with Daemon(BUILD) as d:
        s = d.connect()
        s.sendall(lines(100) + b"m,t=a v=99")
        time.sleep(0.3)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        s.close()
        eq(wait_for(lambda: d.count("m") == 100), True)


@test
def a_silent_stream_is_answered_and_closed():
    with Daemon(BUILD, args=["--tcp-idle", "1s"]) as d, d.connect() as s:
        s.sendall(lines(3))
        s.settimeout(20)
        has(read_all(s), "warning ", "silent", "ok 3 rejected 0\n")


# ---- HTTP

@test
def health_ready_ping_and_metrics_answer():
    with Daemon(BUILD) as d:
        a = d.request("GET", "/health")
        eq((a.status, a.json()["name"], a.json()["status"]), (200, "histd", "pass"))
        eq(d.request("GET", "/").status, 200)
        eq(d.request("GET", "/ready").json()["status"], "ready")
        p = d.request("GET", "/ping")
        eq((p.status, p.body), (204, b""))
        if "x-influxdb-version" not in p.headers:
            raise AssertionError("no version: %r" % p.headers)
        has(d.request("GET", "/ping?verbose=true").json(), "version")
        eq(d.request("GET", "/ping?verbose=true").status, 200)
        eq(d.request("HEAD", "/ping").status, 204)
        h = d.request("HEAD", "/health")
        eq((h.status, h.body), (200, b""))
        has(d.request("GET", "/metrics").body.decode(), "hist_rows_written_total 0\n", "# TYPE hist_parts gauge\n")


@test
def other_paths_and_methods_are_refused_as_json():
    with Daemon(BUILD) as d:
        a = d.request("GET", "/nothing")
        eq(a.status, 404)
        has(a.json(), "error")
        for method, path in (("GET", "/write"), ("PUT", "/write"), ("DELETE", "/health"), ("POST", "/health")):
            a = d.request(method, path, b"")
            eq(a.status, 405, path)
            has(a.headers, "allow")
            has(a.json(), "error")
        o = d.request("OPTIONS", "/write")
        eq(o.status, 204)
        has(o.headers["allow"], "POST")


@test
def a_write_is_answered_204_when_durable_in_each_precision():
    with Daemon(BUILD) as d:
        scale = {"n": 9, "ns": 9, "u": 6, "us": 6, "ms": 3, "s": 0}
        for i, (p, digits) in enumerate(scale.items()):
            a = d.write(b"m,t=%d v=1 %d\n" % (i, T0 * 10**digits), precision=p)
            eq((a.status, a.body), (204, b""), p)
        eq(d.write(b"m,t=x v=1 %d\n" % (T0 * 10**9)).status, 204)
        eq(d.rows("m | summarize count(), dcount(Timestamp)"), [[7, 1]])
        eq(d.write(b"m v=1 1\n", precision="days").status, 400)
        eq(d.write(b"m v=1 1\n", precision="").status, 204)


@test
def writes_go_to_the_database_named():
    with Daemon(BUILD) as d:
        eq(d.write(b"m v=1 1\n", db="plant").status, 204)
        eq(d.write(b"m v=1 2\nm v=2 3\n", path="/api/v2/write", bucket="plant/autogen", org="x").status, 204)
        eq(d.write(b"m v=9 9\n", path="/influx/write").status, 204)
        eq(d.count("m", "plant"), 3)
        eq(d.count("m"), 1)
        eq(d.count('database("plant").m'), 3)


@test
def empty_bodies_and_comments_are_204():
    with Daemon(BUILD) as d:
        for body in (b"", b"\n", b"# only a comment\n", b"\r\n"):
            eq(d.write(body).status, 204, body)


@test
def bad_lines_are_400_json_and_good_lines_are_durable():
    with Daemon(BUILD) as d:
        a = d.write(b"m v=1 1\nbad\nm v=2 2\n")
        eq(a.status, 400)
        has(a.json()["error"], "partial write", "line 2", "dropped=1")
        d.kill()
        with d.again() as e:
            eq(e.count("m"), 2)
            a = e.write(b"bad\n")
            eq(a.status, 400)
            has(a.json()["error"], "unable to parse")
            eq(e.write(b"m v=1 1\n").status, 204)
            a = e.write(b"bad\n" * 5000)
            eq(a.status, 400)
            has(a.json()["error"], "dropped=5000")


@test
def a_type_conflict_is_400_and_422_for_the_second_version():
    with Daemon(BUILD) as d:
        eq(d.write(b"m v=1.5 1\n").status, 204)
        a = d.write(b'm v="text" 2\n')
        eq(a.status, 400)
        has(a.json()["error"], "partial write", "v")
        a = d.write(b'm v="text" 2\nm v=3 3\n', path="/api/v2/write", bucket="default")
        eq(a.status, 422)
        has(a.json(), "message", "code")
        eq(d.count("m"), 2)


@test
def gzip_bodies_are_inflated_even_in_members_and_pieces():
    with Daemon(BUILD) as d:
        if d.write(b"", headers={"Content-Encoding": "gzip"}).status == 400:
            return
        z = gzip.compress(lines(5000))
        eq(d.write(z, headers={"Content-Encoding": "gzip"}).status, 204)
        eq(d.count("m"), 5000)
        two = gzip.compress(lines(10, "n")[:100]) + gzip.compress(lines(10, "n")[100:])
        eq(d.write(two, headers={"Content-Encoding": "gzip"}).status, 204)
        eq(d.count("n"), 10)
        chunked = iter([z[i:i + 100] for i in range(0, len(z), 100)])
        eq(d.write(chunked, headers={"Content-Encoding": "gzip"}, db="c").status, 204)
        eq(d.count("m", "c"), 5000)
        eq(d.write(z[:-30], headers={"Content-Encoding": "gzip"}, db="cut").status, 400)
        eq(d.write(b"not gzip", headers={"Content-Encoding": "gzip"}).status, 400)
        eq(d.write(b"m v=1 1\n", headers={"Content-Encoding": "br"}).status, 400)
        eq(d.count("m", "cut"), 0)


@test
def the_body_limit_counts_inflated_bytes():
    with Daemon(BUILD, args=["--http-body", "100000"]) as d:
        def body(size):
            data = lines(4000)[:size]
            return data + b"#" + b"x" * (size - len(data) - 1) if len(data) < size else data
        cut = body(100000)
        at_most = cut[:cut.rindex(b"\n") + 1]
        at_most += b"#" * (100000 - len(at_most))
        eq(d.write(at_most).status, 204)
        eq(d.write(at_most + b"#").status, 413)
        eq(d.write(iter([at_most, b"#"])).status, 413)
        bomb = gzip.compress(b"#" * 50_000_000)
        eq(d.write(bomb, headers={"Content-Encoding": "gzip"}).status, 413)
        eq(d.write(b"m v=1i 1\n").status, 204)


@test
def bodies_are_not_taken_for_forms():
    with Daemon(BUILD) as d:
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        eq(d.write(b'm s="a=b&c=%20+d" 1\n', headers=form).status, 204)
        eq(d.rows("m | project s"), [["a=b&c=%20+d"]])


@test
def a_query_answers_as_kusto_v1():
    with Daemon(BUILD) as d:
        d.write(b'm,t=a i=7i,r=1.5,b=true,s="x\\"y" 1700000000000000000\n')
        a = d.query("m | project Timestamp, t, i, r, b, s")
        eq(a.status, 200)
        table = a.json()["Tables"][0]
        eq([(c["ColumnName"], c["DataType"], c["ColumnType"]) for c in table["Columns"]],
           [("Timestamp", "DateTime", "datetime"), ("t", "String", "string"), ("i", "Int64", "long"),
            ("r", "Double", "real"), ("b", "SByte", "bool"), ("s", "String", "string")])
        eq(table["Rows"], [["2023-11-14T22:13:20Z", "a", 7, 1.5, True, 'x"y']])
        eq(d.query("m | count", path="/v1/rest/mgmt").status, 200)
        eq(d.request("GET", "/v1/rest/query?csl=m%20%7C%20count").json()["Tables"][0]["Rows"], [[1]])


@test
def request_ids_are_echoed():
    with Daemon(BUILD) as d:
        a = d.request("POST", "/v1/rest/query", json.dumps({"csl": "print 1"}),
                      {"x-ms-client-request-id": "KPC.execute;1234"})
        eq(a.headers["x-ms-client-request-id"], "KPC.execute;1234")
        eq(len(a.headers["x-ms-activity-id"]), 36)


@test
def refused_queries_are_kustos_error_object_with_400():
    with Daemon(BUILD) as d:
        d.write(b"m v=1 1\n")
        for csl in ("m | wher v > 1", "m | where nothere > 1", "nothere", "m | where (", ""):
            a = d.query(csl)
            eq(a.status, 400, csl)
            e = a.json()["error"]
            for key in ("code", "message", "@type", "@message", "@context", "@permanent"):
                has(e, key)
        for body in (b"", b"{", b"[]", b'{"csl":1}', b'{"csl":"print 1","properties":"{"}'):
            eq(d.request("POST", "/v1/rest/query", body).status, 400, body)


@test
def parameters_and_properties_are_read_in_both_spellings():
    with Daemon(BUILD) as d:
        csl = "declare query_parameters(n:long, s:string); print n, s"
        p = {"Options": {"servertimeout": "00:04:00", "unknown": 1}, "Parameters": {"n": "41", "s": "\"x\""}}
        eq(d.rows(csl, properties=p), [[41, "x"]])
        eq(d.rows(csl, properties=json.dumps(p)), [[41, "x"]])
        eq(d.rows(csl, properties={"options": {}, "parameters": {"n": 42, "s": "\"y\""}}), [[42, "y"]])


@test
def large_answers_stream_whole():
    with Daemon(BUILD) as d:
        eq(d.stream(lines(300000)), "ok 300000 rejected 0\n")
        a = d.query("m | project v")
        rows = a.json()["Tables"][0]["Rows"]
        eq((a.status, len(rows), sum(r[0] for r in rows)), (200, 300000, 300000 * 299999 // 2))


@test
def a_client_that_goes_away_stops_its_query():
    with Daemon(BUILD) as d:
        eq(d.stream(lines(300000)), "ok 300000 rejected 0\n")
        body = json.dumps({"csl": "m | extend k=1 | join kind=inner (m | extend k=1) on k | count"}).encode()
        with socket.create_connection(d.address(d.http)) as s:
            s.sendall(b"POST /v1/rest/query HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            time.sleep(0.3)

        def active():
            text = d.request("GET", "/metrics").body.decode()
            return int([x for x in text.splitlines() if x.startswith("hist_http_requests_active ")][0].split()[1])
        eq(wait_for(lambda: active() == 1, 20), True)
        start = time.monotonic()
        eq(d.stop(), 0)
        if time.monotonic() - start > 12:
            raise AssertionError("stopping took %.1f s" % (time.monotonic() - start))


@test
def sigterm_stops_a_query_that_is_still_opening():
    with Daemon(BUILD) as d:
        body = json.dumps({"csl": "print toscalar(range x from 1 to 10000000000000 step 1 | count)"}).encode()
        with socket.create_connection(d.address(d.http)) as s:
            s.sendall(b"POST /v1/rest/query HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            time.sleep(0.5)
            start = time.monotonic()
            eq(d.stop(), 0)
            if time.monotonic() - start > 12:
                raise AssertionError("stopping took %.1f s" % (time.monotonic() - start))


@test
def many_writers_over_http_at_a_time_lose_nothing():
    with Daemon(BUILD) as d:
        bad = []

        def work(k):
            for i in range(20):
                a = d.write(lines(10, tag="w%d" % k, first=i * 10))
                if a.status != 204:
                    bad.append(a.status)
        threads = [threading.Thread(target=work, args=(k,)) for k in range(16)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        eq(bad, [])
        eq(d.count("m"), 3200)


# ---- the program

def run(*args, env=None):
    p = subprocess.run([BUILD + "/histd", *args], capture_output=True, text=True, timeout=30,
                       env={**os.environ, **(env or {})}, check=False)
    return p.returncode, p.stdout, p.stderr


@test
def wrong_usage_is_status_2_with_a_reason():
    with tempfile.TemporaryDirectory() as t:
        for args in ([], ["--data"], ["--nothing"], ["--data", t, "extra"], ["--data", t, "--tcp", "nonsense"],
                     ["--data", t, "--tcp", "127.0.0.1:99999"], ["--data", t, "--memory", "lots"],
                     ["--data", t, "--memory", "1M"], ["--data", t, "--tcp-precision", "days"],
                     ["--data", t, "--config", t + "/none.ini"], ["--data", t, "--http", "example.org:80"]):
            status, out, err = run(*args)
            eq(status, 2, args)
            has(err, "histd")
            eq(out, "")


@test
def addresses_of_other_machines_are_refused_unless_allowed():
    with tempfile.TemporaryDirectory() as t:
        for flag in ("--tcp", "--http"):
            for where in ("0.0.0.0:0", "[::]:0", "192.0.2.1:9009"):
                status, _, err = run("--data", t + "/s", flag, where)
                eq(status, 2, where)
                has(err, "--allow-remote", "TLS")
        eq(run("--data", t + "/s", "--tcp", "0.0.0.0:0", "--allow-remote", "--check-config")[0], 0)
    with Daemon(BUILD, tcp="0.0.0.0:0", args=["--allow-remote"]) as d:
        has(d.ready_line, "tcp=0.0.0.0:")


@test
def help_version_and_check_config_end_at_once():
    status, out, _ = run("--help")
    eq(status, 0)
    has(out, "--data", "--tcp", "--http", "--allow-remote", "exit status")
    status, out, _ = run("--version")
    eq(status, 0)
    has(out, "histd ")
    with tempfile.TemporaryDirectory() as t:
        eq(run("--data", t + "/s", "--check-config")[0], 0)
        eq(os.path.exists(t + "/s"), False)


@test
def a_second_daemon_on_the_folder_is_refused_with_status_3():
    with Daemon(BUILD) as d:
        d.stream(lines(5))
        status, out, err = run("--data", d.folder + "/store", "--tcp", "127.0.0.1:0", "--http", "off")
        eq((status, out), (3, ""))
        has(err, d.folder)
        eq(d.count("m"), 5)


@test
def a_taken_port_and_a_foreign_folder_are_status_3():
    with Daemon(BUILD) as d, tempfile.TemporaryDirectory() as t:
        status, _, err = run("--data", t + "/s", "--tcp", d.tcp, "--http", "off")
        eq(status, 3)
        has(err, d.tcp)
        with open(t + "/letter.txt", "w", encoding="ascii") as f:
            f.write("not a store")
        eq(run("--data", t, "--tcp", "127.0.0.1:0", "--http", "off")[0], 3)


@test
def listeners_can_be_off():
    with Daemon(BUILD, http="off") as d:
        eq(d.http, "off")
        eq(d.stream(lines(3)), "ok 3 rejected 0\n")
        eq(d.stop(), 0)
    with Daemon(BUILD, tcp="off") as d:
        eq(d.tcp, "off")
        eq(d.write(lines(3)).status, 204)


@test
def flags_win_over_environment_over_file():
    with tempfile.TemporaryDirectory() as t:
        path = t + "/histd.ini"

        def write(text):
            with open(path, "w", encoding="ascii") as f:
                f.write(text)
        write("[histd]\ntcp-precision = s\nlog-level = error\n")
        if run("--data", t + "/s", "--config", path, "--check-config")[0] != 0:
            return  # Built without the library that reads it.
        line = b"m v=1 1700000000\n"
        with Daemon(BUILD, args=["--config", path]) as d:
            eq(d.stream(line), "ok 1 rejected 0\n")
            eq(d.rows("m | project Timestamp"), [["2023-11-14T22:13:20Z"]])
        with Daemon(BUILD, args=["--config", path], env={"HISTD_TCP_PRECISION": "ms"}) as d:
            d.stream(b"m v=1 1700000000000\n")
            eq(d.rows("m | project Timestamp"), [["2023-11-14T22:13:20Z"]])
        with Daemon(BUILD, args=["--config", path, "--tcp-precision", "us"], env={"HISTD_TCP_PRECISION": "ms"}) as d:
            d.stream(b"m v=1 1700000000000000\n")
            eq(d.rows("m | project Timestamp"), [["2023-11-14T22:13:20Z"]])
        for bad in ("tcp-precision = days\n", "nothing = 1\n", "[other]\ntcp = x\n", "memory = -5\n"):
            write(bad)
            status, _, err = run("--data", t + "/s", "--config", path, "--check-config")
            eq(status, 2, bad)
            has(err, path)
        eq(run("--data", t + "/s", "--check-config", env={"HISTD_MEMORY": "x"})[0], 2)


@test
def sighup_reloads_the_log_level():
    with tempfile.TemporaryDirectory() as t:
        path = t + "/histd.ini"
        with open(path, "w", encoding="ascii") as f:
            f.write("log-level = error\n")
        if run("--data", t + "/s", "--config", path, "--check-config")[0] != 0:
            return
        with Daemon(BUILD, args=["--config", path]) as d:
            eq(d.text_of_log(), "")
            with open(path, "w", encoding="ascii") as f:
                f.write("log-level = info\n")
            d.process.send_signal(signal.SIGHUP)
            eq(wait_for(lambda: "reloaded" in d.text_of_log(), 10), True)
            with open(path, "w", encoding="ascii") as f:
                f.write("log-level = loud\n")
            d.process.send_signal(signal.SIGHUP)
            eq(wait_for(lambda: "not reloaded" in d.text_of_log(), 10), True)
            eq(d.stream(lines(3)), "ok 3 rejected 0\n")


@test
def an_idle_daemon_is_small():
    if "san" in BUILD:
        return
    with Daemon(BUILD) as d:
        held = [d.connect() for _ in range(100)]
        time.sleep(0.3)
        with open("/proc/%d/status" % d.process.pid, encoding="ascii") as f:
            used = int([x for x in f if x.startswith("VmRSS")][0].split()[1])
        for s in held:
            s.close()
        if used > 16384:
            raise AssertionError("%d KiB" % used)


def main():
    wanted = sys.argv[2:]
    passed = failed = 0
    for f in TESTS:
        if wanted and not any(w in f.__name__ for w in wanted):
            continue
        name = f.__name__.replace("_", " ")
        start = time.monotonic()
        try:
            f()
            passed += 1
            print("ok %s (%.1f s)" % (name, time.monotonic() - start), flush=True)
        except Exception:  # pylint: disable=broad-except
            failed += 1
            print("not ok %s\n%s" % (name, traceback.format_exc(limit=3)), flush=True)
    print("%d passed, %d failed" % (passed, failed))
    return 0 if failed == 0 else 1


sys.exit(main())
