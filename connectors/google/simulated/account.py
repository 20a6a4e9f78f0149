"""Who is signed in: the userinfo of the OAuth2 API.

Source: https://developers.google.com/identity/openid-connect/openid-connect#obtaininguserprofileinformation
"""

from connectors.google.simulated.call import Call, Handler
from connectors.google.simulated.errors import Json

_EMAIL = "https://www.googleapis.com/auth/userinfo.email"
_PROFILE = "https://www.googleapis.com/auth/userinfo.profile"
_NAMES = frozenset({"name", "given_name", "family_name"})
_MAIL = frozenset({"email", "verified_email", "hd"})


def userinfo(call: Call) -> Json:
    """Only what the scopes reach."""
    kept = {"id", "picture"}
    if _EMAIL in call.scopes:
        kept |= _MAIL
    if _PROFILE in call.scopes:
        kept |= _NAMES
    return {name: value for name, value in call.user.facts().items() if name in kept}


HANDLERS: dict[str, Handler] = {"oauth2.userinfo.get": userinfo, "oauth2.userinfo.v2.me.get": userinfo}
