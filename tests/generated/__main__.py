"""Write everything that is generated."""

from tests.generated.documents import DOCUMENTS, SCHEMA, rendered, schema
from tests.generated.markdown import ROOT

if __name__ == "__main__":
    for path in DOCUMENTS:
        document = ROOT / path
        document.write_text(rendered(document.read_text()))
    SCHEMA.write_text(schema())
