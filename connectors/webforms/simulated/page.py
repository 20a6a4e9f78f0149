"""A small page with a form on it, to be answered in a browser."""

from html import escape

_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>A form</title>
<h1>Ask us</h1>
<form method="post" action="{action}" accept-charset="utf-8">
<p><label>Name <input name="name" required></label>
<p><label>E-mail <input name="email" type="email"></label>
<p><label>Phone <input name="phone" type="tel"></label>
<p><label>What can we do for you? <textarea name="message"></textarea></label>
<p><label><input type="checkbox" name="marketing" value="yes"> You may write to me</label>
<input type="hidden" name="utm_source" value="demo"><input type="hidden" name="utm_campaign" value="form page">
<input type="hidden" name="form_name" value="Form page">
<p style="position:absolute;left:-99em" aria-hidden="true"><label>Leave empty
<input name="hub_homepage" tabindex="-1" autocomplete="off"></label>
<p><button>Send</button>
</form></html>"""


def page(hub_url: str) -> bytes:
    """Return it; its form posts to this address."""
    return _PAGE.format(action=escape(hub_url, quote=True)).encode()
