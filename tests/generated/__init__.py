"""Everything that is generated from the code and stored in the repository; a test compares.

Each document has blocks between `<!-- name -->` and `<!-- end -->`; `documents` lists them.
`.venv/bin/python -m tests.generated` writes them all anew, and
`infra/scan.schema.json`.
"""
