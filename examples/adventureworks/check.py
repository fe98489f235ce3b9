#!/usr/bin/env python3
"""Compares the reports of the service with the known figures of AdventureWorks, to the last digit.

    python3 check.py --url http://127.0.0.1:8080 --token TOKEN EXPECTED

EXPECTED holds the folders `reseller` (the orders of salespeople) and `all`. One line is printed for
each file; the exit code is 1 when any figure differs.
"""

import argparse
import csv
import json
import os
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

SHOWN = 3


# What the service must answer for the text of an expected file. Blank means null.


def text(expected):
    return expected or None


def number(expected):
    return int(expected)


def quantity(expected):
    return Decimal(expected)


def digits(places):
    """A decimal string with exactly so many places; the expected one may have fewer, never more."""
    def padded(expected):
        if not expected:
            return None
        value = Decimal(expected)
        assert -value.as_tuple().exponent <= places, f"{expected} has more than {places} places"
        return str(value.quantize(Decimal(1).scaleb(-places)))
    return padded


def next_day(expected):
    """The last day of a period in the file, the first day after it in the service."""
    return str(date.fromisoformat(expected) + timedelta(days=1))


MONEY = digits(4)
PERCENT = digits(2)
DAYS = digits(2)


class Check(NamedTuple):
    """One expected file, the report that answers it, and the field and reading of each column."""
    file: str
    report: str
    columns: dict
    parameters: dict = {}
    rows: callable = lambda answer: answer["rows"]


def same(name, read=text):
    return {name: (name, read)}


def external(name):
    return {name: (f"{name}_external_id", text)}


def renamed(column, field, read=text):
    return {column: (field, read)}


ORDERS = same("orders", number)
CUSTOMERS = same("customers", number)
AMOUNT = same("amount", MONEY)
YEAR = same("year", number)
ATTAINMENT = {
    **same("target", MONEY), **same("actual", MONEY),
    **renamed("attainment_pct", "attainment_percent", PERCENT),
}
PERIOD = {**same("period_start"), **renamed("period_end", "period_end", next_day)}
QUOTAS = {"owner_type": "user", "period_type": "custom"}
GROWTH = {"compare": "previous_period,previous_year"}

CHECKS = [
    Check("r00_totals", "sales", {
        **ORDERS, **same("lines", number), **CUSTOMERS, **same("salespeople", number),
        **same("first_date"), **same("last_date"), **AMOUNT,
    }, rows=lambda answer: [answer["totals"]]),
    Check("r01_sales_by_salesperson_month", "sales", {
        **external("salesperson"), **same("month"), **ORDERS, **AMOUNT,
    }, {"group_by": "salesperson,month"}),
    Check("r02_sales_by_territory_year", "sales", {
        **renamed("territory", "territory_name"), **YEAR, **ORDERS, **CUSTOMERS, **AMOUNT,
    }, {"group_by": "territory,year"}),
    Check("r03_sales_by_month_growth", "sales", {
        **same("month"), **ORDERS, **AMOUNT,
        **renamed("prev_amount", "previous_period_amount", MONEY),
        **renamed("mom_growth_pct", "previous_period_growth_percent", PERCENT),
        **renamed("yoy_growth_pct", "previous_year_growth_percent", PERCENT),
    }, {"group_by": "month", **GROWTH, "empty": "include"}),
    Check("r03_sales_by_month_growth", "forecast", {
        **same("month"), **AMOUNT,
        **renamed("forecast_mean_of_3_previous_months", "forecast", MONEY),
    }, {"method": "mean_of_3"}),
    Check("r04_top10_customers", "top", {
        **same("rank", number), **external("customer"), **same("customer_name"), **ORDERS, **AMOUNT,
        **renamed("share_pct", "share_percent", PERCENT),
    }, {"of": "customer", "limit": 10}),
    Check("r05_abc_customers", "abc", {
        **renamed("pos", "position", number), **external("customer"), **AMOUNT,
        **renamed("cum_pct", "cumulative_percent", digits(4)), **same("class"),
    }),
    Check("r05b_abc_summary", "abc", {
        **same("class"), **CUSTOMERS, **AMOUNT,
    }, rows=lambda answer: answer["totals"]["classes"]),
    Check("r06_customer_order_intervals", "order-intervals", {
        **external("customer"), **ORDERS, **same("order_days", number),
        **same("first_order"), **same("last_order"),
        **renamed("avg_days_between_orders", "average_days_between_orders", DAYS),
        **renamed("avg_days_between_order_days", "average_days_between_order_days", DAYS),
        **same("days_since_last_order", number),
        **renamed("avg_order_amount", "average_order_amount", MONEY),
    }),
    Check("r07_top10_products", "top", {
        **same("rank", number), **external("product"), **same("product_name"),
        **renamed("qty", "quantity", quantity), **AMOUNT,
    }, {"of": "product", "limit": 10}),
    Check("r08_salesperson_year_rank", "sales", {
        **YEAR, **external("salesperson"), **ORDERS, **CUSTOMERS, **AMOUNT, **same("rank", number),
    }, {"group_by": "salesperson,year"}),
    Check("r09_target_attainment", "attainment", {
        **PERIOD, **renamed("salesperson", "owner_external_id"), **ORDERS, **ATTAINMENT,
        **renamed("rank_by_attainment", "rank", number), **same("rank_by_actual", number),
    }, QUOTAS),
    Check("r09b_team_attainment", "attainment", {
        **PERIOD, **same("people", number), **ATTAINMENT, **renamed("met_target", "met", number),
    }, {**QUOTAS, "group_by": "period"}),
    Check("r09c_attainment_by_year", "attainment", {
        **YEAR, **renamed("salesperson", "owner_external_id"), **ATTAINMENT, **same("rank", number),
    }, {**QUOTAS, "group_by": "owner,year"}),
    Check("r10_sales_by_quarter", "sales", {
        **same("quarter"), **ORDERS, **AMOUNT,
        **renamed("qoq_growth_pct", "previous_period_growth_percent", PERCENT),
        **renamed("yoy_growth_pct", "previous_year_growth_percent", PERCENT),
    }, {"group_by": "quarter", **GROWTH}),
    Check("r11_category_year", "sales", {
        **same("category"), **YEAR, **renamed("qty", "quantity", quantity), **AMOUNT,
    }, {"group_by": "category,year"}),
    Check("r12_new_customers_by_month", "new-customers", {
        **same("month"), **same("new_customers", number),
    }, {"group_by": "month"}),
    Check("r13_team_rollup", "team-sales", {
        **renamed("id", "user_external_id"), **renamed("name", "user_name"),
        **same("own_orders", number), **same("own_amount", MONEY),
        **same("team_orders", number), **same("team_amount", MONEY), **same("team_size", number),
    }),
]
# The other columns are variants of the arithmetic that the service does not offer.
COMPARED = {
    check.file: {name for it in CHECKS if it.file == check.file for name in it.columns}
    for check in CHECKS
}
FOR_ALL_CHANNELS_ALIKE = {"attainment", "team-sales"}


def read(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


class Orders(NamedTuple):
    """One folder of expected files: the channel it stands for, its first and its last order."""
    folder: Path
    channel: str | None
    first: date
    last: date

    @classmethod
    def of(cls, folder, channel):
        totals = read(folder / "r00_totals.csv")[0]
        days = (date.fromisoformat(totals[column]) for column in ("first_date", "last_date"))
        return cls(folder, channel, *days)

    def parameters(self, check):
        """Whole years, so that every period is complete, but where empty months are listed too."""
        start, end = date(self.first.year, 1, 1), date(self.last.year + 1, 1, 1)
        if check.file.startswith("r03"):
            start = self.first.replace(day=1)
            end = (self.last.replace(day=1) + timedelta(days=31)).replace(day=1)
        parameters = {"from": start, "to": end, **check.parameters}
        if check.report == "order-intervals":
            parameters["as_of"] = self.last
        if self.channel and check.report not in FOR_ALL_CHANNELS_ALIKE:
            parameters["channel"] = self.channel
        return parameters


def fetch(arguments, check, orders):
    query = urllib.parse.urlencode(orders.parameters(check), safe=",")
    url = f"{arguments.url.rstrip('/')}/api/v1/reports/{check.report}?{query}"
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {arguments.token}"})
    with urllib.request.urlopen(request) as response:
        return json.load(response)


def compare(check, expected, answered):
    """What only one of the two sides has, as the rows that the service should and does answer."""
    should = Counter(
        tuple(parse(row[name]) for name, (_, parse) in check.columns.items()) for row in expected
    )
    does = Counter(
        tuple(
            quantity(row[field]) if parse is quantity else row[field]
            for field, parse in check.columns.values()
        )
        for row in answered
        if row.get("salesperson_external_id", "") is not None
    )
    return list((should - does).elements()), list((does - should).elements())


def run(arguments, check, orders):
    """Prints the line of one file; true when it is equal."""
    expected = read(orders.folder / f"{check.file}.csv")
    name = f"{orders.folder.name} {check.file.partition('_')[0]} {check.report}"
    skipped = [column for column in expected[0] if column not in COMPARED[check.file]]
    note = f" (not compared: {', '.join(skipped)})" if skipped else ""
    try:
        missing, surplus = compare(check, expected, check.rows(fetch(arguments, check, orders)))
    except urllib.error.HTTPError as error:
        print(f"{name} FAILED {error.code} {error.read().decode(errors='replace')}")
        return False
    except KeyError as error:
        print(f"{name} FAILED the answer has no field {error}")
        return False
    if not missing and not surplus:
        print(f"{name} ok {len(expected)} rows{note}")
        return True
    print(f"{name} DIFFERS {len(missing)} missing, {len(surplus)} surplus of {len(expected)} rows")
    for title, rows in (("expected", missing), ("answered", surplus)):
        for row in rows[:SHOWN]:
            print(f"    {title}: {row}")
    return False


def main():
    parser = argparse.ArgumentParser(description="Compares reports with the known figures")
    parser.add_argument("--url", default="http://127.0.0.1:8080", help="the address of the service")
    parser.add_argument(
        "--token", default=os.environ.get("SALESBOOK_TOKEN"), help="an access token that sees all"
    )
    parser.add_argument("expected", type=Path, help="the folder with `reseller` and `all`")
    arguments = parser.parse_args()
    if not arguments.token:
        parser.error("an access token is needed: --token or SALESBOOK_TOKEN")
    equal = []
    for folder, channel in (("reseller", "reseller"), ("all", None)):
        orders = Orders.of(arguments.expected / folder, channel)
        unknown = {path.stem for path in orders.folder.glob("*.csv")} - COMPARED.keys()
        for file in sorted(unknown):
            print(f"{folder} {file} FAILED no report is known for it")
        equal += [False] * len(unknown)
        for check in CHECKS:
            if (orders.folder / f"{check.file}.csv").exists():
                equal.append(run(arguments, check, orders))
    sys.exit(0 if all(equal) else 1)


if __name__ == "__main__":
    main()
