"""What the app asks about itself: where it is told of changes, what a token is worth, and new tokens.

Sources: https://developers.facebook.com/docs/graph-api/reference/app/subscriptions,
https://developers.facebook.com/docs/graph-api/reference/debug_token and
https://developers.facebook.com/docs/facebook-login/guides/access-tokens/get-long-lived
"""

import hmac

from connectors.facebook.simulated.call import Call, Reply, Route, done
from connectors.facebook.simulated.errors import ApiError, Json, invalid
from connectors.facebook.simulated.pages_api import names
from connectors.facebook.simulated.tokens import APP_NAME, DATA_ACCESS_S, LONG_S, Token
from connectors.facebook.simulated.webhooks import Subscription


def _must_be_app(call: Call) -> None:
    if call.token.kind != "APP" or call.node != call.world.tokens.app_id:
        raise ApiError(15, "(#15) This method must be called with an app access_token.")


def app(call: Call) -> Reply:
    """The app itself."""
    return Reply({"id": call.node, "name": APP_NAME, "link": call.world.base_url})


def subscriptions(call: Call) -> Reply:
    """Where the app hears of what."""
    _must_be_app(call)
    version = f"v{call.world.current_version}.0"
    told = [
        {
            "object": one.object, "callback_url": one.callback_url, "active": one.active,
            "fields": [{"name": name, "version": version} for name in one.fields],
        }
        for one in call.world.webhooks.subscriptions.values()
    ]  # fmt: skip
    return Reply({"data": told})


def subscribe(call: Call) -> Reply:
    """Let changes be told at an address, once it has answered the handshake."""
    _must_be_app(call)
    wanted = Subscription(call.wanted("object"), call.wanted("callback_url"), names(call.wanted("fields")))
    call.world.webhooks.subscribe(wanted, call.wanted("verify_token"))
    return done()


def unsubscribe(call: Call) -> Reply:
    """Hear no more of one kind of object, or of some of its fields."""
    _must_be_app(call)
    known = call.world.webhooks.subscriptions
    object_name, fields = call.text("object"), names(call.text("fields"))
    if not object_name:
        known.clear()
    elif object_name in known and fields:
        known[object_name].fields = [one for one in known[object_name].fields if one not in fields]
    else:
        known.pop(object_name, None)
    return done()


# -- tokens ----------------------------------------------------------------------------------------------------------


def debug_token(call: Call) -> Reply:
    """What a token is worth."""
    known = call.world.tokens.find(call.wanted("input_token"))
    if known is None:
        error = {"code": 190, "message": "The access token could not be decrypted"}
        return Reply({"data": {"error": error, "is_valid": False, "scopes": []}})
    return Reply({"data": _worth(call, known)})


def _worth(call: Call, token: Token) -> Json:
    tokens = call.world.tokens
    if token.kind == "APP":
        return {"app_id": tokens.app_id, "type": "APP", "application": APP_NAME, "is_valid": True, "scopes": []}
    told: Json = {
        "app_id": tokens.app_id, "type": token.kind, "application": APP_NAME,
        "data_access_expires_at": int(token.issued_at + DATA_ACCESS_S) if token.kind != "SYSTEM_USER" else 0,
        "expires_at": int(token.expires_at), "is_valid": True, "issued_at": int(token.issued_at),
        "scopes": sorted(token.scopes), "user_id": token.person_id,
    }  # fmt: skip
    if token.page_id:
        told["profile_id"] = token.page_id
    person = call.world.people[token.person_id]
    told["granular_scopes"] = [{"scope": one, "target_ids": sorted(person.tasks)} for one in sorted(token.scopes)]
    try:
        tokens.must_live(token)
    except ApiError as error:
        told |= {"is_valid": False, "error": {"code": error.code, "message": error.message, "subcode": error.subcode}}
    return told


def access_token(call: Call) -> Reply:
    """Exchange a code, or a short token, for a token; or prove to be the app."""
    tokens = call.world.tokens
    if call.text("client_id") != tokens.app_id:
        raise ApiError(101, "Error validating application. Cannot get application info due to a system error.")
    grant = call.text("grant_type")
    secret = call.text("client_secret")
    if not hmac.compare_digest(secret.encode(), tokens.app_secret.encode()):
        raise ApiError(1, "Error validating client secret.")
    if grant == "client_credentials":
        return Reply({"access_token": tokens.app_token, "token_type": "bearer"})
    if grant == "fb_exchange_token":
        given = tokens.check(call.wanted("fb_exchange_token"))
        tokens.must_live(given)
        if given.kind == "PAGE":
            raise invalid("Can only exchange user access tokens.")
        return _bearer(tokens.give(call.world.people[given.person_id], lasting=True, scopes=given.scopes))
    return _bearer(call.world.dialog.redeem(call.wanted("code"), call.text("redirect_uri")))


def _bearer(token: Token) -> Reply:
    told: Json = {"access_token": token.text, "token_type": "bearer"}
    if token.expires_at:
        told["expires_in"] = min(int(token.expires_at - token.issued_at), LONG_S)
    return Reply(told)


ROUTES: tuple[Route, ...] = (
    Route("GET", "app", "", app),
    Route("GET", "app", "subscriptions", subscriptions),
    Route("POST", "app", "subscriptions", subscribe, writes=True, unlocked=True),
    Route("DELETE", "app", "subscriptions", unsubscribe, writes=True),
    Route("GET", "", "debug_token", debug_token),
    Route("GET", "", "oauth/access_token", access_token, anonymous=True),
    Route("POST", "", "oauth/access_token", access_token, anonymous=True),
)
