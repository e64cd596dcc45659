"""A fourth kind of scan: it counts to a number, one a page."""
