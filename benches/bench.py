#!/usr/bin/env python3
"""Measures the performance figures P1 to P8 as ratios and prints a table.

The service and its reference take turns on the same data in the same run, and their medians are
compared, so that a busy machine affects both. README.md explains the rows.
"""

import argparse
import json
import os
import random
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
import uuid
from datetime import date
from http.client import HTTPConnection
from pathlib import Path

HERE = Path(__file__).resolve().parent
PASSWORD = "measure-1234567"
SECONDS = float(os.environ.get("BENCH_SECONDS", 5))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", 3))
SCALE = float(os.environ.get("BENCH_SCALE", 1))
CUSTOMERS, ORDERS = int(100_000 * SCALE), int(500_000 * SCALE)
VISITS = int(os.environ.get("BENCH_VISITS", 10_000_000 * SCALE))
INVOICES = int(os.environ.get("BENCH_INVOICES", 1_000_000 * SCALE))
OPEN = INVOICES // 50
PEOPLE = 16  # people who check in and out at the same time
BATCH = 10_000
ELEMENTS = 200_000  # limit of the elements of all lists of a batch
KEPT = HERE / "kept.json"
PG = Path(os.environ["PG_BIN_DIR"])
BINARY = Path(os.environ["SALESBOOK_BIN"])
PARAMETER = re.compile(r"\$(\d+) = (NULL|'(?:[^']|'')*')")


def say(text):
    print(text, file=sys.stderr, flush=True)


def row_id(kind, number):
    """Returns the id of a row of data.sql."""
    return str(uuid.UUID(f"{1700000000000 + number:012x}7{kind:03d}8000{number:012x}"))


class Service:
    """A service with its own private PostgreSQL, in its own folder."""

    def __init__(self, folder, customers, orders):
        self.customers, self.orders = customers, orders
        # PostgreSQL may run as another user, who must be able to pass through the folder.
        folder.mkdir(mode=0o755)
        self.data, self.log = folder / "data", folder / "service.log"
        self.tokens = {}
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.start()
        self.database = {
            **os.environ,
            "PGHOST": str(next(self.data.rglob(".s.PGSQL.*[0-9]"), folder).parent),
            "PGUSER": "app", "PGDATABASE": "postgres",
            "PGPASSWORD": (self.data / "password").read_text().strip(),
            # The same setting as on the connections of the service.
            "PGOPTIONS": "-c jit=off",
        }
        if self.database["PGHOST"] == str(folder):
            self.stop()
            sys.exit("the socket of the private server was not found: is TMPDIR's name long?")
        self.empower()

    def empower(self):
        """Makes the role of the service a superuser: the benchmarks turn constraints off and logs on."""
        self.stop()
        data = self.data / "pg"
        owner = data.stat()
        who = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []} if os.geteuid() == 0 else {}
        command = [PG / "postgres", "--single", "-D", data, "-c", "exit_on_error=on", "postgres"]
        # The service logs tersely, which would leave out the parameters of statements.
        more = "ALTER ROLE app SUPERUSER\nALTER ROLE app SET log_error_verbosity = 'default'\n"
        subprocess.run(command, input=more, text=True, check=True, cwd="/",
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **who)
        self.start()

    def start(self):
        env = {**os.environ, "SALESBOOK_LISTEN": f"127.0.0.1:{self.port}", "SALESBOOK_LOG": "warn",
               "SALESBOOK_RATE_LIMIT": "0",
               "SALESBOOK_DATA_DIR": str(self.data), "SALESBOOK_ADMIN_PASSWORD": PASSWORD}
        env.pop("DATABASE_URL", None)
        began = time.monotonic()
        with open(self.log, "a") as log:
            self.process = subprocess.Popen([BINARY, "serve"], env=env, stdout=log, stderr=log)
        while True:
            try:
                with urllib.request.urlopen(self.url + "/health/ready") as answer:
                    if answer.status == 200:
                        return time.monotonic() - began
            except OSError:
                pass
            if self.process.poll() is not None or time.monotonic() - began > 60:
                self.stop()
                sys.exit(f"the service does not start: {self.log.read_text()[-2000:]}")
            time.sleep(0.005)

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(40)
            except subprocess.TimeoutExpired:
                self.process.kill()

    def load(self):
        variables = ["-v", f"customers={self.customers}", "-v", f"orders={self.orders}"]
        began = time.monotonic()
        self.psql("-q", *variables, "-f", HERE / "data.sql")
        say(f"{self.customers} customers, {self.orders} orders in {time.monotonic() - began:.0f} s")

    def load_visits(self, each, blocks):
        began = time.monotonic()
        self.psql("-q", "-v", f"customers={self.customers}", "-v", f"visits={VISITS}",
                  "-v", f"each={each}", "-v", f"blocks={blocks}", "-f", HERE / "visits.sql")
        say(f"{VISITS} visits in {time.monotonic() - began:.0f} s")

    def load_receivables(self, invoices):
        began = time.monotonic()
        self.psql("-q", "-v", f"customers={CUSTOMERS // 10}", "-v", f"invoices={invoices}",
                  "-v", f"open={OPEN}", "-f", HERE / "receivables.sql")
        say(f"{invoices} invoices, {OPEN} open in {time.monotonic() - began:.0f} s")

    def psql(self, *args, **more):
        command = [PG / "psql", "-XAt", "-v", "ON_ERROR_STOP=1", *args]
        done = subprocess.run(command, env=self.database, text=True, capture_output=True, **more)
        if done.returncode:
            sys.exit(f"psql: {done.stderr}")
        return done.stdout

    def sql(self, text):
        return self.psql("-q", "-c", text).strip()

    def rows(self, text):
        return [line.split("|") for line in self.sql(text).splitlines()]

    # The API

    def call(self, method, path, body=None, user="admin", key=None):
        headers = {"Content-Type": "application/json"}
        if user:
            headers["Authorization"] = f"Bearer {self.token(user)}"
        if key:
            headers["Idempotency-Key"] = key
        data = body if isinstance(body, bytes) else body and json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request) as answer:
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            sys.exit(f"{method} {path}: {error.code} {error.read().decode()}")

    def token(self, user):
        """Returns a token, which is valid for a quarter of an hour, and renews it in time."""
        token, born = self.tokens.get(user, (None, 0))
        if time.monotonic() - born > 300:
            login = {"username": user, "password": PASSWORD}
            token = self.call("POST", "/api/v1/auth/login", login, user=None)["access_token"]
            self.tokens[user] = token, time.monotonic()
        return token

    def statements(self, *request, **more):
        """Returns the statements that one request sends to the database, with their parameters."""
        self.token(more.get("user", "admin"))
        self.sql("alter system set log_statement = 'all'")
        self.sql("alter system set log_line_prefix = '[%p] '")
        self.sql("select pg_reload_conf()")
        time.sleep(0.3)
        log = self.data / "postgres.log"
        start = log.stat().st_size
        self.call(*request, **more)
        time.sleep(0.1)
        with open(log, errors="replace") as text:
            text.seek(start)
            lines = text.read()
        self.sql("alter system reset all")
        self.sql("select pg_reload_conf()")
        found = []
        for entry in re.split(r"\n(?=\[\d+\] )", lines):
            if match := re.match(r"\[(\d+)\] LOG:  (?:execute \w+|statement): (.*)", entry, re.S):
                found.append([match[1], match[2].strip(), []])
            elif match := re.match(r"\[(\d+)\] DETAIL:  parameters: (.*)", entry, re.S):
                found[-1][2] = [value for _, value in PARAMETER.findall(match[2])]
        own = re.compile(r'^alter|pg_reload_conf|from directory|"jobs"', re.I)
        # Leaves out the connections of jobs that ran at the same time: a read locks no rows, and the
        # connection of a write is the one that stores its key.
        busy = {pid for pid, text, _ in found if request[0] == "GET" and "FOR UPDATE" in text.upper()}
        ours = {pid for pid, text, _ in found if text.startswith('INSERT INTO "idempotency_keys"')}
        return [(text, values) for pid, text, values in found
                if pid not in busy and (pid in ours or not ours) and not own.search(text)]


def uuid_of(kind, number):
    """Returns the SQL counterpart of `row_id` for an expression."""
    return (f"(lpad(to_hex(1700000000000 + {number}), 12, '0') || '7' || lpad('{kind}', 3, '0') || "
            f"'8000' || lpad(to_hex({number}), 12, '0'))::uuid")


def array_type(value):
    """Returns a cast for a literal in `unnest`; lists of plain numbers become `numeric`."""
    kinds = {"uuid": r"[0-9a-f]{8}-.*", "date": r"\d{4}-\d\d-\d\d\b.*", "numeric": r"(NULL|[-\d.,])*"}
    for kind, pattern in kinds.items():
        if re.fullmatch(rf"'\{{{pattern}\}}'", value):
            return f"::{kind}[]"
    return "::text[]" if value.startswith("'{") else ""


def literal(statement, values, expression=lambda value: value):
    """Replaces the parameters of a statement by literals, for use in pgbench."""
    def value(match):
        text = expression(values[int(match[1]) - 1])
        # pgbench reads `:word` as a variable, even within a literal.
        return re.sub(r"(?<=\w\"):(?=[a-z])", ": ", text)
    return re.sub(r"\$(\d+)", value, statement) + ";\n"


class Figures:
    """The results of all rounds of one measurement."""

    def __init__(self):
        self.rates, self.p50, self.p99 = [], [], []

    def add(self, rate, p50=None, p99=None):
        self.rates.append(rate)
        if p50 is not None:
            self.p50.append(p50)
            self.p99.append(p99)

    @property
    def rate(self):
        return statistics.median(self.rates)

    def latency(self):
        if not self.p50:
            return "–"
        return f"{statistics.median(self.p50):.1f} / {statistics.median(self.p99):.1f}"


def wrk(service, script, connections, args, seconds=SECONDS, threads=2):
    command = ["wrk", f"-t{threads}", f"-c{connections}", f"-d{max(seconds, 1):.0f}s", "--timeout", "10s",
               "-s", HERE / script, service.url, "--", *args]
    env = {**os.environ, "BENCH_DIR": str(HERE)}
    done = subprocess.run(command, env=env, text=True, capture_output=True)
    if done.returncode:
        sys.exit(f"wrk: {done.stdout}{done.stderr}")
    result = json.loads(done.stdout.strip().splitlines()[-1])
    if result["errors"]:
        sys.exit(f"{script}: {result['errors']} of {result['requests']} requests failed")
    return result["requests"] / result["seconds"], result["p50"], result["p99"]


def pgbench(service, scripts, each=1, clients=16, variables=()):
    """Returns the transactions per second, multiplied by the relevant statements in each. The first
    second, in which the connections prepare their statements, does not count."""
    files = [part for script in scripts for part in ("-f", script)]
    command = [PG / "pgbench", "-n", "-M", "prepared", f"-c{clients}", "-j2",
               "-P1", f"-T{max(SECONDS, 1) + 1:.0f}", *variables, *files]
    done = subprocess.run(command, env=service.database, text=True, capture_output=True)
    rates = re.findall(r"^progress: .* ([\d.]+) tps", done.stderr, re.M)[1:]
    if done.returncode or not rates or "aborted" in done.stderr:
        sys.exit(f"pgbench: {done.stdout}{done.stderr}")
    return statistics.mean(map(float, rates)) * each


class Bench:
    def __init__(self, work):
        self.work, self.table, self.notes, self.ratios = work, [], [], {}
        self.full = Service(work / "full", CUSTOMERS, ORDERS)
        try:
            self.tenth = Service(work / "tenth", CUSTOMERS // 10, ORDERS // 10)
        except BaseException:
            self.full.stop()
            raise

    def row(self, name, service, reference, ratio, goal, good, latency="–"):
        self.table.append((name, service, reference, ratio, goal, latency, "" if good else "**short**"))
        say(" | ".join(self.table[-1]))

    def against(self, name, goal, ours, theirs, unit="/s"):
        ratio = self.ratios[name] = ours.rate / theirs.rate
        self.row(name, f"{ours.rate:,.0f}{unit}", f"{theirs.rate:,.0f}{unit}", f"{ratio:.2f}",
                 f"≥ {goal:.2f}", ratio >= goal, ours.latency())

    def grown(self, name, full, tenth):
        """Compares with a tenth of the data: the cost should depend on the answer, not on the history."""
        ratio = full.rate / tenth.rate
        self.row(name, f"{full.rate:,.0f}/s", f"{tenth.rate:,.0f}/s", f"{ratio:.2f}", "≥ 0.85",
                 ratio >= 0.85, full.latency())

    # P1

    def paths(self, service, name, owners):
        """Chooses random ids, which are the same for both sides."""
        ids = service.rows(f"select id from customers where owner_id = any('{owners}')")
        ids = random.choices([row[0] for row in ids], k=100)
        file = self.work / f"{name}.{service.port}"
        file.write_text("".join(f"/api/v1/customers/{it}\n" for it in ids))
        return ids, file

    def reads(self):
        sizes = []
        for who, user, owners in [
            ("salesperson", "user5", "{%s}" % row_id(2, 5)),
            ("manager of 20", "user105", "{%s}" % ",".join(
                row_id(2, n) for n in range(5, 101, 5))),
        ]:
            ids, file = self.paths(self.full, user, owners)
            asked = self.full.statements("GET", f"/api/v1/customers/{ids[0]}", user=user)
            self.count("GET /customers/{id}, " + who, asked)
            (statement, values) = asked[0]
            scripts = []
            for at in range(0, len(ids), 10):
                script = self.work / f"{user}.{at}.sql"
                script.write_text("".join(
                    literal(statement, values, lambda v, it=it: v.replace(ids[0], it))
                    for it in ids[at:at + 10]))
                scripts.append(script)
            narrow, wide, reference, small = Figures(), Figures(), Figures(), Figures()
            manages = user == "user105"
            if manages:
                _, small_file = self.paths(self.tenth, user, owners)
                wrk(self.tenth, "get.lua", 16, [small_file, self.tenth.token(user)], 1)
            wrk(self.full, "get.lua", 16, [file, self.full.token(user)], 1)
            for _ in range(ROUNDS):
                narrow.add(*wrk(self.full, "get.lua", 16, [file, self.full.token(user)]))
                reference.add(pgbench(self.full, scripts, each=10))
                if manages:
                    small.add(*wrk(self.tenth, "get.lua", 16, [small_file, self.tenth.token(user)]))
                with Resident(self.full) as memory:
                    wide.add(*wrk(self.full, "get.lua", 64, [file, self.full.token(user)]))
                sizes.append(memory.most)
            self.against(f"P1 GET /customers/{{id}}, {who}, 16 connections", 0.40, narrow, reference)
            self.against(f"P1 the same, 64 connections, {who}", 0.40, wide, reference)
            if manages:
                self.grown("P1 the same, 16 connections, against a tenth of the data", narrow, small)
        self.memory_64 = max(sizes)

    # P2

    def cursors(self, service, user, most=101):
        path, found = "/api/v1/customers?limit=50", []
        while path and len(found) < most:
            found.append(path)
            cursor = service.call("GET", path, user=user).get("next_cursor")
            path = cursor and f"/api/v1/customers?limit=50&cursor={cursor}"
        # With few customers there is no second page.
        found = found[1:] or found
        file = self.work / f"cursors.{service.port}"
        file.write_text("".join(f"{path}\n" for path in found))
        return found, file

    def lists(self):
        for what, who, user, people in [
            ("customers", "manager of 20", "user105", [105, *range(5, 101, 5)]),
            ("customers", "salesperson", "user5", [5]),
        ]:
            self.list_of(what, who, user, people)

    def list_of(self, what, who, user, people):
        pages, file = self.cursors(self.full, user)
        _, small_file = self.cursors(self.tenth, user)
        asked = self.full.statements("GET", pages[0], user=user)
        self.count(f"GET /{what}?limit=50, {who}", asked)
        statement, values = asked[0]
        # The cursor position is a name and an id: the last such pair of parameters before the limit.
        place = [at for at, value in enumerate(values) if re.fullmatch(r"'[0-9a-f-]{36}'", value)][-1]
        begins = self.begins(people, len(pages))
        scripts = []
        for at in range(0, len(begins), 10):
            lines = []
            for name, it in begins[at:at + 10]:
                new = [*values[:place - 1], f"'{name}'", f"'{it}'", *values[place + 1:]]
                lines.append(literal(statement, new))
            scripts.append(self.work / f"list.{user}.{at}.sql")
            scripts[-1].write_text("".join(lines))
        ours, theirs, small = Figures(), Figures(), Figures()
        for _ in range(ROUNDS):
            ours.add(*wrk(self.full, "get.lua", 16, [file, self.full.token(user)]))
            theirs.add(pgbench(self.full, scripts, each=min(10, len(begins))))
            small.add(*wrk(self.tenth, "get.lua", 16, [small_file, self.tenth.token(user)]))
        self.against(f"P2 GET /{what}?limit=50, keyset, {who}", 0.30, ours, theirs)
        self.grown("P2 the same, against a tenth of the data", ours, small)

    def begins(self, people, most):
        owners = "{%s}" % ",".join(row_id(2, n) for n in people)
        rows = self.full.rows(
            f"""select name, id from (select name, id, row_number() over (order by name, id) as n
            from customers where owner_id = any('{owners}')) as it
            where n % 50 = 0 order by n limit {most}""")
        return rows[:len(rows) // 10 * 10] or rows

    # P5

    def writes(self):
        customers = [row_id(5, n) for n in range(4, CUSTOMERS // 10, 100)]
        lines = [{"product_id": row_id(4, n), "quantity": "2"} for n in (7, 70, 300)]
        cases = [
            ("customers", [{"name": "基准{n}贸易有限公司", "city": "上海", "phone": "{n}",
                            "region": "Region 3", "industry": "trade"}]),
            ("orders", [{"customer_id": it, "lines": lines} for it in customers]),
            ("complaints", [{"customer_id": it, "category": "quality", "channel": "phone",
                             "description": "外壳开裂,客户要求换货"} for it in customers]),
        ]
        for what, bodies in cases:
            path, user = f"/api/v1/{what}", "user5"
            file = self.work / f"{what}.bodies"
            file.write_text("".join(json.dumps(it, ensure_ascii=False) + "\n" for it in bodies))
            script, count = self.same_transaction(path, json.dumps(bodies[0]), user)
            self.notes.append(f"POST /{what}: {count} statements")
            ours, theirs, small = Figures(), Figures(), Figures()
            post = lambda service, name, seconds=SECONDS: wrk(
                service, "post.lua", 16, [file, service.token(user), path, name], seconds)
            post(self.full, "w", 1)
            post(self.tenth, "w", 1)
            for at in range(ROUNDS):
                ours.add(*post(self.full, f"r{at}"))
                base = int(time.time() * 1000)
                theirs.add(pgbench(self.full, [script], variables=["-Dk=0", f"-Dbase={base}"]))
                small.add(*post(self.tenth, f"r{at}"))
            lines_too = " with 3 lines" if what == "orders" else ""
            self.against(f"P5 POST /{what}{lines_too}, 16 connections", 0.30, ours, theirs)
            self.grown("P5 the same, against a tenth of the data", ours, small)

    def same_transaction(self, path, body, user):
        """Turns the statements of one POST into a pgbench script with unique values."""
        key, name = str(uuid.uuid4()), "literal"
        body = json.loads(body.replace("{n}", name))
        asked = self.full.statements("POST", path, body, user=user, key=key)
        made = self.full.call("POST", path, body, user=user, key=key)  # replayed
        number = made.get("code") or made.get("number")
        unique = "lpad(to_hex(:base::bigint + :k::bigint), 12, '0')"
        made_id = f"({unique} || '70008' || lpad(:client_id::text, 15, '0'))::uuid"
        unique = f"{unique} || '-' || :client_id::text"

        def expression(value):
            bare = value.strip("'")
            if bare == made["id"]:
                return made_id
            if made["id"] in bare and re.fullmatch(r"\{[0-9a-f,-]+\}", bare):
                ids = bare.strip("{}").split(",")
                return f"array[{', '.join(made_id if it == made['id'] else repr(it) for it in ids)}]"
            if bare in (key, number, name, made.get("name")):
                return f"('x' || {unique})"
            # Normalised forms of the name, which are unique or compared with other rows.
            if bare.startswith("基准") and " " not in bare:
                return f"('x' || {unique})"
            if "advisory" in self.current:
                return ":k::bigint"
            if "unnest(" in self.current:  # literals are untyped there
                return value + array_type(value)
            return value

        text = ["\\set k :k + 1\n"]
        for statement, values in asked:
            self.current = statement
            text.append(literal(statement, values, expression))
        script = self.work / f"{path.rsplit('/', 1)[1]}.sql"
        script.write_text("".join(text))
        return script, len(asked)

    # P3 and P4

    def batches(self):
        def customer(at, n):
            return {"external_id": f"{at}-{n}", "name": f"批量{n:05d}-{at}贸易有限公司",
                    "city": "上海", "region": "Region 3", "phone": f"{at}-{n}",
                    "address": f"Road {n}", "owner_id": row_id(2, 1 + n % 100)}

        def order(at, n, count=3):
            lines = [{"product_id": row_id(4, 1 + (n + 7 * it) % 500), "quantity": "2",
                      "unit_price": f"{10 + n % 90}.50", "amount": f"{21 + 2 * (n % 90)}.00"}
                     for it in range(count)]
            return {"external_id": f"{at}-{n}", "customer_id": row_id(5, 1 + n % 1000),
                    "order_date": date.today().isoformat(), "currency": "CNY", "lines": lines}

        self.memory_batch = 0.0
        self.batch("customers", "customers", customer, ["customers"])
        self.batch("orders", "orders with 3 lines", order,
                   ["orders", "order_lines", "sales_entries"])
        self.absolute(f"memory, a batch of {BATCH:,}", self.memory_batch, 150, "MB")
        for lines in [20, 60]:
            self.long_orders(lines, lambda at, n, lines=lines: order(at, n, lines))
        self.workers(order)
        self.feed()

    def long_orders(self, lines, item):
        """Creates and changes the largest batch of orders with `lines` lines. Measures the memory during
        the batch and a minute after it."""
        count = min(BATCH, ELEMENTS // lines)
        items = [item(f"long{lines}", n) for n in range(count)]
        with Resident(self.full) as memory:
            for status, amount in [("created", "21.00"), ("updated", "22.00")]:
                for it in items:
                    it["lines"][0]["amount"] = amount
                body = json.dumps({"source_system": "bench", "items": items}).encode()
                began = time.monotonic()
                answer = self.full.call("POST", "/api/v1/orders/batch", body)
                say(f"{count} orders with {lines} lines {status} in {time.monotonic() - began:.1f} s")
                if answer[status] != count:
                    sys.exit(f"a batch of {count} orders with {lines} lines: {str(answer)[:1000]}")
        self.absolute(f"memory, a batch of {count:,} orders with {lines} lines", memory.most, 200, "MB")
        began = time.monotonic()
        while (kept := resident(self.full)) > 100 and time.monotonic() - began < 60:
            time.sleep(0.5)
        self.absolute("memory, a minute after it", kept, 100, "MB")

    def workers(self, order):
        """Creates orders of the same customers with one, two and four workers, 500 per batch."""
        rates, each = {}, 500
        for count in [1, 2, 4]:
            figures = Figures()
            for at in range(ROUNDS):
                def work(worker):
                    for part in range(4):
                        items = [order(f"w{count}-{at}-{worker}-{part}", n) for n in range(each)]
                        random.Random(worker + part).shuffle(items)
                        body = json.dumps({"source_system": "bench", "items": items}).encode()
                        answer = self.full.call("POST", "/api/v1/orders/batch", body)
                        done.append(answer["created"])
                done = []
                self.full.token("admin")
                threads = [threading.Thread(target=work, args=[n]) for n in range(count)]
                began = time.monotonic()
                [it.start() for it in threads]
                [it.join() for it in threads]
                figures.add(4 * each * count / (time.monotonic() - began))
                if done != [each] * 4 * count:
                    sys.exit(f"batches of {count} workers made {done} orders, of {each} each")
            rates[count] = figures
        for count in [2, 4]:
            self.against(f"Orders by {count} workers, against one", 1.6 if count == 2 else 1.0,
                         rates[count], rates[1], " rows/s")

    def feed(self):
        """Reads the whole feed with one consumer, and copies the same rows out of their table. Both are
        written to a file without parsing, which would measure the consumer."""
        count, file = int(self.full.sql("select count(*) from changes")), self.work / "rows"
        connection = HTTPConnection("127.0.0.1", self.full.port)
        headers = {"Authorization": f"Bearer {self.full.token('admin')}"}
        ours, theirs = Figures(), Figures()
        for _ in range(ROUNDS):
            began, read, cursor, more = time.monotonic(), 0, "", True
            kept = file.open("wb")
            while more:
                connection.request("GET", f"/api/v1/changes?limit=1000{cursor}", headers=headers)
                page = connection.getresponse().read()
                end = json.loads(b"{" + page[page.rindex(b'"next_cursor"'):])
                read, more = read + page.count(b'{"event_id":"'), end["more"]
                cursor = f"&cursor={end['next_cursor']}"
                kept.write(page)
            ours.add(read / (time.monotonic() - began))
            # Jobs also write changes, for example when customers become dormant.
            by_now = int(self.full.sql("select count(*) from changes"))
            if not count <= read <= by_now:
                sys.exit(f"{read} events of {count} to {by_now} changes")
            timed = self.full.psql("-c", "\\timing on", "-c", f"\\copy (select * from changes) to '{file}'")
            theirs.add(count / float(re.search(r"Time: ([\d.]+)", timed)[1]) * 1000)
        self.against(f"The feed of {count:,} changes, one consumer", 0.3, ours, theirs, " rows/s")

    def batch(self, path, what, item, tables):
        fresh, again, copied = Figures(), Figures(), Figures()
        for at in range(ROUNDS):
            items = [item(at, n) for n in range(BATCH)]
            body = json.dumps({"source_system": "bench", "items": items}).encode()
            self.full.sql("checkpoint")
            for figures, status in [(fresh, "created"), (again, "unchanged")]:
                with Resident(self.full) as memory:
                    began = time.monotonic()
                    answer = self.full.call("POST", f"/api/v1/{path}/batch", body)
                    figures.add(BATCH / (time.monotonic() - began))
                self.memory_batch = max(self.memory_batch, memory.most)
                if answer[status] != BATCH:
                    sys.exit(f"a batch of {BATCH} {what}: {str(answer)[:1000]}")
            ours = (f"select id from {path} where source_system = 'bench' "
                    f"and external_id like '{at}-%'")
            seconds = sum([self.copied(table, path, ours) for table in tables])
            copied.add(BATCH / seconds)
        self.against(f"P3 batch of {BATCH:,} new {what}", 0.25, fresh, copied, " rows/s")
        self.against("P4 the same batch again", 1.0, again, copied, " rows/s")

    def copied(self, table, path, ours):
        """Measures copying the same rows in again with other ids."""
        file = self.work / "rows"
        columns = [row[0] for row in self.full.rows(
            f"select attname from pg_attribute where attrelid = '{table}'::regclass "
            "and attnum > 0 and not attisdropped and attidentity = '' and attgenerated = '' "
            "order by attnum")]
        key = "id" if table == path else f"{path[:-1]}_id"
        other = {key: f"overlay({key}::text placing 'f' from 1 for 1)", "code": "'x' || code",
                 "number": "'x' || number", "external_id": "'x' || external_id"}
        picked = ", ".join(other.get(name, name) for name in columns)
        self.full.sql(f"\\copy (select {picked} from {table} where {key} in ({ours}) "
                      f"order by {key}) to '{file}'")
        self.full.sql("checkpoint")
        timed = self.full.psql("-c", "\\timing on", "-c",
                               f"\\copy {table} ({', '.join(columns)}) from '{file}'")
        return float(re.search(r"Time: ([\d.]+)", timed)[1]) / 1000

    # P6 and P7

    def reports(self):
        year = date.today().year
        path = (f"/api/v1/reports/sales?group_by=salesperson,month"
                f"&from={year - 1}-12-01&to={year}-12-01")
        asked = self.full.statements("GET", path)
        script = self.work / "report.sql"
        script.write_text("".join(literal(statement, values) for statement, values in asked))
        ours, theirs = [], []
        for _ in range(max(ROUNDS, 3)):
            ours.append(self.seconds(lambda: self.full.call("GET", path)))
            theirs.append(self.seconds(lambda: self.full.psql("-q", "-o", "/dev/null", "-f", script)))
        self.slower("P6 GET /reports/sales by salesperson and month", ours, theirs, 1.3)

    def pages(self):
        wanted = min(10_000, CUSTOMERS // 10 - 1)
        connection = HTTPConnection("127.0.0.1", self.full.port)

        def get(cursor):
            path = "/api/v1/customers?limit=10" + (f"&cursor={cursor}" if cursor else "")
            token = self.full.token("admin")
            connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
            return json.loads(connection.getresponse().read())["next_cursor"]

        cursor = None
        for _ in range(wanted - 1):
            cursor = get(cursor)
        first, last = [], []
        for _ in range(200):
            first.append(self.seconds(lambda: get(None)))
            last.append(self.seconds(lambda: get(cursor)))
        self.slower(f"P7 page {wanted:,} of a list against page 1", last, first, 1.5)

    @staticmethod
    def seconds(work):
        began = time.monotonic()
        work()
        return time.monotonic() - began

    def slower(self, name, ours, theirs, goal):
        ours, theirs = statistics.median(ours), statistics.median(theirs)
        self.row(name, f"{ours * 1000:,.1f} ms", f"{theirs * 1000:,.1f} ms",
                 f"{ours / theirs:.2f}", f"≤ {goal}", ours / theirs <= goal)

    # Visits and worklists

    def field(self):
        each = int(max(SECONDS, 1) * 400) + 400
        self.full.load_visits(each, 2 * ROUNDS + 1)
        self.history()
        self.visit_report()
        asked = self.full.statements("GET", "/api/v1/me/today", user="user5")
        self.row("GET /me/today, statements", str(len(asked)), "–", "–", "≤ 3", len(asked) <= 3)
        self.checks(each)

    def history(self):
        """Measures the visits of the customer with the most visits."""
        customer, connection = row_id(5, 1), HTTPConnection("127.0.0.1", self.full.port)
        most = int(self.full.sql(f"select count(*) from visits where customer_id = '{customer}' "
                                 "and status = 'completed'"))
        # The owner of the customer and the owner's manager. Cursors are valid for one user only.
        for who, user in [("salesperson", "user2"), ("manager of 20", "user102")]:
            def get(cursor, limit):
                path = f"/api/v1/visits?customer_id={customer}&limit={limit}"
                path += f"&cursor={cursor}" if cursor else ""
                headers = {"Authorization": f"Bearer {self.full.token(user)}"}
                connection.request("GET", path, headers=headers)
                answer = json.loads(connection.getresponse().read())
                if "next_cursor" not in answer:
                    sys.exit(f"no page after {path}: {str(answer)[:300]}")
                return answer["next_cursor"]

            first = f"/api/v1/visits?customer_id={customer}&limit=50"
            asked = self.full.statements("GET", first, user=user)
            self.count(f"GET /visits?customer_id=, {who}", asked)
            # All statements of the request count, so that both sides do the same work.
            script = self.work / f"history.{user}.sql"
            text = "".join(literal(statement, values) for statement, values in asked)
            script.write_text("\\timing on\n" + text * 200)
            ours, theirs = [], []
            get(None, 50)
            for _ in range(ROUNDS):
                ours += [self.seconds(lambda: get(None, 50)) for _ in range(200)]
                told = re.findall(r"^Time: ([\d.]+)", self.full.psql("-f", script), re.M)
                told = [float(it) / 1000 for it in told]
                theirs += [sum(told[at:at + len(asked)]) for at in range(0, len(told), len(asked))]
            self.slower(f"A customer's visits, first page of 50, {who}", ours, theirs, 2)
            wanted, cursor = min(1000, most // 10 - 1), None
            for _ in range(wanted - 1):
                cursor = get(cursor, 10)
            pairs = [(self.seconds(lambda: get(cursor, 10)), self.seconds(lambda: get(None, 10)))
                     for _ in range(300)]
            self.slower(f"Page {wanted:,} of them against page 1, {who}", *zip(*pairs), 1.5)

    def visit_report(self):
        year = date.today().year
        path = f"/api/v1/reports/visits?from={year - 1}-11-01&to={year}-11-01"
        asked = self.full.statements("GET", path)
        script = self.work / "visits_report.sql"
        script.write_text("".join(literal(statement, values) for statement, values in asked))
        ours, theirs = [], []
        for _ in range(max(ROUNDS, 3)):
            ours.append(self.seconds(lambda: self.full.call("GET", path)))
            theirs.append(self.seconds(lambda: self.full.psql("-q", "-o", "/dev/null", "-f", script)))
        self.slower("GET /reports/visits of a year", ours, theirs, 1.3)

    # Receivables: both services have the same number of open invoices, which determines the cost

    def receivables(self):
        self.full.load_receivables(INVOICES)
        self.tenth.load_receivables(INVOICES // 10)
        # With `as_of`, open amounts are computed from the payments until that day.
        for path in ["ar-aging", f"ar-aging?as_of={date.today()}", "open-items",
                     "ar-aging?group_by=region"]:
            path = f"/api/v1/reports/{path}"
            ours, theirs = [], []
            for number in range(1 + 5 * ROUNDS):
                for service, times in [(self.full, ours), (self.tenth, theirs)]:
                    spent = self.seconds(lambda: service.call("GET", path))
                    times += [spent] if number else []
            self.slower(f"GET {path}, against a tenth of the invoices", ours, theirs, 1.2)

    # P5 for people, each of whom has one visit at a time

    def checks(self, each):
        def visit(block, person, number):
            return row_id(9, (block * PEOPLE + person) * each + number)

        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        there = {"occurred_at": now, "latitude": 31.23, "longitude": 121.47, "accuracy_m": 9,
                 "fix_age_s": 2}
        gone = {**there, "outcome": "informed", "complaint_answer": False}
        folder = self.work / "checks"
        folder.mkdir()
        (folder / "bodies").write_text(json.dumps(there) + "\n" + json.dumps(gone) + "\n")
        last, text = 2 * ROUNDS, ["\\set k :k + 1\n"]
        one, person, count = visit(last, 4, 0), row_id(2, 5), 0
        number = "(:base::bigint + :client_id::bigint * :each::bigint + :k::bigint)"
        ids = {one: uuid_of("9", number), person: uuid_of("2", "(1 + :client_id::bigint)")}
        for step, body in [("check-in", there), ("check-out", gone)]:
            key = str(uuid.uuid4())
            asked = self.full.statements("POST", f"/api/v1/visits/{one}/{step}", body,
                                         user="user5", key=key)
            self.count(f"POST /visits/{{id}}/{step}", asked)
            for statement, values in asked:
                def expression(value, statement=statement, key=key, step=step):
                    bare = value.strip("'")
                    if bare in ids:
                        return ids[bare]
                    if bare == key:
                        return f"('{step}-' || {number} || '-' || :client_id::text)"
                    if "pg_try_advisory" in statement:
                        return f"{number}::bigint"
                    if value == f"'{{{person}}}'":
                        return f"array[{ids[person]}]"
                    if "unnest(" in statement:
                        return value + array_type(value)
                    return value
                text.append(literal(statement, values, expression))
        script = self.work / "checks.sql"
        script.write_text("".join(text))
        ours, theirs = Figures(), Figures()
        free = "update visit_checks set open = false where open"
        for at in range(ROUNDS):
            (folder / "tokens").write_text("".join(
                self.full.token(f"user{n + 1}") + "\n" for n in range(PEOPLE)))
            for n in range(PEOPLE):
                lines = "".join(visit(2 * at, n, it) + "\n" for it in range(each))
                (folder / f"ids.{n + 1}").write_text(lines)
            self.full.sql(free)
            ours.add(*wrk(self.full, "checks.lua", PEOPLE, [folder, f"r{at}"], threads=PEOPLE))
            self.full.sql(free)
            base = (2 * at + 1) * PEOPLE * each - 1
            theirs.add(pgbench(self.full, [script], each=2, variables=[
                "-Dk=0", f"-Dbase={base}", f"-Deach={each}"]))
        self.against("P5 POST check-in and check-out in turn, 16 people", 0.30, ours, theirs)

    # P8

    def absolute(self, name, value, goal, unit):
        number = f"{value:.2f}" if value < 10 else f"{value:.0f}"
        self.row(f"P8 {name}", f"{number} {unit}", "–", "–", f"≤ {goal} {unit}", value <= goal)

    def start_again(self):
        self.full.stop()
        self.ready = self.full.start()
        time.sleep(1)
        self.memory_idle = resident(self.full)

    def sizes(self):
        self.absolute("memory, idle", self.memory_idle, 60, "MB")
        self.absolute("memory, 64 connections", self.memory_64, 100, "MB")
        self.absolute("ready with an initialised data folder", self.ready, 1, "s")
        self.absolute("size of the stripped binary", BINARY.stat().st_size / 1e6, 40, "MB")

    def count(self, what, asked):
        self.notes.append(f"{what}: {len(asked)} statement{'s' * (len(asked) != 1)}")

    def run(self):
        for service in (self.full, self.tenth):
            service.load()
        self.start_again()
        for part in (self.reads, self.lists, self.reports, self.pages, self.writes, self.batches,
                     self.field, self.receivables, self.sizes):
            part()

    def stop(self):
        self.full.stop()
        self.tenth.stop()


def resident(service):
    """Returns the resident memory in megabytes, or 0 without /proc."""
    try:
        status = Path(f"/proc/{service.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024 / 1e6
    except OSError:
        return 0.0


class Resident:
    """Records the peak memory of the service within a `with` block."""

    def __init__(self, service):
        self.service, self.most, self.over = service, 0.0, threading.Event()

    def __enter__(self):
        self.thread = threading.Thread(target=self.watch)
        self.thread.start()
        return self

    def watch(self):
        while not self.over.wait(0.02):
            self.most = max(self.most, resident(self.service))

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()


def report(bench):
    version = subprocess.run([PG / "postgres", "--version"], text=True, capture_output=True).stdout
    version = re.search(r"\d+(\.\d+)?", version)[0]
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=HERE, text=True,
                            capture_output=True).stdout.strip()
    head = ["what", "service", "reference", "ratio", "goal", "p50 / p99 ms", ""]
    lines = [
        f"{date.today()}, {commit}: {os.cpu_count()} processors, PostgreSQL {version}, "
        f"{CUSTOMERS:,} customers, {ORDERS:,} orders, {ROUNDS} rounds of {SECONDS:g} s.",
        "", "| " + " | ".join(head) + " |", "|" + "---|" * len(head),
        *("| " + " | ".join(row) + " |" for row in bench.table), "", "; ".join(bench.notes) + ".",
    ]
    return "\n".join(lines)


def fallen(ratios):
    """Returns the ratios that are more than 40 % below the kept ones."""
    kept = json.loads(KEPT.read_text())
    return [f"{name}: {ratio:.3f}, kept: {kept[name]:.3f}"
            for name, ratio in ratios.items() if ratio < 0.6 * kept[name]]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the table into README.md")
    parser.add_argument(
        "--only", help="some of reads, lists, reports, pages, field, receivables, writes, batches")
    parser.add_argument(
        "--compare", action="store_true", help="fail if a ratio is more than 40 % below the kept one")
    parser.add_argument("--keep", action="store_true", help="keep the ratios for --compare")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    random.seed(1)
    work = Path(tempfile.mkdtemp(prefix="salesbook-bench."))
    work.chmod(0o755)
    try:
        bench = Bench(work)
        try:
            if options.only:
                for service in (bench.full, bench.tenth):
                    service.load()
                for part in options.only.split(","):
                    getattr(bench, part)()
            else:
                bench.run()
            text = report(bench)
        finally:
            bench.stop()
    finally:
        shutil.rmtree(work, ignore_errors=True)
    print(text)
    if options.keep:
        kept = {name: round(ratio, 3) for name, ratio in bench.ratios.items()}
        KEPT.write_text(json.dumps(kept, indent=2, ensure_ascii=False) + "\n")
    if options.compare and (less := fallen(bench.ratios)):
        sys.exit("more than 40 % slower than the kept ratios:\n" + "\n".join(less))
    if options.write:
        readme = HERE / "README.md"
        before, _ = readme.read_text().split("## The last run")
        readme.write_text(f"{before}## The last run\n{text}\n")


if __name__ == "__main__":
    main()
