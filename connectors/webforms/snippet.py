"""A form to copy into a page of one's own. README.md has the same one."""

from html import escape

from connectors.webforms.settings import Preset, WebFormsSettings
from hub.connector.contract import Account

_FORM = """\
<form id="ask" method="post" action="{address}" accept-charset="utf-8">
  <label>Name <input name="name" required autocomplete="name"></label>
  <label>E-mail <input name="email" type="email" autocomplete="email"></label>
  <label>Phone <input name="phone" type="tel" autocomplete="tel"></label>
  <label>What can we do for you? <textarea name="message"></textarea></label>
{boxes}{trap}
  <input type="hidden" name="form_name" value="{form}">
  <input type="hidden" name="submission_id"><input type="hidden" name="page_url"><input type="hidden" name="referrer">
  <input type="hidden" name="utm_source"><input type="hidden" name="utm_medium"><input type="hidden" name="utm_campaign">
  <input type="hidden" name="utm_term"><input type="hidden" name="utm_content">
  <input type="hidden" name="gclid"><input type="hidden" name="fbclid">
  <button>Send</button>
</form>
<script>
  const form = document.getElementById('ask'), asked = new URLSearchParams(location.search);
  for (const field of form.querySelectorAll('input[type=hidden]')) if (asked.has(field.name)) field.value = asked.get(field.name);
  form.submission_id.value = crypto.randomUUID();
  form.page_url.value = location.origin + location.pathname;
  form.referrer.value = document.referrer;
</script>
"""
_BOX = '  <label><input type="checkbox" name="{name}" value="yes"> You may write to me about offers</label>\n'
_TRAP = """\

  <!-- Robots fill it in; people do not see it. -->
  <div style="position:absolute;left:-99em" aria-hidden="true">
    <label>Leave empty <input name="{name}" tabindex="-1" autocomplete="off"></label>
  </div>
"""


def snippet(account: Account[WebFormsSettings], address: str) -> str:
    """Return the form, with an address and an account's own names; empty where pages do not post themselves."""
    settings = account.settings
    if settings.preset is not Preset.OWN or not settings.wants_token:
        return ""
    boxes = "".join(_BOX.format(name=escape(name)) for name in settings.consent_fields.split())
    trap = _TRAP.format(name=escape(settings.trap_field)) if settings.trap_field else ""
    form = escape(settings.form_name or account.name)
    return _FORM.format(address=escape(address), boxes=boxes, trap=trap, form=form)
