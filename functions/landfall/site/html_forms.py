"""The forms of a page of HTML, while it is parsed."""

from collections.abc import Mapping

from landfall.site.markup import MAX_ITEMS, Form, Markup, add_label

_NAMES = ("aria-label", "aria-labelledby", "title")
"""Attributes that give a field an accessible name."""


class FormReader:
    """The forms of a page. A form inside another one is ignored, as in browsers."""

    def __init__(self, page: Markup) -> None:
        self._page = page
        self._form: Form | None = None
        self._depth = 0
        self._labelled: set[str] = set()
        self._unnamed: list[tuple[Form, str]] = []

    def begin(self, depth: int) -> None:
        """Begin a form, at this depth of the page."""
        if self._form is None and len(self._page.forms) < MAX_ITEMS:
            self._form, self._depth = Form(), depth
            self._page.forms.append(self._form)

    def end(self, depth: int) -> None:
        """End the form that began at this depth, if any."""
        if depth == self._depth:
            self._form = None

    def close(self) -> None:
        """Name the fields with a later label."""
        for form, name in self._unnamed:
            form.named += name in self._labelled
        self._unnamed.clear()

    def label(self, field_id: str) -> None:
        """Add the label of a field."""
        if len(self._labelled) < MAX_ITEMS:
            self._labelled.add(field_id)

    def button(self, text: str) -> None:
        """Add a button, which may be in no form."""
        add_label(self._page.buttons, text)
        if self._form:
            add_label(self._form.buttons, text)

    def input(self, given: Mapping[str, str], *, in_label: bool) -> None:
        """Add an `<input>`, which is a field, a button, or nothing that people see."""
        kind = given.get("type", "text").lower()
        if kind in ("submit", "button", "image"):
            self.button(given.get("value") or given.get("alt") or "")
        elif kind not in ("hidden", "reset"):
            self.field(kind, given, in_label=in_label)

    def field(self, kind: str, given: Mapping[str, str], *, in_label: bool) -> None:
        """Add a field. It has an accessible name if it is inside a label, for one."""
        form = self._form
        if form is None:
            return
        form.fields += 1
        add_label(form.kinds, kind)
        if in_label or any(given.get(name) for name in _NAMES):
            form.named += 1
        elif "id" in given and len(self._unnamed) < MAX_ITEMS:
            self._unnamed.append((form, given["id"]))
