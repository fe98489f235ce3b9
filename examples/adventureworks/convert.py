#!/usr/bin/env python3
"""Turns the CSV files of AdventureWorks into the exchange format of `salesbook import`.

    python3 convert.py SOURCE TARGET

One function for each resource: it reads the tables of the ERP and yields rows whose keys are the
columns of the exchange format (docs/exchange-format.md). Amounts pass through as text, untouched.
"""

import argparse
import csv
import unicodedata
from collections import defaultdict
from datetime import date, timedelta
from pathlib import Path

SALES_DEPARTMENT = "3"
MAIN_OFFICE = "3"
COUNTRY_OF_MANY_TERRITORIES = "US"
CURRENCY = "USD"


class Source:
    """The folder of the ERP's tables."""

    def __init__(self, folder):
        self.folder = Path(folder)

    def rows(self, table):
        with open(self.folder / f"{table}.csv", encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                yield {column: value.strip() for column, value in row.items()}

    def by(self, key, table):
        """The rows of a table by a column that is unique in it."""
        return {row[key]: row for row in self.rows(table)}

    def column(self, key, value, table):
        """One column of a table by another one that is unique in it."""
        return {row[key]: row[value] for row in self.rows(table)}


def day(moment):
    """`2011-05-31 00:00:00` → `2011-05-31`."""
    return moment[:10]


def day_after(moment):
    """The first day that no longer belongs to a period whose last day is given."""
    return str(date.fromisoformat(day(moment)) + timedelta(days=1)) if moment else ""


def yes(flag):
    return "true" if flag else "false"


def ascii_only(text):
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()


class Staff:
    """The people of the sales department and who leads whom."""

    def __init__(self, source):
        names = source.by("NationalIDNumber", "EmployeeName")
        employees = source.by("BusinessEntityID", "Employee")
        ids = {row["NationalIDNumber"]: id for id, row in employees.items()}
        self.people = {
            row["BusinessEntityID"]: employees[row["BusinessEntityID"]]
            for row in source.rows("EmployeeDepartmentHistory")
            if row["DepartmentID"] == SALES_DEPARTMENT and not row["EndDate"]
        }
        self.names, self.managers = {}, {}
        for id, person in self.people.items():
            name = names[person["NationalIDNumber"]]
            self.names[id] = f"{name['FirstName']} {name['LastName']}"
            manager = ids.get(name["ManagerNationalIDNumber"])
            self.managers[id] = manager if manager in self.people else ""
        self.leaders = [id for id in self.people if id in self.managers.values()]


def teams(staff):
    """Everybody with reports leads a team; it hangs below the team of his own manager."""
    for id in staff.leaders:
        title = staff.people[id]["JobTitle"]
        yield {
            "external_id": id,
            "code": id,
            "name": title.removeprefix("Vice President of ").removesuffix(" Manager"),
            "parent_external_id": staff.managers[id],
        }


def users(source, staff):
    emails = source.column("BusinessEntityID", "EmailAddress", "EmailAddress")
    phones = source.column("BusinessEntityID", "PhoneNumber", "PersonPhone")
    for id, person in staff.people.items():
        leads = id in staff.leaders
        if not leads:
            role = "salesperson"
        else:
            role = "sales_manager" if staff.managers[id] else "sales_director"
        yield {
            "external_id": id,
            "username": ascii_only(person["LoginID"].rpartition("\\")[2]),
            "name": staff.names[id],
            "email": emails[id],
            "phone": phones[id],
            "roles": role,
            "team_external_id": id if leads else staff.managers[id],
            "leads_team": yes(leads),
            "employed_from": person["HireDate"],
            "employed_to": "",
            "active": yes(person["CurrentFlag"] == "1"),
        }


def territories(source):
    rows = list(source.rows("SalesTerritory"))
    for group in dict.fromkeys(row["Group"] for row in rows):
        yield territory(group, group, "", "group")
    for row in rows:
        part = row["CountryRegionCode"] == COUNTRY_OF_MANY_TERRITORIES
        kind = "region" if part else "country"
        yield territory(row["TerritoryID"], row["Name"], row["Group"], kind)


def territory(id, name, parent, kind):
    return dict(external_id=id, code=id, name=name, parent_external_id=parent, kind=kind)


def territory_holders(source):
    for row in source.rows("SalesTerritoryHistory"):
        yield {
            "territory_external_id": row["TerritoryID"],
            "user_external_id": row["BusinessEntityID"],
            "valid_from": day(row["StartDate"]),
            "valid_to": day_after(row["EndDate"]),
        }


def products(source):
    subcategories = source.by("ProductSubcategoryID", "ProductSubcategory")
    categories = source.column("ProductCategoryID", "Name", "ProductCategory")
    for row in source.rows("Product"):
        subcategory = subcategories.get(row["ProductSubcategoryID"])
        yield {
            "external_id": row["ProductNumber"],
            "code": row["ProductNumber"],
            "name": row["Name"],
            "category": categories[subcategory["ProductCategoryID"]] if subcategory else "",
            "subcategory": subcategory["Name"] if subcategory else "",
            "unit": "piece",
            "list_price": row["ListPrice"],
            "standard_cost": row["StandardCost"],
            "tax_rate": "",
            "active": yes(not row["SellEndDate"]),
        }


def product_prices(source):
    numbers = source.column("ProductID", "ProductNumber", "Product")
    for row in source.rows("ProductListPriceHistory"):
        yield {
            "product_external_id": numbers[row["ProductID"]],
            "valid_from": day(row["StartDate"]),
            "valid_to": day_after(row["EndDate"]),
            "price": row["ListPrice"],
        }


def customers(source):
    """A customer is a store (with the account of one of its buyers, or none) or a person."""
    stores = source.by("BusinessEntityID", "Store")
    people = source.by("CustomerID", "CustomerPersonName")
    phones = source.column("BusinessEntityID", "PhoneNumber", "PersonPhone")
    groups = source.column("TerritoryID", "Group", "SalesTerritory")
    buyers = {row["CustomerID"] for row in source.rows("SalesOrderHeader")}
    places = addresses(source)
    for row in source.rows("Customer"):
        id, store = row["CustomerID"], stores.get(row["StoreID"])
        place = places.get(row["StoreID"] or row["PersonID"], {})
        yield {
            "external_id": id,
            "code": row["AccountNumber"],
            "name": store["Name"] if store else person_name(people[id]),
            "kind": "company" if store else "person",
            "status": "active" if id in buyers else "prospect",
            "owner_external_id": store["SalesPersonID"] if store else "",
            "territory_external_id": row["TerritoryID"],
            "region": place.get("region") or groups[row["TerritoryID"]],
            "city": place.get("city", ""),
            "address": place.get("address", ""),
            "latitude": place.get("latitude", ""),
            "longitude": place.get("longitude", ""),
            "phone": "" if store else phones.get(row["PersonID"], ""),
            "industry": "",
            "tier": "",
        }


def addresses(source):
    """The place of each store and person; a store's main office goes before its other addresses."""
    streets = source.by("AddressID", "Address")
    points = source.by("AddressID", "Address_geo")
    provinces = source.column("StateProvinceID", "Name", "StateProvince")
    found = {}
    for row in source.rows("BusinessEntityAddress"):
        if row["BusinessEntityID"] in found and row["AddressTypeID"] != MAIN_OFFICE:
            continue
        street, point = streets[row["AddressID"]], points.get(row["AddressID"], {})
        lines = (street["AddressLine1"], street["AddressLine2"])
        found[row["BusinessEntityID"]] = {
            "region": provinces[street["StateProvinceID"]],
            "city": street["City"],
            "address": ", ".join(line for line in lines if line),
            "latitude": point.get("Latitude", ""),
            "longitude": point.get("Longitude", ""),
        }
    return found


def person_name(row):
    return f"{row['FirstName']} {row['LastName']}"


def contacts(source):
    """The buyers of the stores, each with the customer account that is his."""
    accounts = {
        (row["StoreID"], row["PersonID"]): row["CustomerID"]
        for row in source.rows("Customer")
        if row["StoreID"] and row["PersonID"]
    }
    people = source.by("CustomerID", "CustomerPersonName")
    titles = source.column("ContactTypeID", "Name", "ContactType")
    phones = source.column("BusinessEntityID", "PhoneNumber", "PersonPhone")
    emails = source.column("BusinessEntityID", "EmailAddress", "EmailAddress")
    for row in source.rows("BusinessEntityContact"):
        customer = accounts.get((row["BusinessEntityID"], row["PersonID"]))
        if customer not in people:
            continue
        yield {
            "external_id": row["PersonID"],
            "customer_external_id": customer,
            "name": person_name(people[customer]),
            "title": titles[row["ContactTypeID"]],
            "phone": phones.get(row["PersonID"], ""),
            "email": emails.get(row["PersonID"], ""),
            "is_primary": "true",
        }


def targets(source):
    """A quota holds until the next one is set for anybody; the last for three months."""
    quotas = list(source.rows("SalesPersonQuotaHistory"))
    starts = sorted({day(row["QuotaDate"]) for row in quotas})
    ends = dict(zip(starts, starts[1:] + [three_months_after(starts[-1])]))
    for row in quotas:
        start = day(row["QuotaDate"])
        yield {
            "external_id": f"{row['BusinessEntityID']}-{start}",
            "owner_type": "user",
            "owner_external_id": row["BusinessEntityID"],
            "metric": "ordered_amount",
            "level": "base",
            "period_type": "custom",
            "period_start": start,
            "period_end": ends[start],
            "value": row["SalesQuota"],
            "currency": CURRENCY,
            "status": "approved",
        }


def three_months_after(start):
    first = date.fromisoformat(start)
    months = first.month - 1 + 3
    return str(first.replace(year=first.year + months // 12, month=months % 12 + 1))


def orders(source):
    for row in source.rows("SalesOrderHeader"):
        yield {
            "external_id": row["SalesOrderID"],
            "number": f"SO{row['SalesOrderID']}",
            "customer_external_id": row["CustomerID"],
            "salesperson_external_id": row["SalesPersonID"],
            "territory_external_id": row["TerritoryID"],
            "channel": "online" if row["OnlineOrderFlag"] == "1" else "reseller",
            "order_date": row["OrderDate"],
            "confirmed_on": row["OrderDate"],
            "due_date": row["DueDate"],
            "shipped_on": row["ShipDate"],
            "currency": CURRENCY,
            "status": "confirmed",
            "tax_amount": row["TaxAmt"],
            "freight_amount": row["ShippingCost"],
            "amount": row["SubTotal"],
            "total_amount": row["TotalDue"],
        }


def order_lines(source):
    numbers = source.column("ProductID", "ProductNumber", "Product")
    lines = defaultdict(int)
    for row in source.rows("SalesOrderDetail"):
        lines[row["SalesOrderID"]] += 1
        yield {
            "order_external_id": row["SalesOrderID"],
            "line_number": lines[row["SalesOrderID"]],
            "product_external_id": numbers[row["ProductID"]],
            "quantity": row["OrderQty"],
            "unit_price": row["UnitPrice"],
            "amount": row["LineTotal"],
        }


def write(folder, name, rows):
    rows = list(rows)
    with open(folder / f"{name}.csv", "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    print(f"{name}.csv {len(rows)} rows")


def main():
    parser = argparse.ArgumentParser(description="AdventureWorks → salesbook's exchange format")
    parser.add_argument("source", help="the folder of AdventureWorks' CSV files")
    parser.add_argument("target", type=Path, help="the folder to write, made if it is missing")
    arguments = parser.parse_args()
    arguments.target.mkdir(parents=True, exist_ok=True)
    source = Source(arguments.source)
    staff = Staff(source)
    files = {"teams": teams(staff), "users": users(source, staff)}
    for resource in (
        territories, territory_holders, products, product_prices, customers, contacts,
        targets, orders, order_lines,
    ):
        files[resource.__name__] = resource(source)
    for name, rows in files.items():
        write(arguments.target, name, rows)


if __name__ == "__main__":
    main()
