"""The pages on which a person signs in and allows something, as plain as they can be."""

import html
from collections.abc import Iterable, Mapping

_PAGE = """<!DOCTYPE html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title><style>body{{font:16px sans-serif;max-width:32rem;margin:2rem auto;padding:0 1rem}}
label{{display:block;margin:.4rem 0}}button{{font:inherit;padding:.5rem 1rem;margin:1rem .5rem 0 0}}</style>
<h1>{title}</h1>{body}</html>"""


def page(title: str, body: str) -> bytes:
    """A whole page; `body` is HTML."""
    return _PAGE.format(title=html.escape(title), body=body).encode()


def hidden(fields: Mapping[str, str]) -> str:
    """Fields of a form that nobody sees."""
    return "".join(
        f'<input type="hidden" name="{html.escape(name)}" value="{html.escape(value)}">'
        for name, value in fields.items()
    )


def question(
    action: str,
    people: Iterable[tuple[str, str]],
    allowed: Iterable[str],
    fields: Mapping[str, str],
    *,
    chosen: str,
    words: tuple[str, str, str, str],
) -> str:
    """The form that asks who it is (`account`) and what is allowed (`allowed`), answered by `answer`: allow or deny.

    Args:
        people: address and name of each.
        chosen: the address of who is probably asking; nobody: the first one.
        words: above the people, above what is to be allowed, on the button that allows, and on the one that does not.
    """  # fmt: skip
    known = list(people)
    chosen = chosen if chosen in dict(known) else known[0][0]
    accounts = "".join(
        f'<label><input type="radio" name="account" value="{html.escape(address)}"'
        f"{' checked' if address == chosen else ''}> {html.escape(name)} &lt;{html.escape(address)}&gt;</label>"
        for address, name in known
    )
    asked = "".join(
        f'<label><input type="checkbox" name="allowed" value="{html.escape(one)}" checked> {html.escape(one)}</label>'
        for one in allowed
    )
    who, what, yes, no = words
    return (
        f'<form method="post" action="{html.escape(action)}">{hidden(fields)}<fieldset><legend>{who}</legend>{accounts}'
        f"</fieldset><fieldset><legend>{what}</legend>{asked}</fieldset>"
        f'<button name="answer" value="allow">{yes}</button><button name="answer" value="deny">{no}</button></form>'
    )
