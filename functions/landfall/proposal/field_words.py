"""Words in the names of fields that say what their values are."""

START = frozenset({
    "start", "starts", "started", "begin", "begins", "began", "from", "open", "opened", "opens",
    "hired", "joined", "admission", "admitted", "arrival", "ordered", "order", "created", "min",
    "minimum", "low", "lowest", "least", "first",
})  # fmt: skip
END = frozenset({
    "end", "ends", "ended", "finish", "finished", "until", "to", "due", "close", "closed", "closes",
    "left", "exit", "departure", "return", "returned", "expiry", "expires", "shipped", "delivered",
    "paid", "completed", "max", "maximum", "high", "highest", "most", "last",
})  # fmt: skip
BIRTH = frozenset({"birth", "born", "dob", "birthday", "birthdate"})
FUTURE = frozenset({
    "due", "end", "ends", "until", "to", "expiry", "expires", "next", "planned", "scheduled",
    "deadline", "target", "renewal", "valid", "start", "starts", "exit", "departure",
})  # fmt: skip
CODE = frozenset({
    "id", "code", "no", "nr", "number", "sku", "key", "isbn", "iban", "ref", "reference", "slug",
    "username", "login", "serial", "barcode", "uuid", "vat", "ein", "plate",
})  # fmt: skip
AMOUNT = frozenset({
    "amount", "price", "cost", "total", "fee", "fees", "salary", "wage", "quantity", "qty", "count",
    "age", "hours", "minutes", "weight", "height", "capacity", "seats", "rate", "distance", "size",
    "duration", "stock", "units", "area", "revenue", "budget",
})  # fmt: skip
EMAIL = frozenset({"email", "mail"})
PHONE = frozenset({"phone", "tel", "telephone", "mobile", "cell", "fax"})
URL = frozenset({"url", "website", "site", "web", "homepage", "link"})
PERSON = frozenset({
    "person", "people", "student", "students", "teacher", "teachers", "parent", "parents",
    "customer", "customers", "contact", "contacts", "employee", "employees", "patient", "patients",
    "member", "members", "contractor", "contractors", "client", "clients", "guest", "guests",
    "user", "users", "staff", "volunteer", "volunteers", "donor", "donors", "lead", "leads",
})  # fmt: skip
ORGANISATION = frozenset({
    "company", "companies", "organisation", "organisations", "organization", "organizations",
    "supplier", "suppliers", "vendor", "vendors", "clinic", "clinics", "account", "accounts",
    "firm", "school", "schools", "partner", "partners", "shop", "shops", "store", "stores",
})  # fmt: skip
PLACEHOLDERS = frozenset({
    "n/a", "na", "tbd", "tba", "todo", "unknown", "none", "null", "nil", "test", "xxx", "xx", "x",
    "?", "??", "???", "-", "--", "---", ".", "..", "...", "asdf", "pending", "missing", "nan",
    "not available", "to be confirmed", "#n/a",
})  # fmt: skip
"""Texts that say that there is no value."""
