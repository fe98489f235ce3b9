"""A salesperson's day with the generated client, as a first integration in Python.

An admin prepares the day. Requires SALESBOOK_URL and SALESBOOK_ADMIN_PASSWORD.
"""

import datetime
import os
import time
from typing import TypeVar

from salesbook_client import AuthenticatedClient, Client
from salesbook_client import models as m
from salesbook_client.api.auth import create_user, log_in as open_session
from salesbook_client.api.customers import create_customer, update_customer
from salesbook_client.api.orders import create_order, submit_order
from salesbook_client.api.products import create_product
from salesbook_client.api.sync import list_changes
from salesbook_client.api.visits import check_in, check_out, create_visit
from salesbook_client.api.worklists import read_today
from salesbook_client.types import UNSET

URL = os.environ["SALESBOOK_URL"]
RUN = f"py-{time.time_ns()}"
T = TypeVar("T")


def good(answer: T | m.Problem | None, kind: type[T]) -> T:
    """Returns the answer, or raises an exception for a problem."""
    if not isinstance(answer, kind):
        raise AssertionError(f"{kind.__name__} expected: {answer}")
    return answer


def log_in(username: str, password: str) -> AuthenticatedClient:
    body = m.Login(username=username, password=password)
    session = good(open_session.sync(client=Client(base_url=URL), body=body), m.Session)
    return AuthenticatedClient(base_url=URL, token=session.access_token)


def now() -> datetime.datetime:
    return datetime.datetime.now(datetime.timezone.utc)


def follow(client: AuthenticatedClient, wanted: set[str]) -> None:
    """Follows the feed until it has reported these types, for at most half a minute."""
    missing, cursor = set(wanted), UNSET
    for _ in range(10):
        page = good(
            list_changes.sync(client=client, limit=200, wait=3, cursor=cursor), m.ChangeFeed
        )
        for event in page.items:
            missing.discard(event.type_.value)
            # The type of an event determines the type of its data.
            if isinstance(event, m.OrderEvent) and event.data:
                assert len(event.data.lines) == 1, event
        if not missing:
            return
        cursor = page.next_cursor
    raise AssertionError(f"the feed does not tell of {missing}")


admin = log_in("admin", os.environ["SALESBOOK_ADMIN_PASSWORD"])
product = good(
    create_product.sync(
        client=admin,
        body=m.NewProduct(code=RUN, name="轴承 6204", list_price="12.50", unit="件"),
    ),
    m.Product,
)
password = f"field-{RUN}-bamboo"
person = good(
    create_user.sync(
        client=admin,
        body=m.NewUser(name="王芳", username=RUN, password=password, roles=[m.Role.SALESPERSON]),
    ),
    m.User,
)
customer = good(
    create_customer.sync(
        client=admin,
        body=m.NewCustomer(
            name=f"上海林氏贸易 {RUN}", owner_id=person.id, latitude=31.23, longitude=121.47
        ),
    ),
    m.Customer,
)

seller = log_in(RUN, password)
visit = good(create_visit.sync(client=seller, body=m.NewVisit(customer_id=customer.id)), m.Visit)
today = good(read_today.sync(client=seller), m.Today)
assert visit.id in [planned.id for planned in today.visits], today

arrival = m.CheckIn(occurred_at=now(), latitude=31.23, longitude=121.47, accuracy_m=10)
good(check_in.sync(visit.id, client=seller, body=arrival), m.Visit)
again = good(check_in.sync(visit.id, client=seller, body=arrival), m.Problem)
assert again.code == m.ProblemCode.WRONG_STATUS, again

order = good(
    create_order.sync(
        client=seller,
        body=m.NewOrder(
            customer_id=customer.id, lines=[m.NewLine(product_id=product.id, quantity="4")]
        ),
        idempotency_key=f"{RUN}-order",
    ),
    m.Order,
)
assert order.amount == "50.00", order
good(submit_order.sync(order.id, client=seller), m.Order)

departure = m.CheckOut(
    occurred_at=now(), latitude=31.23, longitude=121.47, accuracy_m=10,
    outcome=m.VisitOutcomeOutcome.ORDERED, complaint_answer=False,
)
left = good(check_out.sync(visit.id, client=seller, body=departure), m.Visit)
assert left.status == m.VisitStatus.COMPLETED, left
changes = m.CustomerChanges(city="上海", phone=None)
changed = good(
    update_customer.sync(
        customer.id, client=seller, body=changes, if_match=f'"{customer.version}"'
    ),
    m.Customer,
)
assert changed.city == "上海", changed

follow(seller, {"customer", "order", "visit"})
