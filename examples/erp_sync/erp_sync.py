#!/usr/bin/env python3
"""What an ERP does every minute: push what has changed there, pull what has changed here, end equal.

The ERP is a sqlite file: `records` is its side (`dirty`: changed there), `mirror` its copy of the other."""
import argparse, base64, http.client, json, random, sqlite3, sys, time, urllib.error, urllib.parse, urllib.request, uuid
from decimal import Decimal, InvalidOperation

# type, path of its batches; of rows that are made on both sides the fields that the ERP takes over
RESOURCES = [
    ("product", "products", None),
    ("customer", "customers", ["code", "name", "city", "phone"]),
    ("order", "orders", None), ("invoice", "invoices", None), ("payment", "payments", None),
]
BATCH = 500
SCHEMA = """
create table if not exists records (type text, external_id text, id text, data text, revision integer
    default 1, dirty integer default 1, problem text, primary key (type, external_id));
create table if not exists mirror (type text, id text, version integer, data text, primary key (type, id));
create table if not exists outbox (key text primary key, path text, body text, revisions text);
create table if not exists state (name text primary key, value text);
"""


class Gone(Exception):
    """410: the cursor is no good any more; a copy is needed."""

class Service:
    def __init__(self, url, client_id, secret):
        self.url, self.token, self.batch = url.rstrip("/"), None, BATCH
        self.basic = base64.b64encode(f"{client_id}:{secret}".encode()).decode()

    def login(self):
        headers = {"Authorization": f"Basic {self.basic}", "Content-Type": "application/x-www-form-urlencoded"}
        self.token = self.send("POST", "/auth/token", b"grant_type=client_credentials", headers)["access_token"]

    def call(self, method, path, body=None, key=None):
        data = None if body is None else body.encode()
        while True:
            self.token or self.login()
            headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
            try:
                return self.send(method, path, data, {**headers, "Idempotency-Key": key} if key else headers)
            except urllib.error.HTTPError as error:
                if error.code != 401:
                    raise
                self.token = None  # expired, or the service was given new keys

    def send(self, method, path, data, headers):
        """One request, until it is answered: what may pass passes, and the same key keeps it single."""
        pause, wait = 0.2, None
        for _ in range(60):
            request = urllib.request.Request(self.url + "/api/v1" + path, data, headers, method=method)
            try:
                with urllib.request.urlopen(request, timeout=60) as answer:
                    return json.load(answer)
            except urllib.error.HTTPError as error:
                try:
                    code = json.loads(error.read())["code"]
                except (OSError, ValueError, LookupError, TypeError, http.client.HTTPException):
                    code = None  # not the service's words: a proxy's
                if error.code == 410:
                    raise Gone(code) from None
                # 409 is passing only while the first request with this key is still running.
                if not (error.code in (429, 502, 503, 504) or error.code == 409 and code == "request_in_progress"):
                    raise
                wait = error.headers.get("Retry-After")
            except (OSError, ValueError, http.client.HTTPException):
                wait = None  # no answer, or half of one: whether it has happened only the service knows
            time.sleep(min(float(wait) if (wait or "").isdigit() else pause, 30) + random.uniform(0, pause / 2))
            pause = min(pause * 2, 10)
        sys.exit("the service does not answer")


def push(db, service):
    """Batches of what is dirty. Each is kept with its key before it goes, so that a crash sends it again."""
    for kind, path, _ in RESOURCES:
        while rows := db.execute("select external_id, id, data, revision from records where type = ? and dirty"
                                 " and problem is null order by external_id limit ?", (kind, service.batch)).fetchall():
            items = [{**json.loads(row["data"]), "external_id": row["external_id"],
                      **({"id": row["id"]} if row["id"] else {})} for row in rows]
            batch = (str(uuid.uuid4()), f"/{path}/batch", json.dumps({"items": items, "unknown_references": "park"}),
                     json.dumps([[kind, row["external_id"], row["revision"]] for row in rows]))
            with db:
                db.execute("insert into outbox values (?, ?, ?, ?)", batch)
            flush(db, service)


def flush(db, service):
    for row in db.execute("select * from outbox").fetchall():
        sent, results = json.loads(row["revisions"]), []
        try:
            results = service.call("POST", row["path"], row["body"], row["key"])["results"]
        except urllib.error.HTTPError as error:
            if error.code != 413 or len(sent) == 1:
                raise
            service.batch = max(len(sent) // 2, 1)  # too much at a time: it stays dirty, and goes in halves
        with db:
            for result in results:
                kind, external_id, revision = sent[result["index"]]
                problem = json.dumps(result["problem"]) if result["status"] == "failed" else None
                # Changed again meanwhile: it stays dirty and goes once more.
                db.execute("update records set dirty = ?, problem = ? where type = ? and external_id = ?"
                           " and revision = ?", (problem is not None, problem, kind, external_id, revision))
            db.execute("delete from outbox where key = ?", (row["key"],))


def pull(db, service):
    """The changes since the last time; the cursor is kept with what it has brought."""
    types = ",".join(kind for kind, _, _ in RESOURCES)
    while True:
        cursor = db.execute("select value from state where name = 'cursor'").fetchone()
        try:
            if cursor is None:
                raise Gone("there is no copy yet")
            query = urllib.parse.urlencode({"cursor": cursor["value"], "types": types, "limit": 500})
            page = service.call("GET", f"/changes?{query}")
        except Gone:
            start = service.call("POST", f"/changes/snapshot?types={types}", "", str(uuid.uuid4()))["cursor"]
            with db:
                db.execute("delete from mirror")
                db.execute("insert or replace into state values ('cursor', ?)", (start,))
            continue
        with db:
            for event in page["items"]:
                apply(db, event)
            db.execute("insert or replace into state values ('cursor', ?)", (page["next_cursor"],))
        if not page["more"]:
            return


def apply(db, event):
    kind, row, data = event["type"], event["id"], event["data"]
    if event["op"] in ("deleted", "hidden"):
        return db.execute("delete from mirror where type = ? and id = ?", (kind, row))
    db.execute("insert or replace into mirror values (?, ?, ?, ?)", (kind, row, event["version"], json.dumps(data)))
    shared = next(fields for name, _, fields in RESOURCES if name == kind)
    theirs = {name: data[name] for name in shared or []}
    if not theirs:
        return
    if data["external_id"] is None:  # made there: it gets a number of ours, and is linked with the next push
        db.execute("insert or ignore into records (type, external_id, id, data) values (?, ?, ?, ?)",
                   (kind, "SB-" + row, row, json.dumps(theirs)))
        return
    ours = db.execute("select data from records where type = ? and external_id = ? and not dirty",
                      (kind, data["external_id"])).fetchone()
    if ours:  # whoever changed it last is right; what is dirty goes there next
        db.execute("update records set data = ? where type = ? and external_id = ?",
                   (json.dumps({**json.loads(ours["data"]), **theirs}), kind, data["external_id"]))


def differences(db):
    """Every field that the ERP has, against what the service says of it."""
    rows = db.execute("select type, id, data from mirror").fetchall()
    there = {(row["type"], json.loads(row["data"])["external_id"]): json.loads(row["data"]) for row in rows}
    names = {row["id"]: json.loads(row["data"])["external_id"] for row in rows}
    def same(ours, theirs):
        if isinstance(ours, dict):
            return all(names.get(theirs.get(name[:-11] + "id")) == value if name.endswith("_external_id")
                       else same(value, theirs.get(name)) for name, value in ours.items())
        try:
            if isinstance(ours, list):
                return len(ours) == len(theirs) and all(map(same, ours, theirs))
            return ours == theirs or Decimal(ours) == Decimal(theirs)
        except (InvalidOperation, TypeError, ValueError):
            return False
    found = []
    for row in db.execute("select type, external_id, data, problem from records").fetchall():
        theirs = there.pop((row["type"], row["external_id"]), None)
        if theirs is None or not same(json.loads(row["data"]), theirs):
            found.append((row["type"], row["external_id"], row["problem"] or "differs"))
    return found + [(kind, name, "only there") for kind, name in there if name]


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    [arguments.add_argument(name, required=True) for name in ("--url", "--client-id", "--client-secret", "--db")]
    arguments.add_argument("--every", type=float, help="seconds between two runs; one run without it")
    options = arguments.parse_args()
    db = sqlite3.connect(options.db)
    db.row_factory = sqlite3.Row
    db.executescript(SCHEMA)
    secret = sys.stdin.readline().strip() if options.client_secret == "-" else options.client_secret
    service = Service(options.url, options.client_id, secret)
    while True:
        flush(db, service)  # what a crash has left
        for _ in range(10):  # what comes from there may have to go back with a number of ours
            push(db, service)
            pull(db, service)
            if not db.execute("select 1 from records where dirty and problem is null").fetchone() and not differences(db):
                break
            time.sleep(0.3)  # what was written a moment ago is in the feed when older writers are done
        found, (count,) = differences(db), db.execute("select count(*) from records").fetchone()
        print(json.dumps({"equal": not found, "records": count, "differences": found[:20]}), flush=True)
        if options.every is None:
            sys.exit(1 if found else 0)
        time.sleep(options.every)


if __name__ == "__main__":
    main()
