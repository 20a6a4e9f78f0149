"""From whom a call is. Everything is reckoned over the bytes as they came, and compared as bytes.

Sources: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md,
https://www.typeform.com/developers/webhooks/secure-your-webhooks/, https://tally.so/help/webhooks,
https://developers.google.com/google-ads/webhook/docs/implementation
"""

from collections.abc import Callable, Mapping

from connectors.webforms.settings import Proof, WebFormsSettings
from hub.connector.fields import read_json
from hub.connector.hook import Hook
from hub.connector.proof import in_base64, of_body, plain_hmac, same, standard
from hub.errors import HookError

_Signed = Callable[[str, Hook, int], bool]  # with a secret, at most so many seconds old


def check(settings: WebFormsSettings, hook: Hook) -> None:
    """Make sure that a call is from whom it says; a token was looked at before.

    Raises:
        HookError: it is not.
        ShapeError: the key is in the body, and that is no JSON.
    """
    signed = _PROOFS.get(settings.proved_by)
    if signed is None:
        return
    if not any(signed(secret, hook, settings.tolerance_s) for secret in settings.secrets):
        raise HookError(
            "The signature or key is missing, wrong or too old; sign the raw body with the account's secret."
        )


def _typeform(secret: str, hook: Hook, _: int) -> bool:
    return same("sha256=" + in_base64(secret.encode(), hook.body), [hook.headers.get("typeform-signature", "")])


def _tally(secret: str, hook: Hook, _: int) -> bool:
    return of_body(secret, hook, "tally-signature")


def _google(secret: str, hook: Hook, _: int) -> bool:
    key = read_json(hook).get("google_key")
    return isinstance(key, str) and same(secret, [key])


_PROOFS: Mapping[Proof, _Signed] = {
    Proof.STANDARD: standard, Proof.HMAC: plain_hmac, Proof.TYPEFORM: _typeform, Proof.TALLY: _tally,
    Proof.GOOGLE_KEY: _google,
}  # fmt: skip
