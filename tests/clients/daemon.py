# daemon.py -- starts histd for a test, and speaks its two protocols with nothing but the standard library.
import http.client
import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from urllib.parse import quote

SECONDS = 30


class Daemon:
    """One histd on a folder of its own (or a given one), on free ports."""

    def __init__(self, build, folder=None, args=(), env=None, http="127.0.0.1:0", tcp="127.0.0.1:0"):
        self.build = build
        self.own = folder is None
        self.folder = folder or tempfile.mkdtemp(prefix="histd-", dir=os.environ.get("TMPDIR"))
        self.log_path = self.folder + ".log"
        self.log = open(self.log_path, "ab")
        self.process = subprocess.Popen(
            [build + "/histd", "--data", self.folder + "/store", "--tcp", tcp, "--http", http, *args],
            stdout=subprocess.PIPE, stderr=self.log, env={**os.environ, **(env or {})})
        self.ready_line = self._line()
        found = re.match(r"histd ready tcp=(\S+) http=(\S+)$", self.ready_line)
        if not found:
            self.process.wait(SECONDS)
            raise RuntimeError("no ready line but %r; the log: %s" % (self.ready_line, self.text_of_log()))
        self.tcp, self.http = found.groups()

    def _line(self):
        ready, _, _ = select.select([self.process.stdout], [], [], SECONDS)
        return self.process.stdout.readline().decode().rstrip("\n") if ready else ""

    def text_of_log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as f:
            return f.read()

    def address(self, which):
        host, port = which.rsplit(":", 1)
        return host.strip("[]"), int(port)

    # ---- TCP

    def connect(self):
        s = socket.create_connection(self.address(self.tcp), timeout=SECONDS)
        s.settimeout(SECONDS)
        return s

    def stream(self, data):
        """Sends all, says so, and returns the whole answer."""
        with self.connect() as s:
            s.sendall(data)
            s.shutdown(socket.SHUT_WR)
            return read_all(s)

    # ---- HTTP

    def request(self, method, path, body=None, headers=None):
        c = http.client.HTTPConnection(*self.address(self.http), timeout=SECONDS)
        try:
            c.request(method, path, body=body, headers=headers or {})
            r = c.getresponse()
            return Answer(r.status, r.read(), dict((k.lower(), v) for k, v in r.getheaders()))
        finally:
            c.close()

    def write(self, body, path="/write", headers=None, **arguments):
        query = "&".join("%s=%s" % (k, quote(v, safe="")) for k, v in arguments.items())
        return self.request("POST", path + ("?" + query if query else ""), body, headers)

    def query(self, csl, db=None, path="/v1/rest/query", **more):
        asked = {"csl": csl, **more}
        if db is not None:
            asked["db"] = db
        return self.request("POST", path, json.dumps(asked), {"Content-Type": "application/json"})

    def rows(self, csl, db=None, **more):
        a = self.query(csl, db, **more)
        if a.status != 200:
            raise AssertionError("%s: %d %r" % (csl, a.status, a.body[:500]))
        return a.json()["Tables"][0]["Rows"]

    def count(self, table, db=None):
        return self.rows(table + " | count", db)[0][0]

    # ---- ends

    def kill(self):
        self.process.kill()
        self.process.wait(SECONDS)

    def stop(self, with_signal=signal.SIGTERM):
        self.process.send_signal(with_signal)
        return self.process.wait(SECONDS)

    def again(self, **more):
        """A new daemon on the same folder."""
        fresh = Daemon(self.build, self.folder, **more)
        fresh.own, self.own = self.own, False
        self.log.close()
        self.process.stdout.close()
        return fresh

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(SECONDS)
        self.process.stdout.close()
        self.log.close()
        if self.own:
            shutil.rmtree(self.folder, ignore_errors=True)
            if os.path.exists(self.log_path):
                os.unlink(self.log_path)


class Answer:
    def __init__(self, status, body, headers):
        self.status, self.body, self.headers = status, body, headers

    def json(self):
        return json.loads(self.body)


def read_all(s):
    got = b""
    while True:
        piece = s.recv(65536)
        if not piece:
            return got.decode()
        got += piece


def read_line(s):
    got = b""
    while not got.endswith(b"\n"):
        piece = s.recv(1)
        if not piece:
            raise AssertionError("closed after %r" % got)
        got += piece
    return got.decode().rstrip("\n")


def silent(s, seconds):
    """True when nothing comes in that time."""
    return not select.select([s], [], [], seconds)[0]


def wait_for(what, seconds=SECONDS):
    """Until what() is true; a connection refused or cut meanwhile counts as not yet."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if what():
                return True
        except OSError:
            pass
        time.sleep(0.02)
    return False
