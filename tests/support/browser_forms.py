"""What a browser would send of a page's form, as far as it goes without JavaScript."""

from html.parser import HTMLParser


class _Reader(HTMLParser):
    def __init__(self):
        super().__init__()
        self.forms = [[]]
        self._text = self._select = None

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag == "form":
            self.forms.append([])
        elif tag == "input":
            self._input(attrs)
        elif tag == "textarea":
            self._text = (attrs.get("name"), [])
        elif tag == "select":
            self._select = [attrs.get("name"), None, None]
        elif tag == "option" and self._select:
            value = attrs.get("value", "")
            if self._select[1] is None:
                self._select[1] = value
            if "selected" in attrs:
                self._select[2] = value

    def _input(self, attrs):
        kind, name = attrs.get("type", "text"), attrs.get("name")
        if not name or kind in ("submit", "button", "image", "reset"):
            return
        if kind in ("checkbox", "radio"):
            if "checked" in attrs:
                self.forms[-1].append((name, attrs.get("value", "on")))
            return
        line = attrs.get("value", "").replace("\n", "").replace("\r", "")  # as HTML has it
        self.forms[-1].append((name, line))

    def handle_data(self, data):
        if self._text:
            self._text[1].append(data)

    def handle_endtag(self, tag):
        if tag == "textarea" and self._text:
            name, parts = self._text
            text = "".join(parts)
            text = text[1:] if text.startswith("\n") else text  # as HTML has it
            self.forms[-1].append((name, text.replace("\n", "\r\n")))
            self._text = None
        elif tag == "select" and self._select:
            name, first, chosen = self._select
            if name:
                self.forms[-1].append((name, first if chosen is None else chosen))
            self._select = None
        elif tag == "form":
            self.forms.append([])


def sent(html, containing=None):
    """Return what is sent of the form (of the only one, or of that with a field ``containing``)."""
    reader = _Reader()
    reader.feed(html)
    for form in reader.forms:
        if form and (containing is None or containing in dict(form)):
            return dict(form)
    raise LookupError(f"no form has a field {containing!r}")


def names_in(html):
    """Return the names of all fields of a page."""
    reader = _Reader()
    reader.feed(html)
    return {name for form in reader.forms for name, _ in form}


def forms(response, action):
    """Return what the forms of an action, each of one button, would post."""
    reader = _Reader()
    reader.feed(response.content.decode())
    return [dict(form) for form in reader.forms if dict(form).get("action") == action]
