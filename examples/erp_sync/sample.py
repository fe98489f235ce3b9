#!/usr/bin/env python3
"""A small ERP to try erp_sync.py with: python3 sample.py erp.sqlite"""
import json, sqlite3, sys

from erp_sync import SCHEMA

RECORDS = [
    ("product", "M-10", {"code": "M-10", "name": "同步带 HTD 5M", "unit": "条", "list_price": "45.00", "tax_rate": "13"}),
    ("product", "M-20", {"code": "M-20", "name": "联轴器 LM-3", "unit": "个", "list_price": "128.00", "tax_rate": "13"}),
    ("customer", "G-1", {"code": "G-1", "name": "嘉兴南湖样例传动有限公司", "city": "嘉兴", "status": "active"}),
    ("customer", "G-2", {"code": "G-2", "name": "湖州吴兴样例印刷有限公司", "city": "湖州", "status": "active"}),
    ("order", "R-1", {"customer_external_id": "G-1", "order_date": "2026-03-10", "amount": "900.00", "tax_amount": "117.00",
        "lines": [{"product_external_id": "M-10", "quantity": "20", "unit_price": "45.00", "amount": "900.00"}]}),
]

database = sqlite3.connect(sys.argv[1])
database.executescript(SCHEMA)
database.executemany("insert or ignore into records (type, external_id, data) values (?, ?, ?)",
    [(kind, key, json.dumps(data, ensure_ascii=False)) for kind, key, data in RECORDS])
database.commit()
