"""
The texts that people see, out of the code and the templates, and their catalogues.

``python -m tests.house.messages`` (``make messages``) brings the catalogues up to date: it keeps
what is translated, drops what is no longer said, and names what is missing. It needs Babel alone.
"""

import os
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import django
from babel.messages import Catalog, Message
from babel.messages import catalog as babels
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_file
from babel.messages.mofile import read_mo, write_mo
from babel.messages.pofile import read_po, write_po
from django.template.loader import get_template
from django.templatetags.i18n import BlockTranslateNode, TranslateNode

from tests.house.sources import ROOT

APP = ROOT / "boogie/apps/tasks"
LANGUAGES = ("de", "fr")

# Which Babel wrote a catalogue is no difference between two: the header has no more of it.
babels.VERSION = "2"

#: ``gettext_lazy`` and its kin take what ``gettext`` takes.
KEYWORDS = DEFAULT_KEYWORDS | {
    f"{name}_lazy": DEFAULT_KEYWORDS[name] for name in ("gettext", "ngettext", "pgettext")
}

#: ``(text, or singular and plural; context; the file)``.
Found = tuple[str | tuple[str, str], str | None, str]


def texts() -> Catalog:
    """Return every text of the code and the templates, without translations."""
    catalog = Catalog(project="django-boogie", charset="utf-8")
    for text, context, place in sorted([*_of_code(), *_of_templates()], key=lambda one: one[2]):
        catalog.add(text, locations=[(place, 1)], context=context)
    return catalog


def _of_code() -> Iterator[Found]:
    for path in sorted(APP.rglob("*.py")):
        for _line, text, _comments, context in extract_from_file("python", path, KEYWORDS):
            yield text, context, str(path.relative_to(APP))


def _of_templates() -> Iterator[Found]:
    folder = APP / "templates"
    for path in sorted(folder.rglob("*.html")):
        nodes = get_template(str(path.relative_to(folder))).template.nodelist
        for node in nodes.get_nodes_by_type((TranslateNode, BlockTranslateNode)):
            of = _of_block if isinstance(node, BlockTranslateNode) else _of_tag
            yield *of(node), str(path.relative_to(APP))


def _of_tag(node: TranslateNode) -> tuple[str, str | None]:
    context = node.message_context
    return node.filter_expression.var.literal, context and context.var.literal


def _of_block(node: BlockTranslateNode) -> tuple[str | tuple[str, str], str | None]:
    singular, _names = node.render_token_list(node.singular)
    plural, _names = node.render_token_list(node.plural)
    context = node.message_context
    return (singular, plural) if plural else singular, context and context.var.literal


# --- catalogues -----------------------------------------------------------------------


def place(language: str, kind: str) -> Path:
    """Return where a catalogue lies; ``kind`` is ``po`` or ``mo``."""
    return APP / "locale" / language / "LC_MESSAGES" / f"django.{kind}"


def catalogue(language: str, kind: str = "po") -> Catalog:
    """Read a catalogue; an empty one if there is none."""
    path = place(language, kind)
    if not path.exists():
        return _new(language)
    with path.open("rb") as file:
        return read_mo(file) if kind == "mo" else read_po(file, locale=language)


def _new(language: str) -> Catalog:
    now = datetime.now(UTC)
    return Catalog(
        locale=language,
        project="django-boogie",
        version="",
        header_comment=f"# Texts of django-boogie, in the language {language!r}.",
        last_translator="django-boogie",
        language_team=language,
        creation_date=now,
        revision_date=now,
        charset="utf-8",
        fuzzy=False,
    )


def said(catalog: Catalog) -> dict[tuple[str | None, tuple[str, ...]], Message]:
    """Return the messages of a catalogue by context and texts, its header not among them."""
    return {(_decoded(one.context), forms(one.id)): one for one in catalog if one.id}


def _decoded(context: str | bytes | None) -> str | None:
    """Return a context as text: Babel reads those of a compiled catalogue as bytes."""
    return context.decode() if isinstance(context, bytes) else context


def forms(text: str | Iterable[str] | None) -> tuple[str, ...]:
    """Return a text, or its singular and plural, as a tuple; nothing as empty text."""
    return (text or "",) if text is None or isinstance(text, str) else tuple(text)


def renewed(language: str, found: Catalog) -> Catalog:
    """Return a catalogue with the texts that were found: what is translated stays so."""
    catalog = catalogue(language)
    made = catalog.creation_date
    catalog.update(found, no_fuzzy_matching=True, update_header_comment=False)
    catalog.creation_date = made  # nothing changes while the texts are the same
    return catalog


def files(catalog: Catalog) -> dict[str, bytes]:
    """Return what both files of a catalogue hold."""
    po, mo = BytesIO(), BytesIO()
    write_po(po, catalog, width=100, include_lineno=False, ignore_obsolete=True)
    write_mo(mo, catalog)
    return {"po": po.getvalue(), "mo": mo.getvalue()}


def missing(catalog: Catalog) -> list[str]:
    """Return the texts that wait for a translation."""
    return [text[0] for (_, text), one in said(catalog).items() if not all(forms(one.string))]


def main() -> None:
    """Bring all catalogues up to date, and name what is missing."""
    found = texts()
    for language in LANGUAGES:
        catalog = renewed(language, found)
        for kind, content in files(catalog).items():
            place(language, kind).parent.mkdir(parents=True, exist_ok=True)
            place(language, kind).write_bytes(content)
        waiting, path = missing(catalog), place(language, "po").relative_to(ROOT)
        print(f"{path}: {len(waiting)} of {len(said(found))} texts wait for a translation")
        for text in waiting:
            print(f"  {text}")


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.project.settings")
    django.setup()
    main()
